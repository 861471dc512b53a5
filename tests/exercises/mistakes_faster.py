"""Typical mistakes in the exercises of notebook 05, what the check must say, and right answers in other words."""

import numpy as np


def part(k, n, *arrays):
    return [np.concatenate(a[k::n]) for a in arrays]


def update(theta, P, m, r, seen=None, unseen=1.0):
    seen = P.sum(0) if seen is None else seen
    factor = np.full(len(theta), unseen)
    return theta * np.divide(P.T @ (m / (P @ theta + r)), seen, out=factor, where=seen > 0)


def with_nan(theta, P, m, r, n):
    for k in range(n):
        P_k, m_k, r_k = part(k, n, P, m, r)
        theta = theta * (P_k.T @ (m_k / (P_k @ theta + r_k))) / P_k.sum(0)
    return theta


def one_pass(theta, P, m, r, n, order=1, randoms=1, **mistake):
    for k in range(n)[::order]:
        theta = update(theta, *part(k, n, P, m, randoms * r), **mistake)
    return theta


def of_blocks(theta, P, m, r, n):
    for pieces in zip(*(np.split(a, n) for a in (P, m, r)), strict=True):
        theta = update(theta, *map(np.concatenate, pieces))
    return theta


def all_from_the_first(theta, P, m, r, n):
    return np.array([update(theta, *part(k, n, P, m, r)) for k in range(n)])


def numbers(live, part=lambda live, n, k: live[k::n], tested=252):
    def even(n):
        return len({int(part(live, n, k).sum()) for k in range(min(n, tested))}) == 1

    return [n for n in divisors(live) if even(n)]


def blocks(live):
    return numbers(live, lambda live, n, k: np.split(live, n)[k])


def divisors(live):
    return [n for n in range(1, 253) if len(live) % n == 0]


def pull(theta, w):
    return w * np.diff(theta)


def gradient(theta, w):
    return np.append(0, pull(theta, w)) - np.append(pull(theta, w), 0)


def kernel(t1, sigma, reach=2, power=2, two=2, own=1, axis=1):
    place = np.arange(len(t1))
    away = abs(place[:, None] - place)
    K = (away <= reach) * np.exp(-(abs(t1[:, None] - t1) ** power) / (two * sigma**power))
    K = K / K.sum(axis=axis, keepdims=True) if axis is not None else K
    return K - (1 - own) * np.diag(np.diag(K))


def ordered(fwhm=4.5, passes=2, subsets=14, times=1, guided=False):
    """A method of the open exercise: OSEM, or kernel EM."""

    def method(A, X, m, r, t1):
        from petcourse import PSF, Kernel, osem

        K = Kernel(t1, X.scanner.voxel) if guided else None
        P = A @ X @ PSF(X.scanner, fwhm)
        *_, theta = osem(P @ K if guided else P, m, r, passes, subsets)
        return times * (K @ theta if guided else theta)

    return method


MISTAKES = {
    "osem_pass": [
        ((with_nan,), "a voxel is NaN"),
        ((lambda *given: one_pass(*given, unseen=0.0),), "last voxel is lost"),
        ((lambda t, P, m, r, n: update(t, *part(0, 1, P, m, r)),), "all angles: MLEM"),
        ((lambda t, P, m, r, n: one_pass(t, P, m, r, n, seen=P.sum((0, 1))),), "sensitivity of all angles"),
        ((lambda *given: one_pass(*given, randoms=0),), "randoms are missing"),
        ((of_blocks,), "neighbouring angles"),
        ((lambda t, P, m, r, n: update(t, *part(0, n, P, m, r)),), "first subset alone"),
        ((lambda *given: one_pass(*given, order=-1),), "another order"),
        ((lambda t, *given: t * (all_from_the_first(t, *given) / t).prod(0),), "see the image of before"),
        ((lambda *given: all_from_the_first(*given).mean(0),), "averaged"),
        ((lambda *given: all_from_the_first(*given)[-1],), "only the last subset"),
        ((lambda *given: 3 * one_pass(*given),), "3 times"),
        ((lambda t, P, m, r, n: update(t, P[0::n], m[0::n], r[0::n]),), "stops with ValueError"),
    ],
    "balanced_subsets": [
        (({7, 14}, divisors), "all of them divide the angles"),
        (({7, 14}, blocks), "neighbouring angles are put together"),
        (({7, 14}, lambda live: numbers(live)[1:]), "1 is missing"),
        (({7, 14}, lambda live: numbers(live, tested=2)), "first two"),
        (({7, 14}, lambda live: [*numbers(live), 3]), r"for the mMR: \[3\] are not balanced"),
        (({7, 14}, lambda live: numbers(live)[:-1]), r"\[28\] are missing"),
        (({7, 14}, lambda live: [1, 2, 4, 7, 14, 28]), "for another scanner"),
        (({7, 9}, numbers), "not find what you predict"),
        (({7, 28}, numbers), "names other numbers"),
        ((7, numbers), "no list of whole numbers"),
    ],
    "prior_gradient": [
        ((lambda t, w: -gradient(t, w),), "sign is wrong"),
        ((lambda t, w: 2 * gradient(t, w),), "factor of 2 too much"),
        ((lambda t, w: gradient(t, w) / 2,), "factor of 1/2 too much"),
        ((lambda t, w: np.append(0, pull(t, w)),), "only the voxel before"),
        ((lambda t, w: -np.append(pull(t, w), 0),), "only the next"),
        ((lambda t, w: gradient(t, 1),), "weights are missing"),
        ((lambda t, w: gradient(np.pad(t, 1), np.pad(w, 1, constant_values=1))[1:-1],), "beyond the row"),
        ((lambda t, w: w.mean() * (2 * t - np.roll(t, 1) - np.roll(t, -1)),), "neighbour of the first"),
        ((lambda t, w: (w * np.diff(t) ** 2).sum() / 2,), "this is R itself"),
        ((pull,), "a value for each pair"),
        ((lambda t, w: w * t,), "stops with ValueError"),
    ],
    "kernel_matrix": [
        ((lambda t, s: kernel(t, s, axis=None),), "rows do not sum to 1"),
        ((lambda t, s: kernel(t, s, axis=0),), "columns sum to 1"),
        ((lambda t, s: kernel(t, s, axis=(0, 1)),), "whole matrix"),
        ((lambda t, s: kernel(t, s, reach=9),), "all voxels are neighbours"),
        ((lambda t, s: kernel(t, s, reach=1),), "only the next voxels"),
        ((lambda t, s: kernel(t, s, two=1),), "2 in 2 sigma"),
        ((lambda t, s: kernel(t, s, power=1),), "not squared"),
        ((lambda t, s: kernel(t, s, own=0),), "not its own neighbour"),
        ((lambda t, s: kernel(t, s)[0],), r"\(7, 7\) \(voxel, neighbour\) is wanted"),
    ],
    "recover_the_lesion": [
        ((ordered(),), r"recovery 0.58, noise 0.12.: at most 0.093"),
        ((ordered(passes=1),), r"recovery 0.43, noise 0.08.: 0.5 is wanted"),
        ((ordered(fwhm=0, passes=1),), "too little, and too noisy"),
        ((ordered(times=3),), "3 times as much activity"),
        ((lambda A, X, m, r, t1: t1,), "both scans give the same"),
        ((lambda A, X, m, r, t1: -t1,), "numbers from 0 is wanted"),
        ((lambda A, X, m, r, t1: m,), r"\(1, 344, 344\) of numbers"),
        ((lambda A, X, m, r: m,), "5 arguments are wanted"),
    ],
}

RIGHT = [
    ("osem_pass", [lambda *given: one_pass(*given).tolist()]),
    ("balanced_subsets", [[14, 7], lambda live: set(numbers(live))]),
    ("prior_gradient", [lambda t, w: np.diff(np.eye(len(t)), axis=0).T @ (w * np.diff(t))]),
    ("kernel_matrix", [lambda t, s: kernel(t, s).tolist()]),
    ("recover_the_lesion", [ordered(fwhm=7.0)]),
]
