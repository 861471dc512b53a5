"""Two scans from one: each count goes to the first with a chance, else to the second, and both are Poisson, independently."""

import numpy as np

from petcourse.hardware.device import as_numpy, module_of


def thin(m, part=0.5, seed=0):
    """Share the counts of a scan out to two.

    Trues, randoms and scatter of the first are ``part`` of those of the scan, so ``part * r`` belongs to it, and its
    images are ``part`` as bright. With the counts as they came only: what was subtracted or scaled is not Poisson.

    Parameters
    ----------
    m : (plane, angle, bin) of whole numbers
        Counts.
    part : float
        Chance of the first, above 0 and below 1.
    seed : int

    Returns
    -------
    one, other : as ``m``
        ``one + other`` is ``m``.

    Raises
    ------
    TypeError, ValueError
        If the counts are no whole numbers, or negative, or the part is no chance.
    """
    if not np.issubdtype(m.dtype, np.integer):
        raise TypeError(
            f"counts of type {m.dtype} cannot be shared out: give them as they were measured, whole numbers."
        )
    if not 0 < part < 1 or m.min() < 0:
        raise ValueError(
            f"counts from {m.min()} were to be shared out with a chance of {part!r}: give one in 0 to 1, and counts."
        )
    rng, counts = np.random.default_rng(seed), as_numpy(m)
    one = np.stack([rng.binomial(plane, part) for plane in counts]).astype(m.dtype)
    return module_of(m).asarray(one), module_of(m).asarray(counts - one)
