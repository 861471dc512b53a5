"""Typical mistakes in the exercises of notebook 04, what the check must say, and right answers in other words."""

import numpy as np
from scipy.signal import convolve2d, correlate2d


def sums(image, w, mode="same", by=correlate2d):
    return np.stack([by(image, w[..., f], mode) for f in range(w.shape[-1])], axis=-1)


def relu(x):
    return np.maximum(x, 0)


MISTAKES = {
    "parameters": [
        ((lambda c, f, s: f * c * s * s,), "biases are missing"),
        ((lambda c, f, s: f * (c * s + 1),), "counted as a line"),
        ((lambda c, f, s: c * (f * s * s + 1),), "swapped"),
        ((lambda c, f, s: f * (s * s + 1),), "weights for each of them"),
        ((lambda c, f, s: f * c * (s * s + 1),), "one bias a filter"),
        ((lambda c, f, s: f * c * s * s + 1,), "one bias in all"),
        ((lambda c, f, s: f * (c * 9 + 1),), "4 channels, 3 filters and size 5"),
        ((lambda c, f, s: [f],), "a number is wanted"),
    ],
    "convolution": [
        ((lambda i, w, b: relu(sums(i, w, "valid") + b),), r"rim is lost(.|\n)*np.pad"),
        ((lambda i, w, b: relu(sums(i, w, by=convolve2d) + b),), "turned by 180"),
        ((lambda i, w, b: relu(sums(i, w)),), "bias is missing"),
        ((lambda i, w, b: sums(i, w) + b,), "negative sums"),
        ((lambda i, w, b: relu(sums(i, w)) + b,), "after the ReLU"),
        ((lambda i, w, b: np.moveaxis(relu(sums(i, w) + b), -1, 0),), "channels last"),
        ((lambda i, w, b: relu(sums(i, w) + b).sum(-1),), r"\(y, x, filter\) is wanted"),
        ((lambda i, w, b: relu(sums(i, w.swapaxes(0, 1)) + b),), "differs from the reference"),
    ],
    "scaling": [
        ((lambda x, y, n: (x / x.mean(), y / y.mean(), n / n.mean()),), "factor of its own"),
        ((lambda x, y, n: (x / x.mean(), y / y.mean(), n / x.mean()),), "targets have another"),
        ((lambda x, y, n: (x / x.mean(), y, n / x.mean()),), "targets are not scaled"),
        ((lambda x, y, n: (x / x.mean(), y / x.mean(), n / n.mean()),), "half the counts"),
        ((lambda x, y, n: (x / x.mean(), y / x.mean(), n),), "new image is not scaled"),
        ((lambda x, y, n: [v / np.concatenate([x, n]).mean() for v in (x, y, n)],), "that is a leak"),
        ((lambda x, y, n: [v * x.mean() for v in (x, y, n)],), "upside down"),
        ((lambda x, y, n: [v - x.mean() for v in (x, y, n)],), "zero activity"),
        ((lambda x, y, n: [v / x.max() for v in (x, y, n)],), "the scaled x is .* times"),
        ((lambda x, y, n: x / x.mean(),), "three arrays"),
    ],
    "error_lowered": [
        ((36,), "squares fall faster"),
        ((80,), "what is left"),
        ((0.2,), "multiply it with 100"),
        ((60,), "root of 36 %"),
        ((18,), "small changes"),
        ((59.04,), "was squared"),
        ((50,), "50 % is not right"),
    ],
}

RIGHT = [
    ("parameters", [lambda c, f, s: float(f * c * s**2 + f)]),
    ("error_lowered", [20]),
    ("scaling", [lambda *arrays: [(v / arrays[0].mean()).astype(np.float32) for v in arrays]]),
]
