"""A scanner's lines as records of plain numbers: what the loops of the CPU and the kernels of the GPU walk along."""

from dataclasses import dataclass, replace

import numpy as np

EDGE = 3  # empty voxels around the field of view: a ray may pass two voxels outside it, and its neighbour is a third
# One ray per (angle, bin): in row i it passes column + i * column_step, t + i * t_step of the way from its first
# crystal to its second. A steep ray is one that walks along x, through columns instead of rows.
RAY = np.dtype(
    [(name, "f8") for name in ("column", "column_step", "t", "t_step", "step", "length")]
    + [(name, "i8") for name in ("first", "last", "steep")],
    align=True,
)
# One segment of planes: its rays pass z = base + slope * (1/2 - t) + plane. Its planes lie at start in a work array,
# with a zero before them and zeros behind, up to a multiple of the processor's vector length.
SEGMENT = np.dtype(
    [(name, "f8") for name in ("base", "slope", "rise")]
    + [(name, "i8") for name in ("first", "planes", "start", "lanes")],
    align=True,
)
LANES = 16  # floats in the widest vector of today's processors (AVX-512)


@dataclass(frozen=True, eq=False)
class Rays:
    """The lines of a sinogram through a field of view: all that `Loops` and `Kernels` are given.

    They walk through a work array (side, side, depth): the voxel columns of the field of view, with z as the fastest
    axis and EDGE empty columns on each side.

    Attributes
    ----------
    image_shape : tuple of int
        (z, y, x).
    lines : (angle, bin) RAY
        Of all angles of a scanner, or of some.
    segments : (segment,) SEGMENT
    multiplicity : (plane,) float32
        Ring pairs that a plane sums.
    box : slice
        Rows of the image, and columns, that the field of view reaches.
    inside : (row, column) bool
        Voxels of the box whose centre is in the field of view.
    depth, floor : int
        Length of a voxel column, and where plane 0 of the image is in it.
    """

    image_shape: tuple
    lines: np.ndarray
    segments: np.ndarray
    multiplicity: np.ndarray
    box: slice
    inside: np.ndarray
    depth: int
    floor: int

    @property
    def sinogram_shape(self):
        """(plane, angle, bin)."""
        return (len(self.multiplicity), *self.lines.shape)

    @property
    def side(self):
        """Columns, and rows, of the work array."""
        return len(self.inside) + 2 * EDGE

    @property
    def width(self):
        """Planes of all segments side by side, with the zeros between them."""
        return int(self.segments["start"][-1] + self.segments["lanes"][-1])

    def subset(self, k, of):
        """The rays of angles k, k + of, k + 2 of, ..."""
        return replace(self, lines=np.ascontiguousarray(self.lines[k::of]))

    def inside_box(self, box):
        """The same rays for an image that is cut to the rows and columns of a box around the field of view."""
        size = box.stop - box.start
        within = slice(self.box.start - box.start, self.box.stop - box.start)
        return replace(self, image_shape=(self.image_shape[0], size, size), box=within)


def rays_through(scanner, radius):
    """All lines of a scanner through a field of view of `radius` mm, as `Rays`."""
    _, y, x = scanner.axes()
    inside = np.hypot(y[:, None], x) <= radius
    columns = np.flatnonzero(inside.any(axis=0))
    box = slice(int(columns[0]), int(columns[-1]) + 1)
    segments, depth, floor = _segments(scanner)
    lines, multiplicity = _lines(scanner, radius, box), scanner.multiplicity().astype(np.float32)
    return Rays(scanner.image_shape, lines, segments, multiplicity, box, inside[box, box], depth, floor)


def _lines(scanner, radius, box):
    """Each bin's ray in voxels of the field of view, as (angle, bin) records."""
    _, y, x = scanner.axes()
    width = scanner.column_width
    crystal = scanner.crystals()
    place = np.stack([(y[box][0] - crystal[:, 1]) / width, (crystal[:, 0] - x[box][0]) / width], axis=1) + EDGE
    c0, c1 = scanner.bin_crystals()
    start, run = place[c0], place[c1] - place[c0]  # (angle, bin, 2): row and column
    steep = abs(run[..., 0]) < abs(run[..., 1])
    start, run = np.where(steep[..., None], start[..., ::-1], start), np.where(steep[..., None], run[..., ::-1], run)

    ray = np.zeros(steep.shape, RAY)
    ray["steep"] = steep
    ray["t_step"] = 1 / run[..., 0]
    ray["t"] = -start[..., 0] / run[..., 0]
    ray["column_step"] = run[..., 1] / run[..., 0]
    ray["column"] = start[..., 1] + ray["t"] * run[..., 1]
    ray["length"] = np.hypot(*np.moveaxis(run, -1, 0)) * width
    ray["step"] = ray["length"] / abs(run[..., 0])
    # The rows between the crystals in which the ray is within a voxel of the field of view: a quadratic's roots.
    middle, reach = (scanner.columns - 1) / 2 - box.start + EDGE, radius / width + 1
    a = 1 + ray["column_step"] ** 2
    b = ray["column_step"] * (ray["column"] - middle) - middle
    c = middle**2 + (ray["column"] - middle) ** 2 - reach**2
    seen = scanner.live() & (b**2 > a * c)
    root = np.sqrt(np.maximum(b**2 - a * c, 0))
    side = box.stop - box.start + 2 * EDGE
    ends = np.sort([start[..., 0], start[..., 0] + run[..., 0]], axis=0)
    first = np.clip(np.ceil(np.maximum((-b - root) / a, ends[0])), 0, side).astype(int)
    last = np.clip(np.floor(np.minimum((-b + root) / a, ends[1])) + 1, 0, side).astype(int)
    ray["first"], ray["last"] = first, np.where(seen, last, first)
    return ray


def _segments(scanner):
    """The scanner's segments as records, the length of a padded voxel column, and where z = 0 is in it."""
    table = scanner.segments()
    floor = max(1, *(int(np.ceil(abs(s.mean))) - s.offset + 1 for s in table))
    rows = np.zeros(len(table), SEGMENT)
    start = 1
    for row, s in zip(rows, table, strict=True):
        lanes = -(-(s.planes + 1) // LANES) * LANES
        row["base"], row["slope"], row["rise"] = s.offset + floor, 2 * s.mean, s.mean * scanner.ring_pitch
        row["first"], row["planes"], row["start"], row["lanes"] = s.first, s.planes, start, lanes
        start += lanes + 1
    top = max(row["base"] + abs(row["slope"]) / 2 + row["lanes"] + 2 for row in rows)
    depth = int(-(-max(top, floor + scanner.image_shape[0]) // LANES) * LANES)
    return rows, depth, floor
