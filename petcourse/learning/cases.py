"""A case: one head with its scan, cut to what a network sees and is judged by."""

import numbers
import re
from dataclasses import dataclass, field

import numpy as np
from tqdm.auto import tqdm

from petcourse.cache import cached
from petcourse.hardware.device import as_numpy
from petcourse.reconstruction.em import mlem
from petcourse.reconstruction.protocol import BLUR, MODEL, RANDOMS
from petcourse.scan.attenuation import Attenuation, attenuation_factors
from petcourse.scan.psf import PSF
from petcourse.scan.simulation import made_of, simulate


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


def make_case(subject, X, iterations=(11,), counts=1e8, seed=0, size=112):
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


def split(subjects, unseen):
    """Part subjects into those to learn from and those to test on, whole heads each.

    Parameters
    ----------
    subjects : sequence of int or str
        Names or numbers, each once.
    unseen : int
        How many to test on: the last ones.

    Returns
    -------
    learn, test : list

    Raises
    ------
    ValueError
        If a subject is there twice, or none would be left to learn from or to test on.
    """
    subjects = list(subjects)
    names = [re.sub(r"\b0+(?=\d)", "", str(s)) for s in subjects]  # "virtual 01" is "virtual 1", and "4" is 4
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"Subject {', '.join(twice)} is listed twice, and could be learned from and tested on: name each once."
        )
    if not isinstance(unseen, numbers.Integral) or not 1 <= unseen < len(subjects):
        raise ValueError(
            f"{len(subjects)} subjects cannot be split into some to learn from and {unseen} to test on: "
            "give at least one more than those to test on, for example virtual ones such as 'virtual 1'."
        )
    return subjects[:-unseen], subjects[-unseen:]


def examples(cases, iteration=11, mr=False):
    """Stack cases for a network.

    Parameters
    ----------
    cases : sequence of Case
    iteration : int
        Which MLEM image.
    mr : bool
        Give the T1 image as a second channel.

    Returns
    -------
    inputs : (slice, y, x, 1 or 2) float32
    targets : (slice, y, x, 1) float32

    Raises
    ------
    ValueError
        If there is no case, or one without that iteration or of another size.
    """
    if not cases or any(iteration not in c.mlem or c.truth.shape[1:] != cases[0].truth.shape[1:] for c in cases):
        text = f"{len(cases)} cases were given to take iteration {iteration} from"
        raise ValueError(
            f"{text}: give at least one, all of one size and made by make_case(..., iterations=({iteration},))."
        )
    inputs = [np.stack([c.mlem[iteration], c.t1][: 1 + mr], axis=-1) for c in cases]
    return np.concatenate(inputs), np.concatenate([c.truth[..., None] for c in cases])
