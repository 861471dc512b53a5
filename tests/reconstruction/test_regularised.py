"""OSEM against its formula, and MAP methods against an optimum that another solver finds, all in float64."""

import warnings
import weakref

import numpy as np
import pytest
import reference
from scipy.optimize import minimize

from petcourse import PSF, Attenuation, Kernel, Projector, Scanner, course_trues, load_subject, measure, mlem
from petcourse.reconstruction import em, ratio, regularised
from petcourse.reconstruction.em import osem
from petcourse.reconstruction.priors import STEPS, Quadratic, RelativeDifference, even_resolution
from petcourse.reconstruction.regularised import Posterior, bsrem, map_em, svrg

SCANNER = reference.ring(14, 3, radius=60, rings=2, max_ring_difference=1, columns=10, column_width=6.0, bins=40)
X = Projector(SCANNER, 28)
MATRIX = reference.matrix(SCANNER, 28).toarray()
_, Y, XS = SCANNER.axes()
INSIDE = np.broadcast_to(np.hypot(Y[:, None], XS) <= 28, SCANNER.image_shape)
RNG = np.random.default_rng(0)
TRUTH = (5 + 10 * RNG.random(SCANNER.image_shape)) * INSIDE
R = np.full(X.dimsd, 20, np.float32) * SCANNER.live()
M = RNG.poisson((MATRIX @ TRUTH.ravel()).reshape(X.dimsd) + R).astype(np.int16)
SEEN, EPS = MATRIX.sum(axis=0).reshape(SCANNER.image_shape) > 0, 0.02


def subset(array, k, of):
    return array[:, k::of].ravel()


def test_osem_equals_its_formula():
    of, rows = 7, np.arange(MATRIX.shape[0]).reshape(X.dimsd)
    theta = (MATRIX.sum(axis=0) > 0).astype(float)
    for n, image in enumerate(osem(X, M, R, 2, of)):
        A, m, r = MATRIX[subset(rows, n % of, of)], subset(M, n % of, of), subset(R, n % of, of)
        mean, sensitivity = A @ theta + r, A.sum(axis=0)
        back = A.T @ np.divide(m, mean, out=np.zeros(len(m)), where=mean > 0)
        theta = theta * np.divide(back, sensitivity, out=np.ones(len(theta)), where=sensitivity > 0)
        np.testing.assert_allclose(image.ravel(), theta, rtol=1e-4, atol=1e-5)
    assert n == 13


@pytest.mark.parametrize(("subsets", "warned"), [(7, 0), (14, 0), (28, 0), (9, 1), (3, 1), (21, 1)])
def test_unequal_subsets_are_warned_of(subsets, warned):
    """The mMR's gaps repeat every nine angles, and 252 / 28 = 9."""
    small = Scanner.mmr(rings=1)
    factors = np.ones(small.sinogram_shape, np.float32) * np.linspace(0.1, 1, 252, dtype=np.float32)[:, None]
    P, counts = Attenuation(factors) @ Projector(small, 60) @ PSF(small, 4), np.ones(small.sinogram_shape, np.int16)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        next(osem(P, counts, np.ones((1, 1, 1), np.float32), 1, subsets))
    assert [str(w.message).split(" have ")[0] for w in caught] == [f"the {subsets} subsets"] * warned
    assert all(str(w.message).endswith("take 1, 2, 4, 7, 14, 28.") for w in caught)


def test_osem_with_one_subset_is_mlem():
    P = Attenuation(np.full(X.dimsd, 0.5, np.float32)) @ X @ PSF(SCANNER, 5)
    for image, (theta, _) in zip(osem(P, M, R, 3, 1), mlem(P, M, R, 3), strict=True):
        np.testing.assert_array_equal(image, theta)


def test_kernel_em_is_mlem_with_a_kernel():
    K = Kernel(TRUTH.astype(np.float32), SCANNER.voxel, keep=20)
    dense = np.stack([(K @ e.reshape(K.dims)).ravel() for e in np.eye(TRUTH.size, dtype=np.float32)], axis=1)
    matrix, m, r = MATRIX @ dense.astype(float), M.ravel(), R.ravel()
    alpha, sensitivity = (matrix.sum(axis=0) > 0).astype(float), matrix.sum(axis=0)
    for found, _ in mlem(X @ K, M, R, 10):
        mean = matrix @ alpha + r
        back = matrix.T @ np.divide(m, mean, out=np.zeros(len(m)), where=mean > 0)
        alpha = alpha * np.divide(back, sensitivity, out=np.zeros(len(alpha)), where=sensitivity > 0)
        np.testing.assert_allclose(found.ravel(), alpha, rtol=1e-4, atol=1e-5)


def phi(flat, kind, beta):
    """Minus Phi, and minus its gradient, pair by pair over arrays in float64."""
    theta, value, slope = flat.reshape(SCANNER.image_shape), 0.0, np.zeros(SCANNER.image_shape)
    for step in STEPS:
        j, k = (tuple(slice(max(0, s * d), n + min(0, s * d)) for d, n in zip(step, theta.shape, strict=True))
                for s in (-1, 1))  # fmt: skip
        weight = SCANNER.voxel[2] / np.linalg.norm(step * SCANNER.voxel) * SEEN[j] * SEEN[k]
        d, total = theta[j] - theta[k], theta[j] + theta[k]
        if kind is Quadratic:
            value, gj, gk = value + (weight * d**2 / 2).sum(), d, -d
        else:
            D = total + 2 * abs(d) + EPS
            value += (weight * d**2 / D).sum()
            gj, gk = (d * (2 * D - d * (1 + 2 * np.sign(d))) / D**2, d * (-2 * D - d * (1 - 2 * np.sign(d))) / D**2)
        slope[j] += weight * gj
        slope[k] += weight * gk
    mean = MATRIX @ flat + R.ravel()
    bins = mean > 0
    likelihood = (M.ravel()[bins] * np.log(mean[bins]) - mean[bins]).sum()
    ratio = np.divide(M.ravel(), mean, out=np.zeros(len(mean)), where=bins)
    return beta * value - likelihood, beta * slope.ravel() - MATRIX.T @ (ratio - bins)


def optimum(kind, beta):
    start = TRUTH.ravel() + 1.0
    found = minimize(phi, start, (kind, beta), jac=True, bounds=[(0, None)] * start.size, method="L-BFGS-B",
                     options={"maxiter": 3000, "maxfun": 9000, "ftol": 1e-15, "gtol": 1e-9})  # fmt: skip
    return found.x.reshape(SCANNER.image_shape), -found.fun


METHODS = {
    "MAP-EM": (Quadratic, 0.5, lambda prior, beta: map_em(X, M, R, prior, beta, 400), 1e-2),
    "SVRG": (RelativeDifference, 20.0, lambda prior, beta: svrg(X, M, R, prior, beta, 40, 7), 1e-2),
    "SVRG, quadratic": (Quadratic, 0.5, lambda prior, beta: svrg(X, M, R, prior, beta, 40, 7), 1e-2),
    "BSREM": (RelativeDifference, 20.0, lambda prior, beta: bsrem(X, M, R, prior, beta, 60, 7), 5e-2),
}


@pytest.mark.parametrize("name", METHODS)
def test_the_optimum_is_reached(name):
    kind, beta, method, most = METHODS[name]
    wanted, value = optimum(kind, beta)
    prior = kind(SCANNER, eps=EPS) if kind is RelativeDifference else kind(SCANNER)
    *_, found = method(prior, beta)
    first = next(iter(method(prior, beta)))
    error = np.linalg.norm((found - wanted)[SEEN]) / np.linalg.norm(wanted[SEEN])
    values = [-phi(image.ravel().astype(float), kind, beta)[0] for image in (first, found)]
    assert error < most, (error, values, value)
    assert value - values[1] < 1e-2 * (value - values[0])
    assert found.min() >= 0
    box = Posterior(X, M, R, prior, beta, 7)
    assert box.value(found) == pytest.approx(values[1], rel=1e-5)


def test_a_strong_prior_does_not_shake():
    """The images at the end of passes with and without a new anchor come together, of a head and a prior that rules it."""
    scanner = Scanner.mmr(rings=2)
    subject, X2 = load_subject("embedded", scanner), Projector(scanner, 120, device="cpu")
    scan = measure(subject, X2, counts=course_trues(scanner))
    P = scan.A @ X2 @ PSF(scanner, 2.5)
    *_, start = osem(P, scan.m, scan.r, 1, 14)
    prior = RelativeDifference(scanner, even_resolution(P, scan.m, scan.r, start), eps=float(start.max()) / 1000)
    images = svrg(P, scan.m, scan.r, prior, 16 / 700, 8, 28, start)
    ends = [image for n, image in enumerate(images) if n % 57 in (28, 56)]
    assert np.linalg.norm(ends[-2] - ends[-1]) < 5e-3 * np.linalg.norm(ends[-1])


# Bad input: one sentence each, and never a picture


PRIOR, RELATIVE = Quadratic(SCANNER), RelativeDifference(SCANNER, eps=EPS)
MAP = {
    "map_em": lambda beta=0.5, prior=PRIOR, subsets=1, **rest: map_em(X, M, R, prior, beta, 3, **rest),
    "bsrem": lambda beta=0.5, prior=RELATIVE, subsets=7, **rest: bsrem(X, M, R, prior, beta, 3, subsets, **rest),
    "svrg": lambda beta=0.5, prior=RELATIVE, subsets=7, **rest: svrg(X, M, R, prior, beta, 3, subsets, **rest),
}


@pytest.mark.parametrize(("subsets", "message"), [
    (5, "subset 0 of 5 .* 28 angles: take a number that divides"),
    (56, "subset 0 of 56 .* take a number that divides"),
    (0, "subsets is 0 and a whole number is wanted"),
    (-7, "subsets is -7 and a whole number"),
    (3.5, "subsets is 3.5 and a whole number"),
    ("7", "subsets is '7' and a whole number"),
])  # fmt: skip
def test_impossible_numbers_of_subsets(subsets, message):
    for images in (osem(X, M, R, 1, subsets), MAP["bsrem"](subsets=subsets), MAP["svrg"](subsets=subsets)):
        with pytest.raises(ValueError, match=message):
            next(images)


@pytest.mark.parametrize("method", MAP)
@pytest.mark.parametrize(("beta", "message"), [
    *((beta, "beta is .* and the weight of a prior is wanted") for beta in (-1, np.nan, np.inf, None, "1")),
    *((beta, r"beta is .*float32 no longer sees the counts.*stay below \de\+0[56]\.") for beta in (1e8, 1e20, 1e38, 1e60)),
])  # fmt: skip
def test_impossible_weights_of_a_prior(method, beta, message):
    with pytest.raises(ValueError, match=message):
        next(MAP[method](beta))


def test_below_the_largest_weight_float32_is_enough():
    """MAP-EM never goes down, as it is proven to, with a prior that outweighs the counts ten thousand times."""
    *_, start = osem(X, M, R, 1, 1)
    images = [start, *map_em(X, M, R, PRIOR, 1e4, 30, theta=start)]
    values = [-phi(image.ravel().astype(float), Quadratic, 1e4)[0] for image in images]
    assert np.diff(values).min() > -1e-6 * abs(values[-1])
    assert values[-1] - values[0] > 0.9 * (optimum(Quadratic, 1e4)[1] - values[0])


@pytest.mark.parametrize("method", MAP)
@pytest.mark.parametrize(("theta", "message"), [
    (-np.ones(X.dims, np.float32), "start .* from -1 to -1.*nowhere negative"),
    (np.full(X.dims, np.nan, np.float32), "start .* from nan to nan"),
    (np.ones((1, 10, 10), np.float32), r"start has shape \(1, 10, 10\).*must have shape \(3, 10, 10\)"),
])  # fmt: skip
def test_impossible_starts(method, theta, message):
    with pytest.raises(ValueError, match=message):
        next(MAP[method](theta=theta))


def test_steps_that_begin_too_late():
    with pytest.raises(ValueError, match="steps are .*the first from update 0"):
        next(MAP["svrg"](steps=((5, 1.0),)))


@pytest.mark.parametrize(("method", "steps"), [
    *(("bsrem", {"step": step, "decay": 0}) for step in (50, 1e3, 1e30, -1, np.nan)),
    *(("svrg", {"steps": ((0, step),)}) for step in (50, 1e3, 1e30, -1, np.nan)),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # of the steps that are to be refused
def test_steps_that_diverge(method, steps):
    """They are noticed before an image is out of all proportion; those before stay as they were."""
    images, copies = [], []
    with pytest.raises(
        ValueError, match=r"steps of .* lead to an image of .* trues for 5.3e\+05 counts: take smaller ones"
    ):
        for image in MAP[method](**steps):
            images.append(image)
            copies.append(image.copy())
    phi = Posterior(X, M, R, PRIOR, 0.5)
    assert all(0 < phi.trues(phi.cut(image)) < 4 * M.sum() for image in images)
    np.testing.assert_array_equal(images, copies)


@pytest.mark.parametrize("method", ["osem", *MAP])
@pytest.mark.parametrize("fault", [KeyboardInterrupt, MemoryError])
def test_interrupted_the_last_image_is_kept_and_goes_on(method, fault, monkeypatch):
    def run(theta=None):
        return osem(X, M, R, 3, 7, theta) if method == "osem" else MAP[method](theta=theta)

    calls = iter(range(20 if method in ("bsrem", "svrg") else 2))  # of which 7 are for the start, and 7 for an anchor

    def divide_a_few_times(*given):
        if next(calls, None) is None:
            raise fault
        return ratio.divide(*given)

    whole, images = list(run()), []
    for module in (em, regularised):
        monkeypatch.setattr(module, "divide", divide_a_few_times)
    with pytest.raises(fault):
        images.extend(run())
    monkeypatch.undo()
    assert images
    np.testing.assert_array_equal(images, whole[: len(images)])
    assert np.isfinite(next(run(images[-1]))).all()


def test_a_prior_that_is_none():
    for method in ("bsrem", "svrg"):
        with pytest.raises(TypeError, match="the prior is of type float: give Quadratic"):
            next(MAP[method](prior=0.5))
    with pytest.raises(TypeError, match="MAP-EM takes a Quadratic one: use svrg"):
        next(MAP["map_em"](prior=RELATIVE))


def test_the_start_is_found_without_keeping_all_images(monkeypatch):
    """A pass of 28 subsets would be 28 images of the whole grid, 1.7 GB for the mMR."""
    alive, most = [], []

    def watched(*args):
        for image in osem(*args):
            alive.append(weakref.ref(image))
            most.append(sum(image() is not None for image in alive))
            yield image

    monkeypatch.setattr(regularised, "osem", watched)
    next(svrg(X, M, R, Quadratic(SCANNER), 0.1, 1, 7))
    assert len(alive) == 7 and max(most) <= 3
