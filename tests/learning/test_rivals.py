"""Methods that do not learn: filters by hand, and the search for their settings on errors that are known."""

from types import SimpleNamespace

import numpy as np
import pytest

from petcourse.learning.rivals import METHODS, Method, guided_mean, smooth, tune

VOXEL = (2.0, 2.0, 2.0)
TRUTH = np.random.default_rng(0).uniform(1, 2, (4, 5, 6)).astype(np.float32)
HEAD = SimpleNamespace(case=SimpleNamespace(truth=TRUTH, head=np.ones(TRUTH.shape, bool)), passes={4.5: (2, 4, 8, 16)})


def test_a_filter_keeps_the_mean_and_has_its_width():
    point = np.zeros((31, 31, 31), np.float32)
    point[15, 15, 15] = 1
    blurred = smooth(point, 8, VOXEL)
    assert blurred.sum() == pytest.approx(1, abs=1e-4)
    assert blurred[15, 15, 17] / blurred[15, 15, 15] == pytest.approx(0.5, rel=1e-3)  # 4 mm, half of the width
    np.testing.assert_array_equal(smooth(point, 0, VOXEL), point)


def test_a_mean_by_t1_is_over_the_neighbours_most_alike():
    rng = np.random.default_rng(1)
    t1, image = rng.uniform(1, 2, (2, 6, 7, 8)).astype(np.float32)
    t1[0, 0] = 0  # air keeps its own
    found = guided_mean(image, t1, keep=9)
    for place in np.ndindex(t1.shape):
        near = tuple(slice(max(0, i - 2), i + 3) for i in place)
        alike = np.argsort(np.abs(t1[near] - t1[place]), axis=None)[:9]
        expected = image[near].ravel()[alike].mean() if t1[place] else image[place]
        assert found[place] == pytest.approx(expected, rel=1e-5)


def bowl(lowest):
    """An image whose NRMSE is the distance of the settings from the lowest place, in steps of the ladders."""
    return lambda head, *settings: (
        head.case.truth
        * np.float32(1 + 0.01 + 0.1 * sum(abs(np.log2(s / b)) for s, b in zip(settings, lowest, strict=True)))
    )


def test_the_search_finds_the_least_error_inside_its_ladders():
    method = Method(bowl((8, 2)), 4.5, {"sigma": ((0.5, 1, 2, 4), 1)})
    found = tune(method, [HEAD, HEAD])
    assert found["settings"] == {"passes": 8, "sigma": 2} and found["inside"] and found["last_step"] == 0
    assert found["error"] == pytest.approx(0.01, rel=1e-3)
    tried = {(k, sigma): error for k, sigma, error in found["tried"]}
    assert {(4, 2), (16, 2), (8, 1), (8, 4)} < set(tried)  # all around it
    assert all(error > found["error"] for place, error in tried.items() if place != (8, 2))


def test_runs_are_counted_once_for_each_value_that_needs_one():
    """Images of other passes come out of the same run."""
    method = Method(bowl((8, 2)), 4.5, {"sigma": ((0.5, 1, 2, 4), 1)})
    found = tune(method, [HEAD, HEAD])
    sigmas = {sigma for _, sigma, _ in found["tried"]}
    assert found["reconstructions"] == 2 * len(sigmas)
    assert tune(Method(bowl((8,)), 4.5), [HEAD])["reconstructions"] == 1


@pytest.mark.parametrize(("lowest", "end"), [((64,), 16), ((1,), 2)])
def test_a_best_at_the_end_is_said(lowest, end):
    found = tune(Method(bowl(lowest), 4.5), [HEAD])
    assert found["settings"] == {"passes": end} and not found["inside"]
    here, before = (error for _, error in sorted(found["tried"], key=lambda pair: abs(pair[0] - end))[:2])
    assert found["last_step"] == pytest.approx(1 - here / before)


def test_no_filter_at_all_is_no_end():
    method = Method(lambda head, width: head.case.truth * np.float32(1.1 + width), None, {"width": ((0, 1, 2), 1)})
    assert tune(method, [HEAD])["inside"]


def test_every_ladder_rises_and_holds_its_start():
    for name, method in METHODS.items():
        for values, start in method.ladders.values():
            assert start in values and list(values) == sorted(set(values)), name
