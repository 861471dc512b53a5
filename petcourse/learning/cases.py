"""A case: one head with its scan, cut to what a network sees and is judged by."""

import numbers
from dataclasses import dataclass, field

import numpy as np
from tqdm.auto import tqdm

from petcourse.cache import cached
from petcourse.hardware.device import as_numpy
from petcourse.learning.dataset import BLUR, MODEL, RANDOMS, as_slices
from petcourse.reconstruction.em import mlem
from petcourse.scan.projector import Attenuation
from petcourse.scan.psf import PSF
from petcourse.scan.simulation import attenuation_factors, made_of, simulate


@dataclass(frozen=True, eq=False)
class Case:
    """One head, scanned, reconstructed and cut to a square; all images are (z, size, size).

    Attributes
    ----------
    name : str
        As `Subject.name`.
    mlem : dict of int to float32 array
        The image after so many iterations, in the unit of a scan with 1e8 trues.
    truth : float32
        What it should be, in the same unit.
    t1 : float32
        The T1 image, in arbitrary units.
    labels, lesion_map : uint8
        As in `Subject`.
    lesions : tuple of str
        Name of each lesion, such as "hot 15 mm"; that of number k in the map is ``lesions[k - 1]``.
    """

    name: str
    mlem: dict = field(repr=False)
    truth: np.ndarray = field(repr=False)
    t1: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    lesion_map: np.ndarray = field(repr=False)
    lesions: tuple

    @property
    def head(self):
        """Voxels inside the head: bool."""
        return self.labels > 0

    @property
    def brain(self):
        """Voxels of grey or white matter: bool."""
        return (self.labels == 2) | (self.labels == 3)


def scan(subject, X, iterations=(11,), counts=1e8, seed=0, size=112):
    """Scan and reconstruct a subject as `reconstruct` does, and keep only what learning needs, also in the cache.

    Parameters
    ----------
    subject : Subject
    X : Projector
        Of the scanner on whose grid the subject lies.
    iterations : int or tuple of int
        Which iterates to keep; MLEM runs up to the largest.
    counts : float
        Trues in the sinogram. The images are multiplied with 1e8 / counts, as a scanner divides by the time.
    seed : int
        Of the Poisson noise.
    size : int
        Voxels along y and x that are kept; a BrainWeb head fits into 104.

    Returns
    -------
    case : Case

    Raises
    ------
    ValueError
        If the head does not fit into the square, `iterations` holds no numbers from 1, or as `simulate`, `mlem` and
        `as_slices`.
    """
    iterations = (iterations,) if isinstance(iterations, numbers.Integral) else tuple(iterations)
    if not iterations or not all(isinstance(k, numbers.Integral) and k >= 1 for k in iterations):
        raise ValueError(
            f"iterations is {iterations} and numbers from 1 are wanted: give those to keep, such as (11,)."
        )
    settings = {"fwhm": BLUR, "model": MODEL, "randoms": RANDOMS, "counts": counts, "seed": seed, "size": size}
    made_by = made_of(subject, X, iterations=iterations, **settings)

    def cut(volume):
        return as_slices(volume, size=size)[..., 0]

    pet, t1, labels, lesion_map = map(cut, (subject.pet, subject.t1, subject.labels, subject.lesion_map))
    if np.count_nonzero(labels) < np.count_nonzero(subject.labels):
        raise ValueError(f"{subject.name} reaches out of a square of {size} voxels: take a larger size, such as 112.")
    name, lesions = subject.name, tuple(lesion.name for lesion in subject.lesions)
    whole = [subject.mu, subject.pet]
    del subject  # unless the caller keeps it: a quarter of a gigabyte that MLEM may need

    def make():
        A = Attenuation(attenuation_factors(X, X.xp.asarray(whole.pop(0))))
        P = A @ X @ PSF(X.scanner, BLUR)
        m, r, scale = simulate(P, X.xp.asarray(whole.pop()), X.scanner.live(), counts, RANDOMS, seed)
        steps = mlem(A @ X @ PSF(X.scanner, MODEL), m, r, max(iterations))
        bar = tqdm(steps, total=max(iterations), desc=name, unit="iteration", leave=False)
        # enumerate outside: it keeps the last image, and a bar in a notebook is not freed at once
        kept = {str(k): cut(as_numpy(theta)) for k, (theta, _) in enumerate(bar, 1) if k in iterations}
        unit = np.float32(1e8 / counts)
        return {k: unit * image for k, image in kept.items()} | {"scale": unit * np.float32(scale)}

    kept = cached("case", make, **made_by)
    return Case(name, {k: kept[str(k)] for k in iterations}, pet * kept["scale"], t1, labels, lesion_map, lesions)
