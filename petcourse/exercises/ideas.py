"""The exercises of notebook 07."""

import numpy as np

from petcourse.exercises import Wrong, as_array, call, call_array, compare, exercise, named

V = np.array([-3.0, -0.4, 0.0, 0.2, 0.5, 1.5, 4.0])
LEAST = 0.5


def _shrunk(v=V, least=LEAST):
    return np.sign(v) * np.maximum(abs(v) - least, 0)


@exercise(
    second="np.sign(v) * np.maximum(abs(v) - a, 0).",
    right="small parts, mostly noise, vanish, and large ones only lose a: a network of these alone can clean an image.",
)
def shrink_parts(shrink):
    """Notebook 07: the soft threshold, ``shrink(v, a)``."""
    answer = call_array(shrink, V, LEAST)
    mistakes = [
        (np.where(abs(V) > LEAST, V, 0), "what is large keeps its size: a hard threshold.", "it loses a, too."),
        (np.maximum(abs(V) - LEAST, 0), "the sign is lost.", "multiply by np.sign(v)."),
        (np.maximum(V - LEAST, 0), "negative values vanish.", "they are treated as their mirror images."),
        (np.clip(V, -LEAST, LEAST), "what is large is cut off.", "it is the small that must vanish."),
        (V - LEAST, "small values become negative.", "where |v| is below a, 0 is wanted."),
        (V - np.sign(V) * LEAST, "small values change their sign.", "where |v| is below a, 0 is wanted."),
        (_shrunk(least=np.exp(LEAST)), "a is put into an exponential.", "here a is the threshold itself."),
    ]
    compare(answer, _shrunk(), mistakes, "the result", axes=("part",))


EM, U = np.array([1.0, 2.0, 0.5, 3.0, 1.0]), np.array([1.5, 0.5, 0.6, 2.0, 4.0])
S, C = np.array([2.0, 1.0, 4.0, 1.0, 2.0]), np.array([1.0, 2.0, 0.5, 0.0, 3.0])


def _root(em=EM, u=U, s=S, c=C):
    b = s - c * u
    return 2 * s * em / (b + np.sqrt(b**2 + 4 * c * s * em))


@exercise(
    second="b = s - c * u; 2 * s * em / (b + np.sqrt(b**2 + 4 * c * s * em)).",
    right="where c is 0 it is EM's image, and where c is large it is u: the weight says whom to believe.",
)
def fused_image(fuse):
    """Notebook 07: the x >= 0 with ``c x**2 + (s - c u) x - s em = 0``, ``fuse(em, u, s, c)``."""
    answer = call_array(fuse, EM, U, S, C)
    b, some = S - C * U, C > 0
    negative = np.divide(-b - np.sqrt(b**2 + 4 * C * S * EM), 2 * C, out=np.zeros(5), where=some)
    same = answer.shape == C.shape
    zero = "the fourth voxel has c = 0, and 0 / 0 is NaN."
    mistakes = [
        (same and not np.isfinite(answer).all(), zero, "multiply the root by (b + w) / (b + w), w the square root."),
        (same and np.allclose(answer[some], negative[some]), "this is the other root.", "activity is not negative."),
        (_root(s=np.ones(5)), "the sensitivity s is missing.", "it stands with x, and with em."),
        (_root(c=2 * C), "c counts twice.", "compare it with the equation: c is there without a 2."),
        (_root(c=C / 2), "c counts half.", "under the root is b**2 + 4 c s em."),
        ((S * EM + C * U) / (S + C), "this is a weighted mean.", "solve the quadratic equation."),
        ((EM + U) / 2, "this is the mean of both.", "solve the quadratic equation."),
        (EM, "u has no say.", "c draws the image to u."),
        (U, "the counts have no say.", "em is what the counts ask for."),
    ]
    compare(answer, _root(), mistakes, "the image", axes=("voxel",))


RNG = np.random.default_rng(7)
MATRIX = RNG.random((12, 9))
PAIRS = {  # by name: back, and whether it is the transpose
    "P.T": (lambda y: MATRIX.T @ y, True),
    "P.T in float32": (lambda y: MATRIX.T.astype(np.float32) @ y.astype(np.float32), True),
    "P.T, shifted by a bin": (lambda y: MATRIX.T @ np.roll(y, 1), False),
    "P.T, 2 % too large": (lambda y: 1.02 * MATRIX.T @ y, False),
    "P's inverse": (lambda y: np.linalg.pinv(MATRIX) @ y, False),
}


def _project(x):
    return MATRIX @ x


@exercise(
    second="a, b = (project(x) * y).sum(), (x * back(y)).sum(); abs(a - b) < 1e-4 * abs(a).",
    right="two projections tell; petcourse's layer asks so when it is made, and refuses a pair that does not belong.",
)
def dot_test(belongs):
    """Notebook 07: whether ``back`` is the transpose of ``project``, ``belongs(project, back, x, y)``."""
    rng, said = np.random.default_rng(1), {}
    for name, (back, _) in PAIRS.items():
        answer = call(belongs, _project, back, rng.random(9), rng.random(12))
        if not isinstance(answer, (bool, np.bool_)):
            raise Wrong("True or False is wanted.", "compare two numbers: they are the same, or not.")
        said[name] = bool(answer)
    right = {name: fits for name, (_, fits) in PAIRS.items()}
    mistakes = [
        (all(said.values()), "all pairs belong together, it says.", "one back projector is shifted by a bin."),
        (not any(said.values()), "no pair belongs together, it says.", "are <P x, y> and <x, B y> compared?"),
        (said["P's inverse"], "it takes the inverse.", "the transpose does not undo P: compare <P x, y> and <x, B y>."),
        (said["P.T"] and not said["P.T in float32"], "float32 fails.", "allow for rounding: 1e-4 of the value."),
        (said["P.T, 2 % too large"], "it takes one that is 2 % too large.", "allow for rounding only: 1e-4."),
        (not said["P.T"], "it refuses P.T itself.", "<P x, y> has a value for each bin, <x, B y> for each voxel."),
        (said != right, "a wrong one passes.", "both sums, over bins and over voxels, must agree."),
    ]
    named(said, mistakes)


COUNTS = RNG.poisson(8.0, 40_000)


@exercise(
    second="one = rng.binomial(m, p); return one, m - one.",
    right="both are Poisson, and know nothing of each other's noise: what one scan learns, the other can judge.",
)
def thin_counts(thin):
    """Notebook 07: two scans from one, ``thin(m, p, rng)``."""
    answer = call(thin, COUNTS, 0.25, np.random.default_rng(2))
    if not isinstance(answer, (list, tuple, np.ndarray)) or len(answer) != 2:
        raise Wrong("two scans are wanted.", "return one, other.")
    one, other = (as_array(half, "a scan") for half in answer)
    if one.shape != COUNTS.shape or other.shape != COUNTS.shape:
        raise Wrong("a scan has another shape than m.", "each bin of m gives one number to either.")
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise Wrong("a scan has values that are not finite.", "counts are whole numbers from 0.")
    total, mean, spread = one + other, one.mean() / COUNTS.mean(), one.var() / max(one.mean(), 1e-9)
    together = np.corrcoef(one, other)[0, 1] if one.std() * other.std() else 1.0
    mistakes = [
        (
            (one % 1 != 0).any(),
            "these are no whole numbers.",
            "a count goes to the first scan or to the second, whole.",
        ),
        (min(one.min(), other.min()) < 0, "a bin has fewer than 0 counts.", "no more can go to one than there are."),
        ((total != COUNTS).any(), "the two do not add up to m.", "what does not go to the first goes to the second."),
        (abs(mean - 0.75) < 0.01, "the two are in the other order.", "p is the chance of the first."),
        (abs(mean - 0.25) > 0.01, f"the first has {mean:.2f} of the counts, not 0.25.", "use p."),
        (spread > 2, "all counts of a bin go the same way.", "each count is drawn by itself: rng.binomial(m, p)."),
        (spread < 0.8, "the first has too little noise.", "nothing is drawn: rng.binomial(m, p) draws each count."),
        (abs(together) > 0.03, "the two scans share noise.", "each count is drawn by itself: rng.binomial(m, p)."),
    ]
    named(answer, mistakes)
