"""The loops of single scatter simulation, compiled by Numba."""

import numpy as np
from numba import boolean, float32, float64, int64, void

from petcourse.scan.joseph import compiled

LEAST = 1e-4  # of the most likely angle: what is less likely is left out

_places, _matrix = float64[:, ::1], float64[:, ::1]


@compiled(void(float32[:, :, ::1], float64[::1], _places, _places, int64, int64, _matrix))
def integrate_lines(image, voxel, points, detectors, first, last, lines):
    """Integrate an image, centred on the axis, from each of some points to each detector, between its voxels linearly."""
    depth, rows, columns = image.shape
    step = voxel.min() / 2
    for n in range(first, last):
        for d in range(len(detectors)):
            dz, dy, dx = detectors[d, 0] - points[n, 0], detectors[d, 1] - points[n, 1], detectors[d, 2] - points[n, 2]
            steps = int(np.sqrt(dz**2 + dy**2 + dx**2) / step)
            length = np.sqrt(dz**2 + dy**2 + dx**2)
            z, y = points[n, 0] / voxel[0] + (depth - 1) / 2, -points[n, 1] / voxel[1] + (rows - 1) / 2
            x = points[n, 2] / voxel[2] + (columns - 1) / 2
            z_step, y_step, x_step = dz / voxel[0] / steps, -dy / voxel[1] / steps, dx / voxel[2] / steps
            total = 0.0
            for i in range(steps):
                at_z, at_y, at_x = z + (i + 0.5) * z_step, y + (i + 0.5) * y_step, x + (i + 0.5) * x_step
                if not (0 <= at_z < depth - 1 and 0 <= at_y < rows - 1 and 0 <= at_x < columns - 1):
                    break  # the image is convex: who has left it does not come back
                k, j, c = int(at_z), int(at_y), int(at_x)
                fz, fy, fx = at_z - k, at_y - j, at_x - c
                below = (1 - fy) * ((1 - fx) * image[k, j, c] + fx * image[k, j, c + 1]) + fy * (
                    (1 - fx) * image[k, j + 1, c] + fx * image[k, j + 1, c + 1]
                )
                above = (1 - fy) * ((1 - fx) * image[k + 1, j, c] + fx * image[k + 1, j, c + 1]) + fy * (
                    (1 - fx) * image[k + 1, j + 1, c] + fx * image[k + 1, j + 1, c + 1]
                )
                total += (1 - fz) * below + fz * above
            lines[n, d] = total * length / steps


@compiled(void(_places, float64[::1], _places, _places, _matrix, _matrix, _matrix, int64, int64, _matrix))
def add_pairs_of_detectors(points, strength, detectors, normals, activity, attenuation, table, first, last, pairs):
    """Fill ``pairs[a, b]`` for a in [first, last) and b > a: the sum over all points, as a line integral from a to b."""
    count, entries = len(detectors), table.shape[1]
    z, y, x = np.empty(count), np.empty(count), np.empty(count)
    solid, through = np.empty(count), np.empty(count)
    least = LEAST * table[0].max()
    for n in range(len(points)):
        for d in range(first, count):
            z[d], y[d], x[d] = (
                detectors[d, 0] - points[n, 0],
                detectors[d, 1] - points[n, 1],
                detectors[d, 2] - points[n, 2],
            )
            r = np.sqrt(z[d] ** 2 + y[d] ** 2 + x[d] ** 2)
            z[d], y[d], x[d] = z[d] / r, y[d] / r, x[d] / r
            solid[d] = abs(normals[d, 0] * z[d] + normals[d, 1] * y[d] + normals[d, 2] * x[d]) / r**2
            through[d] = activity[n, d] * np.exp(-attenuation[n, d])
        for a in range(first, last):
            for b in range(a + 1, count):
                cosine = -(z[a] * z[b] + y[a] * y[b] + x[a] * x[b])
                at = (min(max(cosine, -1.0), 1.0) + 1) / 2 * (entries - 1)
                i = min(int(at), entries - 2)
                f = at - i
                likely = (1 - f) * table[0, i] + f * table[0, i + 1]
                if likely < least:
                    continue
                softer = (1 - f) * table[1, i] + f * table[1, i + 1]
                seen = through[a] * np.exp(-softer * attenuation[n, b]) + through[b] * np.exp(
                    -softer * attenuation[n, a]
                )
                pairs[a, b] += strength[n] * likely * solid[a] * solid[b] * seen
    for a in range(first, last):
        for b in range(a + 1, count):
            dz, dy, dx = (
                detectors[b, 0] - detectors[a, 0],
                detectors[b, 1] - detectors[a, 1],
                detectors[b, 2] - detectors[a, 2],
            )
            square = dz**2 + dy**2 + dx**2
            cos_a = abs(normals[a, 0] * dz + normals[a, 1] * dy + normals[a, 2] * dx) / np.sqrt(square)
            cos_b = abs(normals[b, 0] * dz + normals[b, 1] * dy + normals[b, 2] * dx) / np.sqrt(square)
            pairs[a, b] *= square / (cos_a * cos_b) if cos_a * cos_b > 0 else 0.0


@compiled(
    void(_matrix, float64[::1], float64[::1], _matrix, _matrix, boolean[:, ::1], float32[::1], int64, int64,
         float32[:, :, ::1])
)  # fmt: skip
def interpolate_planes(pairs, ring0, ring1, around0, around1, live, weight, first, last, s):
    """Fill the planes [first, last): between rings, then between detectors around them, linearly; times a weight."""
    rings = int(max(ring0.max(), ring1.max())) + 1
    around = len(pairs) // rings
    square = np.empty((around, around))
    for plane in range(first, last):
        i0, i1 = min(int(ring0[plane]), max(rings - 2, 0)), min(int(ring1[plane]), max(rings - 2, 0))
        j0, j1 = min(i0 + 1, rings - 1), min(i1 + 1, rings - 1)
        f0, f1 = ring0[plane] - i0, ring1[plane] - i1
        for p in range(around):
            for q in range(around):
                square[p, q] = (1 - f0) * (
                    (1 - f1) * pairs[i0 * around + p, i1 * around + q] + f1 * pairs[i0 * around + p, j1 * around + q]
                ) + f0 * (
                    (1 - f1) * pairs[j0 * around + p, i1 * around + q] + f1 * pairs[j0 * around + p, j1 * around + q]
                )
        for angle in range(s.shape[1]):
            for b in range(s.shape[2]):
                if live[angle, b]:
                    p, q = int(around0[angle, b]), int(around1[angle, b])
                    g, h = around0[angle, b] - p, around1[angle, b] - q
                    p1, q1 = (p + 1) % around, (q + 1) % around
                    value = (1 - g) * ((1 - h) * square[p, q] + h * square[p, q1])
                    s[plane, angle, b] = weight[plane] * (value + g * ((1 - h) * square[p1, q] + h * square[p1, q1]))
