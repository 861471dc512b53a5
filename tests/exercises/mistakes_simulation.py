"""Typical mistakes in the exercises of notebook 02, what the check must say, and right answers in other words."""

import numpy as np

KERNEL = np.array([0.6, 0.3, 0.1])


def blur(u):
    return np.convolve(u, KERNEL)


def matrix(n):
    return np.stack([blur(unit) for unit in np.eye(n)], axis=1)


def trues(P, theta, counts):
    t = P @ theta
    return t * counts / t.sum()


def image_scaled(P, theta, r, counts, rng):
    return rng.poisson(P @ (theta * counts / theta.sum()) + r)


def scaled_after(P, theta, r, counts, rng):
    t = P @ theta
    return rng.poisson(t) * counts / t.sum() + r


def scaled_after_and_rounded(P, theta, r, counts, rng):
    t = P @ theta
    return np.round(rng.poisson(t) * counts / t.sum() + r).astype(int)


def all_scaled(P, theta, r, counts, rng):
    expected = P @ theta + r
    return rng.poisson(expected * counts / expected.sum())


LINE = (88, 282)  # the line of angle 60, bin 230
MISTAKES = {
    "bin_of_line": [
        ((*LINE, (230, 60)), r"axes of a sinogram are \(angle, bin\)"),
        ((*LINE, (60, 231)), "a neighbour: .* joins crystals 281 and 88"),
        ((*LINE, (59, 230)), "a neighbour"),
        ((*LINE, (60 + 252, 230)), "half a turn"),
        ((*LINE, (60 - 252, 344 - 230)), "half a turn"),
        ((*LINE, (60, 114)), "on the other side"),
        ((*LINE, (61, 230)), "bin is dead: .* is a gap"),
        ((*LINE, (10, 20)), "another line: .* joins crystals"),
        ((*LINE, (60, 344)), "outside of a sinogram"),
        ((*LINE, (60.5, 230)), "no whole numbers"),
        ((*LINE, np.empty((0, 2), int)), "crystals in the other order in the table"),
        ((*LINE, ("60", 230)), "a number is wanted"),
        ((*LINE, 60), "has 1 numbers"),
        ((*LINE, ((60, 230), 3)), "a number is wanted"),
        ((0, 1, (60, 230)), "no bin joins"),
    ],
    "survival_probability": [
        ((lambda mu, step: np.exp(mu.sum() * step),), "minus is missing"),
        ((lambda mu, step: np.exp(-mu.sum()),), "step is missing"),
        ((lambda mu, step: np.exp(-mu.mean()),), "mean of mu"),
        ((lambda mu, step: np.exp(-mu.sum() * step / 10),), "taken for 1/cm"),
        ((lambda mu, step: np.exp(-mu.sum() * step * 10),), "multiplied by 10"),
        ((lambda mu, step: np.exp(-2 * mu.sum() * step),), "counted twice"),
        ((lambda mu, step: 1 - np.exp(-mu.sum() * step),), "part that is lost"),
        ((lambda mu, step: mu.sum() * step,), "integral itself"),
        ((lambda mu, step: np.exp(-mu * step),), "adds them up"),
        ((lambda mu, step: 0.5,), "differs from the reference"),
    ],
    "tiny_measurement": [
        ((image_scaled,), "image is scaled, not the sinogram: .* 4e.05 trues were asked for"),
        ((lambda P, theta, r, counts, rng: rng.poisson(trues(P, theta, counts)),), "randoms are missing"),
        ((lambda P, theta, r, counts, rng: rng.poisson(rng.poisson(trues(P, theta, counts) + r)),), "added twice"),
        ((lambda P, theta, r, counts, rng: rng.poisson(rng.poisson(trues(P, theta, counts)) + r),), "added twice"),
        ((lambda P, theta, r, counts, rng: rng.poisson(trues(P, theta, counts) + r) * 1.0,), "float64, but integers"),
        ((lambda P, theta, r, counts, rng: rng.normal(trues(P, theta, counts) + r, 1),), "fraction of a count"),
        ((scaled_after,), "scaled after the noise"),
        ((scaled_after_and_rounded,), "noise is too small"),
        ((all_scaled,), "randoms are scaled too"),
        ((lambda P, theta, r, counts, rng: rng.poisson(P @ theta + r),), "nothing is scaled"),
        ((lambda P, theta, r, counts, rng: rng.poisson(2 * trues(P, theta, counts) + r),), "are expected"),
        ((lambda P, theta, r, counts, rng: rng.poisson(trues(P, theta, counts) + r.max()),), "dead bins have"),
        ((lambda P, theta, r, counts, rng: trues(P, theta, counts) + r,), "there is no noise"),
        ((lambda P, theta, r, counts, rng: (trues(P, theta, counts) + r) * np.nan,), "NaN"),
        ((lambda P, theta, r, counts, rng: rng.poisson(theta),), r"shape \(4,\), but \(5000,\)"),
        (
            (lambda P, theta, r, counts, rng: np.random.default_rng().poisson(trues(P, theta, counts) + r),),
            "same seed gives other counts",
        ),
    ],
    "transpose_of_blur": [
        ((blur, lambda v: np.convolve(v, KERNEL, mode="valid")), "not flipped"),
        ((blur, lambda v: np.linalg.lstsq(matrix(len(v) - 2), v)[0]), "undoes the blur"),
        ((blur, lambda v: np.convolve(v, KERNEL[::-1])), r"makes shape \(10,\), but \(6,\)"),
        ((blur, lambda v: np.convolve(v, KERNEL[::-1], mode="same")), "back to 6"),
        ((blur, lambda v: np.convolve(v, KERNEL[::-1], mode="same")[2:]), "dot test fails"),
        ((blur, lambda v: 2 * np.convolve(v, KERNEL[::-1], mode="valid")), "a factor of 2"),
        ((blur, lambda v: v @ matrix(6).T), "stops with ValueError"),
    ],
}

RIGHT = [
    ("survival_probability", [lambda mu, step: np.exp(-np.trapezoid(mu, dx=step))]),
    ("survival_probability", [lambda mu, step: float(np.prod(np.exp(-mu * step)))]),
    ("tiny_measurement", [lambda P, u, r, n, rng: rng.poisson(P @ (u * n / (P @ u).sum()) + r).tolist()]),
    ("transpose_of_blur", [blur, lambda v: np.correlate(v, KERNEL, "valid")]),
]
