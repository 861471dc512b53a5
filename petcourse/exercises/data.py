"""The exercises of notebook 01."""

import math

import numpy as np

from petcourse.exercises import call, call_array, compare, exercise, number
from petcourse.scan.scanner import Scanner


@exercise(
    second="exp(-mu d) is 1/2 at d = ln 2 / mu, in cm here; a cm has 10 mm.",
    right="some 7 cm of tissue stop half of the photons, and PET needs both of a pair: notebook 02 corrects for it.",
)
def half_value_layer(layer):
    """Notebook 01: the depth [mm] that half of the photons reach, ``layer(mu)`` with mu in 1/cm."""
    for mu in (0.0975, 0.13):
        depth, right = number(call(layer, mu)), 10 * math.log(2) / mu
        left = math.exp(-mu * min(max(depth, 0), 1e4) / 10)
        mistakes = [
            (right / 10, "that is in cm.", "the course measures lengths in mm."),
            (right / 100, "that is 100 times too short.", "mu is in 1/cm, so 1 / mu is in cm: how many mm?"),
            (10 / mu, "that leaves 37 %, which is 1/e.", "half is wanted: where is exp(-mu d) = 1/2?"),
            (5 / mu, "photons do not fall along a straight line.", "each mm takes a share of what is left."),
            (10 * math.log10(2) / mu, "that is log10.", "exp(-mu d) is undone by the natural logarithm."),
            (10 * mu / math.log(2), "that is upside down.", "a larger mu stops photons sooner."),
            (True, f"there {left:.0%} are left.", "half is wanted, for the mu given."),
        ]
        compare(depth, right, mistakes, tolerance=1e-2, prefix=f"for mu = {mu} 1/cm you say {depth:.4g} mm: ")


IMAGE = np.random.default_rng(1).random((4, 6, 5))
Y = -2.0 * (np.arange(6) - 2.5)  # as Scanner.axes: row 0 is the front of the head, and y falls


@exercise(
    second="image[:, abs(y - at).argmin()]: all z, the row that is nearest, all x.",
    right="(z, y, x) is the order everywhere in this course, and mm are turned into an index by the axis alone.",
)
def coronal_plane(coronal):
    """Notebook 01: the plane (z, x) nearest to ``at`` mm, ``coronal(image, y, at)``."""
    sides = {IMAGE.shape[1:]: "an axial plane (y, x)", IMAGE.shape[:2]: "a sagittal plane (z, y)"}
    falls = "y falls from row to row: ask the axis which row is nearest."
    for at in (3.4, -4.8):
        plane = call_array(coronal, IMAGE, Y, at)
        side = f"that is {sides.get(plane.shape)}."
        mistakes = [(plane.shape in sides, side, "a coronal one keeps z and x: which index of [z, y, x] is fixed?")]
        for row, y in zip(IMAGE.swapaxes(0, 1), Y, strict=True):
            mistakes += [(row, f"that is the plane at y = {y:g} mm, but {at:g} mm is wanted.", falls)]
        compare(plane, IMAGE[:, abs(Y - at).argmin()], mistakes, "the plane", axes=("z", "x"))


@exercise(
    second="the volume is pi / 6 * 5**3 mm^3; a voxel has 2.03 * 2.09 * 2.09 mm^3.",
    right="a handful of voxels: no wonder that blur and noise (02, 03) take the smallest lesion first.",
)
def voxels_in_a_lesion(voxels):
    """Notebook 01: about how many voxels a sphere of 5 mm across has."""
    answer, size = number(voxels), Scanner.mmr().voxel
    volume, voxel = math.pi / 6 * 5**3, math.prod(size)
    right = volume / voxel
    mistakes = [
        (8 * right, "that is a sphere with a radius of 5 mm.", "5 mm is its diameter."),
        (volume, "that is its volume in mm^3.", "how many voxels is that?"),
        (3 * right, "that is three times too many.", "the volume of a sphere is 4/3 pi r^3."),
        (math.pi * 2.5**2 / size[1] ** 2, "that is a disc: one slice.", "a sphere has a depth as well."),
        (5**3 / voxel, "that is a cube.", "a sphere fills about half of its box."),
        (answer > right, "that is too many.", "compare two volumes."),
        (answer < right, "that is too few.", "compare two volumes."),
    ]
    compare(answer, abs(answer / right - 1) < 0.2, mistakes, tolerance=0.1, prefix=f"{answer:.4g}: ")


ACTIVITY = np.array([[32.0, 30, 34, 32], [31, 90, 110, 33], [128, 100, 32, 120]])  # 120 and 128 are grey matter
LESION = np.isin(ACTIVITY, (90, 110, 100))
WHITE = ACTIVITY < 115  # by its label, so the lesion is part of it


@exercise(
    second="image[lesion].mean() / image[white & ~lesion].mean() - 1.",
    right="0 is invisible, below 0 is cold. Notebook 03 asks how much of it a reconstruction gives back.",
)
def lesion_contrast(contrast):
    """Notebook 01: hotter than its surroundings by which part, ``contrast(image, lesion, white)``."""
    answer = number(call(contrast, ACTIVITY, LESION, WHITE))
    lesion, around = ACTIVITY[LESION], ACTIVITY[WHITE & ~LESION].mean()
    inside, right = lesion.mean(), lesion.mean() / around - 1
    label = "white matter's label knows nothing of lesions: take them out of the mask."
    mistakes = [
        (inside / ACTIVITY[WHITE].mean() - 1, "the lesion is part of its own surroundings.", label),
        (right + 1, "that is the ratio: it is 1 where there is no contrast.", "contrast is 0 there."),
        (inside - around, "that is a difference with a unit.", "contrast is relative to the surroundings."),
        (lesion.max() / around - 1, "that takes the hottest voxel.", "one voxel is mostly noise: take the mean."),
        (lesion.sum() / around - 1, "that takes the sum inside.", "it would grow with the lesion: take the mean."),
        (1 - around / inside, "that is relative to the lesion.", "divide by the surroundings."),
        (inside / ACTIVITY[~LESION].mean() - 1, "that takes all that is no lesion.", "white matter alone."),
        (True, f"it differs from the reference, {right:.4g}.", "two means, a division, minus 1."),
    ]
    compare(answer, right, mistakes, prefix=f"{answer:.4g}: ")
