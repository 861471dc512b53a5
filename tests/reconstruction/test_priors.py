"""Priors against loops over all pairs in float64, and their derivatives against differences."""

import itertools

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

from petcourse.reconstruction.priors import STEPS, Quadratic, RelativeDifference

SCANNER = reference.ring(rings=2, max_ring_difference=1, columns=5)
SHAPE = SCANNER.image_shape
KAPPA, PAIRS = (np.random.default_rng(1).random(shape, np.float32) for shape in (SHAPE, (13, *SHAPE)))
PHI = {
    Quadratic: lambda j, k: (j - k) ** 2 / 2,
    RelativeDifference: lambda j, k: (j - k) ** 2 / (j + k + 2 * abs(j - k) + 1e-3),
}


def value(kind, theta, kappa, pairs):
    """R, pair by pair."""
    total, voxels = 0.0, list(itertools.product(*map(range, theta.shape)))
    for j, k in itertools.product(voxels, voxels):
        step = tuple(np.subtract(k, j).tolist())
        if j == k or max(map(abs, step)) > 1:
            continue
        distance = np.linalg.norm(np.multiply(step, SCANNER.voxel)) / SCANNER.voxel[-1]
        first, step = (j, step) if step > (0, 0, 0) else (k, tuple(-s for s in step))
        pair = pairs[(STEPS.tolist().index(list(step)), *first)]
        total += kappa[j] * kappa[k] * pair / distance * PHI[kind](theta[j], theta[k]) / 2
    return total


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(list(PHI)), st.booleans(), st.integers(0, 2**32))
def test_value_gradient_and_diagonal(kind, plain, seed):
    rng = np.random.default_rng(seed)
    kappa, pairs = (None, None) if plain else (KAPPA, PAIRS)
    prior = kind(SCANNER, kappa, pairs)
    weights = [np.ones(SHAPE) if kappa is None else kappa, np.ones((13, *SHAPE)) if pairs is None else pairs]
    theta = rng.random(SHAPE) + 0.1
    gradient, diagonal, total = prior.derivatives(theta.astype(np.float32))
    assert total == pytest.approx(value(kind, theta, *weights), rel=1e-5)
    assert gradient.dtype == diagonal.dtype == np.float32
    for j in map(tuple, rng.integers(0, SHAPE, (4, 3))):
        e = np.zeros(SHAPE)
        e[j] = 1e-3
        below, here, above = (value(kind, theta + sign * e, *weights) for sign in (-1, 0, 1))
        assert gradient[j] == pytest.approx((above - below) / 2e-3, rel=1e-3, abs=1e-4)
        assert diagonal[j] == pytest.approx((above - 2 * here + below) / 1e-6, rel=1e-2, abs=1e-3)


@pytest.mark.parametrize("kind", PHI)
def test_arrays_of_a_gpu_are_treated_alike(kind):
    """The code for a GPU, here on NumPy's arrays."""
    prior, theta = kind(SCANNER, KAPPA, PAIRS), KAPPA + np.float32(0.1)
    for one, other in zip(prior.derivatives(theta), prior.with_arrays(theta), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_a_prior_inside_a_box():
    """In a box it is the prior of the image that ends there."""
    box, theta = slice(1, 4), np.zeros(SHAPE, np.float32)
    theta[:, box, box] = KAPPA[:, box, box]
    kappa = np.zeros(SHAPE, np.float32)
    kappa[:, box, box] = 1
    whole = RelativeDifference(SCANNER, kappa, PAIRS)
    for one, other in zip(whole.derivatives(theta)[:2], whole.inside_box(box).derivatives(theta[:, box, box].copy())[:2],
                          strict=True):  # fmt: skip
        np.testing.assert_allclose(one[:, box, box], other, rtol=1e-6)


NEGATIVE, NAN = -np.ones(SHAPE, np.float32), np.full(SHAPE, np.nan, np.float32)


@pytest.mark.parametrize(("kind", "image", "message"), [
    (RelativeDifference, NEGATIVE, "float32 of shape .* from -1, and the prior takes float32 .* from 0"),
    (RelativeDifference, NAN, "from nan, and"),
    (Quadratic, NAN, "from nan, and"),
    (Quadratic, KAPPA[:, 1:], r"of shape \(3, 4, 5\) .* takes float32 of shape \(3, 5, 5\)"),
    (Quadratic, KAPPA.astype(float), "the image is float64 of shape"),
])  # fmt: skip
def test_images_that_a_prior_does_not_take(kind, image, message):
    with pytest.raises(ValueError, match=message):
        kind(SCANNER).derivatives(image)


def test_a_quadratic_prior_takes_differences_of_images():
    np.testing.assert_array_equal(Quadratic(SCANNER).derivatives(NEGATIVE)[0], 0)


@pytest.mark.parametrize(("settings", "message"), [
    ({"kappa": KAPPA[:1]}, r"kappa must have shape \(3, 5, 5\)"),
    ({"kappa": NEGATIVE}, "kappa must .* nowhere negative"),
    ({"kappa": NAN}, "kappa must .* be finite"),
    ({"pairs": PAIRS[:, :, :2]}, r"pairs must have shape \(13, 3, 5, 5\)"),
    ({"pairs": PAIRS[:12]}, r"pairs must have shape \(13, 3, 5, 5\)"),
    ({"eps": 0}, "gamma is 2.0 and eps 0: give"),
    ({"gamma": -1}, "gamma is -1 and eps"),
    ({"gamma": np.nan}, "gamma is nan and eps"),
])  # fmt: skip
def test_impossible_priors(settings, message):
    with pytest.raises(ValueError, match=message):
        RelativeDifference(SCANNER, **settings)
