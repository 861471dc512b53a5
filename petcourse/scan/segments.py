"""Segments of a sinogram: which pairs of rings are merged into which plane (axial compression, *span*)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Segment:
    """Planes that share a range of ring differences ``ring(c0) - ring(c1)``.

    Attributes
    ----------
    lowest, highest : int
        Range of ring differences, ends included.
    mean : float
        Mean ring difference: the one that a plane's ray takes.
    first, planes : int
        First plane of the segment in the sinogram, and the number of its planes.
    offset : int
        Image plane at which the LORs of the first plane cross the middle.
    """

    lowest: int
    highest: int
    mean: float
    first: int
    planes: int
    offset: int

    def ends(self, rings, ring_pitch):
        """Heights of the two ends of each plane's ray [mm], from the scanner's centre: (2, plane) float64."""
        middle = (self.offset + np.arange(self.planes) - (rings - 1)) * ring_pitch / 2
        return np.stack([middle + self.mean * ring_pitch / 2, middle - self.mean * ring_pitch / 2])


def segments(rings, span, max_ring_difference):
    """Segments of ring differences in storage order 0, -1, +1, -2, +2, ..., as a list of `Segment`.

    Parameters
    ----------
    rings, span, max_ring_difference : int
        As those of a `Scanner`.
    """
    half = span // 2
    found, first = [], 0
    for n in range((max_ring_difference + half) // span + 1):
        lo, hi = n * span - half, min(n * span + half, max_ring_difference)
        least = max(lo, -hi, 0)  # smallest |ring difference|, hence the first plane
        for sign in (-1, 1) if n else (1,):
            d = sorted((sign * lo, sign * hi)) if n else (-hi, hi)
            found.append(Segment(d[0], d[1], (d[0] + d[1]) / 2, first, 2 * rings - 1 - 2 * least, least))
            first += found[-1].planes
    return found


def ring_pairs(rings, segments):
    """The rings of ``c0`` and ``c1``, and the plane, of each pair of rings that is kept: three (pair,) int64."""
    r0, r1 = np.divmod(np.arange(rings**2), rings)
    plane = np.full(len(r0), -1)
    for s in segments:
        mine = (r0 - r1 >= s.lowest) & (r0 - r1 <= s.highest)
        plane[mine] = s.first + (r0 + r1)[mine] - s.offset
    return r0[plane >= 0], r1[plane >= 0], plane[plane >= 0]
