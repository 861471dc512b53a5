"""A scanner as plain numbers, the Siemens Biograph mMR's unless others are given: crystals, bins, rings and voxels.

Nothing here computes a projection; these are the facts that a projection is computed from. Lengths are in mm.
The numbers are those published with the mMR support of STIR (Thielemans 2012, doi:10.1088/0031-9155/57/4/867) and
NiftyPET (Markiewicz 2018, doi:10.1007/s12021-017-9352-y), and the scanner is described by Delso 2011
(doi:10.2967/jnumed.111.092726).
"""

import math
from dataclasses import dataclass, fields, replace

import numpy as np

from petcourse.scan.segments import ring_pairs, segments

ANY_SIGN = "block_angle", "first_angle", "gap", "span", "max_ring_difference"  # the last three have limits of their own


@dataclass(frozen=True)
class Scanner:
    """A cylindrical PET scanner with flat detector blocks; the defaults are the mMR.

    Attributes
    ----------
    rings, ring_pitch : int, float
        Number of crystal rings and their distance [mm].
    radius : float
        Distance from the axis to a block's effective face: inner radius plus depth of interaction [mm].
    blocks, block_crystals, block_width, gap : int, int, float, int
        Blocks in a ring, live crystals in a block, a block's width [mm], and slots behind each that hold no crystal.
    block_angle, first_angle : float
        Angle from a block to the next, and of the centre of block 0 before the top [rad].
    bins : int
        Radial bins of a sinogram row.
    span, max_ring_difference : int
        Axial compression, and the largest ring difference that is kept.
    columns, column_width : int, float
        Voxels along x and along y, and their size there [mm].
    fov_radius : float
        Radius within which every live bin sees the image [mm].

    Raises
    ------
    ValueError
        If a number is not whole, a length not positive or not finite, or the numbers do not make a scanner together.
    """

    rings: int = 64
    ring_pitch: float = 4.0625
    radius: float = 334.7
    blocks: int = 56
    block_crystals: int = 8
    block_width: float = 32.09
    gap: int = 1
    block_angle: float = 0.1122
    first_angle: float = 0.1122 / 2 + 0.001
    bins: int = 344
    span: int = 11
    max_ring_difference: int = 60
    columns: int = 344
    column_width: float = 2.08626
    fov_radius: float = 298.3

    def __post_init__(self):
        for f in fields(self):  # stored as plain int and float, so that equal scanners have equal cache keys
            number = getattr(self, f.name)
            if not math.isfinite(number) or f.type(number) != number or (number <= 0 and f.name not in ANY_SIGN):
                kind = f"{'whole' if f.type is int else 'finite'} number{'' if f.name in ANY_SIGN else ' above 0'}"
                raise ValueError(f"{f.name} is {number!r}, but a {kind} is wanted: change it.")
            object.__setattr__(self, f.name, f.type(number))
        slots = self.slots
        if slots % 2 or not self.bins % 2 == 0 or self.bins > slots - 2:
            raise ValueError(
                f"{self.bins} bins with {slots} crystal slots in a ring do not make a sinogram: both must be even, and "
                f"bins at most {slots - 2}; change bins, blocks or block_crystals."
            )
        if self.gap < 0:
            raise ValueError(
                f"gap is {self.gap}: give the number of slots without a crystal behind each block, from 0."
            )
        if self.span < 1 or self.span % 2 == 0:
            raise ValueError(f"span is {self.span}, but axial compression has an odd span: use 1, 3, ... or 11.")
        if not 0 <= self.max_ring_difference < self.rings:
            raise ValueError(
                f"max_ring_difference is {self.max_ring_difference} with {self.rings} rings: give 0 to {self.rings - 1}."
            )
        if not self.live().any():
            raise ValueError(
                f"each of the {self.bins} bins ends in a gap of {self.gap} slots: give more bins or a smaller gap."
            )

    @classmethod
    def mmr(cls, rings=64):
        """The mMR, whole or with its central ``rings`` rings only, for small machines and quick tests.

        A shorter mMR keeps the span-11 segments that are complete in it: 60 as the largest ring difference with
        61 rings or more, then 49, 38, 27, 16 and 5.

        Parameters
        ----------
        rings : int
            1 to 64.

        Raises
        ------
        ValueError
            If `rings` is no whole number from 1 to 64.
        """
        if rings not in range(1, 65):
            raise ValueError(f"the mMR has 64 rings and {rings!r} were asked for: give a whole number from 1 to 64.")
        rings = int(rings)
        complete = 5 + 11 * ((rings - 6) // 11) if rings > 5 else rings - 1
        return replace(cls(), rings=rings, max_ring_difference=min(60, complete))

    @classmethod
    def hr_plus(cls, rings=32):
        """The Siemens/CTI ECAT EXACT HR+: rings of 576 crystals, whose 72 flat blocks touch at an inner radius of 412 mm.

        Numbers as in STIR (its scanner "ECAT 962"), with the usual compression: span 9 up to ring difference 22.

        Parameters
        ----------
        rings : int
            1 to 32: central ones.

        Raises
        ------
        ValueError
            If there are not so many.
        """
        if rings not in range(1, 33):
            raise ValueError(f"the HR+ has 32 rings and {rings!r} were asked for: give a whole number from 1 to 32.")
        return cls(
            rings=rings, ring_pitch=4.85, radius=419.0, blocks=72, block_crystals=8, block_width=36.0, gap=0,
            block_angle=2 * math.pi / 72, first_angle=math.pi / 72, bins=288, span=9, max_ring_difference=min(22, rings - 1),
            columns=256, column_width=2.25, fov_radius=288.0,
        )  # fmt: skip

    @property
    def block_slots(self):
        """Crystal slots of a block and of the gap behind it: 9."""
        return self.block_crystals + self.gap

    @property
    def slots(self):
        """Crystal slots in a ring, gaps included: 504."""
        return self.blocks * self.block_slots

    @property
    def angles(self):
        """Angles of a sinogram: 252."""
        return self.slots // 2

    @property
    def image_shape(self):
        """Voxels along (z, y, x): (127, 344, 344)."""
        return (2 * self.rings - 1, self.columns, self.columns)

    @property
    def voxel(self):
        """Voxel size along (z, y, x) in mm: half a ring pitch, and twice the column width."""
        return (self.ring_pitch / 2, self.column_width, self.column_width)

    @property
    def sinogram_shape(self):
        """(planes, angles, bins): (837, 252, 344)."""
        return (sum(s.planes for s in self.segments()), self.angles, self.bins)

    def axes(self):
        """Voxel centres along z, y and x in mm, from the scanner's centre; y points up, so it falls with the row."""
        z, y, x = ((np.arange(n) - (n - 1) / 2) * d for n, d in zip(self.image_shape, self.voxel, strict=True))
        return z, -y, x

    def crystals(self):
        """Where a LOR ends on each crystal.

        Returns
        -------
        xy : (slots, 2) float64
            In mm, x to the right and y up, clockwise from the top. The slot behind each block's crystals is the gap.
        """
        block, n = np.divmod(np.arange(self.slots), self.block_slots)
        phi = np.pi / 2 - self.first_angle - self.block_angle * block
        along = self.block_width / 2 - (n + 0.5) * self.block_width / self.block_crystals
        return np.stack(
            [self.radius * np.cos(phi) - along * np.sin(phi), self.radius * np.sin(phi) + along * np.cos(phi)], axis=1
        )

    def bin_crystals(self):
        """The pair of crystals that makes each bin of a sinogram.

        Returns
        -------
        c0, c1 : (angles, bins) int64
            Crystal slots; ``(c1 - c0) mod slots`` is the bin plus a constant.
        """
        a = np.arange(self.angles)[:, None]
        t = np.arange(self.bins) - self.bins // 2
        return (a + self.slots // 2 - 1 + (-t // 2)) % self.slots, (a - 1 + t // 2) % self.slots

    def live(self):
        """Bins whose two crystals exist: (angles, bins) bool. The others end in a gap and never count."""
        c0, c1 = self.bin_crystals()
        return (c0 % self.block_slots < self.block_crystals) & (c1 % self.block_slots < self.block_crystals)

    def segments(self):
        """Segments of ring differences in storage order 0, -1, +1, -2, +2, ..., as a list of `Segment`."""
        return segments(self.rings, self.span, self.max_ring_difference)

    def ring_pairs(self):
        """The rings of ``c0`` and ``c1``, and the plane, of each pair of rings that is kept: three (pair,) int64."""
        return ring_pairs(self.rings, self.segments())

    def multiplicity(self):
        """Ring pairs merged into each plane: (planes,) int64; 4084 in all for the mMR, 0 in every second plane at span 1."""
        return np.bincount(self.ring_pairs()[2], minlength=self.sinogram_shape[0])

    def pairs(self):
        """Pairs of live crystals merged into each bin: (planes, angles, bins) uint8, 0 in the gaps."""
        return self.multiplicity().astype(np.uint8)[:, None, None] * self.live()
