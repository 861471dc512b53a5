"""Typical mistakes in the exercises of notebook 01, what the check must say, and right answers in other words."""

import numpy as np

LN2 = np.log(2)

MISTAKES = {
    "half_value_layer": [
        ((lambda mu: LN2 / mu,), "that is in cm"),
        ((lambda mu: LN2 / mu / 10,), "100 times too short"),
        ((lambda mu: 10 / mu,), "leaves 37 %"),
        ((lambda mu: 5 / mu,), "straight line"),
        ((lambda mu: 10 * np.log10(2) / mu,), "natural logarithm"),
        ((lambda mu: 10 * mu / LN2,), "upside down"),
        ((lambda mu: 71.09,), "0.13 1/cm you say 71.09 mm: there 40% are left"),
        ((lambda mu: -10 * LN2 / mu,), "100% are left"),
        ((lambda mu: [mu],), "a number is wanted"),
    ],
    "coronal_plane": [
        ((lambda image, y, at: image[abs(y - at).argmin()],), "axial plane"),
        ((lambda image, y, at: image[:, :, abs(y - at).argmin()],), "sagittal plane"),
        ((lambda image, y, at: image[:, ::-1][:, abs(y - at).argmin()],), "y falls from row to row"),
        ((lambda image, y, at: image[:, int(at)],), "y = -1 mm, but 3.4 mm is wanted"),
        ((lambda image, y, at: image[:, abs(y - at).argmin()].T,), "shape \\(5, 4\\), but \\(4, 5\\) \\(z, x\\)"),
        ((lambda image, y, at: image[:, abs(y - at).min()],), "stops with IndexError"),
        ((lambda image, y, at: image[::-1, abs(y - at).argmin()],), "differs from the reference"),
    ],
    "voxels_in_a_lesion": [
        ((59,), "a radius of 5 mm"),
        ((65.4,), "volume in mm"),
        ((22,), "three times too many"),
        ((4.5,), "a disc"),
        ((14,), "a cube"),
        ((100,), "too many"),
        ((2,), "too few"),
        ((-7,), "too few"),
    ],
    "lesion_contrast": [
        ((lambda a, lesion, white: a[lesion].mean() / a[white].mean() - 1,), "its own surroundings"),
        ((lambda a, lesion, white: a[lesion].mean() / a[white & ~lesion].mean(),), "that is the ratio"),
        ((lambda a, lesion, white: a[lesion].mean() - a[white & ~lesion].mean(),), "difference with a unit"),
        ((lambda a, lesion, white: a[lesion].max() / a[white & ~lesion].mean() - 1,), "hottest voxel"),
        ((lambda a, lesion, white: a[lesion].sum() / a[white & ~lesion].mean() - 1,), "sum inside"),
        ((lambda a, lesion, white: 1 - a[white & ~lesion].mean() / a[lesion].mean(),), "relative to the les"),
        ((lambda a, lesion, white: a[lesion].mean() / a[~lesion].mean() - 1,), "white matter alone"),
        ((lambda a, lesion, white: a[white].mean() / a[lesion].mean() - 1,), "differs from the reference"),
    ],
}

RIGHT = [
    ("half_value_layer", [lambda mu: -np.log(0.5) / (mu / 10)]),
    ("coronal_plane", [lambda image, y, at: image[:, np.argmin((y - at) ** 2), :].tolist()]),
    ("voxels_in_a_lesion", [7]),
]
