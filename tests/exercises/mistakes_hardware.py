"""Typical mistakes in the exercises of notebook 00, what the check must say, and right answers in other words."""

from fractions import Fraction

import numpy as np


def counted(numbers, size, gigabyte=1e9):
    return lambda shape, dtype, gb: gb * gigabyte // (numbers(shape) * size(np.dtype(dtype).itemsize))


def back(near, far, add=np.add.at):
    def function(at, value, n):
        row, j = np.zeros(n), at.astype(int)
        add(row, j, near(at - j) * value)
        add(row, j + 1, far(at - j) * value)
        return row

    return function


def last_wins(row, j, values):
    row[j] += values


def loop(at, value, n):
    row = np.zeros(n)
    for k in range(len(at)):
        j = int(at[k])
        row[j] += (1 - (at[k] - j)) * value[k]
        row[j + 1] += (at[k] - j) * value[k]
    return row


MISTAKES = {
    "how_many_fit": [
        ((counted(np.prod, lambda size: 1),), "counts as one byte"),
        ((counted(np.prod, lambda size: 8 * size),), "a byte has 8"),
        ((counted(sum, lambda size: size),), "the axes are added"),
        ((counted(np.prod, lambda size: size, 2**30),), "2\\*\\*30 bytes are a GiB"),
        ((counted(np.prod, lambda size: size, 1),), "takes bytes for gigabytes"),
        ((counted(np.prod, lambda size: 4),), "float64 is not"),
        ((lambda shape, dtype, gb: gb * 1e9 / (np.prod(shape) * np.dtype(dtype).itemsize),), "round down"),
        ((lambda shape, dtype, gb: round(gb * 1e9 / (np.prod(shape) * np.dtype(dtype).itemsize)),), "round down"),
        ((lambda shape, dtype, gb: 24e9 // (np.prod(shape) * np.dtype(dtype).itemsize),), "room for none"),
        ((lambda shape, dtype, gb: gb * 1e9 // (np.prod(shape[1:]) * 4),), "8.4e\\+02 times"),
        ((lambda shape, dtype, gb: "82",), "a number is wanted"),
    ],
    "back_projection": [
        ((back(lambda far: 1 - far, lambda far: far, last_wins),), "only the last has counted"),
        ((back(lambda far: far, lambda far: 1 - far),), "weights are exchanged"),
        ((back(lambda far: 1 - far, lambda far: 0 * far),), "voxels j \\+ 1 get nothing"),
        ((back(lambda far: 0 * far, lambda far: far),), "voxels j get nothing"),
        ((back(lambda far: 1, lambda far: 1),), "weights are missing"),
        ((loop,), "there is a loop"),
        ((lambda at, value, n: sum([loop(at[k : k + 1], value[k : k + 1], n) for k in range(len(at))]),), "is a loop"),
        ((lambda at, value, n: at * value,), "shape \\(7,\\), but \\(6,\\)"),
        ((lambda at, value, n: back(np.cos, np.sin)(at.astype(int), value, n),), "differs from the reference"),
    ],
    "float32_counter": [
        ((20_000_000,), "24 binary digits"),
        ((2**31 - 1,), "int32 ends"),
        ((np.finfo(np.float32).max,), "largest float32"),
        ((2**23,), "half of it"),
        ((1e7,), "later than at 10000000"),
        ((19_000_000,), "earlier than at 19000000"),
        (("2**24",), "a number is wanted"),
    ],
}


def offsets(at, value, n):
    j, row = at.astype(int), np.zeros(n)
    for k, weight in ((j, 1 - (at - j)), (j + 1, at - j)):
        np.add.at(row, k, weight * value)
    return row


def counts(at, value, n):
    j, far = at.astype(int), at % 1
    return np.bincount(j, (1 - far) * value, n) + np.bincount(1 + j, far * value, n)


RIGHT = [
    ("back_projection", [offsets]),
    ("back_projection", [counts]),
    ("how_many_fit", [lambda s, d, gb: np.floor(gb * 1e9 / np.zeros(s, d).nbytes)]),
    ("float32_counter", [2**24]),
    ("float32_counter", [Fraction(2**24)]),
]
