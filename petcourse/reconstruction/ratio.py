"""Measured over expected counts, and the log-likelihood: one pass over a sinogram."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
from numba import boolean, float32, float64, int16, types

from petcourse.hardware.device import module_of
from petcourse.hardware.machine import available_cores
from petcourse.scan.joseph import compiled
from petcourse.scan.kernels import kernels

TINY = np.finfo(np.float32).tiny
PLANES = 64  # at a time, for a thread
SOURCE = Path(__file__).with_name("ratio.cu")
BLOCKS, THREADS = 1024, 256
OPTIONS, KINDS = (f"-DTHREADS={THREADS}", f"-DTINY={TINY}f"), {"int16": "short", "float32": "float"}


def divide(m, y, r, likelihood=False):
    """Put ``m / (y + r)`` into ``y``, 0 where nothing is expected and nothing was measured.

    Parameters
    ----------
    m, y, r : (plane, angle, bin)
        Measured counts, expected trues (float32, overwritten) and mean randoms (float32).
    likelihood : bool
        Whether to compute the log-likelihood.

    Returns
    -------
    log_likelihood : float
        ``sum(m log(y + r) - (y + r))``; NaN if it is not asked for.

    Raises
    ------
    ValueError
        If a bin counted that expects nothing.
    """
    m = m if m.dtype in (np.int16, np.float32) else m.astype(np.float32)
    impossible, total = (_divide_on_cpu if module_of(m) is np else _divide_on_gpu)(m, y, r, likelihood)
    if impossible:
        raise ValueError(
            f"{impossible:.0f} bins counted although neither image nor randoms reach them: check that radius, randoms and "
            "attenuation belong to these data."
        )
    return float(total) if likelihood else float("nan")


def _divide_on_cpu(m, y, r, likelihood):
    """The number of impossible bins, and the sum."""
    parts = [slice(i, i + PLANES) for i in range(0, len(m), PLANES)]
    with ThreadPoolExecutor(available_cores()) as pool:
        return np.sum(list(pool.map(lambda part: divide_planes(m[part], y[part], r[part], likelihood), parts)), axis=0)


def _counts(kind):
    """Signature for counts of one type, laid out in any way; each the smallest part of a larger array."""
    some = types.Array(float32, 3, "A", readonly=True)
    return types.UniTuple(float64, 2)(types.Array(kind, 3, "A", readonly=True), float32[:, :, :], some, boolean)


@compiled(_counts(int16), _counts(float32))
def divide_planes(m, y, r, likelihood):
    """The same for some planes."""
    impossible, total = 0.0, 0.0
    angles = m.shape[1]
    for i in range(len(m) * angles):
        counts, mean, randoms = m[i // angles, i % angles], y[i // angles, i % angles], r[i // angles, i % angles]
        for b in range(len(counts)):
            mean[b] += randoms[b]
            impossible += (mean[b] <= 0) & (counts[b] > 0)
            mean[b] = max(mean[b], TINY)
        if likelihood:
            for b in range(len(counts)):
                total += counts[b] * np.log(mean[b]) - mean[b]
        for b in range(len(counts)):
            mean[b] = counts[b] / mean[b]
    return impossible, total


def _divide_on_gpu(m, y, r, likelihood):
    """The same by one kernel, for all planes."""
    xp = module_of(m)
    blocks = min(BLOCKS, -(-y.size // THREADS))
    sums = xp.zeros((blocks, 2), np.float64)
    numbers = (np.int32(n) for n in (y.size, blocks, likelihood))
    given = (xp.ascontiguousarray(m), xp.ascontiguousarray(r), *numbers, sums, y)
    _kernel(m.dtype.name, xp.cuda.Device().id)((blocks,), (THREADS,), given)
    return sums.sum(axis=0).get()


@cache
def _kernel(kind, device):
    """The kernel for counts of one type, loaded on one GPU."""
    return kernels(SOURCE, (f"-DKIND={KINDS[kind]}", *OPTIONS), ["divide_bins"])[0]
