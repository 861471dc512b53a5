"""The exercises of notebook 02."""

import numpy as np

from petcourse.exercises import Wrong, as_array, call, call_array, compare, exercise, named, number
from petcourse.scan.scanner import Scanner


def _two_whole_numbers(answer):
    pair = np.asarray(answer, object).ravel()  # (2,), or with an axis more, as NumPy's searches give it
    if pair.size != 2:
        text = f"(angle, bin) is wanted, but this has {pair.size} numbers."
        raise Wrong(text, "if nothing is found: are the crystals in the other order in the table?")
    pair = [number(value, "one of the two") for value in pair]
    if any(value % 1 for value in pair):
        raise Wrong(f"{pair} are no whole numbers.", "both are indices of the sinogram.")
    return map(int, pair)


@exercise(
    second="np.argwhere((c0 == one) & (c1 == other)) finds the pair; a line has no direction, so try both orders.",
    right="each pair of crystals stands in the table once, so each line has one bin.",
)
def bin_of_line(first, second, answer):
    """Notebook 02: where the line between two crystals of a ring is in a sinogram, (angle, bin)."""
    ring = Scanner.mmr(rings=1)
    live, (c0, c1) = ring.live(), ring.bin_crystals()
    places = np.argwhere((c0 == first) & (c1 == second) | (c0 == second) & (c1 == first)).tolist()
    if not places:
        text = f"no bin joins crystals {first} and {second}."
        raise Wrong(text, "a sinogram leaves out lines far from the axis: take crystals that lie opposite.")
    (right_angle, right_bin), (angle, radial) = places[0], _two_whole_numbers(answer)
    place = angle % ring.angles, radial % ring.bins  # the bin itself, but for what is outside
    joins = f"({angle}, {radial}) joins crystals {c0[place]} and {c1[place]}"
    off = abs(angle - right_angle), abs(radial - right_bin)
    mirrored = 2 * (ring.bins // 2) - right_bin
    half_turn = f"the angle is off by half a turn, which is {ring.angles} angles."
    period = "half a turn later the same lines come again, so a sinogram ends before."
    order, outside = "the two numbers are in the other order.", f"({angle}, {radial}) is outside of a sinogram."
    gap = f"this bin is dead: {joins}, and one of them is a gap."
    other_side = f"the line is as far from the axis, but on the other side: {joins}."
    mistakes = [
        ((angle, radial) == (right_bin, right_angle), order, "the axes of a sinogram are (angle, bin)."),
        (off[0] > 0 and off[0] % ring.angles == 0, half_turn, period),
        ((angle, radial) != place, outside, f"its shape is {live.shape}, and both axes begin at 0."),
        (not live[place], gap, "look up both crystals, not one alone."),
        (max(off) == 1, f"this is a neighbour: {joins}.", "axes begin at 0: is there a 1 too much or too little?"),
        (place == (right_angle, mirrored), other_side, "which crystal is c0?"),
        (True, f"this is another line: {joins}.", "ask for both crystals at once, in the same bin."),
    ]
    compare((angle, radial), max(off) == 0, mistakes)


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
    answers = [call_array(survival, mu, step) for mu, step in LINES]
    if answers[0].shape == LINES[0][0].shape:
        raise Wrong("it gives a number for each sample.", "an integral adds them up, and the line has one probability.")
    answer = np.array([number(value, "the probability") for value in answers])
    integral, total, mean = np.array([(mu.sum() * step, mu.sum(), mu.mean()) for mu, step in LINES]).T
    units = "mu is in 1/mm and the step in mm: nothing is left to convert."
    mistakes = [
        (np.exp(integral), "the minus is missing: more get out than were there.", "what is e to a positive number?"),
        (np.exp(-total), "the step is missing.", "an integral is a sum times the distance of its samples."),
        (np.exp(-mean), "this is the mean of mu, not its integral.", "an integral is a sum times the step."),
        (np.exp(-integral / 10), "mu is taken for 1/cm.", units),
        (np.exp(-integral * 10), "mu is multiplied by 10.", units),
        (np.exp(-2 * integral), "both photons are counted twice.", "each goes its way: together, once along the line."),
        (1 - np.exp(-integral), "this is the part that is lost.", "what is the rest?"),
        (integral, "this is the integral itself.", "the chance to get out falls exponentially with it."),
    ]
    compare(answer, np.exp(-integral), mistakes, "the probability of two lines")


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
    counted, dtype, t = as_array(m, "m"), np.asarray(m).dtype, P @ THETA
    scale = COUNTS / t.sum()
    expected = t * scale + R
    if counted.shape != R.shape or not np.isfinite(counted).all():
        compare(counted, expected, what="m", axes=("bin",))
    whole, trues = np.issubdtype(dtype, np.integer), (counted - R) / scale
    fractions = not whole and (counted % 1).any()
    scaled_after = not whole and (np.allclose(counted / scale % 1, 0) or np.allclose(trues, trues.round(), atol=1e-6))
    total, dead, image_scaled = counted.sum(), counted[4500:].sum(), COUNTS / THETA.sum() * t.sum()
    slack, unscaled = 6 * np.sqrt(COUNTS + R.sum()), abs(total - (t + R).sum()) < 6 * np.sqrt(t.sum())
    image = f"the image is scaled, not the sinogram: {total:.0e} counts, and {COUNTS:.0e} trues were asked for."
    sums = f"there are {total:.3g} counts, but about {COUNTS + R.sum():.3g} are expected."
    variance = ((counted - expected)[:4500] ** 2 / expected[:4500]).mean()  # in parts of a Poisson number's
    spread = f"the variance is {variance:.1f} times the mean: is noise added twice?"
    another = not np.array_equal(m, again)
    scale_first = "first scale to the counts, then draw: once drawn, nothing is scaled."
    only_randoms = "some bins see nothing of the image, and count all the same."
    mistakes = [
        (expected, "there is no noise: this is what a bin expects.", "m is a Poisson number around it."),
        (scaled_after, "m is scaled after the noise.", scale_first),
        (fractions, "a bin holds a fraction of a count.", "counts are whole: draw them last, then change nothing."),
        (not whole, f"m is {dtype}, but integers are wanted.", "rng.poisson gives integers: leave them."),
        (dead != 0, f"dead bins have {dead:g} counts.", "r is 0 there: add r, and not one number to all bins."),
        (abs(total / image_scaled - 1) < 0.05, image, "it is t = P @ theta that must sum to counts."),
        (not counted[4000:].any(), "the randoms are missing.", only_randoms),
        (abs(total - COUNTS) < slack, "the randoms are scaled too.", "counts are the trues: scale t, then add r."),
        (unscaled, "nothing is scaled.", "t must sum to counts: by what do you multiply it?"),
        (abs(total - COUNTS - R.sum()) > slack, sums, "print the sum of the scaled trues, and that of r."),
        (variance < 0.8, "the noise is too small.", scale_first),
        (variance > 1.25, spread, "one Poisson number of t + r is all of it."),
        (another, "the same seed gives other counts.", "draw with the rng that is given: rng.poisson."),
    ]
    named(counted, mistakes)


@exercise(
    second="each bin of the blurred row takes back what it got: np.convolve(v, kernel[::-1], mode='valid').",
    right="<Bu, v> = <u, B'v>, and you may reconstruct with it.",
)
def transpose_of_blur(blur, transpose):
    """Notebook 02: the transpose of a blur that makes its row longer, ``transpose(v)``."""
    B = np.stack([call_array(blur, unit) for unit in np.eye(6)], axis=1)
    columns = [call_array(transpose, unit) for unit in np.eye(len(B))]
    if any(column.shape != (6,) for column in columns):
        text = f"of {len(B)} values it makes shape {columns[0].shape}, but (6,) is wanted."
        raise Wrong(text, "blur makes a row of 6 longer: its transpose goes back to 6.")
    answer = np.stack(columns, axis=1)
    u, v = np.random.default_rng(0).random(6), np.random.default_rng(1).random(len(B))
    left, right = np.vdot(call_array(blur, u), v), np.vdot(u, call_array(transpose, v))
    dot = f"the dot test fails: <Bu, v> = {left:.4f}, but <u, B'v> = {right:.4f}."
    matrix = "write down the matrix B for a row of two, 4 by 2: the transpose adds up each of its columns."
    mistakes = [
        (B.T[::-1, ::-1], "the kernel is not flipped.", "what blur moves right, the transpose moves left."),
        (np.linalg.pinv(B), "this is the inverse: it undoes the blur.", "the transpose blurs again, the other way."),
        (right / left * B.T, dot, f"is there a factor of {right / left:.3g}?"),
        (True, dot, matrix),
    ]
    compare(answer, np.isclose(left, right) and np.allclose(answer, B.T), mistakes)
