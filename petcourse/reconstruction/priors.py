"""Priors: how far an image may differ from voxel to voxel, in units of the log-likelihood.

``R = 1/2 sum_j sum_k w_jk phi(theta_j, theta_k)`` over each voxel j and its 26 neighbours k. A pair weighs ``w_jk = kappa_j
kappa_k pair_jk / distance``, the distance in voxels across the axis. Beyond the image there are no neighbours.
"""

import copy
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
from numba import boolean, float32, float64, int64, njit, void

from petcourse.hardware.device import module_of, require_array
from petcourse.hardware.machine import available_cores
from petcourse.scan.joseph import compiled

# Half of the neighbours, as steps along (z, y, x): a pair is stored with the voxel that comes first.
STEPS = np.array([step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)])
PLANES_AT_ONCE = 4


@njit(inline="always")
def quadratic(j, k, gamma, eps):
    """A pair's phi: derivatives with respect to theta_j, first and second, and phi itself."""
    d = j - k
    return d, float32(1), d * d / float32(2)


@njit(inline="always")
def relative_difference(j, k, gamma, eps):
    """As `quadratic`."""
    d = j - k
    size = gamma * abs(d)
    q = float32(1) / (j + k + size + eps)
    slope = d * (j + float32(3) * k + size + float32(2) * eps) * q * q
    bend = float32(2) * (float32(2) * k + eps) ** 2 * q * q * q
    return slope, bend, d * d * q


_image, _pairs = float32[:, :, ::1], float32[:, :, :, ::1]


@compiled(void(_image, _image, _pairs, float32[::1], int64[:, ::1], boolean, float32, float32, int64, int64, _image,
               _image, float64[::1]))  # fmt: skip
def add_pairs(theta, kappa, pairs, weights, steps, relative, gamma, eps, first, last, gradient, diagonal, value):
    """Gradient, diagonal of the Hessian, and value of R in the planes [first, last)."""
    depth, rows, columns = theta.shape
    w, total = np.empty(columns, float32), np.empty(columns, float32)
    for z in range(first, last):
        for y in range(rows):
            gradient[z, y], diagonal[z, y], total[:] = 0, 0, 0
            for n in range(2 * len(steps)):
                i, sign = n // 2, 1 - 2 * (n % 2)
                z1, y1, dx = z + sign * steps[i, 0], y + sign * steps[i, 1], sign * steps[i, 2]
                if not (0 <= z1 < depth and 0 <= y1 < rows):
                    continue
                # Slices that are walked from 0, or the loops below do not become vector instructions.
                j, k = slice(max(0, -dx), min(columns, columns - dx)), slice(max(0, dx), min(columns, columns + dx))
                here, there, g, h, t = theta[z, y][j], theta[z1, y1][k], gradient[z, y][j], diagonal[z, y][j], total[j]
                kappa_j, kappa_k = kappa[z, y][j], kappa[z1, y1][k]
                for x in range(len(here)):
                    w[x] = weights[i] * kappa_j[x] * kappa_k[x]
                if pairs.size:
                    pair = pairs[i, z, y][j] if sign > 0 else pairs[i, z1, y1][k]
                    for x in range(len(here)):
                        w[x] *= pair[x]
                if relative:
                    for x in range(len(here)):
                        slope, bend, height = relative_difference(here[x], there[x], gamma, eps)
                        g[x] += w[x] * slope
                        h[x] += w[x] * bend
                        t[x] += w[x] * height
                else:
                    for x in range(len(here)):
                        slope, bend, height = quadratic(here[x], there[x], gamma, eps)
                        g[x] += w[x] * slope
                        h[x] += w[x] * bend
                        t[x] += w[x] * height
            for x in range(columns):
                value[z] += 0.5 * total[x]


def neighbours(step, shape):
    """Where the voxels are that have a neighbour at a step, and where these neighbours are: two tuples of slices."""
    first = tuple(slice(max(0, -s), n - max(0, s)) for s, n in zip(step, shape, strict=True))
    second = tuple(slice(max(0, s), n - max(0, -s)) for s, n in zip(step, shape, strict=True))
    return first, second


class Prior:
    """What all priors share; a subclass gives phi and its derivatives.

    Parameters
    ----------
    scanner : Scanner
        Gives the image's shape and the size of a voxel.
    kappa : (z, y, x) float32, optional
        Weight of a voxel, for even resolution; 0 where the prior is not to look. Default: 1.
    pairs : (13, z, y, x) float32, optional
        Weight of a voxel's pairs with the neighbours at STEPS, such as `guidance.bowsher`. Default: 1.
    """

    def __init__(self, scanner, kappa=None, pairs=None):
        self.scanner = scanner
        self.weights = (scanner.voxel[-1] / np.linalg.norm(STEPS * scanner.voxel, axis=1)).astype(np.float32)
        for name, weights, fits in (("kappa", kappa, ()), ("pairs", pairs, (13,))):
            fits += scanner.image_shape
            if weights is not None and (weights.shape != fits or not 0 <= weights.min() <= weights.max() < np.inf):
                raise ValueError(
                    f"{name} must have shape {fits}, be finite and nowhere negative: make it for this scanner."
                )
        self.kappa = np.ones(scanner.image_shape, np.float32) if kappa is None else kappa
        self.pairs = pairs

    def inside_box(self, box):
        """The same prior for images that are cut to the rows and columns of a box."""
        cut = copy.copy(self)
        cut.kappa = self.kappa[:, box, box].copy()
        cut.pairs = None if self.pairs is None else self.pairs[..., box, box].copy()
        return cut

    def derivatives(self, theta):
        """Gradient and diagonal of the Hessian of R at an image, both (z, y, x) float32, and the value of R."""
        require_array(theta, "the image of a prior")
        if theta.shape != self.kappa.shape or theta.dtype != np.float32 or not theta.min() >= self.least:
            text = f"of shape {theta.shape} from {float(theta.min()):g}, and the prior takes float32 of shape"
            raise ValueError(
                f"the image is {theta.dtype} {text} {self.kappa.shape} from {self.least:g}: give one that is."
            )
        if module_of(theta) is not np:
            return self.with_arrays(theta)
        theta = np.ascontiguousarray(theta)
        gradient, diagonal, value = np.empty_like(theta), np.empty_like(theta), np.zeros(len(theta))
        pairs = np.empty((13, 0, 0, 0), np.float32) if self.pairs is None else self.pairs
        relative = self.phi is relative_difference

        def some_planes(first):
            last = min(first + PLANES_AT_ONCE, len(theta))
            add_pairs(theta, self.kappa, pairs, self.weights, STEPS, relative, self.gamma, self.eps, first, last, gradient,
                   diagonal, value)  # fmt: skip

        with ThreadPoolExecutor(available_cores()) as pool:
            list(pool.map(some_planes, range(0, len(theta), PLANES_AT_ONCE)))
        return gradient, diagonal, float(value.sum())

    def with_arrays(self, theta):
        """The same by shifted arrays, on any device and in any precision."""
        xp = module_of(theta)
        gradient, diagonal, value = xp.zeros_like(theta), xp.zeros_like(theta), 0.0
        for i, step in enumerate(STEPS):
            j, k = neighbours(step, theta.shape)
            w = float(self.weights[i]) * self.kappa[j] * self.kappa[k]
            w = w if self.pairs is None else w * self.pairs[i][j]
            for here, there in ((j, k), (k, j)):
                first, second, phi = self.phi.py_func(theta[here], theta[there], self.gamma, self.eps)
                gradient[here] += w * first
                diagonal[here] += w * second
                value += 0.5 * float((w * phi).sum(dtype=np.float64))
        return gradient, diagonal, value


class Quadratic(Prior):
    """``phi = (theta_j - theta_k)**2 / 2``: a difference counts alike wherever it is.

    Parameters
    ----------
    scanner, kappa, pairs
        As for `Prior`.
    """

    phi, gamma, eps, least = staticmethod(quadratic), 0.0, 0.0, -np.inf


class RelativeDifference(Prior):
    """``phi = d**2 / (theta_j + theta_k + gamma |d| + eps)``, d the difference: it counts relative to what is there.

    Nuyts 2002 (doi:10.1109/TNS.2002.998681), for images that are nowhere negative.

    Parameters
    ----------
    scanner, kappa, pairs
        As for `Prior`.
    gamma : float
        How soon a large difference counts linearly, as an edge, and no longer by its square.
    eps : float
        Keeps phi smooth at 0: about a thousandth of the image's largest value.
    """

    phi, least = staticmethod(relative_difference), 0.0

    def __init__(self, scanner, kappa=None, pairs=None, gamma=2.0, eps=1e-3):
        super().__init__(scanner, kappa, pairs)
        if not (0 <= gamma < np.inf and 0 < eps < np.inf):
            raise ValueError(f"gamma is {gamma!r} and eps {eps!r}: give gamma from 0 and eps above 0.")
        self.gamma, self.eps = gamma, eps


def even_resolution(P, m, r, theta):
    """Weights kappa of voxels with which a prior blurs alike in all places: ``sqrt(P.T @ (m / y**2 * (P @ ones)))``.

    Fessler & Rogers 1996 (doi:10.1109/83.535846). With them beta is larger or smaller by their square.

    Parameters
    ----------
    P, m, r
        As for `mlem`.
    theta : (z, y, x) float32
        An image that explains the data, such as OSEM's: ``y = P @ theta + r``.

    Returns
    -------
    kappa : (z, y, x) float32
    """
    xp = module_of(m)
    y = P @ theta + r
    weight = P @ xp.ones(P.dims, np.float32)
    weight *= m
    weight /= xp.maximum(y, np.finfo(np.float32).eps) ** 2
    return xp.sqrt(xp.maximum(P.T @ weight, 0))
