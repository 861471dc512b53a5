"""Maximum a posteriori: the image of largest ``Phi = L - beta R``, log-likelihood and prior, by three roads.

MAP-EM needs no step size and never goes down; BSREM takes subsets and ever smaller steps; SVRG corrects the gradient of a
subset by what it was at an anchor, and so converges with steps that stay large.
"""

import numbers

import numpy as np

from petcourse.hardware.device import module_of
from petcourse.reconstruction.em import check, in_parts, last, osem, whole
from petcourse.reconstruction.priors import Prior, Quadratic
from petcourse.reconstruction.ratio import divide
from petcourse.scan.psf import PSF


class Posterior:
    """Phi in ``subsets`` parts, each with its angles' data and its share of the prior, inside the box that P sees.

    Parameters
    ----------
    P, m, r
        As for `mlem`.
    prior : Prior
    beta : float
        Weight of the prior.
    subsets, passes, theta
        As for `osem`; the last two are only checked.

    Raises
    ------
    TypeError, ValueError
        As `osem`; if ``prior`` is none; and if ``beta`` is negative, not finite, or so large that the rounding of float32
        hides what the counts say.
    """

    def __init__(self, P, m, r, prior, beta, subsets=1, passes=1, theta=None):
        check(P, m, r, passes, theta)
        if not isinstance(prior, Prior):
            raise TypeError(f"the prior is of type {type(prior).__name__}: give Quadratic or RelativeDifference.")
        if not isinstance(beta, numbers.Real) or not 0 <= beta < np.inf:
            raise ValueError(f"beta is {beta!r} and the weight of a prior is wanted: give a number from 0.")
        self.P, self.xp, self.beta, self.subsets = P, module_of(m), beta, subsets
        self.box, parts = in_parts(P, m, r, subsets)
        self.parts, self.prior = [part[:3] for part in parts], prior.inside_box(self.box)
        self.sensitivity = sum(s for *_, s in parts)
        self.prior.kappa = self.prior.kappa * (self.sensitivity > 0)  # a voxel that no bin sees is nobody's neighbour
        self.counts = float(m.sum())
        level = self.counts / float(self.sensitivity.sum(dtype=np.float64))  # of an even image that explains the counts
        bend = float(self.prior.derivatives(self.xp.full_like(self.sensitivity, level))[1].max()) * level
        most = 1e5 * float(self.sensitivity.max())  # the counts' part of the curvature, and what rounding leaves of it
        if beta * bend > most:
            raise ValueError(
                f"beta is {beta:g}, and float32 no longer sees the counts beside the prior: stay below {most / bend:.0e}."
            )

    def data_gradient(self, theta, k):
        """Gradient of subset k's log-likelihood: ``P_k.T @ (m_k / (P_k @ theta + r_k) - 1)``."""
        P_k, m_k, r_k = self.parts[k]
        y_k = P_k.forward(theta)
        divide(m_k, y_k, r_k)
        y_k -= 1
        return P_k.back(y_k)

    def gradient(self, theta, k):
        """Gradient of subset k's part of Phi."""
        return self.data_gradient(theta, k) - np.float32(self.beta / self.subsets) * self.prior.derivatives(theta)[0]

    def value(self, image):
        """Phi of an image (z, y, x) of P's size."""
        theta, total = self.cut(image), 0.0
        for P_k, m_k, r_k in self.parts:
            total += divide(m_k, P_k @ theta, r_k, likelihood=True)
        return total - self.beta * self.prior.derivatives(theta)[2]

    def cut(self, image):
        """The part of an image that P sees."""
        return self.xp.ascontiguousarray(image[:, self.box, self.box])

    def trues(self, theta):
        """How many trues an image explains, in all bins."""
        return float((self.sensitivity * theta).sum(dtype=np.float64))

    def whole(self, theta):
        """A new image of P's size."""
        return whole(theta, self.P, self.box)


def surrogate_root(em, sensitivity, u, c):
    """The x >= 0 of largest ``sensitivity (em log x - x) - c/2 (x - u)**2``, voxel by voxel.

    Two forms of the same root: each cancels in float32 where the other does not.
    """
    xp = module_of(em)
    b = sensitivity - c * u
    q = xp.sqrt(b * b + 4 * c * sensitivity * em)
    tiny = np.finfo(np.float32).tiny
    return xp.where(b >= 0, 2 * sensitivity * em / xp.maximum(b + q, tiny), (q - b) / xp.maximum(2 * c, tiny))


def map_em(P, m, r, prior, beta, iterations, theta=None):
    """MLEM with a quadratic prior: each iteration is the exact optimum of a surrogate, so Phi never falls.

    De Pierro 1995 (doi:10.1109/42.370409).

    Parameters
    ----------
    P, m, r, iterations, theta
        As for `mlem`.
    prior : Quadratic
        With any weights, such as Bowsher's.
    beta : float

    Returns
    -------
    iterator of theta
        (z, y, x) float32 after each iteration.
    """
    if not isinstance(prior, Quadratic):
        raise TypeError(f"the prior is a {type(prior).__name__} and MAP-EM takes a Quadratic one: use svrg for others.")
    phi = Posterior(P, m, r, prior, beta, 1, iterations, theta)
    seen = phi.sensitivity > 0
    theta = seen.astype(np.float32) if theta is None else phi.cut(theta) * seen
    for _ in range(iterations):
        em = theta * (1 + phi.data_gradient(theta, 0) / phi.xp.where(seen, phi.sensitivity, 1))
        slope, weight, _ = phi.prior.derivatives(theta)  # W theta - w theta', and W, the sum of a voxel's weights
        u = theta - slope / phi.xp.where(weight > 0, 2 * weight, 1)
        theta = surrogate_root(em, phi.sensitivity, u, np.float32(2 * beta) * weight) * seen
        yield phi.whole(theta)


def bsrem(P, m, r, prior, beta, passes, subsets=14, theta=None, step=1.0, decay=0.1):
    """Ordered subsets with relaxation: steps fall as ``step / (1 + decay * pass)``, and the cycle shrinks to a point.

    Ahn & Fessler 2003 (doi:10.1109/TMI.2003.812251).

    Parameters
    ----------
    P, m, r, passes, subsets
        As for `osem`.
    prior : Prior
    beta : float
    theta : (z, y, x) float32, optional
        Where to start. Default: a pass of OSEM.
    step, decay : float

    Returns
    -------
    iterator of theta
        (z, y, x) float32 after each update, of which a pass has ``subsets``.
    """
    phi, theta, most = _start(P, m, r, prior, beta, subsets, passes, theta)
    floor = theta.max() / 1000  # so that a zero can grow again
    scale = subsets / (phi.sensitivity + np.float32(1e-4) * phi.sensitivity.max())
    for n in range(passes):
        for k in range(subsets):
            size = np.float32(step / (1 + decay * n))
            theta = phi.xp.maximum(theta + size * scale * (theta + floor) * phi.gradient(theta, k), 0)
            yield phi.whole(_sound(phi, theta, most, size))


def svrg(P, m, r, prior, beta, passes, subsets=28, theta=None, steps=((0, 3.0), (11, 2.0), (100, 1.5), (200, 1.0))):
    """Ordered subsets, each corrected by its gradient at an anchor, with a preconditioner that knows the prior.

    Johnson & Zhang 2013; the anchor, the kind of preconditioner and the steps are those of the algorithm that won the PETRIC
    challenge (Ehrhardt, Kereta & Schramm 2025, doi:10.3389/fnume.2025.1641215); but a step multiplies only the counts' part,
    and the prior's curvature is the smooth image's: in their form a strong prior jumps for ever between two images. A pass
    in which the anchor is renewed, the first and then every second, goes through the data twice.

    Parameters
    ----------
    P, m, r, prior, beta, passes, subsets, theta
        As for `bsrem`.
    steps : sequence of (int, float)
        From which update on, how large a step; the first from 0.

    Returns
    -------
    iterator of theta
        (z, y, x) float32 after each update: of a pass has ``subsets``, and one more where the anchor is renewed.
    """
    if not steps or steps[0][0] != 0:
        raise ValueError(f"the steps are {steps}: give pairs of an update and a size, the first from update 0.")
    phi, theta, most = _start(P, m, r, prior, beta, subsets, passes, theta)
    floor, done = np.float32(1e-6) * phi.sensitivity.max(), 0
    for n in range(passes):
        if n <= 3:
            smooth = PSF(prior.scanner, 5.0).inside_box(phi.box).forward(theta)
            bend = np.float32(2 * beta) * phi.prior.derivatives(smooth)[1] * smooth  # 2: diagonal and the rest
        if n % 2 == 0:
            slope = np.float32(beta / subsets) * phi.prior.derivatives(theta)[0]  # the same for all subsets
            anchor = [phi.data_gradient(theta, k) - slope for k in range(subsets)]
            total = sum(anchor)
        for k in ([None] if n % 2 == 0 else []) + list(range(subsets)):
            direction = total if k is None else subsets * (phi.gradient(theta, k) - anchor[k]) + total
            size = np.float32([size for first, size in steps if first <= done][-1])
            theta = phi.xp.maximum(theta + smooth / ((phi.sensitivity + floor) / size + bend) * direction, 0)
            done += 1
            yield phi.whole(_sound(phi, theta, most, size))


def _start(P, m, r, prior, beta, subsets, passes, theta):
    """Phi, the image to start from inside its box, positive wherever P sees, and more trues than an image should explain."""
    phi = Posterior(P, m, r, prior, beta, subsets, passes, theta)
    if theta is None:
        theta = last(osem(P, m, r, 1, subsets))
    theta = phi.cut(theta)
    return phi, theta, 4 * max(phi.counts, phi.trues(theta))


def _sound(phi, theta, most, step):
    """The image, unless steps have grown it out of all proportion: at the optimum it explains no more trues than were counted."""
    trues = phi.trues(theta)
    if not 0 < trues < most:
        raise ValueError(
            f"steps of {step:g} lead to an image of {trues:.1e} trues for {phi.counts:.1e} counts: take smaller ones."
        )
    return theta
