"""Methods that do not learn, and how each is tuned."""

from dataclasses import dataclass, field

import numpy as np

from petcourse.learning.metrics import nrmse
from petcourse.reconstruction.guidance import Kernel
from petcourse.reconstruction.protocol import BLUR, MODEL
from petcourse.scan.psf import FWHM_PER_SIGMA


def smooth(image, fwhm, voxel):
    """Blur an image by a Gaussian filter of that width; both widths and voxel in mm."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(image, fwhm / FWHM_PER_SIGMA / np.array(voxel))


def alike(image, strength):
    """Average voxels whose surroundings look alike: non-local means (Buades 2005, doi:10.1109/CVPR.2005.38).

    The strength is the difference of surroundings that counts as alike, as a part of the image's maximum.
    """
    from skimage.restoration import denoise_nl_means

    return denoise_nl_means(image, 3, 3, strength * image.max(), preserve_range=True)


def guided_mean(image, t1, keep=25):
    """Replace each voxel of the head by the mean over those ``keep`` of 125 neighbours whose T1 is most like its own.

    It is the kernel of kernel EM with equal weights, applied once, to an image that is finished.
    """
    return Kernel(t1, (1.0, 1.0, 1.0), sigma=np.inf, distance=np.inf, keep=keep) @ image


@dataclass(frozen=True)
class Method:
    """A method that does not learn, and how it is tuned.

    Attributes
    ----------
    image : function
        From a `ScannedHead` and the settings, in their order, to an image.
    kept : float or str, optional
        If it takes a late image: which, as a key of `ScannedHead.passes`. The passes that it takes are its first setting.
    ladders : dict of str to (tuple, number)
        For each further setting the values that may be tried, in order, and the one to start from.
    mr : bool
        Whether it sees T1.
    """

    image: callable
    kept: float | str | None = None
    ladders: dict = field(default_factory=dict)
    mr: bool = False


def _late(fwhm):
    return lambda head, k: head.late(fwhm, k)


def _gaussian(fwhm):
    return lambda head, k, width: smooth(head.late(fwhm, k), width, head.X.scanner.voxel)


def _mean_by_t1(fwhm):
    return lambda head, k, keep: guided_mean(head.late(fwhm, k), head.subject.t1, keep)


WIDTHS = {"width": ((0, 1, 2, 3, 4, 5, 6, 8), 2)}  # FWHM [mm]
KEEPS = {"keep": ((6, 9, 15, 25, 40, 60, 90), 25)}  # of 125 neighbours
STRENGTHS = {"strength": ((0, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08), 0.01)}
SIGMAS = {"sigma": ((0.05, 0.1, 0.2, 0.4, 0.8, 1.6), 0.4)}  # standard deviations of T1
BETAS = tuple(2.0**k / 700 for k in range(-12, 9))
METHODS = {
    "MLEM, 11 iterations": Method(lambda head: head.case.mlem[11]),
    "MLEM, 2.5 mm": Method(_late(MODEL), MODEL),
    "MLEM, 2.5 mm, Gaussian": Method(_gaussian(MODEL), MODEL, WIDTHS),
    "MLEM, 2.5 mm, mean by T1": Method(_mean_by_t1(MODEL), MODEL, KEEPS, mr=True),
    "MLEM, 4.5 mm": Method(_late(BLUR), BLUR),
    "MLEM, 4.5 mm, Gaussian": Method(_gaussian(BLUR), BLUR, WIDTHS),
    "MLEM, 4.5 mm, mean by T1": Method(_mean_by_t1(BLUR), BLUR, KEEPS, mr=True),
    "non-local means": Method(lambda head, k, h: alike(head.late(BLUR, k), h), BLUR, STRENGTHS),
    "RDP": Method(lambda head, beta: head.penalised(beta), None, {"beta": (BETAS, BETAS[9])}),
    "Bowsher": Method(
        lambda head, beta: head.penalised(beta, guided=True), None, {"beta": (BETAS, BETAS[13])}, mr=True
    ),
    "kernel EM": Method(lambda head, k, sigma: head.kernel(sigma, k), "kernel", SIGMAS, mr=True),
}
NEEDS_A_RUN = {"beta", "sigma"}  # another value of these is another reconstruction; passes and filters are not


def tune(method, heads):
    """Find the settings of least mean NRMSE over some heads, ones to learn from.

    From where it starts, the search goes to the best of the neighbours up and down each ladder, until each of them is
    worse than where it is.

    Returns
    -------
    dict
        ``settings``, by name; ``error``, their NRMSE; ``inside``: whether each lies inside its ladder (or at 0, which
        is to leave a step out); ``last_step``: if not, what part of the error the step to the end took off; ``tried``:
        the settings in their order, and the error, of all that were tried;
        ``reconstructions``: how many runs that took.
    """
    kept = heads[0].passes[method.kept] if method.kept else ()
    ladders = ({"passes": (kept, kept[len(kept) // 2])} if kept else {}) | method.ladders
    values = [values for values, _ in ladders.values()]
    errors = {}

    def settings(place):
        return tuple(ladder[i] for ladder, i in zip(values, place, strict=True))

    def error(place):
        if place not in errors:
            images = ((method.image(head, *settings(place)), head.case) for head in heads)
            errors[place] = float(np.mean([nrmse(image, case.truth, case.head) for image, case in images]))
        return errors[place]

    def around(place):
        for n, ladder in enumerate(values):
            for i in (place[n] - 1, place[n] + 1):
                if 0 <= i < len(ladder):
                    yield (*place[:n], i, *place[n + 1 :])

    here = tuple(ladder.index(start) for ladder, start in ladders.values())
    while (best := min([here, *around(here)], key=error)) != here:
        here = best
    chosen = settings(here)
    ends = [n for n, ladder in enumerate(values) if chosen[n] in (ladder[0], ladder[-1]) and chosen[n] != 0]
    inward = [error((*here[:n], here[n] + (1 if here[n] == 0 else -1), *here[n + 1 :])) for n in ends]
    runs = {tuple(v for n, v in zip(ladders, settings(place), strict=True) if n in NEEDS_A_RUN) for place in errors}
    return {
        "settings": dict(zip(ladders, chosen, strict=True)),
        "error": error(here),
        "inside": not ends,
        "last_step": max((1 - error(here) / before for before in inward), default=0.0),
        "tried": [[*settings(place), value] for place, value in errors.items()],
        "reconstructions": len(runs) * len(heads),
    }
