"""Typical mistakes in the exercises of notebook 07, what the check must say, and right answers in other words."""

import numpy as np


def root(em, u, s, c):
    b = s - c * u
    return 2 * s * em / (b + np.sqrt(b**2 + 4 * c * s * em))


def naive(em, u, s, c):
    b = s - c * u
    return (np.sqrt(b**2 + 4 * c * s * em) - b) / (2 * c)


def two_sided(em, u, s, c):
    b = s - c * u
    q = np.sqrt(b**2 + 4 * c * s * em)
    return np.where(b >= 0, 2 * s * em / (b + q), (q - b) / (2 * np.maximum(c, 1e-9)))


def gap(project, back, x, y, off=1e-4):
    a, b = project(x) @ y, x @ back(y)
    return bool(abs(a - b) < off * abs(a))


def thin(m, p, rng):
    one = rng.binomial(m, p)
    return one, m - one


def by_bin(m, p, rng):
    one = m * (rng.random(m.shape) < p)
    return one, m - one


def rounded(m, p, rng):
    one = np.round(p * m)
    return one, m - one


def drawn_anew(m, p, rng):
    one = np.minimum(rng.poisson(p * m), m)
    return one, m - one


MISTAKES = {
    "shrink_parts": [
        ((lambda v, a: np.where(abs(v) > a, v, 0),), "hard threshold"),
        ((lambda v, a: np.maximum(abs(v) - a, 0),), "sign is lost"),
        ((lambda v, a: np.maximum(v - a, 0),), "negative values vanish"),
        ((lambda v, a: np.clip(v, -a, a),), "cut off"),
        ((lambda v, a: v - a,), "become negative"),
        ((lambda v, a: v - np.sign(v) * a,), "change their sign"),
        ((lambda v, a: np.sign(v) * np.maximum(abs(v) - np.exp(a), 0),), "exponential"),
    ],
    "fused_image": [
        ((naive,), "fourth voxel has c = 0"),
        ((lambda em, u, s, c: (-(s - c * u) - np.sqrt((s - c * u) ** 2 + 4 * c * s * em)) / (2 * np.maximum(c, 1e-9)),),
         "other root"),
        ((lambda em, u, s, c: root(em, u, 1 + 0 * s, c),), "sensitivity s is missing"),
        ((lambda em, u, s, c: root(em, u, s, 2 * c),), "counts twice"),
        ((lambda em, u, s, c: root(em, u, s, c / 2),), "counts half"),
        ((lambda em, u, s, c: (s * em + c * u) / (s + c),), "weighted mean"),
        ((lambda em, u, s, c: (em + u) / 2,), "mean of both"),
        ((lambda em, u, s, c: em,), "u has no say"),
        ((lambda em, u, s, c: u,), "counts have no say"),
    ],
    "dot_test": [
        ((lambda project, back, x, y: project(x) @ y == x @ back(y),), "float32 fails"),
        ((lambda project, back, x, y: True,), "all pairs belong"),
        ((lambda project, back, x, y: False,), "no pair belongs"),
        ((lambda project, back, x, y: bool(np.allclose(back(project(x)), x)),), "takes the inverse"),
        ((lambda project, back, x, y: gap(project, back, x, y, 0.03),), "2 % too large"),
        ((lambda project, back, x, y: project(x) @ y - x @ back(y),), "True or False"),
    ],
    "thin_counts": [
        ((lambda m, p, rng: (p * m, m - p * m),), "no whole numbers"),
        ((lambda m, p, rng: (rng.poisson(p * m), m - rng.poisson(p * m)),), "fewer than 0|add up"),
        ((lambda m, p, rng: (rng.binomial(m, p), rng.binomial(m, 1 - p)),), "do not add up"),
        ((lambda m, p, rng: thin(m, p, rng)[::-1],), "other order"),
        ((lambda m, p, rng: thin(m, 0.5, rng),), "0.50 of the counts"),
        ((by_bin,), "same way"),
        ((rounded,), "too little noise|share noise"),
        ((drawn_anew,), "share noise|of the counts"),
        ((lambda m, p, rng: rng.binomial(m, p),), "two scans"),
        ((lambda m, p, rng: (m[:5], m[5:]),), "another shape"),
    ],
}  # fmt: skip
RIGHT = [
    ("shrink_parts", (lambda v, a: np.where(v > a, v - a, np.where(v < -a, v + a, 0)),)),
    ("fused_image", (two_sided,)),
    ("dot_test", (lambda project, back, x, y: np.isclose((project(x) * y).sum(), (back(y) * x).sum(), rtol=1e-5),)),
    ("thin_counts", (lambda m, p, rng: [m - (other := rng.binomial(m, 1 - p)), other],)),
]
