"""The exercises of notebook 00."""

import math
import sys

import numpy as np

from petcourse.exercises import Wrong, call, call_array, compare, exercise, number
from petcourse.scan.scanner import Scanner

SHAPE = Scanner.mmr().sinogram_shape
NUMBERS = math.prod(SHAPE)


@exercise(
    second='int(gigabytes * 1e9 // (np.prod(shape) * np.dtype(dtype).itemsize)); itemsize is 4 for "float32".',
    right="count before you compute: this is why notebook 02 deletes sinograms as soon as it can.",
)
def how_many_fit(fit):
    """Notebook 00: whole arrays in a memory, ``fit(shape, dtype, gigabytes)``."""
    answer, right = number(call(fit, SHAPE, "float32", 24.0)), 24e9 // (4 * NUMBERS)
    mistakes = [
        (24e9 // NUMBERS, "each number counts as one byte.", "a float32 has 32 bits, and a byte has 8."),
        (24e9 // (32 * NUMBERS), "each number counts as 32 bytes.", "32 are its bits, and a byte has 8."),
        (24e9 // (4 * sum(SHAPE)), "the axes are added.", "an array of shape (2, 3) holds 6 numbers, not 5."),
        (24 * 2**30 // (4 * NUMBERS), "that takes 2**30 bytes for a GB.", "2**30 bytes are a GiB; a GB is 1e9 bytes."),
        (24 // (4 * NUMBERS), "that takes bytes for gigabytes.", "a GB is 1e9 bytes."),
        (abs(answer - right) <= 1, "the last of them is not whole.", "half an array is no array: round down."),
        (True, f"that is {answer / right:.2g} times what it should be.", "memory by numbers times bytes."),
    ]
    prefix = f"{answer:.4g} float32 arrays of shape {SHAPE} in 24 GB: "
    compare(np.floor(answer), answer == right, mistakes, prefix=prefix)
    if number(call(fit, SHAPE, "float64", 24.0)) != 24e9 // (8 * NUMBERS):
        raise Wrong("float32 is right, float64 is not.", "ask the dtype for its size: it has twice the bytes.")
    if number(call(fit, SHAPE, "float32", 0.2)) != 0:
        raise Wrong("in 0.2 GB there is room for none.", "use the memory that is given, and round down.")


AT = np.array([0.25, 2.5, 2.25, 4.0, 1.75, 2.75, 3.5])  # three lines pass between the voxels 2 and 3
VALUE = np.array([1.0, 2.0, 4.0, 3.0, 5.0, 0.5, 2.0])
J = AT.astype(int)
FAR = AT - J
ONCE = np.zeros(6)  # what is left where several lines meet one voxel, and each writes over the one before
ONCE[J] += (1 - FAR) * VALUE
ONCE[J + 1] += FAR * VALUE


def _row(near, far):
    """Lay the lines back into six voxels, with these weights for the voxels j and j + 1."""
    return np.bincount(J, near * VALUE, 6) + np.bincount(J + 1, far * VALUE, 6)


def _steps(function, *arguments):
    """How many lines of Python a call runs through; those in a loop count every time."""
    steps, before = 0, sys.gettrace()

    def count(frame, event, argument):
        nonlocal steps
        steps += event == "line"
        return count

    sys.settrace(count)
    try:
        call(function, *arguments)
    finally:
        sys.settrace(before)
    return steps


@exercise(
    second="np.add.at(row, j, (1 - far) * value), the same for j + 1 with far, then return row.",
    right="you have back projected: this is one row of X.T. The same trap waits on a GPU, where threads add at once.",
)
def back_projection(back):
    """Notebook 00: lines laid back into a row of voxels, ``back(at, value, n)``."""
    overwritten = "where several lines meet one voxel, only the last has counted."
    last_write = "row[j] += ... reads all, adds, and writes all: the last write wins. See np.add.at or np.bincount."
    mistakes = [
        (ONCE, overwritten, last_write),
        (_row(FAR, 1 - FAR), "the weights are exchanged.", "far is the distance from j: the nearer voxel gets more."),
        (_row(1 - FAR, 0), "the voxels j + 1 get nothing.", "a line is shared by two voxels."),
        (_row(0, FAR), "the voxels j get nothing.", "a line is shared by two voxels."),
        (_row(1, 1), "the weights are missing.", "1 - far for j, far for j + 1."),
    ]
    compare(call_array(back, AT, VALUE, 6), _row(1 - FAR, FAR), mistakes, "the row", axes=("voxel",))
    few, many = (_steps(back, np.tile(AT, n), np.tile(VALUE, n), 6) for n in (1, 10))
    if many - few >= AT.size:
        hint = "j, far and value hold all lines: add them in one go."
        raise Wrong("the row is right, but there is a loop over the lines.", hint)


@exercise(
    second="try it: np.ones(20_000_000, np.float32).cumsum()[-1].",
    right="2**24: the next float32 is 2 further on. So long sums take dtype=np.float64, as in notebook 02.",
)
def float32_counter(stops_at):
    """Notebook 00: where a float32 counter stops."""
    answer, right = number(stops_at), 1.0
    while np.float32(right) + np.float32(1) != right:
        right *= 2
    int32 = answer in (2**31, 2**31 - 1, 2**32, 2**32 - 1)
    stops = f"it stops {'later' if answer < right else 'earlier'} than at {answer:.10g}."
    mistakes = [
        (20_000_000, "it does not get there.", "a float32 has 24 binary digits: which whole numbers does it hold?"),
        (int32, "that is where an int32 ends.", "of the 32 bits of a float32, 8 are spent on the exponent."),
        (answer > 1e38, "that is the largest float32.", "it holds large numbers, but not their last digits."),
        (right / 2, "that is half of it.", "23 binary digits are stored, and the leading 1 is not."),
        (True, stops, "from which x on is x + 1 == x in float32?"),
    ]
    compare(answer, right, mistakes, tolerance=0)
