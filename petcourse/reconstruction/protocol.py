"""The course's way from a head to images: scan it as the mMR would, and reconstruct it by MLEM, as in notebook 03."""

import numbers
from dataclasses import replace

import numpy as np
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

    The data are blurred by 4.5 mm and hold 30 % randoms; the reconstruction models 2.5 mm.

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
        As `iterates`.
    """
    images, scale = iterates(subject, X, (iterations,), counts, seed)
    return images[iterations], subject.pet * scale


def iterates(subject, X, iterations, counts=1e8, seed=0):
    """Scan a subject and keep some iterates of MLEM, also in the cache.

    Parameters are those of `reconstruct`, but `iterations` is a tuple of those to keep, and the subject may be cut to
    the middle of X's grid; the images are cut in the same way.

    Returns
    -------
    images : dict of int to (z, y, x) float32
        NumPy arrays.
    scale : float32
        Times `subject.pet`, this is what they should be.

    Raises
    ------
    ValueError
        If `iterations` holds no numbers from 1, or as `measure` and `mlem`.
    """
    if not iterations or not all(isinstance(k, numbers.Integral) and k >= 1 for k in iterations):
        raise ValueError(
            f"iterations is {iterations} and numbers from 1 are wanted: give those to keep, such as (11,)."
        )

    def make():
        A, m, r, scale = _measured(subject, X, counts, seed)
        steps = mlem(A @ X @ PSF(X.scanner, MODEL), m, r, max(iterations), likelihood=False)
        bar = tqdm(steps, total=max(iterations), desc=f"MLEM, {subject.name}", unit="iteration", leave=False)
        # enumerate outside: it keeps the last image, and a bar in a notebook is not freed at once
        kept = {str(k): middle(as_numpy(theta), size).copy() for k, (theta, _) in enumerate(bar, 1) if k in iterations}
        return kept | {"scale": np.float32(scale)}

    size = subject.pet.shape[-1]
    settings = {"fwhm": BLUR, "model": MODEL, "randoms": RANDOMS, "counts": counts, "seed": seed, "size": size}
    kept = cached("mlem", make, **made_of(subject, X, iterations=iterations, **settings))
    return {k: kept[str(k)] for k in iterations}, np.float32(kept["scale"])


def middle(volume, size):
    """The square in the middle of y and x of a (z, y, x) volume: a view."""
    y, x = ((n - size) // 2 for n in volume.shape[1:])
    return volume[:, y : y + size, x : x + size]


def on_the_grid(image, shape):
    """The whole (z, y, x) image of which `middle` has cut one, zero around it; one that is whole comes back."""
    if image.shape == shape:
        return image
    whole = np.zeros(shape, image.dtype)
    middle(whole, image.shape[1])[:] = image
    return whole


def _measured(subject, X, counts, seed):
    """Attenuation, counts, randoms and scale: all that MLEM needs. The images on the whole grid end here."""
    subject = replace(subject, pet=on_the_grid(subject.pet, X.dims), mu=on_the_grid(subject.mu, X.dims))
    scan = measure(subject, X, BLUR, counts, RANDOMS, seed)
    return scan.A, scan.m, scan.r, scan.scale
