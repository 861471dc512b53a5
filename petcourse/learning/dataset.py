"""What a network learns from and is judged by: the MLEM image of a scan, the MR image, and the truth."""

import numbers
import re

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
            f"{text}: give at least one, all of one size and made by scan(..., iterations=({iteration},))."
        )
    inputs = [np.stack([c.mlem[iteration], c.t1][: 1 + mr], axis=-1) for c in cases]
    return np.concatenate(inputs), np.concatenate([c.truth[..., None] for c in cases])
