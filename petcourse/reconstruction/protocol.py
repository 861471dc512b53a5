"""The course's way from a head to an image: scan it as the mMR would, and reconstruct it by MLEM."""

from tqdm.auto import tqdm

from petcourse.cache import cached
from petcourse.hardware.device import as_numpy
from petcourse.reconstruction.em import mlem
from petcourse.scan.psf import PSF
from petcourse.scan.simulation import made_of, measure

BLUR, MODEL = 4.5, 2.5  # FWHM of the data and of the reconstruction's PSF [mm]
RANDOMS = 0.3  # part of all counts


def reconstruct(subject, X, iterations=11, counts=1e8, seed=0):
    """Scan a subject and reconstruct it by MLEM, or take the result from the cache.

    The data are blurred by 4.5 mm and hold 30 % randoms; the reconstruction models 2.5 mm. That is notebook 03.

    Parameters
    ----------
    subject : Subject
    X : Projector
        Of the scanner on whose grid the subject lies.
    iterations : int
    counts : float
        Trues in the sinogram.
    seed : int
        Of the Poisson noise.

    Returns
    -------
    theta, truth : (z, y, x) float32
        The image and what it should be, in the same unit: NumPy arrays, wherever X computes.

    Raises
    ------
    ValueError
        As `measure` and `mlem`.
    """

    def make():
        scan = measure(subject, X, BLUR, counts, RANDOMS, seed)
        steps = mlem(scan.A @ X @ PSF(X.scanner, MODEL), scan.m, scan.r, iterations)
        for theta, _ in tqdm(steps, total=iterations, desc=f"MLEM, {subject.name}", unit="iteration", leave=False):
            pass
        return {"theta": as_numpy(theta), "truth": as_numpy(scan.truth)}

    settings = {"fwhm": BLUR, "model": MODEL, "randoms": RANDOMS, "counts": counts, "seed": seed}
    made_by = made_of(subject, X, iterations=iterations, **settings)
    kept = cached("mlem", make, **made_by)
    return kept["theta"], kept["truth"]
