"""Typical mistakes in the exercises of notebook 06, what the check must say, and right answers in other words."""

import numpy as np


def names(slices):
    return {head for head, _ in slices}


def by_slices(heads, unseen):
    test = np.arange(len(heads)) >= len(heads) // 2
    return ~test, test


def in_order(heads, unseen):
    test = np.isin(heads, list(dict.fromkeys(heads.tolist()))[-unseen:])  # as they come, not by number
    return ~test, test


def rms(x):
    return np.sqrt(np.mean(x**2))


def contrast(image, lesion, around):
    return image[lesion].mean() / image[around].mean() - 1


MISTAKES = {
    "leak": [
        ((lambda a, b: set(a) & set(b),), "very same slices"),
        ((lambda a, b: {h for h, _ in set(a) & set(b)},), "even slices are beside"),
        ((lambda a, b: {z for _, z in a} & {z for _, z in b},), "no leak: compare the names"),
        ((lambda a, b: names(a),), "all heads to learn from"),
        ((lambda a, b: names(b),), "all heads to test on"),
        ((lambda a, b: names(a) | names(b),), "in both: use &"),
        ((lambda a, b: names(a) ^ names(b),), "safe ones"),
        ((lambda a, b: names(b) - names(a),), "as it should be"),
        ((lambda a, b: set(),), "nothing was found"),
        ((lambda a, b: bool(names(a) & names(b)),), "yes or no"),
        ((lambda a, b: [[1]],), "does not hold names"),
        ((lambda a, b: {"Ann"},), "not the heads in both"),
    ],
    "split_by_head": [
        ((by_slices,), "split by slices"),
        ((lambda h, n: (h > 0, h > 2),), "on both sides.*must not be learned"),
        ((lambda h, n: (h > 2, h <= 2),), "swapped"),
        ((lambda h, n: (h <= 2, h == 4),), "on no side"),
        ((lambda h, n: (h <= 3, h > 3),), "1 heads are tested on"),
        ((in_order,), "order of their numbers"),
        ((lambda h, n: (np.flatnonzero(h <= 2), np.flatnonzero(h > 2)),), "two arrays with 16"),
        ((lambda h, n: (h, h),), "True or False"),
    ],
    "error_in_the_head": [
        ((lambda i, t, h: rms(i - t) / rms(t),), "air around the head"),
        ((lambda i, t, h: rms((i - t)[h]),), "has a unit still"),
        ((lambda i, t, h: rms((i - t)[h]) / rms(i[h]),), "wrong image"),
        ((lambda i, t, h: np.mean((i - t)[h] ** 2) / np.mean(t[h] ** 2),), "root is missing"),
        ((lambda i, t, h: rms((i - t)[h]) / t[h].mean(),), "divided by the mean"),
        ((lambda i, t, h: np.sqrt(abs(i - t)[h].sum() / t[h].sum()),), "absolute values"),
        ((lambda i, t, h: abs((i - t)[h].mean()) / rms(t[h]),), "errors cancel"),
        ((lambda i, t, h: rms((i - t)[h]) / rms(t),), "same mask"),
        ((lambda i, t, h: 100 * rms((i - t)[h]) / rms(t[h]),), "100 times"),
    ],
    "recovered_contrast": [
        ((lambda i, t, v, n: i[v].mean() / t[v].mean(),), "without its surroundings"),
        ((lambda i, t, v, n: contrast(t, v, n & ~v) / contrast(i, v, n & ~v),), "upside down"),
        ((lambda i, t, v, n: contrast(i, v, n) / contrast(t, v, n),), "surroundings hold the lesion"),
        ((lambda i, t, v, n: (contrast(i, v, n & ~v) + 1) / (contrast(t, v, n & ~v) + 1),), "1 is not subtracted"),
        ((lambda i, t, v, n: contrast(i, v, n & ~v),), "what part is that"),
        ((lambda i, t, v, n: (i[v].mean() - 4) / (t[v].mean() - 4),), "surroundings are taken for both"),
        ((lambda i, t, v, n: i[v] / t[v],), "a number is wanted"),
    ],
    "same_noise": [
        ((lambda p, c: np.interp(p[0], *c.T),), "contrast alone"),
        ((lambda p, c: np.interp(p[0], *c.T) - p[1],), "upside down"),
        ((lambda p, c: p[1] - c[-1, 1],), "last iteration"),
        ((lambda p, c: p[1] - c[abs(c[:, 0] - p[0]).argmin(), 1],), "nearest dot"),
        ((lambda p, c: p[1] / np.interp(p[0], *c.T) - 1,), "relative"),
        ((lambda p, c: p[0] - np.interp(p[1], *c.T[::-1]),), "noise at equal contrast"),
        ((lambda p, c: p[1] - np.interp(p[0], *c.T[::-1]),), "axes are swapped"),
        ((lambda p, c: p[1] - np.interp(p[1], *c.T),), "read at its noise"),
    ],
}


def in_one_array(heads, unseen):
    test = np.isin(heads, sorted(set(heads.tolist()))[-unseen:])
    return np.array([~test, test])


RIGHT = [
    ("leak", [lambda a, b: frozenset(dict(a)) & frozenset(dict(b))]),
    ("leak", [lambda a, b: np.intersect1d([h for h, _ in a], [h for h, _ in b])]),
    ("split_by_head", [in_one_array]),
    ("error_in_the_head", [lambda u, t, h: np.linalg.norm((u - t)[h]) / np.linalg.norm(t[h])]),
    ("same_noise", [lambda p, c: float(p[1] - np.interp(p[0], *c.T))]),
]
