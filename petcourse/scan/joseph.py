"""Line integrals by Joseph's method, compiled by Numba: the two loops that take all the time.

A ray walks through the image one voxel row after the other and interpolates in each row (Joseph 1982,
doi:10.1109/TMI.1982.4307572). Every plane of a sinogram repeats the same walk, shifted along the axis, so what is worked
out across the axis is used for all planes at once: with z as the fastest axis a "voxel" is a column of contiguous
numbers, and a whole segment of planes is one shifted addition. Both loops are the exact transpose of each other.
"""

import warnings
from functools import cache

import numpy as np
from numba import float32, from_dtype, int64, njit, types, uint64, void

from petcourse.scan.rays import RAY, SEGMENT

STEPS = 8  # rows that are added at a time, so that sums are loaded and stored once per eight
TILE_BINS, TILE_ROWS = 32, 16  # a tile's sums and voxels stay in the level-2 cache


def compiled(*signatures):
    """Compile now, and keep the machine code on disk for the next start where that is possible."""
    # Numbers may be added in another order, but NaN and infinity keep their meaning.
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}

    def decorate(function):
        try:
            return njit(list(signatures), cache=True, **options)(function)
        except (RuntimeError, OSError) as error:  # no folder that can be written, or a full disk
            warn_of_the_cache(getattr(error, "strerror", None) or "no folder can be written")
            return njit(list(signatures), **options)(function)

    return decorate


@cache  # all functions fail for the same reason: once is enough
def warn_of_the_cache(reason):
    """Say that every start will have to compile."""
    warnings.warn(
        f"The compiled projector could not be kept on disk ({reason}) and is compiled at each start: set "
        "NUMBA_CACHE_DIR to a folder that can be written and has room.",
        stacklevel=3,
    )


_rays = from_dtype(RAY)[:, ::1]
_segments = from_dtype(SEGMENT)[::1]
_factor = types.Array(float32, 3, "A", readonly=True)  # what a caller may have mapped from a file
_sinogram = types.Array(float32, 3, "C", readonly=True)


@njit(inline="always")
def _voxel_columns(ray, i, side, depth):
    """Where the two voxel columns of row i begin, and their weights: interpolation times step length."""
    at = ray.column + i * ray.column_step
    j = int(at)
    far = float32(at - j)
    step = float32(ray.step)
    if ray.steep:
        here, next_ = (j * side + i) * depth, ((j + 1) * side + i) * depth
    else:
        here, next_ = (i * side + j) * depth, (i * side + j + 1) * depth
    return uint64(here), uint64(next_), step * (float32(1) - far), step * far


@njit(inline="always")
def _seen(rays, angle0, angle1, bin0, bin1):
    """Whether any of the rays meets the field of view."""
    for a in range(angle0, angle1):
        for b in range(bin0, bin1):
            if rays[a, b].first < rays[a, b].last:
                return True
    return False


@njit(inline="always")
def _spread(column, image, ray, i, side, depth):
    """Add a column to the two voxel columns of row i that a ray passes between."""
    here, next_, near, far = _voxel_columns(ray, i, side, depth)
    for k in range(uint64(depth)):
        image[here + k] += near * column[k]
        image[next_ + k] += far * column[k]


@njit(inline="always")
def _obliquity(out, rays, rise, bin0, bin1):
    """How much longer each ray of a segment is than its shadow across the axis."""
    for b in range(bin0, bin1):
        out[b - bin0] = np.sqrt(1 + (rise / rays[b].length) ** 2)


@njit(inline="always")
def _add_steps(sums, first, lanes, columns, depth, z):
    """Add eight columns to a segment's planes, each interpolated at its own height z."""
    k0, k1, k2, k3 = uint64(z[0]), uint64(z[1]), uint64(z[2]), uint64(z[3])
    k4, k5, k6, k7 = uint64(z[4]), uint64(z[5]), uint64(z[6]), uint64(z[7])
    f0, f1, f2, f3 = float32(z[0] - k0), float32(z[1] - k1), float32(z[2] - k2), float32(z[3] - k3)
    f4, f5, f6, f7 = float32(z[4] - k4), float32(z[5] - k5), float32(z[6] - k6), float32(z[7] - k7)
    one = float32(1)
    e0, e1, e2, e3, e4, e5, e6, e7 = one - f0, one - f1, one - f2, one - f3, one - f4, one - f5, one - f6, one - f7
    k1, k2, k3, k4 = k1 + uint64(depth), k2 + uint64(2 * depth), k3 + uint64(3 * depth), k4 + uint64(4 * depth)
    k5, k6, k7, up = k5 + uint64(5 * depth), k6 + uint64(6 * depth), k7 + uint64(7 * depth), uint64(1)
    c = columns
    for k in range(lanes):
        sums[first + k] += (
            ((e0 * c[k0 + k] + f0 * c[k0 + up + k]) + (e1 * c[k1 + k] + f1 * c[k1 + up + k]))
            + ((e2 * c[k2 + k] + f2 * c[k2 + up + k]) + (e3 * c[k3 + k] + f3 * c[k3 + up + k]))
        ) + (
            ((e4 * c[k4 + k] + f4 * c[k4 + up + k]) + (e5 * c[k5 + k] + f5 * c[k5 + up + k]))
            + ((e6 * c[k6 + k] + f6 * c[k6 + up + k]) + (e7 * c[k7 + k] + f7 * c[k7 + up + k]))
        )


@compiled(void(float32[::1], int64, int64, _rays, _segments, float32[::1], _factor, int64, int64, float32[:, :, ::1]))
def project(image, side, depth, rays, segments, weight, factor, angle0, angle1, out):
    """Fill the angles [angle0, angle1) of a sinogram.

    ``image`` is (side, side, depth) flattened, with z fastest; ``weight`` multiplies each plane, ``factor`` each bin
    unless it is empty.
    """
    bins = rays.shape[1]
    width = segments[-1].start + segments[-1].lanes
    sums = np.empty((angle1 - angle0) * TILE_BINS * width, float32)
    columns = np.zeros(STEPS * depth, float32)
    half_t, z, oblique = np.zeros(STEPS), np.zeros(STEPS), np.empty((angle1 - angle0, TILE_BINS), float32)
    deep = uint64(depth)
    for bin0 in range(0, bins, TILE_BINS):
        bin1 = min(bin0 + TILE_BINS, bins)
        if not _seen(rays, angle0, angle1, bin0, bin1):
            out[:, angle0:angle1, bin0:bin1] = 0
            continue
        sums[:] = 0
        for row0 in range(0, side, TILE_ROWS):
            for a in range(angle0, angle1):
                for b in range(bin0, bin1):
                    ray = rays[a, b]
                    row1 = min(ray.last, row0 + TILE_ROWS)
                    here = ((a - angle0) * TILE_BINS + b - bin0) * width
                    for i0 in range(max(ray.first, row0), row1, STEPS):
                        for g in range(STEPS):
                            i, column = i0 + g, uint64(g) * deep
                            if i < row1:
                                p, q, near, far = _voxel_columns(ray, i, side, depth)
                                for k in range(deep):
                                    columns[column + k] = near * image[p + k] + far * image[q + k]
                                half_t[g] = 0.5 - (ray.t + i * ray.t_step)
                            else:
                                for k in range(deep):
                                    columns[column + k] = 0
                        for s in segments:
                            for g in range(STEPS):
                                z[g] = s.base + s.slope * half_t[g]
                            _add_steps(sums, uint64(here + s.start), uint64(s.lanes), columns, depth, z)
        for s in segments:
            for a in range(angle0, angle1):
                _obliquity(oblique[a - angle0], rays[a], s.rise, bin0, bin1)
            for plane in range(s.planes):
                for a in range(angle0, angle1):
                    here = (a - angle0) * TILE_BINS * width + s.start + plane
                    for b in range(bin1 - bin0):
                        value = sums[here + b * width] * oblique[a - angle0, b] * weight[s.first + plane]
                        if factor.size:
                            value *= factor[s.first + plane, a, bin0 + b]
                        out[s.first + plane, a, bin0 + b] = value


@compiled(void(_sinogram, _rays, _segments, float32[::1], _factor, int64, int64, int64, float32[::1]))
def gather_rays(sinogram, rays, segments, weight, factor, angle, angle0, angles, work):
    """Bring one angle of a sinogram into the order that `back_project` reads: all planes of a ray side by side."""
    bins = rays.shape[1]
    width = segments[-1].start + segments[-1].lanes
    oblique = np.empty(TILE_BINS, float32)
    for bin0 in range(0, bins, TILE_BINS):
        bin1 = min(bin0 + TILE_BINS, bins)
        if not _seen(rays, angle, angle + 1, bin0, bin1):
            continue
        tile = (bin0 * angles + (angle - angle0) * TILE_BINS) * width
        for s in segments:
            _obliquity(oblique, rays[angle], s.rise, bin0, bin1)
            for plane in range(s.first, s.first + s.planes):
                here = tile + s.start + plane - s.first
                for b in range(bin1 - bin0):
                    value = sinogram[plane, angle, bin0 + b] * oblique[b] * weight[plane]
                    if factor.size:
                        value *= factor[plane, angle, bin0 + b]
                    work[here + b * width] = value


@compiled(void(float32[::1], int64, int64, _rays, _segments, int64, int64, int64, int64, int64, float32[::1]))
def back_project(work, angle0, angle1, rays, segments, steep, row0, row1, side, depth, image):
    """Add the rays of some angles to the image rows [row0, row1), which no other thread touches meanwhile."""
    bins, angles = rays.shape[1], angle1 - angle0
    width = segments[-1].start + segments[-1].lanes
    column0, column1 = np.empty(depth, float32), np.empty(depth, float32)
    up = uint64(1)
    for bin0 in range(0, bins, TILE_BINS):
        for a in range(angle0, angle1):
            for b in range(bin0, min(bin0 + TILE_BINS, bins)):
                ray = rays[a, b]
                if ray.steep != steep:
                    continue
                here = (bin0 * angles + (a - angle0) * TILE_BINS + b - bin0) * width
                last = min(row1, ray.last)
                for i in range(max(row0, ray.first), last, 2):  # two rows at a time read the ray's planes once
                    column0[:] = 0
                    column1[:] = 0
                    i1 = min(i + 1, last - 1)
                    for s in segments:
                        z0 = s.base + s.slope * (0.5 - (ray.t + i * ray.t_step))
                        z1 = s.base + s.slope * (0.5 - (ray.t + i1 * ray.t_step))
                        k0, k1, w = uint64(z0), uint64(z1), uint64(here + s.start - 1)
                        f0, f1 = float32(z0 - k0), float32(z1 - k1)
                        e0, e1 = float32(1) - f0, float32(1) - f1
                        for k in range(uint64(s.lanes)):
                            below, above = work[w + k], work[w + up + k]
                            column0[k0 + k] += e0 * above + f0 * below
                            column1[k1 + k] += e1 * above + f1 * below
                    _spread(column0, image, ray, i, side, depth)
                    if i1 > i:
                        _spread(column1, image, ray, i1, side, depth)
