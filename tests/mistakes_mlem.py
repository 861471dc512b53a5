"""Typical mistakes in the exercises of notebook 03, and what the check must say."""

import numpy as np


def ratio(P, theta, m, r):
    expected = P @ theta + r
    return np.divide(m, expected, out=np.zeros_like(m), where=expected > 0)


MISTAKES = {
    "mlem_update": [
        ((lambda t, P, m, r: t * (P.T @ (m / (P @ t + r))) / P.sum(0),), "one bin is dead"),
        ((lambda t, P, m, r: t * (P.T @ ratio(P, t, m, 0)) / P.sum(0),), "randoms are missing"),
        ((lambda t, P, m, r: t * (P.T @ ratio(P, t, m, r)),), "seen by more lines"),
        ((lambda t, P, m, r: (P.T @ ratio(P, t, m, r)) / P.sum(0),), "image of before"),
        ((lambda t, P, m, r: t * (P @ ratio(P, t, m, r)),), "stops with ValueError"),
        ((lambda t, P, m, r: 2 * t * (P.T @ ratio(P, t, m, r)) / P.sum(0),), "2 times"),
        ((lambda t, P, m: t,), "4 arguments are wanted"),
        ((3,), "function is wanted"),
    ],
}
