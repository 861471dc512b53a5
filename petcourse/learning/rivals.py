"""Methods that do not learn, and how each is tuned."""

from dataclasses import dataclass

import numpy as np

from petcourse.learning.metrics import nrmse
from petcourse.learning.scanned import OF_KERNEL, PASSES
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
        From a `ScannedHead` and the settings to an image.
    ladders : dict of str to tuple
        For each setting the values that are tried, in order, and the one to start from.
    mr : bool
        Whether it sees T1.
    fwhm : float, optional
        Width of the PSF of the late image that it starts from [mm].
    """

    image: callable
    ladders: dict
    mr: bool = False
    fwhm: float | None = None


def _of_osem():
    """MLEM with the usual and with the true PSF: plain, with a Gaussian, and with the mean guided by T1."""
    widths, keeps = (0, 1, 2, 3, 4, 5, 6, 8), (6, 9, 15, 25, 40, 60, 90)

    def plain(head, k, fwhm):
        return head.late(fwhm, k)

    def gaussian(head, k, width, fwhm):
        return smooth(head.late(fwhm, k), width, head.X.scanner.voxel)

    def guided(head, k, keep, fwhm):
        return guided_mean(head.late(fwhm, k), head.subject.t1, keep)

    for fwhm, start in ((MODEL, 5), (BLUR, 12)):
        passes = {"passes": (PASSES[fwhm], start)}

        def of(function, fwhm=fwhm):
            return lambda head, *settings: function(head, *settings, fwhm)

        yield f"MLEM, {fwhm} mm", Method(of(plain), passes, fwhm=fwhm)
        yield f"MLEM, {fwhm} mm, Gaussian", Method(of(gaussian), passes | {"width": (widths, 2)}, fwhm=fwhm)
        yield f"MLEM, {fwhm} mm, mean by T1", Method(of(guided), passes | {"keep": (keeps, 25)}, mr=True, fwhm=fwhm)


BETAS = tuple(2.0**k / 700 for k in range(-12, 9))
METHODS = {
    "MLEM, 11 iterations": Method(lambda head: head.case.mlem[11], {}),
    **dict(_of_osem()),
    "non-local means": Method(
        lambda head, k, h: alike(head.late(BLUR, k), h),
        {"passes": (PASSES[BLUR], 12), "strength": ((0, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08), 0.01)},
        fwhm=BLUR,
    ),
    "RDP": Method(lambda head, beta: head.penalised(beta), {"beta": (BETAS, 2.0**-3 / 700)}),
    "Bowsher": Method(lambda head, beta: head.penalised(beta, guided=True), {"beta": (BETAS, 2 / 700)}, mr=True),
    "kernel EM": Method(
        lambda head, sigma, k: head.kernel(sigma, k),
        {"sigma": ((0.05, 0.1, 0.2, 0.4, 0.8, 1.6), 0.4), "passes": (OF_KERNEL, 8)},
        mr=True,
    ),
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
        is to leave a step out); ``tried``: how many settings; ``reconstructions``: how many runs on each head.
    """
    names, ladders = list(method.ladders), [ladder for ladder, _ in method.ladders.values()]
    errors = {}

    def settings(place):
        return tuple(ladder[i] for ladder, i in zip(ladders, place, strict=True))

    def error(place):
        if place not in errors:
            images = ((method.image(head, *settings(place)), head.case) for head in heads)
            errors[place] = float(np.mean([nrmse(image, case.truth, case.head) for image, case in images]))
        return errors[place]

    def around(place):
        for n, ladder in enumerate(ladders):
            for i in (place[n] - 1, place[n] + 1):
                if 0 <= i < len(ladder):
                    yield (*place[:n], i, *place[n + 1 :])

    here = tuple(ladder.index(first) for ladder, first in method.ladders.values())
    while (best := min([here, *around(here)], key=error)) != here:
        here = best
    chosen = settings(here)
    runs = {tuple(v for n, v in zip(names, settings(p), strict=True) if n in NEEDS_A_RUN) for p in errors}
    return {
        "settings": dict(zip(names, chosen, strict=True)),
        "error": error(here),
        "inside": all(v == 0 or v not in (x[0], x[-1]) for v, x in zip(chosen, ladders, strict=True)),
        "tried": len(errors),
        "reconstructions": len(runs) * len(heads),
    }
