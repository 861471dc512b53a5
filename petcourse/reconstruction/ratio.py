"""Measured over expected counts, and the log-likelihood: one pass over a sinogram."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import boolean, float32, float64, int16, types

from petcourse.hardware.device import module_of
from petcourse.hardware.machine import available_cores
from petcourse.scan.joseph import compiled

TINY = np.finfo(np.float32).tiny
PLANES = 64  # at a time: enough to do for a thread or a GPU, and little memory


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
    work = divide_planes if module_of(m) is np else _divide_arrays
    m = m if m.dtype in (np.int16, np.float32) else m.astype(np.float32)
    with ThreadPoolExecutor(available_cores() if work is divide_planes else 1) as pool:
        parts = [slice(i, i + PLANES) for i in range(0, len(m), PLANES)]
        sums = list(pool.map(lambda part: work(m[part], y[part], r[part], likelihood), parts))
    impossible, total = np.sum(sums, axis=0)
    if impossible:
        raise ValueError(
            f"{impossible:.0f} bins counted although neither image nor randoms reach them: check that radius, randoms and "
            "attenuation belong to these data."
        )
    return float(total) if likelihood else float("nan")


def _counts(kind):
    """Signature for counts of one type, laid out in any way; each the smallest part of a larger array."""
    some = types.Array(float32, 3, "A", readonly=True)
    return types.UniTuple(float64, 2)(types.Array(kind, 3, "A", readonly=True), float32[:, :, :], some, boolean)


@compiled(_counts(int16), _counts(float32))
def divide_planes(m, y, r, likelihood):
    """The same for some planes: the number of impossible bins, and the sum."""
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


def _divide_arrays(m, y, r, likelihood):
    """The same with array code, on a GPU."""
    xp = module_of(m)
    y += r
    impossible = int(((y <= 0) & (m > 0)).sum())
    xp.maximum(y, TINY, out=y)
    total = float((m * xp.log(y) - y).sum(dtype=np.float64)) if likelihood else 0.0
    xp.divide(m, y, out=y)
    return impossible, total
