"""What the package is tested against: line integrals ray by ray, in plain float64, sharing no code with the projector.

Only the scanner's tables (crystals, bins, segments), which have tests of their own, are taken from the package.
"""

import numpy as np
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from petcourse.scan.operator import Operator
from petcourse.scan.scanner import Scanner


class Matrix(Operator):
    """A given matrix as an operator."""

    def __init__(self, matrix, dims, dimsd):
        self.matrix = np.asarray(matrix, np.float32)
        super().__init__(dims, dimsd, "the matrix")

    def forward(self, x):
        return (self.matrix @ x.ravel()).reshape(self.dimsd)

    def back(self, y):
        return (self.matrix.T @ y.ravel()).reshape(self.dims)


def walk(scanner, radius, angle, bin_, z0, z1):
    """Joseph's method in 3-D, from crystal c0 at heights ``z0`` to crystal c1 at heights ``z1`` (arrays, in mm).

    Yields (z index, row, column, weight) for each voxel that is interpolated: index and weight are arrays, one element
    for each pair of heights. Weights are lengths in mm, along the ray in 3-D.
    """
    zs, ys, xs = scanner.axes()
    dz, dy, dx = scanner.voxel
    c0, c1 = (c[angle, bin_] for c in scanner.bin_crystals())
    (x0, y0), (x1, y1) = scanner.crystals()[[c0, c1]]
    length = np.sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2 + (z1 - z0) ** 2)
    by_row = abs(y1 - y0) >= abs(x1 - x0)
    step = length * (dy / abs(y1 - y0) if by_row else dx / abs(x1 - x0))
    for line in range(scanner.columns):
        t = (ys[line] - y0) / (y1 - y0) if by_row else (xs[line] - x0) / (x1 - x0)
        if not 0 <= t <= 1:
            continue
        z = (z0 + t * (z1 - z0) - zs[0]) / dz
        at = (x0 + t * (x1 - x0) - xs[0]) / dx if by_row else (ys[0] - y0 - t * (y1 - y0)) / dy
        for column in (int(np.floor(at)), int(np.floor(at)) + 1):
            row, col = (line, column) if by_row else (column, line)
            if not 0 <= column < scanner.columns or np.hypot(ys[row], xs[col]) > radius:
                continue
            for k in (np.floor(z).astype(int), np.floor(z).astype(int) + 1):
                weight = step * (1 - abs(at - column)) * (1 - abs(z - k))
                seen = (k >= 0) & (k < len(zs))
                yield np.where(seen, k, 0), row, col, np.where(seen, weight, 0)


def heights(scanner):
    """Heights of the two ends of each plane's ray, at its segment's mean ring difference: two (planes,) arrays in mm."""
    z0, z1 = [], []
    for s in scanner.segments():
        middle = (s.offset + np.arange(s.planes) - (scanner.rings - 1)) * scanner.ring_pitch / 2
        z0.append(middle + s.mean * scanner.ring_pitch / 2)
        z1.append(middle - s.mean * scanner.ring_pitch / 2)
    return np.concatenate(z0), np.concatenate(z1)


def integrals(image, scanner, radius, angle, bin_, z0, z1):
    """Line integrals between two crystals, one for each pair of heights."""
    total = np.zeros(len(z0))
    for k, row, col, weight in walk(scanner, radius, angle, bin_, z0, z1):
        total += weight * image[k, row, col].astype(float)
    return total


def planes(image, scanner, radius, angle, bin_):
    """All planes of one bin, as the projector defines them: (planes,) float64."""
    return scanner.multiplicity() * integrals(image, scanner, radius, angle, bin_, *heights(scanner))


def ring_pair_sums(image, scanner, radius, angle, bin_):
    """All planes of one bin, each the sum over its ring pairs: (planes,) float64."""
    pairs = np.array([(r0, r1) for r0 in range(scanner.rings) for r1 in range(scanner.rings)])
    r0, r1 = pairs[abs(pairs[:, 0] - pairs[:, 1]) <= scanner.max_ring_difference].T
    z0, z1 = ((r - (scanner.rings - 1) / 2) * scanner.ring_pitch for r in (r0, r1))
    values = integrals(image, scanner, radius, angle, bin_, z0, z1)
    total = np.zeros(scanner.sinogram_shape[0])
    for s in scanner.segments():
        mine = (s.lowest <= r0 - r1) & (r0 - r1 <= s.highest)
        np.add.at(total, s.first + (r0 + r1)[mine] - s.offset, values[mine])
    return total


def matrix(scanner, radius):
    """The whole projector as a sparse matrix: one row for each bin, one column for each voxel."""
    n, (_, rows, cols), (count, angles, bins) = scanner.multiplicity(), scanner.image_shape, scanner.sinogram_shape
    z0, z1 = heights(scanner)
    at, voxel, value = [], [], []
    for angle, bin_ in np.argwhere(scanner.live()):
        for k, row, col, weight in walk(scanner, radius, angle, bin_, z0, z1):
            at.append((np.arange(count) * angles + angle) * bins + bin_)
            voxel.append((k * rows + row) * cols + col)
            value.append(weight * n)
    shape = (count * angles * bins, int(np.prod(scanner.image_shape)))
    if not at:
        return csr_matrix(shape)
    return csr_matrix((np.concatenate(value), (np.concatenate(at), np.concatenate(voxel))), shape)


def lengths_in_box(scanner, ks, rows, cols):
    """Exact length inside a box of voxels, per voxel, summed over all live LORs and ring pairs, by clipping each."""
    box = []
    for axis, size, chosen in zip(scanner.axes()[::-1], scanner.voxel[::-1], (cols, rows, ks), strict=True):
        box.append((axis[list(chosen)].min() - size / 2, axis[list(chosen)].max() + size / 2))
    r0, r1 = np.divmod(np.arange(scanner.rings**2), scanner.rings)
    kept = abs(r0 - r1) <= scanner.max_ring_difference
    z0, z1 = ((r[kept] - (scanner.rings - 1) / 2) * scanner.ring_pitch for r in (r0, r1))
    live, crystals, total = scanner.live(), scanner.crystals(), 0.0
    for p, q in zip(*(crystals[c[live]] for c in scanner.bin_crystals()), strict=True):
        enter, leave = np.zeros(len(z0)), np.ones(len(z0))
        for u, v, (low, high) in zip((*p, z0), (*q, z1), box, strict=True):
            run = np.where(v == u, 1e-12, np.subtract(v, u))
            t0, t1 = (low - u) / run, (high - u) / run
            enter, leave = np.maximum(enter, np.minimum(t0, t1)), np.minimum(leave, np.maximum(t0, t1))
            if enter.min() >= leave.max():
                break  # passes beside the box
        else:
            total += np.sum(np.maximum(leave - enter, 0) * np.sqrt((q - p) @ (q - p) + (z1 - z0) ** 2))
    return total / len(ks) / len(rows) / len(cols)


def ring(blocks=8, block_crystals=3, radius=40.0, **rest):
    """A small scanner whose blocks close the ring."""
    angle = 2 * np.pi / blocks
    given = {"rings": 5, "max_ring_difference": 4, "span": 3, "columns": 20, "column_width": 3.0, "first_angle": 0.1}
    given |= {"bins": 20, "fov_radius": 28.0, "block_angle": angle, "block_width": 2 * radius * np.tan(angle / 2)}
    return Scanner(blocks=blocks, block_crystals=block_crystals, radius=radius, **(given | rest))


SMALL = ring()
ODD = ring(6, 4, columns=17, column_width=4.1, fov_radius=31, span=5, rings=7, max_ring_difference=6, bins=28)
ONE_RING = ring(10, 1, rings=1, max_ring_difference=0, span=11, bins=18)


def random(shape, seed=0):
    """Numbers in [0, 1), float32."""
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def difference(found, wanted):
    """Relative difference of two arrays: root mean square and largest, whichever is worse."""
    error = found - np.asarray(wanted, float)
    return max(np.linalg.norm(error) / np.linalg.norm(wanted), abs(error).max() / abs(wanted).max())


@st.composite
def scanners(draw):
    """Small random scanners, each with a field of view that fits it."""
    blocks = draw(st.integers(4, 9))
    gap = draw(st.integers(0, 2))
    crystals = draw(st.integers(1, 4).filter(lambda n: blocks * (n + gap) % 2 == 0 and blocks * (n + gap) >= 6))
    rings = draw(st.integers(1, 7))
    columns, width = draw(st.integers(4, 20)), draw(st.floats(2.5, 8))
    limit = min(39.9, columns * width / 2)
    return ring(
        blocks,
        crystals,
        rings=rings,
        ring_pitch=draw(st.floats(2, 6)),
        max_ring_difference=draw(st.integers(0, rings - 1)),
        span=draw(st.sampled_from([1, 3, 5, 11])),
        gap=gap,
        bins=2 * draw(st.integers((gap + 1) // 2 + 1, blocks * (crystals + gap) // 2 - 1)),
        columns=columns,
        column_width=width,
        first_angle=draw(st.floats(0.01, 0.5)),  # at 0 some LORs are exactly diagonal: two equally right walks
        fov_radius=width + draw(st.floats(0, 1)) * (limit - width),
    )
