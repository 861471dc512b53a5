"""The exercises of notebook 03."""

import functools

import numpy as np

from petcourse.exercises import Wrong, call_array, choice, compare, exercise, named, number

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


@exercise(
    second="theta / (P.T @ ones) * (P.T @ ratio), where ratio is m / (P @ theta + r) in live bins and 0 in dead ones.",
    right="this is all of MLEM; the package adds only arithmetic in place.",
)
def mlem_update(update):
    """Notebook 03: one update with a dead bin, ``update(theta, P, m, r)``."""
    image = call_array(update, THETA, P, M, R)
    dead = "one bin is dead: P @ theta + r is 0 there, and 0 / 0 spoils every sum."
    seen = "a voxel seen by more lines is not hotter."
    randoms = "what does a bin expect to count: trues and what else?"
    mistakes = [
        (image.shape == THETA.shape and np.isnan(image).any(), "the image is NaN.", dead),
        (_update(randoms=0), "the randoms are missing.", randoms),
        (_update(M - R, 0), "the randoms are subtracted from the counts.", randoms),
        (_update(sensitivity=False), "the division by P.T @ ones is missing.", seen),
        (_update() / THETA, "the image of before is missing.", "the ratio improves an image: multiply it with theta."),
    ]
    compare(image, _update(), mistakes, "the image", axes=("voxel",))


@functools.cache
def disc():
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


def disc_scan(counts=1):
    """Return (P, m, r): 304 bins by 97 voxels, the noisy counts of the disc, some ten thousand times `counts`, its randoms."""
    lines, theta = disc()
    lines = counts * lines
    r = np.full(len(lines), 0.5 * (lines @ theta).mean())
    return lines, np.random.default_rng(1).poisson(lines @ theta + r).astype(float), r


def spoiled_scan():
    """Return (P, B, m, r): the scan of a disc, and a B that lays each value one voxel beside where P.T would."""
    lines, m, r = disc_scan()
    return lines, np.roll(lines.T, 1, axis=0), m, r


def _images(P, B, m, r, updates, divisor):
    """Images (update, voxel): the ones at the start, and the image after each update with B in the place of P.T."""
    images = [np.ones(P.shape[1])]
    for _ in range(updates):
        ratio = m / (P @ images[-1] + r)
        images.append(images[-1] * (B @ ratio) / divisor)
    return np.array(images)


UPDATES = 20


@functools.cache
def likelihoods_with(shift, divisor="B", randoms=1, expected=1):
    """Log-likelihoods of ones and after each update with a B shifted from P.T by so many voxels; the others make mistakes."""
    lines, m, r = disc_scan()
    B = np.roll(lines.T, shift, axis=0)
    divide = {"B": B.sum(axis=1), "P.T": lines.sum(axis=0), "nothing": 1}[divisor]
    mean = _images(lines, B, m, r * randoms, UPDATES, divide) @ lines.T + r * randoms
    return (m * np.log(mean) - mean * expected).sum(axis=1)


@exercise(
    second="theta = theta * (B @ (m / (P @ theta + r))) / (B @ ones), then mean = P @ theta + r, and append L.",
    right="five updates look healthy. Only the test <P x, y> = <x, B y> of notebook 02 finds such a B at once.",
)
def spoil_the_adjoint(prediction, likelihoods):
    """Notebook 03: L after each update with a back projector that is not P.T, ``likelihoods(P, B, m, r, n)``."""
    choice(prediction, ["rises", "rises, then falls", "NaN"], "the prediction")
    lines, shifted, m, r = spoiled_scan()
    first = f"{UPDATES} values are wanted, one after each update: the first is of the image after one."
    before = "each likelihood belongs to the image before its update."
    plain = "a ratio of 1 must leave the image as it is."
    for B, shift, name in ((lines.T, 0, "P.T"), (shifted, 1, "the shifted one")):
        start, *right = likelihoods_with(shift)
        mistakes = [
            ([start, *right], "the image of ones is counted, too.", first),
            ([start, *right[:-1]], before, first),
            (likelihoods_with(0)[1:], "B is not used.", "it takes the place of P.T, twice."),
            (likelihoods_with(shift, "P.T")[1:], "it divides by P.T @ ones.", "B takes the place of P.T there, too."),
            (likelihoods_with(shift, "nothing")[1:], "the division by B @ ones is missing.", plain),
            (likelihoods_with(shift, randoms=0)[1:], "the randoms are missing.", "mean = P @ theta + r."),
            (likelihoods_with(shift, expected=0)[1:], "the term - mean is missing.", "L = sum(m log(mean) - mean)."),
        ]
        answer = call_array(likelihoods, lines, B, m, r, UPDATES)
        compare(answer, right, mistakes, f"the likelihood where B is {name}", axes=("update",))
    rising = np.diff(right) > 0
    if prediction != ("rises" if rising.all() else "rises, then falls" if rising[0] > rising[-1] else ""):
        raise Wrong("your code is right, but it does not do what you predict.", "look at likelihoods(*tiny, 20).")


def disc_mlem(m, r):
    """Return the image (voxel) after 20 updates of MLEM on the scanner of `disc`."""
    lines, _ = disc()
    return _images(lines, lines.T, m, r, UPDATES, lines.sum(axis=0))[-1]


@exercise(
    second="without, with_r = reconstruct(m, 0 * r), reconstruct(m, r); then (without - with_r) / with_r in that voxel.",
    right="the image must explain the randoms as well. They are spread evenly, and weigh most where there is little else.",
)
def forget_the_randoms(where, bias):
    """Notebook 03: the relative error of a voxel if randoms are left out of the model, ``bias(reconstruct, m, r, voxel)``."""
    choice(where, ["cold places", "hot places", "all places alike"], "the place")
    lines, theta = disc()
    r = disc_scan()[2]
    m = lines @ theta + r  # without noise: what is left is the bias
    voxel = np.flatnonzero(theta == 1)[0]
    answer = call_array(bias, disc_mlem, m, r, int(voxel))
    if answer.shape == theta.shape:
        raise Wrong("it is an image.", "give the value in one voxel.")
    full, forgotten, subtracted = disc_mlem(m, r), disc_mlem(m, 0 * r), disc_mlem(m - r, 0 * r)
    difference = forgotten - full
    right = difference / full
    mistakes = [
        (-right[voxel], "the sign is wrong.", "positive means: without r the image is too high."),
        (forgotten[voxel] / full[voxel], "it is a ratio.", "a ratio of 1 is a difference of 0."),
        (difference[voxel], "the difference is absolute.", "divide it by the image that is right."),
        ((difference / forgotten)[voxel], "it is relative to the wrong image.", "which of the two images is right?"),
        ((subtracted / full - 1)[voxel], "the randoms are subtracted, not forgotten.", "leave m as it is, let r be 0."),
    ]
    compare(number(answer), right[voxel], mistakes, "the bias")
    cold, hot = right[theta == 1].mean(), right[theta == 12].mean()
    if where != ("cold places" if cold > 2 * hot else "hot places" if hot > 2 * cold else "all places alike"):
        raise Wrong("your code is right, but not the place.", "the error is alike everywhere: what is it divided by?")


FEW, MANY = 0.15, 1.5  # times the counts of `disc_scan`


@functools.cache
def curves(counts):
    """Return part of the hot spot's contrast, and NRMSE, after each of 60 updates."""
    lines, m, r = disc_scan(counts)
    theta = disc()[1]
    images = _images(lines, lines.T, m, r, 60, lines.sum(axis=0))[1:]

    def contrast(image):
        return image[..., theta == 12].mean(axis=-1) / image[..., theta == 4].mean(axis=-1) - 1

    return contrast(images) / contrast(theta), np.linalg.norm(images - theta, axis=1) / np.linalg.norm(theta)


@exercise(
    second="np.flatnonzero(condition)[0] is the first place, np.argmin(error) that of the least: add 1 to both.",
    right="with few counts the error turns before 90 % are there, with many after: no number fits all scans.",
)
def choose_the_iteration(choose):
    """Notebook 03: the first iteration with 90 % of the last contrast, the one of least error: ``choose(contrast, error)``."""
    for counts in (FEW, MANY):
        contrast, error = curves(counts)
        first, best = np.flatnonzero(contrast >= 0.9 * contrast[-1])[0] + 1, error.argmin() + 1
        answer = call_array(choose, contrast, error)
        if answer.shape != (2,):
            raise Wrong(f"two numbers are wanted, but it has shape {answer.shape}.", "return first, best.")
        named(answer, [([best, first], "the two are swapped.", "first that of the contrast, then that of the error.")])
        parts = [f"{part:.0%} of the last contrast" for part in contrast / contrast[-1]]
        times = [f"{ratio:.2g} times the least error" for ratio in error / error.min()]
        for k, right, name, reached, hint in (
            (answer[0], first, "contrast", parts, "90 % of contrast[-1], not of 1."),
            (answer[1], best, "error", times, "where is error least?"),
        ):
            valid = k in range(1, 61)
            text = f"iteration {k:g} has {reached[int(k) - 1] if valid else ''}; it is too "
            mistakes = [
                (right - 1, f"the iterations for the {name} are counted from 0.", "which number has the image at [0]?"),
                (not valid, f"{k:g} is no iteration: they go from 1 to 60.", "give the place, not the value."),
                (True, text + ("late." if k > right else "early."), hint),
            ]
            compare(k, right, mistakes)
