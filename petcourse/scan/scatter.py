"""s: pairs of which one photon was scattered once on its way, by single scatter simulation.

Watson 2000 (doi:10.1109/23.873020). One photon flies from a decay straight to detector A; the other is scattered at a point S
of the body, loses energy, and reaches B. All points and all pairs of some detectors are summed; the rest is interpolated,
for scatter is smooth.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d, minimum_filter1d

from petcourse.hardware.device import require_array
from petcourse.hardware.machine import available_cores
from petcourse.scan.compton import WINDOW
from petcourse.scan.compton import table as compton_table
from petcourse.scan.scatter_loops import add_pairs_of_detectors, integrate_lines, interpolate_planes

AROUND, ALONG = 72, 8  # detectors that are summed: around a ring, and rings
SPACING, FINE = 20.0, 6.0  # mm: between points that scatter, and between samples of what lies on a line


def scatter(scanner, theta, mu, spacing=SPACING, window=WINDOW):
    """Mean single scatter of a head.

    Parameters
    ----------
    scanner : Scanner
    theta : (z, y, x) float32
        Activity, in any unit.
    mu : (z, y, x) float32
        Attenuation map [1/mm].
    spacing : float
        Between the points that scatter [mm].
    window : (float, float)
        Of accepted energies [keV].

    Returns
    -------
    s : (plane, angle, bin) float32
        In the unit of ``X @ theta``: what it adds to ``A @ X @ theta``, before normalisation; 0 in dead bins.

    Raises
    ------
    ValueError
        If an image is not of this scanner or negative, mu is not in 1/mm, or the window is upside down.
    """
    for image, what in ((theta, "the activity"), (mu, "the attenuation map mu")):
        require_array(image, what, np)
        if image.shape != scanner.image_shape or not 0 <= image.min() <= image.max() < np.inf:
            raise ValueError(
                f"{what} is of shape {image.shape} and reaches from {float(image.min()):g} to {float(image.max()):g}: "
                f"give an image of shape {scanner.image_shape} that is nowhere negative."
            )
    if mu.max() >= 0.05:
        raise ValueError(f"mu reaches {float(mu.max()):g} and body tissue has 0 to 0.05 per mm: divide 1/cm by 10.")
    detectors, normals, heights = _detectors(scanner)
    points, strength = _points(scanner, mu, spacing)
    table = compton_table(window)
    pairs = sum_over_points(scanner, theta, mu, points, strength, detectors, normals, table)
    s = np.zeros(scanner.sinogram_shape, np.float32)
    xy, (c0, c1) = scanner.crystals(), scanner.bin_crystals()
    place = (np.arctan2(xy[:, 1], xy[:, 0]) / (2 * np.pi) * AROUND - 0.5) % AROUND  # of each crystal, in detectors
    z0, z1 = np.hstack([t.ends(scanner.rings, scanner.ring_pitch) for t in scanner.segments()])
    at = [np.clip((z - heights[0]) / max(heights[-1] - heights[0], 1e-9), 0, 1) * (len(heights) - 1) for z in (z0, z1)]
    weight = scanner.multiplicity().astype(np.float32)
    live = scanner.live()

    def some_planes(first, last):
        interpolate_planes(pairs, at[0], at[1], place[c0], place[c1], live, weight, first, last, s)

    _in_parts(some_planes, len(s), 16)
    return s


def sum_over_points(scanner, theta, mu, points, strength, detectors, normals, table):
    """Scatter of each pair of detectors, as a line integral would have it: (detector, detector) float64.

    Parameters
    ----------
    scanner : Scanner
    theta, mu
        As for `scatter`.
    points, strength : (point, 3), (point,) float64
        Where photons are scattered [mm] as (z, y, x), y upward, and mu there times the volume that it stands for.
    detectors, normals : (detector, 3) float64
        Their places and directions.
    table : (3, angle) float64
        As `petcourse.scan.compton.table` makes it.
    """
    images, voxel = zip(*(coarse(image, scanner.voxel, FINE) for image in (theta, mu)), strict=True)
    lines = np.zeros((2, len(points), len(detectors)))
    for image, line in zip(images, lines, strict=True):
        _in_parts(
            lambda first, last: integrate_lines(image, np.array(voxel[0]), points, detectors, first, last, line),  # noqa: B023
            len(points), 8,
        )  # fmt: skip
    pairs = np.zeros((len(detectors), len(detectors)))
    _in_parts(
        lambda first, last: add_pairs_of_detectors(points, strength, detectors, normals, *lines, table, first, last, pairs),
        len(detectors), 4,
    )  # fmt: skip
    return pairs + pairs.T


def _in_parts(work, count, size):
    """Call ``work(first, last)`` for all parts of a range, on all cores."""
    edges = [*range(0, count, size), count]
    with ThreadPoolExecutor(available_cores()) as pool:
        list(pool.map(lambda part: work(*part), pairwise(edges)))


def coarse(image, voxel, spacing):
    """Means over blocks of voxels about so large [mm], about the same centre; and the size of a block."""
    factors = [max(1, round(spacing / size)) for size in voxel]
    factors = [f + 1 if n % 2 and f % 2 == 0 else f for f, n in zip(factors, image.shape, strict=True)]
    pads = [next(k for k in range(f) if (n + 2 * k) % f == 0) for f, n in zip(factors, image.shape, strict=True)]
    image = np.pad(image, [(k, k) for k in pads])
    shape = [part for n, f in zip(image.shape, factors, strict=True) for part in (n // f, f)]
    means = image.reshape(shape).mean(axis=(1, 3, 5), dtype=np.float64)
    return np.pad(means, 1).astype(np.float32), tuple(f * size for f, size in zip(factors, voxel, strict=True))


def _points(scanner, mu, spacing):
    """The centres of blocks that hold matter, and mu times volume of each."""
    blocks, size = coarse(mu, scanner.voxel, spacing)
    where = np.argwhere(blocks > 0)
    places = np.ascontiguousarray((where - (np.array(blocks.shape) - 1) / 2) * size * (1, -1, 1))
    return places, blocks[tuple(where.T)].astype(float) * np.prod(size)


def _detectors(scanner):
    """Places and normals of the detectors that are summed, as (z, y, x), and the heights of their rings."""
    phi = 2 * np.pi * (np.arange(AROUND) + 0.5) / AROUND
    rings = min(ALONG, scanner.rings)
    heights = np.linspace(-1, 1, rings) * (scanner.rings - 1) / 2 * scanner.ring_pitch if rings > 1 else np.zeros(1)
    normals = np.stack([np.zeros(AROUND), np.sin(phi), np.cos(phi)], axis=1)
    places = np.concatenate([scanner.radius * normals + (z, 0, 0) for z in heights])
    return places, np.tile(normals, (rings, 1)), heights


def tail_scale(s, m, r, factors, margin=5, smooth=4.0):
    """What scatter is to be multiplied with in each plane, such that beside the body it is what was measured there.

    Lines that pass the body see no trues: all that is left there without randoms is scatter. This stands in for what
    was scattered twice, and for activity outside the scanner.

    Parameters
    ----------
    s : (plane, angle, bin) float32
        Scatter as it is counted: N is in it.
    m : (plane, angle, bin)
        Counts.
    r : (plane, angle, bin) float32
        Mean randoms.
    factors : (plane, angle, bin) float32
        Of attenuation: 1 where a line passes the body.
    margin : int
        Bins that are left out beside the body: its trues are blurred into them.
    smooth : float
        Standard deviation of the Gaussian weights with which neighbouring planes help [planes].

    Returns
    -------
    scale : (plane,) float32

    Raises
    ------
    ValueError
        If no line passes the body, or nothing is scattered there.
    """
    beside = (minimum_filter1d(factors, 2 * margin + 1, axis=-1) > 0.99) & (s > 0)
    counted = np.where(beside, m - r, 0).sum(axis=(1, 2), dtype=np.float64)
    simulated = np.where(beside, s, 0).sum(axis=(1, 2), dtype=np.float64)
    if not simulated.any():
        raise ValueError(
            f"{int(beside.sum())} bins pass the body and scatter in them is 0: widen X's field of view, or use s as it is."
        )
    counted, simulated = (gaussian_filter1d(sums, smooth, mode="nearest") for sums in (counted, simulated))
    return np.maximum(counted / simulated, 0).astype(np.float32)
