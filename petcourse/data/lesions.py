"""Hot and cold spheres for the PET image, with the masks to measure them by."""

from dataclasses import dataclass, field

import numpy as np

from petcourse.data import brainweb

DIAMETERS = {20: "cold", 15: "hot", 10: "hot", 8: "hot", 7: "cold", 5: "hot"}  # mm; 15, 8, 7 and 5 as in brainweb


@dataclass(frozen=True, eq=False)
class Lesion:
    """A sphere in the PET image.

    Attributes
    ----------
    name, diameter, value : str, float, float
        Such as "hot 15 mm"; in mm; what the PET image holds inside.
    centre : tuple of float
        (z, y, x) in mm from the scanner's centre, y upwards as in `Scanner.axes`.
    number, lesion_map : int, uint8
        What the subject's map of lesions holds inside, from 1; and that map, of the image's shape.
    """

    name: str
    diameter: float
    value: float
    centre: tuple
    number: int = field(repr=False)
    lesion_map: np.ndarray = field(repr=False)

    @property
    def mask(self):
        """Voxels whose centre is inside: bool, the image's shape."""
        return self.lesion_map == self.number


def add_lesions(pet, lesion_map, where, tissue, axes, voxel, rng):
    """Put the lesions of DIAMETERS into `pet` and `lesion_map`; each lies in grey or white matter, apart from the others.

    Of twenty places drawn for a lesion, the one farthest along z from the lesions before it is taken.
    """
    from scipy.ndimage import distance_transform_edt

    fdg = brainweb.silent_brainweb().FDG
    depth = distance_transform_edt((tissue == 2) | (tissue == 3), sampling=voxel)
    free = np.full(pet.shape, np.inf, np.float32)  # distance to the surfaces of the lesions so far
    lesions = []
    for number, (diameter, kind) in enumerate(DIAMETERS.items(), 1):
        radius, value = diameter / 2, float(getattr(fdg, kind))
        room = np.argwhere((depth > radius) & (free > radius + 4))
        whole = room[np.abs(axes[0][room[:, 0]]) < axes[0][-1] - radius]  # not cut by the field's ends
        room = whole if len(whole) else room
        if not len(room):
            raise ValueError(
                f"a lesion of {diameter} mm finds no place in the brain, of which the scanner sees {depth.astype(bool).sum()} "
                "voxels: take a larger scanner or load_subject(..., lesions=False)."
            )
        drawn = room[rng.integers(len(room), size=20)]
        gap = [min((abs(axes[0][d[0]] - f.centre[0]) for f in lesions), default=0) for d in drawn]
        centre = tuple(float(a[i]) for a, i in zip(axes, drawn[np.argmax(gap)], strict=True))
        near, share, inside = _sphere(axes, voxel, centre, radius)
        pet[near] += share * (value - pet[near])
        lesion_map[where][near][inside] = number
        z, y, x = (a - c for a, c in zip(axes, centre, strict=True))
        np.minimum(free, np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2) - radius, out=free)
        lesions.append(Lesion(f"{kind} {diameter} mm", float(diameter), value, centre, number, lesion_map))
    return tuple(lesions)


def _sphere(axes, voxel, centre, radius, split=5):
    """A sphere's neighbourhood (slices), the share of each voxel there that is inside, and whether its centre is."""
    near, squares = [], []
    for a, d, c in zip(axes, voxel, centre, strict=True):
        i = np.flatnonzero(np.abs(a - c) < radius + d)
        near.append(slice(i[0], i[-1] + 1))
        parts = a[i, None] - c + d * ((np.arange(split) + 0.5) / split - 0.5)
        squares.append(parts.ravel() ** 2)
    z, y, x = squares
    inside = z[:, None, None] + y[:, None] + x <= radius**2
    inside = inside.reshape([n for s in squares for n in (len(s) // split, split)])
    middle = split // 2
    return tuple(near), inside.mean((1, 3, 5), dtype=np.float32), inside[:, middle, :, middle, :, middle]
