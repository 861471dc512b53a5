"""Attenuation maps of other programs and scanners, brought to the scanner's grid and to 1/mm."""

from itertools import product
from pathlib import Path

import numpy as np

from petcourse.exchange.images import read_image
from petcourse.exchange.nifti import read_nifti
from petcourse.scan.patient import patient_axes

# By what the largest value of a map of a head is, bone at 511 keV being 0.013 to 0.02 /mm: what brings it to 1/mm.
UNITS = {"1/mm": (0.008, 0.025, 1.0), "1/cm": (0.08, 0.25, 0.1), "1/cm times 10000": (800, 2500, 1e-5)}
BETTER = 1.1  # times as much overlap with the emission, and a flipped map is the right one


def on_grid(image, voxel, scanner):
    """Resample an image, linearly, to a scanner's grid: the middles of both are one.

    Parameters
    ----------
    image : (z, y, x)
    voxel : tuple of float
        Along z, y and x [mm].
    scanner : Scanner

    Returns
    -------
    image : scanner.image_shape, float32
        0 outside of the given one.
    """
    from scipy.ndimage import affine_transform

    step = np.array(scanner.voxel) / voxel
    middle, wanted = (np.array(image.shape) - 1) / 2, (np.array(scanner.image_shape) - 1) / 2
    return affine_transform(image.astype(np.float32), step, middle - step * wanted, scanner.image_shape, order=1)


def read_mu(path, scanner, position="HFS", emission=None):
    """Read an attenuation map.

    Parameters
    ----------
    path : path-like
        An Interfile header (``.hv``, ``.v.hdr``) or a NIfTI file.
    scanner : Scanner
    position : str
        Of the patient in the scan.
    emission : (z, y, x), optional
        An image of the activity on the scanner's grid, to see whether the map lies as the patient does.

    Returns
    -------
    mu : scanner.image_shape, float32
        In 1/mm.

    Raises
    ------
    ValueError
        If no unit makes sense of its largest value, a value is negative, or it fits the emission better when it is flipped.
    """
    path = Path(path)
    if path.name.endswith((".nii", ".nii.gz")):
        image, voxel = read_nifti(path, position)
    else:
        image, voxel, of = read_image(path)
        if of != position:
            raise ValueError(
                f"{path.name} is of a patient who lies {of}, and the scan of one who lies {position}: give it as NIfTI, whose axes "
                "say how to turn it."
            )
    top = float(image.max())
    fits = [factor for least, most, factor in UNITS.values() if least <= top <= most]
    if not fits or image.min() < 0:
        raise ValueError(
            f"{path.name} reaches from {float(image.min()):g} to {top:g}: an attenuation map at 511 keV ends near 0.015 in 1/mm, or "
            "0.15 in 1/cm; convert it first, for example from HU."
        )
    mu = on_grid(image, voxel, scanner) * np.float32(fits[0])
    if emission is not None:
        _require_overlap(mu, emission, position, path.name)
    return mu


def _require_overlap(mu, emission, position, name):
    """Refuse a map that holds more of the activity inside when it is flipped."""
    inside = mu > 0.005
    overlaps = {
        flips: float(emission[np.flip(inside, [n for n in range(3) if flips[n]])].sum(dtype=np.float64))
        for flips in product((False, True), repeat=3)
    }
    best = max(overlaps, key=overlaps.get)
    if overlaps[best] > BETTER * overlaps[False, False, False]:
        axes = ", ".join(axis for axis, flip in zip(("z", "y", "x"), best, strict=True) if flip)
        raise ValueError(
            f"{name} holds more of the activity when it is flipped along {axes}: a patient who lies {position} has the axes "
            f"{patient_axes(position)}, so it is upside down, or of another position."
        )
