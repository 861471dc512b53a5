"""The exercises of notebook 03."""

import numpy as np

from petcourse.exercises import Wrong, call, compare, exercise

RNG = np.random.default_rng(3)
P = RNG.random((6, 4)).round(2)
P[2] = 0  # a gap: no line
THETA = np.array([1.0, 2.0, 0.5, 3.0])
R = np.array([0.5, 0.5, 0.0, 0.5, 0.5, 0.5])
M = np.array([4.0, 2.0, 0.0, 7.0, 5.0, 3.0])


def _update(randoms=R, sensitivity=True):
    expected = P @ THETA + randoms
    ratio = np.divide(M, expected, out=np.zeros_like(M), where=expected > 0)
    return THETA * (P.T @ ratio) / (P.T @ np.ones(6) if sensitivity else 1)


@exercise(
    second="theta / (P.T @ ones) * (P.T @ ratio), where ratio is m / (P @ theta + r) in live bins and 0 in dead ones.",
    right="this is all of MLEM; the package adds only arithmetic in place.",
)
def mlem_update(update):
    """Notebook 03: one update with a dead bin, ``update(theta, P, m, r)``."""
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 is one of the mistakes that are looked for
        got = call(update, THETA, P, M, R)
    if np.shape(got) == THETA.shape and np.isnan(got).any():
        raise Wrong("the image is NaN.", "one bin is dead: P @ theta + r is 0 there, and 0 / 0 spoils every sum.")
    for wrong, what, hint in (
        (_update(randoms=0), "the randoms are missing.", "what does a bin expect to count: trues and what else?"),
        (
            _update(sensitivity=False),
            "the division by P.T @ ones is missing.",
            "a voxel seen by more lines is not hotter.",
        ),
        (_update() / THETA, "the image of before is missing.", "the ratio improves an image: multiply it with theta."),
    ):
        if np.shape(got) == wrong.shape and np.allclose(got, wrong):
            raise Wrong(what, hint)
    compare(got, _update(), "the image", axes=("voxel",))
