"""MLEM against the plain formula in float64, a toy whose optimum is known, and data with faults."""

from itertools import pairwise

import numpy as np
import pytest
import reference

from petcourse import PSF, Attenuation, Projector, mlem, simulate
from petcourse.scan.operator import Operator

RNG = np.random.default_rng(0)
DIMS, DIMSD = (1, 4, 4), (2, 5, 4)
DENSE = RNG.random((40, 16)) * (RNG.random((40, 16)) < 0.4)
DENSE[7] = 0  # a dead bin
DENSE[:, 3] = 0  # a voxel that no bin sees
P = reference.Matrix(DENSE, DIMS, DIMSD)
TRUTH = 50 * RNG.random(16)
R = RNG.random(DIMSD).astype(np.float32)
R.flat[7] = 0
M = RNG.poisson(DENSE @ TRUTH + R.ravel()).reshape(DIMSD).astype(np.uint8)


def plain(matrix, m, r, iterations):
    """The formula in float64, with the bins and voxels left out that have nothing to say."""
    sensitivity = matrix.sum(axis=0)
    theta = (sensitivity > 0).astype(float)
    for _ in range(iterations):
        mean = matrix @ theta + r
        bins = mean > 0
        log_likelihood = (m[bins] * np.log(mean[bins]) - mean[bins]).sum()
        ratio = np.divide(m, mean, out=np.zeros(len(m)), where=bins)
        theta = theta * np.divide(matrix.T @ ratio, sensitivity, out=np.zeros(len(theta)), where=sensitivity > 0)
        yield theta, log_likelihood


def test_equals_formula():
    wanted = list(plain(DENSE, M.ravel().astype(float), R.ravel().astype(float), 20))
    found = list(mlem(P, M, R, 20))
    assert len(found) == 20
    for (theta, value), (theta64, value64) in zip(found, wanted, strict=True):
        np.testing.assert_allclose(theta.ravel(), theta64, rtol=1e-4, atol=1e-4)
        assert value == pytest.approx(value64, rel=1e-5)
        assert theta.dtype == np.float32
        assert theta.shape == DIMS


def test_an_operator_that_returns_its_argument():
    """Neither the start nor an iterate may change under whoever holds it."""

    class Same(Operator):
        forward = back = staticmethod(lambda x: x)

    same = Same(DIMSD, DIMSD, "the identity")
    start = np.full(DIMSD, 2, np.float32)
    found = list(mlem(same, M, R, 3, theta=start))
    theta = start.ravel().astype(float)
    for image, _ in found:
        theta = theta * np.divide(M.ravel(), theta + R.ravel(), out=np.zeros(M.size), where=theta + R.ravel() > 0)
        np.testing.assert_allclose(image.ravel(), theta, rtol=1e-5)
    assert (start == 2).all()


def test_toy_with_known_optimum():
    """4 x 4 pixels, their row and column sums and each single pixel, no noise: the optimum is the truth."""
    rows, columns = np.kron(np.eye(4), np.ones(4)), np.kron(np.ones(4), np.eye(4))
    toy = reference.Matrix(np.concatenate([rows, columns, np.eye(16)]), DIMS, (1, 6, 4))
    truth = np.arange(1, 17, dtype=np.float32).reshape(DIMS)
    *_, (theta, _) = mlem(toy, toy @ truth, np.zeros(toy.dimsd, np.float32), 300)
    np.testing.assert_allclose(theta, truth, rtol=1e-3)
    # The truth is a fixed point
    (theta, _), *_ = mlem(toy, toy @ truth, np.zeros(toy.dimsd, np.float32), 1, theta=truth)
    np.testing.assert_allclose(theta, truth, rtol=1e-5)


@pytest.fixture(scope="module")
def scan():
    scanner = reference.ring(blocks=12)
    X = Projector(scanner)
    factors = np.random.default_rng(1).uniform(0.3, 1, X.dimsd).astype(np.float32)
    operator = Attenuation(factors) @ X @ PSF(scanner, 4.5)
    _, y, x = scanner.axes()
    truth = np.broadcast_to(np.hypot(y[:, None], x) < 20, X.dims).astype(np.float32)
    return operator, *simulate(operator, truth, scanner.pairs(), counts=2e5)


def test_likelihood_rises(scan):
    """On noisy data with randoms, attenuation, PSF and dead bins; nothing turns NaN or negative; iterates are kept."""
    operator, m, r, _ = scan
    iterates, values = zip(*mlem(operator, m, r, 15), strict=True)
    assert all(before < after for before, after in pairwise(values))
    assert all(np.isfinite(theta).all() and theta.min() >= 0 for theta in iterates)
    assert len({id(theta) for theta in iterates}) == 15
    assert all((a != b).any() for a, b in pairwise(iterates))


def test_counts_are_kept(scan):
    """Without randoms, each iterate expects exactly as many counts as were measured, in the bins that see it."""
    operator, m, r, _ = scan
    for theta, _ in mlem(operator, m, 0 * r + 1e-20 * (r > 0), 3):
        assert (operator @ theta).sum(dtype=float) == pytest.approx(m.sum(dtype=float), rel=1e-4)


def test_start_and_go_on(scan):
    """Two iterations and two more are four; the starting image stays as it was."""
    operator, m, r, _ = scan
    *_, (four, _) = mlem(operator, m, r, 4)
    *_, (two, _) = mlem(operator, m, r, 2)
    kept = two.copy()
    *_, (again, _) = mlem(operator, m, r, 2, theta=two)
    np.testing.assert_array_equal(two, kept)
    np.testing.assert_array_equal(again, four)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, np.float32])
def test_types_of_counts(dtype):
    *_, (theta, value) = mlem(P, M.astype(dtype), R, 3)
    *_, (wanted, value8) = mlem(P, M, R, 3)
    np.testing.assert_allclose(theta, wanted, rtol=1e-5)
    assert value == pytest.approx(value8, rel=1e-6)


def spoilt(array, value, at=0):
    array = array.astype(np.float32)
    array.flat[at] = value
    return array


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"m": spoilt(M, -1)}, "counts m range from -1 to.*randoms subtracted"),
        ({"m": spoilt(M, np.nan)}, "counts m hold NaN or infinite"),
        ({"m": spoilt(M, np.inf)}, "counts m hold NaN or infinite"),
        ({"r": spoilt(R, -1)}, "randoms r range from -1 to"),
        ({"r": spoilt(R, np.nan)}, "randoms r hold NaN or infinite"),
        ({"m": M[:1]}, r"counts m have shape \(1, 5, 4\).*gives \(2, 5, 4\).*one scanner"),
        ({"m": M.ravel()}, r"counts m have shape \(40,\)"),
        ({"r": R[:, :2]}, r"randoms r \(2, 2, 4\) and the operator gives \(2, 5, 4\)"),
        ({"r": R[None]}, r"randoms r \(1, 2, 5, 4\) and the operator gives \(2, 5, 4\)"),
        ({"m": spoilt(M, 3, at=7)}, "1 bins counted although neither image nor randoms reach them"),
        ({"theta": np.ones((1, 3, 3), np.float32)}, r"start has shape \(1, 3, 3\).*must have shape \(1, 4, 4\)"),
        ({"theta": np.full(DIMS, np.nan, np.float32)}, "start.*from nan to nan.*nowhere negative"),
        ({"theta": np.full(DIMS, np.inf, np.float32)}, "start.*from inf to inf.*finite"),
        ({"theta": np.zeros(DIMS, np.float32)}, "start.*somewhere positive"),
        ({"iterations": 0}, "iterations is 0.*give 1 or more"),
        ({"iterations": 2.5}, "iterations is 2.5.*whole number"),
        ({"theta": -np.ones(DIMS, np.float32)}, "start.*from -1 to -1.*nowhere negative"),
    ],
)
def test_bad_data(given, message):
    with pytest.raises(ValueError, match=message):
        list(mlem(**({"P": P, "m": M, "r": R, "iterations": 2} | given)))


def test_start_of_wrong_type():
    with pytest.raises(TypeError, match="float64 and MLEM works on float32"):
        list(mlem(P, M, R, 1, theta=np.ones(DIMS)))
