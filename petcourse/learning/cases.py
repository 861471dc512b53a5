"""A case: one head with its scan, cut to what a network sees and is judged by."""

import contextlib
import numbers
import re
from dataclasses import dataclass, field, replace

import numpy as np

from petcourse.reconstruction.protocol import iterates, middle


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
    return np.stack([middle(v, size) for v in volumes], axis=-1)


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


def cut(subject, size=112):
    """Cut a head to the square that networks see; all that is scanned lies in it, so `make_case` needs no more.

    Of the whole grid's images, a quarter of a gigabyte, nothing is left once the caller has let go of them:
    ``make_case(cut(load_subject(4)), X)`` reconstructs without them.

    Parameters
    ----------
    subject : Subject
    size : int
        Voxels along y and x that are kept; a BrainWeb head fits into 104, and one that does not is a ValueError.

    Returns
    -------
    subject : Subject
        Its images are (z, size, size).
    """
    names = ("pet", "mu", "t1", "t2", "labels", "lesion_map")
    images = {name: as_slices(getattr(subject, name), size=size)[..., 0] for name in names}
    if any(np.count_nonzero(images[n]) < np.count_nonzero(getattr(subject, n)) for n in ("pet", "mu", "labels")):
        raise ValueError(f"{subject.name} reaches out of a square of {size} voxels: take a larger size, such as 112.")
    lesions = tuple(replace(lesion, lesion_map=images["lesion_map"]) for lesion in subject.lesions)
    return replace(subject, **images, lesions=lesions)


def make_case(subject, X, iterations=(11,), counts=1e8, seed=0):
    """Scan and reconstruct a subject as `petcourse.reconstruct` does, and keep what learning needs, also in the cache.

    Parameters
    ----------
    subject : Subject
        As `cut` gives it.
    X : Projector
        Of the scanner on whose grid the subject lies.
    iterations : int or tuple of int
        Which iterates to keep; MLEM runs up to the largest.
    counts : float
        Trues in the sinogram. The images are multiplied with 1e8 / counts, as a scanner divides by the time.
    seed : int
        Of the Poisson noise.

    Returns
    -------
    case : Case
    """
    iterations = (iterations,) if isinstance(iterations, numbers.Integral) else tuple(iterations)
    images, scale = iterates(subject, X, iterations, counts, seed)
    unit = np.float32(1e8 / counts)
    return Case(
        name=subject.name,
        mlem={k: unit * image for k, image in images.items()},
        truth=subject.pet * (unit * scale),
        t1=subject.t1,
        labels=subject.labels,
        lesion_map=subject.lesion_map,
        lesions=tuple(lesion.name for lesion in subject.lesions),
    )


def split(subjects, unseen):
    """Part subjects into those to learn from and those to test on, whole heads each.

    Parameters
    ----------
    subjects : sequence of int or str
        Names or numbers; one that is there twice, however it is written, is a ValueError.
    unseen : int
        How many to test on: the last ones.

    Returns
    -------
    learn, test : list
    """
    subjects = list(subjects)
    names = [_spelling(subject) for subject in subjects]
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


def _spelling(subject):
    """One spelling for all that `load_subject` takes for one head: 4, 4.0, "04"; "virtual 01"."""
    if subject is None or not isinstance(subject, numbers.Real | str):
        raise ValueError(f"{subject!r} names no head, whichever it may stand for: give a number or a name.")
    with contextlib.suppress(ValueError):  # a name that is no number
        return f"{float(subject):g}"
    return re.sub(r"\d+", lambda digits: str(int(digits[0])), subject.strip())


def examples(cases, iteration=11, mr=False):
    """Stack cases, all of one size, for a network.

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
    """
    if not cases or any(iteration not in c.mlem or c.truth.shape[1:] != cases[0].truth.shape[1:] for c in cases):
        raise ValueError(
            f"{len(cases)} cases were given to take iteration {iteration} from: give at least one, all of one size and "
            f"made by make_case(..., iterations=({iteration},))."
        )
    inputs = [np.stack([c.mlem[iteration], c.t1][: 1 + mr], axis=-1) for c in cases]
    return np.concatenate(inputs), np.concatenate([c.truth[..., None] for c in cases])
