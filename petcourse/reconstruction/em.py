"""Maximum likelihood by expectation maximisation: MLEM (Shepp & Vardi 1982, doi:10.1109/TMI.1982.4307558)."""

import numbers

import numpy as np

from petcourse.hardware.device import module_of, require_array, require_memory
from petcourse.scan.operator import Operator


def mlem(P, m, r, iterations, theta=None):
    """Reconstruct: ``theta <- theta * (P.T @ (m / (P @ theta + r))) / (P.T @ ones)``, again and again.

    Bins that expect nothing (gaps) would give 0 / 0 and are left out; so are voxels that no bin sees. With a projector
    on the GPU all arrays are CuPy arrays, and everything stays there.

    Parameters
    ----------
    P : Operator
        From image to mean trues, for example ``A @ X @ H``; what it gives is overwritten, if it is not its argument.
    m : (plane, angle, bin) integer or float32
        Measured counts.
    r : float32, of the shape of m or one that broadcasts to it
        Mean randoms.
    iterations : int
    theta : (z, y, x) float32, optional
        Where to start. Default: 1 in every voxel that is seen.

    Returns
    -------
    iterator of (theta, log_likelihood)
        One pair for each iteration, computed when it is asked for.
    theta : (z, y, x) float32
        The image after each iteration: a new array each time.
    log_likelihood : float
        Of the image *before* that iteration (it comes free with the update), without the term that depends on m only.

    Raises
    ------
    TypeError, ValueError
        If counts, randoms or the start are no arrays, negative, not finite or of the wrong shape, if iterations is no
        positive number, or (later) if bins counted that can see neither image nor randoms.
    MemoryError
        If there is not enough memory for two sinograms and four images. The images that were given before are as they
        were: go on with ``theta=`` the last one.
    """
    _check(P, m, r, iterations, theta)
    require_memory(4 * (2 * np.prod(P.dimsd) + 4 * np.prod(P.dims)), "an MLEM reconstruction", module_of(m))
    return iterate(P, m, r, iterations, theta)


def iterate(P, m, r, iterations, theta):
    """What `mlem` does, without its checks."""
    xp = module_of(m)
    sensitivity = P.T @ xp.ones(P.dimsd, np.float32)
    seen = sensitivity > 0
    sensitivity = xp.where(seen, sensitivity, np.float32(1))  # unseen, the update is 0, and stays 0
    theta = seen.astype(np.float32) if theta is None else theta
    for _ in range(iterations):
        expected = P @ theta  # (plane, angle, bin)
        if xp.may_share_memory(expected, theta):  # P gave its argument back
            expected = expected.copy()
        expected += r
        log_likelihood = _divide(m, expected)
        update = P.T @ expected  # (z, y, x); expected now holds m / (P @ theta + r)
        del expected
        update = update / sensitivity
        update *= theta
        theta = update  # a new array: whoever has the one before keeps it
        yield theta, log_likelihood


def _check(P, m, r, iterations, theta):
    if not isinstance(P, Operator):
        raise TypeError(f"P is of type {type(P).__name__} and an operator is wanted: build it as A @ X @ H.")
    if not isinstance(iterations, numbers.Integral) or iterations < 1:
        raise ValueError(f"iterations is {iterations!r} and a whole number is wanted: give 1 or more.")
    require_array(m, "the set of counts m", P.xp)
    require_array(r, "the set of randoms r", module_of(m))
    fits = len(r.shape) <= 3 and all(a in (1, b) for a, b in zip(r.shape[::-1], m.shape[::-1], strict=False))
    if m.shape != P.dimsd or not fits:
        raise ValueError(
            f"the counts m have shape {m.shape}, the randoms r {r.shape} and the operator gives {P.dimsd}: "
            "use data and operator of one scanner."
        )
    for name, values in (("counts m", m), ("randoms r", r)):
        low, high = float(values.min()), float(values.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError(f"the {name} hold NaN or infinite values: find out which bins do, and why.")
        if low < 0:
            raise ValueError(
                f"the {name} range from {low:g} to {high:g}: numbers of photon pairs are not negative, "
                "so reconstruct from raw counts, not from ones with the randoms subtracted."
            )
    if theta is not None:
        require_array(theta, "the start theta", module_of(m))
        if theta.shape != P.dims or not theta.min() >= 0 or not theta.any():
            raise ValueError(
                f"the start has shape {theta.shape} and reaches from {float(theta.min()):g} to {float(theta.max()):g}: "
                f"it must have shape {P.dims}, be nowhere negative and somewhere positive."
            )


def _divide(m, expected):
    """Put m / expected into ``expected``; return the log-likelihood."""
    total = 0.0
    xp = module_of(m)
    at_once = 1 if xp is np else 64  # planes: they stay in the CPU's cache, and a GPU has enough to do
    for first in range(0, len(m), at_once):
        counts, mean = m[first : first + at_once], expected[first : first + at_once]
        if ((mean <= 0) & (counts > 0)).any():
            raise ValueError(
                "some bins counted although neither image nor randoms reach them: check that radius, randoms and "
                "attenuation belong to these data."
            )
        xp.maximum(mean, np.finfo(np.float32).tiny, out=mean)
        terms = xp.log(mean)
        terms *= counts
        terms -= mean
        total += float(terms.sum(dtype=np.float64))
        xp.divide(counts, mean, out=mean)
    return total
