"""Pairs for a network to learn from: the MLEM image of a scan, and the truth."""

import numpy as np
from tqdm.auto import tqdm

from petcourse.cache import cached
from petcourse.psf import PSF
from petcourse.reconstruction import mlem
from petcourse.simulation import made_of, measure

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
        The image and what it should be, in the same unit.

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
        return {"theta": theta, "truth": scan.truth}

    settings = {"fwhm": BLUR, "model": MODEL, "randoms": RANDOMS, "counts": counts, "seed": seed}
    made_by = made_of(subject, X, iterations=iterations, **settings)
    kept = cached("mlem", make, **made_by)
    return kept["theta"], kept["truth"]


def as_slices(*volumes, size=128):
    """Cut volumes to the middle and stack them as the channels of a network's input.

    Parameters
    ----------
    *volumes : (z, y, x) float32
        Of one shape, such as an MLEM image and a T1 image.
    size : int
        Voxels along y and x that are kept.

    Returns
    -------
    slices : (z, size, size, channel) float32

    Raises
    ------
    ValueError
        If the volumes differ in shape or are smaller than ``size``.
    """
    shapes = {v.shape for v in volumes}
    if len(shapes) != 1 or volumes[0].ndim != 3 or not 1 <= size <= min(volumes[0].shape[1:]):
        raise ValueError(
            f"volumes of shape {sorted(shapes)} cannot become slices of {size} x {size}: "
            "give volumes of one subject, and a size that fits into them."
        )
    y, x = ((n - size) // 2 for n in volumes[0].shape[1:])
    return np.stack([v[:, y : y + size, x : x + size] for v in volumes], axis=-1)
