"""Typical mistakes in the exercises of notebook 03, what the check must say, and right answers in other words."""

import numpy as np


def ratio(P, theta, m, r):
    expected = P @ theta + r
    return np.divide(m, expected, out=np.zeros_like(m), where=expected > 0)


def run(P, B, m, r, n, sensitivity=None, modelled=1, before=False, expected=1):
    """Log-likelihoods of n updates as the learner writes them; each argument after n is a mistake."""
    theta, L = np.ones(P.shape[1]), []
    divisor = B @ np.ones_like(m) if sensitivity is None else sensitivity

    def likelihood():
        mean = P @ theta + modelled * r
        return (m * np.log(mean) - expected * mean).sum()

    for _ in range(n):
        if before:
            L.append(likelihood())
        theta = theta * (B @ (m / (P @ theta + modelled * r))) / divisor
        if not before:
            L.append(likelihood())
    return L


def with_start(P, B, m, r, n):
    return run(P, B, m, r, 1, before=True) + run(P, B, m, r, n)


def spoiled(**mistake):
    return "rises, then falls", lambda P, B, m, r, n: run(P, B, m, r, n, **mistake)


def bias(reconstruct, m, r, voxel):
    a, b = reconstruct(m, r), reconstruct(m, 0 * r)
    return (b[voxel] - a[voxel]) / a[voxel]


def no_bias(reconstruct, m, r, voxel):
    a, b = reconstruct(m, r), reconstruct(m - r, 0 * r)
    return (b[voxel] - a[voxel]) / a[voxel]


def pair(reconstruct, m, r, voxel):
    return reconstruct(m, r)[voxel], reconstruct(m, 0 * r)[voxel]


def place(c, level):
    return np.flatnonzero(c >= level)[0]


MISTAKES = {
    "mlem_update": [
        ((lambda t, P, m, r: t * (P.T @ (m / (P @ t + r))) / P.sum(0),), "one bin is dead"),
        ((lambda t, P, m, r: t * (P.T @ ratio(P, t, m, 0)) / P.sum(0),), "randoms are missing"),
        ((lambda t, P, m, r: t * (P.T @ ratio(P, t, m - r, 0)) / P.sum(0),), "subtracted from the counts"),
        ((lambda t, P, m, r: t * (P.T @ ratio(P, t, m, r)),), "seen by more lines"),
        ((lambda t, P, m, r: (P.T @ ratio(P, t, m, r)) / P.sum(0),), "image of before"),
        ((lambda t, P, m, r: t * (P @ ratio(P, t, m, r)),), "stops with ValueError"),
        ((lambda t, P, m, r: 2 * t * (P.T @ ratio(P, t, m, r)) / P.sum(0),), "2 times"),
        ((lambda t, P, m, r: [t, 0],), "array of numbers is wanted"),
        ((lambda t, P, m: t,), "4 arguments are wanted"),
        ((3,), "function is wanted"),
    ],
    "spoil_the_adjoint": [
        (("rises", run), "not do what you predict"),
        (("NaN", run), "not do what you predict"),
        (("falls", run), "one of 'rises', 'rises, then falls', 'NaN'"),
        (spoiled(before=True), "image before its update"),
        (("rises", with_start), "image of ones is counted"),
        (("rises", lambda P, B, m, r, n: run(P, P.T, m, r, n)), "B is not used"),
        (("rises", lambda P, B, m, r, n: run(P, B, m, r, n, P.sum(0))), r"divides by P.T @ ones"),
        (spoiled(sensitivity=1), "division by B @ ones is missing"),
        (spoiled(modelled=0), "randoms are missing"),
        (spoiled(expected=0), "term - mean is missing"),
        (spoiled(expected=-1), "differs from the reference"),
        (("rises", lambda *given: -np.array(run(*given))), "-1 times"),
        (("rises", lambda *given: run(*given)[-1]), r"shape \(\), but \(20,\) \(update\)"),
        (spoiled(sensitivity=0), "NaN|infinite"),
    ],
    "forget_the_randoms": [
        (("hot places", bias), "not the place"),
        (("all places alike", bias), "not the place"),
        (("inside", bias), "one of 'cold places'"),
        (("cold places", lambda *given: -bias(*given)), "sign is wrong"),
        (("cold places", lambda *given: 1 + bias(*given)), "it is a ratio"),
        (("cold places", lambda *given: -np.subtract(*pair(*given))), "difference is absolute"),
        (("cold places", lambda *given: bias(*given) / (1 + bias(*given))), "relative to the wrong image"),
        (("cold places", lambda run, m, r, voxel: bias(run, m, r, slice(None))), "it is an image"),
        (("cold places", no_bias), "subtracted, not forgotten"),
        (("cold places", lambda *given: 100 * bias(*given)), "100 times"),
        (("cold places", pair), "a number is wanted"),
    ],
    "choose_the_iteration": [
        ((lambda c, e: (place(c, 0.9 * c[-1]), np.argmin(e) + 1),), "contrast are counted from 0"),
        ((lambda c, e: (place(c, 0.9 * c[-1]) + 1, np.argmin(e)),), "error are counted from 0"),
        ((lambda c, e: (np.argmin(e) + 1, place(c, 0.9 * c[-1]) + 1),), "swapped"),
        ((lambda c, e: (place(c, 0.9) + 1, np.argmin(e) + 1),), "too early.*not of 1"),
        ((lambda c, e: (len(c), np.argmin(e) + 1),), "100% of the last contrast; it is too late"),
        ((lambda c, e: (place(c, 0.9 * c[-1]) + 1, np.argmax(e) + 1),), "times the least error; it is too early"),
        ((lambda c, e: (c[-1], e.min()),), "is no iteration"),
        ((lambda c, e: np.argmin(e) + 1,), "two numbers are wanted"),
    ],
}

RIGHT = [
    ("mlem_update", [lambda u, P, m, r: (u * (P.T @ (m / np.maximum(P @ u + r, 1e-30))) / P.sum(0)).tolist()]),
    ("choose_the_iteration", [lambda c, e: [1 + int((c >= 0.9 * c[-1]).argmax()), 1 + list(e).index(min(e))]]),
]
