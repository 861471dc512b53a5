"""Maximum likelihood by expectation maximisation: MLEM, and OSEM, which goes through the data part by part.

Shepp & Vardi 1982 (doi:10.1109/TMI.1982.4307558); Hudson & Larkin 1994 (doi:10.1109/42.363108).
"""

import numbers
import warnings
from collections import deque
from itertools import cycle, islice

import numpy as np

from petcourse.hardware.device import module_of, require_array, require_memory
from petcourse.reconstruction.ratio import divide
from petcourse.scan.operator import Operator


def mlem(P, m, r, iterations, theta=None, likelihood=True):
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
    likelihood : bool
        Whether to compute the log-likelihood, which takes a tenth of the time.

    Returns
    -------
    iterator of (theta, log_likelihood)
        One pair for each iteration, computed when it is asked for.
    theta : (z, y, x) float32
        The image after each iteration: a new array each time.
    log_likelihood : float
        Of the image *before* that iteration, without the term that depends on m only; NaN if it is not asked for.

    Raises
    ------
    TypeError, ValueError
        If counts, randoms or the start are no arrays, negative, not finite or of the wrong shape, if iterations is no
        positive number, or (later) if bins counted that can see neither image nor randoms.
    MemoryError
        If there is not enough memory for two sinograms and four images. The images that were given before are as they
        were: go on with ``theta=`` the last one.
    """
    check(P, m, r, iterations, theta)
    require_memory(4 * (2 * np.prod(P.dimsd) + 4 * np.prod(P.dims)), "an MLEM reconstruction", module_of(m))
    return _reconstruct(P, m, r, theta, iterations, likelihood=likelihood)


def osem(P, m, r, passes, subsets=14, theta=None):
    """MLEM with subset k of the angles in its k-th update: a pass through the data takes the image as far as so many updates.

    It does not converge: it ends in a cycle, the wider the more subsets there are and the more noise.

    Parameters
    ----------
    P, m, r, theta
        As for `mlem`.
    passes : int
        Through all data.
    subsets : int
        Subset k holds the angles k, k + subsets, ... It divides the number of angles, and best gives each subset equally
        many live bins: 1, 2, 4, 7, 14 or 28 for the mMR.

    Returns
    -------
    iterator of theta
        (z, y, x) float32 after each *update*, of which a pass has ``subsets``. A voxel that a subset does not see stays.

    Raises
    ------
    TypeError, ValueError, MemoryError
        As `mlem`; and if ``subsets`` does not divide the angles.

    Warns
    -----
    UserWarning
        If one subset has over 1 % more live bins than another; it lists the numbers that are better.
    """
    check(P, m, r, passes, theta)
    return (image for image, _ in _reconstruct(P, m, r, theta, passes * subsets, subsets))


def last(images):
    """The last of some images: a list of all, each of the whole grid, would not fit into memory."""
    return deque(images, maxlen=1).pop()


def iterate(parts, theta, updates, likelihood=False):
    """Update ``theta`` by one part of the data after another: what `mlem` (one part) and `osem` do."""
    xp = module_of(theta)
    for P, m, r, s in islice(cycle(parts), updates):
        y = P.forward(theta)  # P @ theta, unchecked: (plane, angle, bin), the trues that are expected
        y = y.copy() if xp.may_share_memory(y, theta) else y  # P gave its argument back
        value = divide(m, y, r, likelihood)  # y is now m / (P @ theta + r)
        update, unseen = P.back(y), s == 0  # P.T @ y: (z, y, x)
        update += unseen  # 1 / 1: a voxel that this part does not see stays
        update /= s + unseen
        theta = theta * update
        yield theta, value


def _reconstruct(P, m, r, theta, updates, subsets=1, likelihood=False):
    """Iterate inside the box that P sees, and hand out whole images."""
    box, parts = in_parts(P, m, r, subsets)
    seen = sum(s for *_, s in parts) > 0
    theta = seen.astype(np.float32) if theta is None else theta[:, box, box] * seen
    for part, value in iterate(parts, theta, updates, likelihood):
        yield whole(part, P, box), value


def in_parts(P, m, r, subsets):
    """The box that P sees, and for each subset, inside it: operator, counts, randoms and sensitivity."""
    if not isinstance(subsets, numbers.Integral) or subsets < 1:
        raise ValueError(f"subsets is {subsets!r} and a whole number is wanted: give 14, 7 or 28 for the mMR, or 1.")
    xp, parts = module_of(m), []
    r = xp.broadcast_to(r.astype(np.float32, copy=False), m.shape)
    P_box = P.inside_box(P.box) if P.box else P
    _warn_of_unequal(P.bins_seen, subsets)
    for k in range(subsets):
        P_k = P_box.subset(k, subsets) if subsets > 1 else P_box
        m_k, r_k = (array[:, k::subsets] for array in (m, r))
        if xp is not np:  # the kernel of a GPU takes them in one piece
            m_k, r_k = xp.ascontiguousarray(m_k), xp.ascontiguousarray(r_k)
        parts.append((P_k, m_k, r_k, P_k.T @ xp.ones(P_k.dimsd, np.float32)))
    return P.box or slice(None), parts


def _warn_of_unequal(bins_seen, subsets):
    """Warn of subsets of which one has over 1 % more live bins than another."""

    def equal(n):
        counts = [bins_seen[k::n].sum() for k in range(n)]
        return len(bins_seen) % n == 0 and max(counts) <= 1.01 * min(counts)

    if bins_seen is not None and len(bins_seen) % subsets == 0 and not equal(subsets):
        text = f"the {subsets} subsets have unequally many live bins, and one may not see what another does: take"
        even = [str(n) for n in range(1, len(bins_seen) + 1) if equal(n)]
        warnings.warn(f"{text} {', '.join(even)}.", stacklevel=4)


def whole(theta, P, box):
    """A new image of P's size, zero outside the box."""
    image = module_of(theta).zeros(P.dims, np.float32)
    image[:, box, box] = theta
    return image


def check(P, m, r, iterations, theta):
    """Refuse data that are none, or not this operator's."""
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
        if theta.dtype != np.float32:
            raise TypeError(
                f"the start theta is {theta.dtype} and MLEM works on float32: pass theta.astype(np.float32)."
            )
        if theta.shape != P.dims or not theta.min() >= 0 or not 0 < theta.max() < np.inf:
            raise ValueError(
                f"the start has shape {theta.shape} and reaches from {float(theta.min()):g} to {float(theta.max()):g}: "
                f"it must have shape {P.dims}, be finite, nowhere negative and somewhere positive."
            )
