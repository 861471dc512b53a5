"""The exercises of notebook 02."""

import numpy as np

from petcourse import Scanner
from petcourse.exercises import Wrong, as_array, call, call_array, compare, exercise, number


@exercise(
    second="np.argwhere((c0 == one) & (c1 == other)) finds the pair; a line has no direction, so try both orders.",
    right="each pair of crystals stands in the table once, so each line has one bin.",
)
def bin_of_line(first, second, answer):
    """Notebook 02: where the line between two crystals of a ring is in a sinogram, (angle, bin)."""
    ring = Scanner.mmr(rings=1)
    live, (c0, c1) = ring.live(), ring.bin_crystals()
    found = np.argwhere((c0 == first) & (c1 == second) | (c0 == second) & (c1 == first))
    if not len(found):
        text = f"no bin joins crystals {first} and {second}."
        raise Wrong(text, "a sinogram leaves out lines far from the axis: take crystals that lie opposite.")
    want = found[0]
    angle, radial = _two_whole_numbers(answer)
    given = np.array([angle, radial])
    if (given == want).all():
        return
    if (given == want[::-1]).all():
        raise Wrong("the two numbers are in the other order.", "the axes of a sinogram are (angle, bin).")
    if angle % ring.angles == want[0] and angle != want[0]:
        raise Wrong(
            f"the angle is off by half a turn, which is {ring.angles} angles.",
            "half a turn later the same lines come again, so a sinogram ends before.",
        )
    if not (0 <= angle < ring.angles and 0 <= radial < ring.bins):
        raise Wrong(f"({angle}, {radial}) is outside of a sinogram {live.shape}.", "both axes begin at 0.")
    mirrored = 2 * (ring.bins // 2) - want[1]
    joins = f"({angle}, {radial}) joins crystals {c0[angle, radial]} and {c1[angle, radial]}"
    if not live[angle, radial]:
        raise Wrong(f"this bin is dead: {joins}, and one of them is a gap.", "look up both crystals, not one alone.")
    if abs(given - want).max() == 1:
        raise Wrong(f"this is a neighbour: {joins}.", "axes are counted from 0: is there a 1 too much or too little?")
    if (given == [want[0], mirrored]).all():
        raise Wrong(f"the line is as far from the axis, but on the other side: {joins}.", "which crystal is c0?")
    raise Wrong(f"this is another line: {joins}.", "ask for both crystals at once, in the same bin.")


def _two_whole_numbers(answer):
    found = np.asarray(answer, object)  # (2,), or with an axis more, as NumPy's searches give it
    if found.size != 2:
        text = f"(angle, bin) is wanted, but this has {found.size} numbers."
        raise Wrong(text, "if nothing is found: are the crystals in the other order in the table?")
    pair = [number(value, "one of the two") for value in found.ravel()]
    if any(value % 1 for value in pair):
        raise Wrong(f"{pair} are no whole numbers.", "both are indices of the sinogram.")
    return map(int, pair)


# Two lines as (mu along the line in 1/mm, step in mm): through a head with its skull, and through a small object. Both
# begin and end in air, where a sum and the trapezoidal rule give the same.
LINES = [
    (np.concatenate([[0], np.full(5, 0.013), np.full(80, 0.00975), np.full(5, 0.013), [0]]), 2.0),
    (np.concatenate([[0], np.linspace(0.002, 0.01, 50), [0]]), 0.5),
]


@exercise(
    second="one line: np.exp(-mu.sum() * step).",
    right="the integral knows nothing of where on the line the pair started: so PET can correct for it exactly.",
)
def survival_probability(survival):
    """Notebook 02: part of the pairs that get out, ``survival(mu, step)``."""
    got = [call_array(survival, mu, step) for mu, step in LINES]
    if got[0].shape == LINES[0][0].shape:
        raise Wrong("it gives a number for each sample.", "an integral adds them up, and the line has one probability.")
    got = np.array([number(value, "the probability") for value in got])
    integral = np.array([mu.sum() * step for mu, step in LINES])
    sums = np.array([mu.sum() for mu, _ in LINES])
    means = np.array([mu.mean() for mu, _ in LINES])
    units = "mu is in 1/mm and the step in mm: nothing is left to convert."
    for wrong, what, hint in (
        (np.exp(integral), "the minus is missing: more get out than were there.", "what is e to a positive number?"),
        (np.exp(-sums), "the step is missing.", "an integral is a sum times the distance of its samples."),
        (np.exp(-means), "this is the mean of mu, not its integral.", "an integral is a sum times the step."),
        (np.exp(-integral / 10), "mu is taken for 1/cm.", units),
        (np.exp(-integral * 10), "mu is multiplied by 10.", units),
        (
            np.exp(-2 * integral),
            "both photons are counted twice.",
            "each goes its own way: together, once along the line.",
        ),
        (1 - np.exp(-integral), "this is the part that is lost.", "what is the rest?"),
        (integral, "this is the integral itself.", "the chance to get out falls exponentially with it."),
    ):
        if np.allclose(got, wrong, rtol=1e-4):
            raise Wrong(what, hint)
    compare(got, np.exp(-integral), "the probability of two lines")


# 5000 bins of a tiny scanner: some see the image, some see randoms alone, some are dead.
P = np.random.default_rng(2).random((5000, 4)) * 100
P[4000:] = 0
THETA = np.array([10.0, 0.0, 40.0, 5.0])
R = np.full(5000, 30.0)
R[4500:] = 0
COUNTS = 4e5


@exercise(
    second="t = P @ theta, then rng.poisson(t * counts / t.sum() + r).",
    right="this is `simulate` of the package, but for checks and memory.",
)
def tiny_measurement(measure_tiny):
    """Notebook 02: whole counts around trues and randoms, ``measure_tiny(P, theta, r, counts, rng)``."""
    m, again = (call(measure_tiny, P, THETA, R, COUNTS, np.random.default_rng(5)) for _ in range(2))
    t = P @ THETA
    scale = COUNTS / t.sum()
    expected = t * scale + R
    if as_array(m, "m").shape != R.shape:
        compare(m, expected, "m", axes=("bin",))  # which says that the shape is wrong
    m = np.asarray(m)
    if np.allclose(m, expected):
        raise Wrong("there is no noise: this is what a bin expects.", "m is a Poisson number around it.")
    _require_whole(m, expected, scale)
    _require_sums(m, t, scale)
    live = expected > 0
    surplus = (m - expected)[live] ** 2 / expected[live]
    if surplus.mean() < 0.8:
        raise Wrong("the noise is too small.", "first scale to the counts, then draw: once drawn, nothing is scaled.")
    if surplus.mean() > 1.25:
        text = f"the variance is {surplus.mean():.1f} times the mean, and not the same."
        raise Wrong(text, "is noise added twice? one Poisson number of t + r is all of it.")
    if (m != again).any():
        raise Wrong("the same seed gives other counts.", "draw with the rng that is given: rng.poisson.")


def _require_whole(m, expected, scale):
    """Refuse what are no counts: numbers that are not whole, or no integers."""
    if np.issubdtype(m.dtype, np.integer):
        return
    compare(np.where(np.isfinite(m), expected, m), expected, "m")  # which says what is NaN
    if np.allclose(m / scale % 1, 0) or np.allclose((m - R) / scale, np.round((m - R) / scale), atol=1e-6):
        raise Wrong("m is scaled after the noise.", "first scale to the counts, then draw: counts are whole numbers.")
    if (m % 1).any():
        raise Wrong("a bin holds a fraction of a count.", "counts are whole: draw them last, and change nothing after.")
    raise Wrong(f"m is {m.dtype}, but integers are wanted.", "rng.poisson gives integers: leave them.")


def _require_sums(m, t, scale):
    """Refuse a measurement with another number of trues or randoms, and say which mistake that is."""
    total, only_randoms, dead = m.sum(), m[4000:4500].sum(), m[4500:]
    slack = 6 * np.sqrt(COUNTS + R.sum())
    if dead.any():
        raise Wrong(f"dead bins have {dead.sum()} counts.", "r is 0 there: add r, and not one number to all bins.")
    tempting = COUNTS / THETA.sum() * t.sum()
    if abs(total / tempting - 1) < 0.05:
        text = f"the image is scaled, not the sinogram: {total:.0e} counts, and {COUNTS:.0e} trues were asked for."
        raise Wrong(text, "it is t = P @ theta that must sum to counts.")
    if not only_randoms:
        raise Wrong("the randoms are missing.", "some bins see nothing of the image, and count all the same.")
    if abs(total - COUNTS) < slack:
        raise Wrong("the randoms are scaled too.", "counts says how many trues there are: scale t, then add r.")
    if abs(total - t.sum() - R.sum()) < 6 * np.sqrt(t.sum()):
        raise Wrong("nothing is scaled.", "t must sum to counts: by what do you multiply it?")
    if abs(total - COUNTS - R.sum()) > slack:
        text = f"there are {total:.3g} counts, but about {COUNTS + R.sum():.3g} are expected."
        raise Wrong(text, "print the sum of the scaled trues, and that of r.")


@exercise(
    second="each bin of the blurred row takes back what it got: np.convolve(v, kernel[::-1], mode='valid').",
    right="<Bu, v> = <u, B'v>, and you may reconstruct with it.",
)
def transpose_of_blur(blur, transpose):
    """Notebook 02: the transpose of a blur that makes its row longer, ``transpose(v)``."""
    B = np.stack([call(blur, unit) for unit in np.eye(6)], axis=1)
    columns = [call_array(transpose, unit) for unit in np.eye(len(B))]
    if any(column.shape != (6,) for column in columns):
        text = f"of {len(B)} values it makes shape {columns[0].shape}, but (6,) is wanted."
        raise Wrong(text, "blur makes a row of 6 longer: its transpose goes back to 6.")
    got = np.stack(columns, axis=1)
    for wrong, what, hint in (
        (B.T[::-1, ::-1], "the kernel is not flipped.", "what blur moves right, the transpose moves left."),
        (np.linalg.pinv(B), "this is the inverse: it undoes the blur.", "the transpose blurs again, the other way."),
    ):
        if np.allclose(got, wrong) and not np.allclose(got, B.T):
            raise Wrong(what, hint)
    u, v = np.random.default_rng(0).random(6), np.random.default_rng(1).random(len(B))
    left, right = np.vdot(call(blur, u), v), np.vdot(u, call(transpose, v))
    if not np.isclose(left, right):
        text = f"the dot test fails: <Bu, v> = {left:.4f}, but <u, B'v> = {right:.4f}."
        factor = right / left
        hint = "write down the matrix B for a row of two, 4 by 2: the transpose adds up each of its columns."
        raise Wrong(text, f"is there a factor of {factor:.3g}?" if np.allclose(got, factor * B.T) else hint)
    compare(got, B.T, "the transpose")
