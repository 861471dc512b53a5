"""The exercises of notebook 03."""

import functools

import numpy as np

from petcourse.exercises import Wrong, call_array, choice, compare, exercise, number

RNG = np.random.default_rng(3)
P = RNG.random((6, 4)).round(2)
P[2] = 0  # a gap: no line
THETA = np.array([1.0, 2.0, 0.5, 3.0])
R = np.array([0.5, 0.5, 0.0, 0.5, 0.5, 0.5])
M = np.array([4.0, 2.0, 0.0, 7.0, 5.0, 3.0])


def _update(m=M, randoms=R, sensitivity=True):
    expected = P @ THETA + randoms
    ratio = np.divide(m, expected, out=np.zeros_like(m), where=expected > 0)
    return THETA * (P.T @ ratio) / (P.T @ np.ones(6) if sensitivity else 1)


def _named(got, wrong, what, hint):
    """Raise `Wrong` if the answer is this wrong one, whose mistake has a name."""
    if got.shape == np.shape(wrong) and np.allclose(got, wrong):
        raise Wrong(what, hint)


@exercise(
    second="theta / (P.T @ ones) * (P.T @ ratio), where ratio is m / (P @ theta + r) in live bins and 0 in dead ones.",
    right="this is all of MLEM; the package adds only arithmetic in place.",
)
def mlem_update(update):
    """Notebook 03: one update with a dead bin, ``update(theta, P, m, r)``."""
    got = call_array(update, THETA, P, M, R)
    if got.shape == THETA.shape and np.isnan(got).any():
        raise Wrong("the image is NaN.", "one bin is dead: P @ theta + r is 0 there, and 0 / 0 spoils every sum.")
    randoms = "what does a bin expect to count: trues and what else?"
    _named(got, _update(randoms=0), "the randoms are missing.", randoms)
    _named(got, _update(M - R, 0), "the randoms are subtracted from the counts.", randoms)
    seen = "a voxel seen by more lines is not hotter."
    _named(got, _update(sensitivity=False), "the division by P.T @ ones is missing.", seen)
    before = "the ratio improves an image: multiply it with theta."
    _named(got, _update() / THETA, "the image of before is missing.", before)
    compare(got, _update(), "the image", axes=("voxel",))


@functools.cache
def _tiny():
    """P (bin, voxel) of a ring seen from 24 angles, and a disc (voxel) of 4 with a hot spot of 12 and a cold one of 1."""
    y, x = np.mgrid[-5:6, -5:6]
    seen = np.hypot(x, y) < 5.6
    x, y = x[seen], y[seen]
    angle, bins = np.arange(24)[:, None, None] * np.pi / 24, np.arange(-6, 7)[:, None]
    lines = np.clip(1 - np.abs(x * np.cos(angle) + y * np.sin(angle) - bins), 0, None).reshape(-1, x.size)
    theta = np.where(np.hypot(x, y) < 4.6, 4.0, 0)
    theta[np.hypot(x + 1.5, y) < 1.2] = 12
    theta[np.hypot(x - 2, y) < 1.6] = 1
    lines = lines[lines.sum(axis=1) > 0]
    return 2 * lines * np.exp(-0.1 * (lines @ (theta > 0)))[:, None], theta  # attenuated by the disc


def _tiny_scan(counts=1):
    """Return (P, m, r): a matrix of 304 bins and 97 voxels, the noisy counts of a disc, and its mean randoms.

    With ``counts=2`` there are twice as many as with 1, which are about ten thousand.
    """
    lines, theta = _tiny()
    lines = counts * lines
    r = np.full(len(lines), 0.5 * (lines @ theta).mean())
    return lines, np.random.default_rng(1).poisson(lines @ theta + r).astype(float), r


def _images(P, B, m, r, updates, sensitivity=None):
    """Images (update, voxel): the ones at the start, and the image after each update with B in the place of P.T."""
    images = [np.ones(P.shape[1])]
    for _ in range(updates):
        ratio = m / (P @ images[-1] + r)
        images.append(images[-1] * (B @ ratio) / (B.sum(axis=1) if sensitivity is None else sensitivity))
    return np.array(images)


def spoiled_scan():
    """Return (P, B, m, r): the scan of a disc, and a B that lays each value one voxel beside where P.T would."""
    lines, m, r = _tiny_scan()
    return lines, np.roll(lines.T, 1, axis=0), m, r


UPDATES = 20


def _likelihoods(B, sensitivity=None, randoms=1, expected=1):
    """Log-likelihoods of `_images` in `spoiled_scan`; the other arguments make mistakes."""
    lines, m, r = _tiny_scan()
    mean = _images(lines, B, m, r * randoms, UPDATES, sensitivity) @ lines.T + r * randoms
    return (m * np.log(mean) - mean * expected).sum(axis=1)


@exercise(
    second="theta = theta * (B @ (m / (P @ theta + r))) / (B @ ones), then mean = P @ theta + r, and append L.",
    right="five updates look healthy. Only the test <P x, y> = <x, B y> of notebook 02 finds such a B at once.",
)
def spoil_the_adjoint(prediction, likelihoods):
    """Notebook 03: L after each update with a back projector that is not P.T, ``likelihoods(P, B, m, r, n)``."""
    choice(prediction, ["rises", "rises, then falls", "NaN"], "the prediction")
    lines, spoiled, m, r = spoiled_scan()
    for B, name in ((lines.T, "P.T"), (spoiled, "the shifted one")):
        got, (start, *want) = call_array(likelihoods, lines, B, m, r, UPDATES), _likelihoods(B)
        after = f"{UPDATES} values are wanted, one after each update: the first is of the image after one."
        _named(got, [start, *want], "the image of ones is counted, too.", after)
        _named(got, [start, *want[:-1]], "each likelihood belongs to the image before its update.", after)
        if B is spoiled:
            _named(got, _likelihoods(lines.T)[1:], "B is not used.", "it takes the place of P.T, twice.")
            mixed = _likelihoods(B, sensitivity=lines.sum(axis=0))[1:]
            _named(got, mixed, "it divides by P.T @ ones.", "B takes the place of P.T there, too.")
        plain = _likelihoods(B, sensitivity=1)[1:]
        _named(got, plain, "the division by B @ ones is missing.", "a ratio of 1 must leave the image as it is.")
        _named(got, _likelihoods(B, randoms=0)[1:], "the randoms are missing.", "mean = P @ theta + r.")
        _named(got, _likelihoods(B, expected=0)[1:], "the term - mean is missing.", "L = sum(m log(mean) - mean).")
        compare(got, want, f"the likelihood where B is {name}", axes=("update",))
    rising = np.diff(want) > 0
    if prediction != ("rises" if rising.all() else "rises, then falls" if rising[0] > rising[-1] else ""):
        raise Wrong("your code is right, but it does not do what you predict.", "look at likelihoods(*tiny, 20).")


def reconstruct(m, r):
    """Return the image (voxel) after 20 updates of MLEM on the scanner of `spoiled_scan`."""
    lines, _ = _tiny()
    return _images(lines, lines.T, m, r, 20)[-1]


@exercise(
    second="without, with_r = reconstruct(m, 0 * r), reconstruct(m, r); then (without - with_r) / with_r in that voxel.",
    right="the image must explain the randoms as well. They are spread evenly, and weigh most where there is little else.",
)
def forget_the_randoms(where, bias):
    """Notebook 03: the relative error of a voxel if randoms are left out of the model, ``bias(reconstruct, m, r, voxel)``."""
    choice(where, ["cold places", "hot places", "all places alike"], "the place")
    lines, theta = _tiny()
    r = _tiny_scan()[2]
    m = lines @ theta + r  # without noise: what is left is the bias
    voxel = int(np.flatnonzero(theta == 1)[0])
    a, b = reconstruct(m, r), reconstruct(m, 0 * r)
    got, want = call_array(bias, reconstruct, m, r, voxel), (b - a) / a
    _named(got, want, "it is an image.", "give the value in one voxel.")
    got = np.array(number(got))
    _named(got, -want[voxel], "the sign is wrong.", "positive means: without r the image is too high.")
    _named(got, b[voxel] / a[voxel], "it is a ratio.", "a ratio of 1 is a difference of 0.")
    _named(got, (b - a)[voxel], "the difference is absolute.", "divide it by the image that is right.")
    _named(got, ((b - a) / b)[voxel], "it is relative to the wrong image.", "which of the two images is right?")
    subtracted = (reconstruct(m - r, 0 * r)[voxel] - a[voxel]) / a[voxel]
    _named(got, subtracted, "the randoms are subtracted, not forgotten.", "leave m as it is, and let r be 0.")
    compare(got, want[voxel], "the bias")
    cold, hot = want[theta == 1].mean(), want[theta == 12].mean()
    if where != ("cold places" if cold > 2 * hot else "hot places" if hot > 2 * cold else "all places alike"):
        raise Wrong("your code is right, but not the place.", "the error is alike everywhere: what is it divided by?")


def _course(counts):
    """Part of the hot spot's contrast, and NRMSE, after each of 60 updates."""
    lines, m, r = _tiny_scan(counts)
    _, theta = _tiny()
    images = _images(lines, lines.T, m, r, 60)[1:]

    def contrast(image):
        return image[..., theta == 12].mean(axis=-1) / image[..., theta == 4].mean(axis=-1) - 1

    return contrast(images) / contrast(theta), np.linalg.norm(images - theta, axis=1) / np.linalg.norm(theta)


FEW, MANY = 0.15, 1.5  # times the counts of _tiny_scan


@exercise(
    second="np.flatnonzero(condition)[0] is the first place, np.argmin(error) that of the least: add 1 to both.",
    right="with few counts the error turns before 90 % are there, with many after: no number fits all scans.",
)
def choose_the_iteration(choose):
    """Notebook 03: the first iteration with 90 % of the last contrast, the one of least error: ``choose(contrast, error)``."""
    for counts in (FEW, MANY):
        contrast, error = _course(counts)
        wanted = np.flatnonzero(contrast >= 0.9 * contrast[-1])[0] + 1, error.argmin() + 1
        got = call_array(choose, contrast, error)
        if got.shape != (2,):
            raise Wrong(f"two numbers are wanted, but it has shape {got.shape}.", "return first, best.")
        _named(got, wanted[::-1], "the two are swapped.", "first the one for the contrast, then that of least error.")
        for k, want, name in zip(got, wanted, ("contrast", "error"), strict=True):
            if k == want - 1:
                raise Wrong(f"the iterations for the {name} are counted from 0.", "which number has the image at [0]?")
            if k not in range(1, len(error) + 1):
                raise Wrong(f"{k:g} is no iteration: they go from 1 to {len(error)}.", "give the place, not the value.")
            if k != want:
                part, of = contrast[int(k) - 1] / contrast[-1], error[int(k) - 1] / error.min()
                at = f"{part:.0%} of the last contrast" if name == "contrast" else f"{of:.2g} times the least error"
                text = f"iteration {k:g} has {at}; it is too {'late' if k > want else 'early'}."
                raise Wrong(text, "90 % of contrast[-1], not of 1." if name == "contrast" else "where is error least?")
