"""The exercises of notebook 01."""

import math

import numpy as np

from petcourse.exercises import Wrong, call, call_array, compare, exercise, number
from petcourse.scan.scanner import Scanner


@exercise(
    second="exp(-mu d) is 1/2 at d = ln 2 / mu, in cm here; a cm has 10 mm.",
    right="some 7 cm of tissue stop half of the photons, and PET needs both of a pair: notebook 02 corrects for it.",
)
def half_value_layer(layer):
    """Notebook 01: the depth [mm] that half of the photons reach, ``layer(mu)`` with mu in 1/cm."""
    for mu in (0.0975, 0.13):
        got, want = number(call(layer, mu)), 10 * math.log(2) / mu
        for wrong, what, hint in (
            (want / 10, "that is in cm.", "the course measures lengths in mm."),
            (
                want / 100,
                "that is 100 times too short.",
                "mu is in 1/cm, so its inverse is in cm: how many mm is that?",
            ),
            (10 / mu, "that leaves 37 %, which is 1/e.", "half is wanted: where is exp(-mu d) = 1/2?"),
            (5 / mu, "photons do not fall along a straight line.", "each mm takes a share of what is left."),
            (10 * math.log10(2) / mu, "that is log10.", "exp(-mu d) = 1/2 is undone by the natural logarithm."),
            (10 * mu / math.log(2), "that is upside down.", "a larger mu stops photons sooner."),
        ):
            if math.isclose(got, wrong, rel_tol=1e-2):
                raise Wrong(f"for mu = {mu} 1/cm you say {got:.4g} mm: {what}", hint)
        if not math.isclose(got, want, rel_tol=1e-2):
            left = math.exp(-mu * min(max(got, 0), 1e4) / 10)
            raise Wrong(
                f"at {got:.4g} mm, {left:.0%} are left for mu = {mu} 1/cm.", "half is wanted, for the mu given."
            )


IMAGE = np.random.default_rng(1).random((4, 6, 5))
Y = -2.0 * (np.arange(6) - 2.5)  # as Scanner.axes: row 0 is the front of the head, and y falls


@exercise(
    second="image[:, abs(y - at).argmin()]: all z, the row that is nearest, all x.",
    right="(z, y, x) is the order everywhere in this course, and mm are turned into an index by the axis alone.",
)
def coronal_plane(coronal):
    """Notebook 01: the plane (z, x) nearest to ``at`` mm, ``coronal(image, y, at)``."""
    for at in (3.4, -4.8):
        got, row = call_array(coronal, IMAGE, Y, at), int(abs(Y - at).argmin())
        shape = got.shape
        if shape == IMAGE.shape[1:]:
            raise Wrong("that is an axial plane (y, x).", "a coronal one keeps all z: which index is fixed?")
        if shape == IMAGE.shape[:2]:
            raise Wrong("that is a sagittal plane (z, y).", "it is fixed x that gives this: which axis is y?")
        for k, y in enumerate(Y):
            if k != row and shape == IMAGE[:, k].shape and np.array_equal(got, IMAGE[:, k]):
                hint = "y falls from row to row: ask the axis which row is nearest."
                raise Wrong(f"that is the plane at y = {y:g} mm, but {at:g} mm is wanted.", hint)
        compare(got, IMAGE[:, row], "the plane", axes=("z", "x"))


@exercise(
    second="the volume is pi / 6 * 5**3 mm^3; a voxel has 2.03 * 2.09 * 2.09 mm^3.",
    right="a handful of voxels: no wonder that blur and noise (02, 03) take the smallest lesion first.",
)
def voxels_in_a_lesion(voxels):
    """Notebook 01: about how many voxels a sphere of 5 mm across has."""
    got, size = number(voxels), Scanner.mmr().voxel
    volume, voxel = math.pi / 6 * 5**3, math.prod(size)
    for wrong, what, hint in (
        (8 * volume / voxel, "that is a sphere with a radius of 5 mm.", "5 mm is its diameter."),
        (volume, "that is its volume in mm^3.", "how many voxels is that?"),
        (3 * volume / voxel, "that is three times too many.", "the volume of a sphere is 4/3 pi r^3."),
        (math.pi * 2.5**2 / size[1] ** 2, "that is a disc: one slice.", "a sphere has a depth as well."),
        (5**3 / voxel, "that is a cube.", "a sphere fills about half of its box."),
    ):
        if abs(got / wrong - 1) < 0.1:
            raise Wrong(f"{got:.4g}: {what}", hint)
    if abs(got / (volume / voxel) - 1) > 0.2:
        raise Wrong(f"{got:.4g} is too {'many' if got > volume / voxel else 'few'}.", "compare two volumes.")


ACTIVITY = np.array([[32.0, 30, 34, 32], [31, 90, 110, 33], [128, 100, 32, 120]])  # 120 and 128 are grey matter
LESION = np.isin(ACTIVITY, (90, 110, 100))
WHITE = ACTIVITY < 115  # by its label, so the lesion is part of it


@exercise(
    second="image[lesion].mean() / image[white & ~lesion].mean() - 1.",
    right="0 is invisible, below 0 is cold. Notebook 03 asks how much of it a reconstruction gives back.",
)
def lesion_contrast(contrast):
    """Notebook 01: hotter than its surroundings by which part, ``contrast(image, lesion, white)``."""
    got = number(call(contrast, ACTIVITY, LESION, WHITE))
    inside, around = ACTIVITY[LESION], ACTIVITY[WHITE & ~LESION].mean()
    want = inside.mean() / around - 1
    for wrong, what, hint in (
        (
            inside.mean() / ACTIVITY[WHITE].mean() - 1,
            "the lesion is part of its own surroundings.",
            "white matter's label knows nothing of lesions: take them out of the mask.",
        ),
        (want + 1, "that is the ratio: it is 1 where there is no contrast.", "contrast is 0 there."),
        (inside.mean() - around, "that is a difference with a unit.", "contrast is relative to the surroundings."),
        (inside.max() / around - 1, "that takes the hottest voxel.", "one voxel is mostly noise: take the mean."),
        (inside.sum() / around - 1, "that takes the sum inside.", "it would grow with the lesion: take the mean."),
        (1 - around / inside.mean(), "that is relative to the lesion.", "divide by the surroundings."),
        (inside.mean() / ACTIVITY[~LESION].mean() - 1, "that takes all that is no lesion.", "white matter alone."),
    ):
        if math.isclose(got, wrong, rel_tol=1e-6):
            raise Wrong(f"{got:.4g}: {what}", hint)
    if not math.isclose(got, want, rel_tol=1e-6):
        raise Wrong(f"{got:.4g} differs from the reference, {want:.4g}.", "two means, a division, minus 1.")
