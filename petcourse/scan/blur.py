"""A blur along one axis after the other, compiled by Numba: the loops of H on the CPU."""

import numpy as np
from numba import float32, int64, types, void

from petcourse.scan.joseph import compiled

_image = types.Array(float32, 3, "A", readonly=True)
_weights, _rows = float32[::1], int64[::1]


@compiled(void(_image, _weights, _rows, int64, int64, float32[:, :, ::1]))
def blur_across_planes(image, weights, planes, first, last, out):
    """Blur the rows [first, last) of each plane along z; ``planes[i + k]`` is what weight k takes for plane i."""
    reach = len(weights) // 2
    for z in range(len(image)):
        for y in range(first, last):
            total, middle = out[z, y], image[z, y]
            for x in range(len(total)):
                total[x] = weights[reach] * middle[x]
            for k in range(reach):
                one, other, weight = image[planes[z + k], y], image[planes[z + 2 * reach - k], y], weights[k]
                for x in range(len(total)):
                    total[x] += weight * (one[x] + other[x])


@compiled(void(float32[:, :, ::1], _weights, _rows, _weights, _rows, int64, int64, float32[:, :, ::1]))
def blur_within_planes(image, weights_y, rows, weights_x, columns, first, last, out):
    """Blur the planes [first, last) along y, then x."""
    reach_y, reach_x, size = len(weights_y) // 2, len(weights_x) // 2, image.shape[2]
    row, padded = np.empty(size, float32), np.empty(len(columns), float32)
    for z in range(first, last):
        for y in range(image.shape[1]):
            middle = image[z, y]
            for x in range(size):
                row[x] = weights_y[reach_y] * middle[x]
            for k in range(reach_y):
                one, other, weight = image[z, rows[y + k]], image[z, rows[y + 2 * reach_y - k]], weights_y[k]
                for x in range(size):
                    row[x] += weight * (one[x] + other[x])
            padded[reach_x : reach_x + size] = row
            for x in range(reach_x):
                padded[x] = row[columns[x]]
                padded[reach_x + size + x] = row[columns[reach_x + size + x]]
            total = out[z, y]
            for x in range(size):
                total[x] = weights_x[reach_x] * row[x]
            for k in range(reach_x):
                one, other, weight = padded[k : k + size], padded[2 * reach_x - k :], weights_x[k]
                for x in range(size):
                    total[x] += weight * (one[x] + other[x])
