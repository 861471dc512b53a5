"""The exercises of notebook 00."""

import math

import numpy as np

from petcourse.exercises import Wrong, call, call_array, compare, exercise, number
from petcourse.scan.scanner import Scanner

SHAPE = Scanner.mmr().sinogram_shape
NUMBERS = math.prod(SHAPE)


def _fit(per_number, gigabyte=1e9, numbers=NUMBERS):
    return 24 * gigabyte / (numbers * per_number)


@exercise(
    second='int(gigabytes * 1e9 // (np.prod(shape) * np.dtype(dtype).itemsize)); itemsize is 4 for "float32".',
    right="count before you compute: this is why notebook 02 deletes sinograms as soon as it can.",
)
def how_many_fit(fit):
    """Notebook 00: whole arrays in a memory, ``fit(shape, dtype, gigabytes)``."""
    got, want = number(call(fit, SHAPE, "float32", 24.0)), math.floor(_fit(4))
    said = f"{got:.4g} float32 arrays of shape {SHAPE} in 24 GB:"
    for wrong, what, hint in (
        (_fit(1), "each number counts as one byte.", "a float32 has 32 bits, and a byte has 8."),
        (_fit(32), "each number counts as 32 bytes.", "32 are its bits, and a byte has 8."),
        (_fit(4, numbers=sum(SHAPE)), "the axes are added.", "an array of shape (2, 3) holds 6 numbers, not 5."),
        (_fit(4, 2**30), "that takes 2**30 bytes for a GB.", "2**30 bytes are a GiB; a GB is 1e9 bytes."),
        (_fit(4) / 1e9, "that takes bytes for gigabytes.", "a GB is 1e9 bytes."),
    ):
        if math.floor(wrong) == math.floor(got):
            raise Wrong(f"{said} {what}", hint)
    if got != want and abs(got - want) <= 1:
        raise Wrong(f"{said} the last of them is not whole.", "half an array is no array: round down.")
    if got != want:
        raise Wrong(f"{said} that is {got / want:.2g} times what it should be.", "memory by numbers times bytes.")
    if number(call(fit, SHAPE, "float64", 24.0)) != math.floor(_fit(8)):
        raise Wrong("float32 is right, float64 is not.", "ask the dtype for its size: it has twice the bytes.")
    if number(call(fit, SHAPE, "float32", 0.2)) != 0:
        raise Wrong("in 0.2 GB there is room for none.", "use the memory that is given, and round down.")


AT = np.array([0.25, 2.5, 2.25, 4.0, 1.75, 2.75, 3.5])  # three lines pass between the voxels 2 and 3
VALUE = np.array([1.0, 2.0, 4.0, 3.0, 5.0, 0.5, 2.0])
VOXELS = 6


def _back(near=lambda far: 1 - far, far=lambda far: far):
    row = np.zeros(VOXELS)
    for at, value in zip(AT, VALUE, strict=True):
        j = int(at)
        row[j] += near(at - j) * value
        row[j + 1] += far(at - j) * value
    return row


def _last_only():
    row, j = np.zeros(VOXELS), AT.astype(int)
    row[j] += (1 - (AT - j)) * VALUE
    row[j + 1] += (AT - j) * VALUE
    return row


class _Lines(np.ndarray):
    """The values of all lines, which cannot be taken out one by one."""

    def __getitem__(self, key):
        if isinstance(key, (int, np.integer)):
            hint = "j, far and value hold all lines: add them in one go."
            raise Wrong("the row is right, but there is a loop over the lines.", hint)
        return super().__getitem__(key)

    def __iter__(self):
        return (self[k] for k in range(len(self)))


@exercise(
    second="np.add.at(row, j, (1 - far) * value), the same for j + 1 with far, then return row.",
    right="you have back projected: this is one row of X.T. The same trap waits on a GPU, where threads add at once.",
)
def back_projection(back):
    """Notebook 00: lines laid back into a row of voxels, ``back(at, value, n)``."""
    got = call_array(back, AT, VALUE, VOXELS)
    for wrong, what, hint in (
        (
            _last_only(),
            "where several lines meet one voxel, only the last has counted.",
            "row[j] += ... reads all, adds, and writes all: the last write wins. See np.add.at or np.bincount.",
        ),
        (
            _back(lambda far: far, lambda far: 1 - far),
            "the weights are exchanged.",
            "far is the distance from j: the nearer voxel gets more.",
        ),
        (_back(far=lambda far: 0), "the voxels j + 1 get nothing.", "a line is shared by two voxels."),
        (_back(near=lambda far: 0), "the voxels j get nothing.", "a line is shared by two voxels."),
        (_back(lambda far: 1, lambda far: 1), "the weights are missing.", "1 - far for j, far for j + 1."),
    ):
        if got.shape == wrong.shape and np.allclose(got, wrong):
            raise Wrong(what, hint)
    compare(got, _back(), "the row", axes=("voxel",))
    call(back, AT.view(_Lines), VALUE.view(_Lines), VOXELS)


@exercise(
    second="try it: np.ones(20_000_000, np.float32).cumsum()[-1].",
    right="2**24: the next float32 is 2 further on. So long sums take dtype=np.float64, as in notebook 02.",
)
def float32_counter(stops_at):
    """Notebook 00: where a float32 counter stops."""
    got, one, stop = number(stops_at), np.float32(1), np.float32(1)
    while stop + one != stop:
        stop *= 2
    stop = float(stop)
    if got == 20_000_000:
        raise Wrong("it does not get there.", "a float32 has 24 binary digits: which whole numbers does it hold?")
    if got in (2**31, 2**31 - 1, 2**32, 2**32 - 1):
        raise Wrong("that is where an int32 ends.", "of the 32 bits of a float32, 8 are spent on the exponent.")
    if got > 1e38:
        raise Wrong("that is the largest float32.", "it holds large numbers, but not their last digits.")
    if got == stop / 2:
        raise Wrong("that is half of it.", "23 binary digits are stored, and the leading 1 is not.")
    if got != stop:
        text = f"it stops {'later' if got < stop else 'earlier'} than at {got:.10g}."
        raise Wrong(text, "from which x on is x + 1 == x in float32?")
