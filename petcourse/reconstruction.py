"""Maximum likelihood by expectation maximisation: MLEM (Shepp & Vardi 1982, doi:10.1109/TMI.1982.4307558)."""

import numpy as np


def mlem(P, m, r, iterations, theta=None):
    """Reconstruct: ``theta <- theta * (P.T @ (m / (P @ theta + r))) / (P.T @ ones)``, again and again.

    Bins that expect nothing (gaps) would give 0 / 0 and are left out; so are voxels that no bin sees.

    Parameters
    ----------
    P : Operator
        From image to mean trues, for example ``A @ X @ H``.
    m : (plane, angle, bin) integer or float32
        Measured counts.
    r : float32, of the shape of m or one that broadcasts to it
        Mean randoms.
    iterations : int
    theta : (z, y, x) float32, optional
        Where to start. Default: 1 in every voxel that is seen.

    Yields
    ------
    theta : (z, y, x) float32
        The image after each iteration: a new array each time.
    log_likelihood : float
        Of the image *before* that iteration (it comes free with the update), without the term that depends on m only.

    Raises
    ------
    ValueError
        If counts, randoms or the start are negative or not finite, of the wrong shape, or if bins counted that can
        see neither image nor randoms.
    """
    _check(P, m, r, theta)
    ones = np.ones(P.dimsd, np.float32)
    sensitivity = P.T @ ones
    del ones
    seen = sensitivity > 0
    theta = seen.astype(np.float32) if theta is None else theta
    for _ in range(iterations):
        expected = P @ theta
        expected += r
        log_likelihood = _divide(m, expected)
        update = P.T @ expected  # which now holds m / (P @ theta + r)
        del expected
        np.divide(update, sensitivity, out=update, where=seen)
        theta = np.multiply(theta, update, out=update)
        yield theta, log_likelihood


def _check(P, m, r, theta):
    fits = len(r.shape) <= 3 and all(a in (1, b) for a, b in zip(r.shape[::-1], m.shape[::-1], strict=False))
    if m.shape != P.dimsd or not fits:
        raise ValueError(
            f"the counts m have shape {m.shape}, the randoms r {r.shape} and the operator gives {P.dimsd}: "
            "use data and operator of one scanner."
        )
    for name, values in (("counts m", m), ("randoms r", r)):
        low, high = values.min(), values.max()
        if not (low >= 0 and high < np.inf):
            raise ValueError(
                f"the {name} range from {low:g} to {high:g}: numbers of photon pairs are finite and not negative, "
                "so reconstruct from raw counts, not from ones with the randoms subtracted."
            )
    if theta is not None and theta.min() < 0:
        raise ValueError(f"the start goes down to {theta.min():g} and activity is not negative: clip it at zero.")


def _divide(m, expected):
    """Put m / expected into ``expected``, plane by plane so that it stays in the cache; return the log-likelihood."""
    total = 0.0
    for counts, mean in zip(m, expected, strict=True):
        if np.any(counts, where=mean <= 0):
            raise ValueError(
                "some bins counted although neither image nor randoms reach them: check that radius, randoms and "
                "attenuation belong to these data."
            )
        np.maximum(mean, np.finfo(np.float32).tiny, out=mean)
        terms = np.log(mean)
        terms *= counts
        terms -= mean
        total += float(terms.sum(dtype=np.float64))
        np.divide(counts, mean, out=mean)
    return total
