"""Slices of heads: as many counts as in the whole scan, each seen by its own ring; and the networks that learn from them."""

from types import SimpleNamespace

import numpy as np
import pytest

from petcourse import Scanner, load_subject
from petcourse.ideas import networks
from petcourse.ideas.networks import keras
from petcourse.ideas.slices import scan_slices, thinned
from petcourse.ideas.step import relative, typical
from petcourse.learning import nrmse

LIVE = Scanner.mmr(rings=1).live()


@pytest.fixture(scope="module")
def whole():
    """The head on the middle rings, as if it were all."""
    return load_subject("embedded", Scanner.mmr(rings=12))


@pytest.fixture(scope="module")
def scan(whole):
    return scan_slices(whole, slices=3, counts=3e6, passes=2)


def test_the_unit_knows_neither_air_nor_scale():
    image = np.random.default_rng(0).uniform(0.8, 1.2, (4, 10, 10)).astype(np.float32)
    wide = np.pad(image, ((0, 0), (30, 30), (30, 30)))
    assert typical(image) == pytest.approx(1, abs=0.02)
    assert typical(7 * wide) == pytest.approx(7 * typical(image), rel=1e-5)


@pytest.mark.parametrize("value", [0, np.nan, np.inf, -1])
def test_an_image_without_a_unit(value):
    with pytest.raises(ValueError, match="mean of an image for a network is"):
        typical(np.full((2, 3, 3), value, np.float32))


def test_no_t1_is_refused():
    with pytest.raises(ValueError, match="T1 image is 0 everywhere"):
        relative(np.zeros((2, 3, 3), np.float32))


def test_scanned_slices(whole, scan):
    """The slices' share of the counts; an image like the truth; all in one unit."""
    planes = np.linspace(0, len(whole.pet) - 1, 5).round().astype(int)[1:-1]
    trues = 3e6 * whole.pet[planes].sum() / whole.pet.sum()
    assert scan.m.sum() == pytest.approx(trues / 0.7, rel=0.01)  # 30 % of all counts are randoms
    assert (scan.A * (scan.P @ scan.truth)).sum() == pytest.approx(trues, rel=0.01)
    assert nrmse(scan.theta, scan.truth, scan.head) < 0.7
    assert not scan.m[:, ~LIVE].any() and scan.head.any()
    assert scan.t1[scan.head].mean() == pytest.approx(1, abs=0.3)


def test_thinned_slices(scan):
    """Both halves add up, and each image is about as bright as its part of the counts."""
    one, other = thinned(scan, passes=1, part=0.25)
    np.testing.assert_array_equal(one.m + other.m, scan.m)
    np.testing.assert_allclose(one.r + other.r, scan.r, rtol=1e-6)
    for half, part in ((one, 0.25), (other, 0.75)):
        assert half.theta.sum() == pytest.approx(part * scan.theta.sum(), rel=0.05)
        np.testing.assert_allclose(half.truth, np.float32(part) * scan.truth)


def test_the_likelihood_of_the_other_half_is_that_of_its_counts(scan):
    """What the network is scored with is ``y - m log y``, in every bin, for the image that it gives."""
    given = {k: v for k, v in scan.given().items() if k in ("theta", "unit", "r", "A")}
    unchanged = networks.residual()
    model = networks.behind_projector(unchanged, scan.P)
    y = scan.A * (scan.P @ np.maximum(scan.theta, 0)) + scan.r
    np.testing.assert_allclose(model.predict(given, verbose=0)[0], y, rtol=1e-4, atol=1e-5)
    wanted = np.mean(y - scan.m * np.log(y + keras.config.epsilon()))
    assert model.evaluate(given, scan.given()["m"], verbose=0) == pytest.approx(wanted, rel=1e-3)


@pytest.mark.slow
def test_what_they_learn_from(scan):
    """With the truth the error falls, with T1 it falls most; a teacher that has not seen the truth helps a half as well."""

    def error(model, of, mr=False):
        return nrmse(model.predict(of.channels(mr), verbose=0)[..., 0] * of.unit, of.truth, of.head)

    half = thinned(scan, networks.START)[0]
    seen, seen_half = (nrmse(of.theta, of.truth, of.head) for of in (scan, half))
    taught, guided = (networks.post_processing([scan], mr, epochs=60) for mr in (False, True))
    assert error(guided, scan, True) < error(taught, scan) < seen
    assert error(networks.other_half([scan], epochs=40), half) < seen_half


def test_a_training_that_diverges_says_so(scan):
    model = SimpleNamespace(name="made up", train_on_batch=lambda x, y: np.nan)
    with pytest.raises(ValueError, match="loss of made up is no longer finite"):
        networks.train_on_slices(model, [(0, 0)], epochs=1)
