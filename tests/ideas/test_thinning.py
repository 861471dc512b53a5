"""Two Poisson scans from one, and what is no scan."""

import numpy as np
import pytest

from petcourse.ideas.thinning import thin

MEAN = np.linspace(0.5, 8, 16).reshape(1, 4, 4)
SCANS = np.random.default_rng(0).poisson(np.broadcast_to(MEAN, (40000, 4, 4))).astype(np.int16)


@pytest.mark.parametrize("part", [0.5, 0.1])
def test_both_are_poisson_and_know_nothing_of_each_other(part):
    one, other = thin(SCANS, part)
    np.testing.assert_array_equal(one + other, SCANS)
    assert one.dtype == other.dtype == np.int16
    for scan, share in ((one, part), (other, 1 - part)):
        mean = share * MEAN[0]
        np.testing.assert_allclose(scan.mean(axis=0), mean, atol=5 * np.sqrt(mean.max() / len(SCANS)))
        np.testing.assert_allclose(scan.var(axis=0) / mean, 1, atol=0.05)
    together = ((one - one.mean(axis=0)) * (other - other.mean(axis=0))).mean(axis=0)
    assert abs(together / MEAN[0]).max() < 0.02


def test_a_seed_decides():
    np.testing.assert_array_equal(thin(SCANS, seed=3)[0], thin(SCANS, seed=3)[0])
    assert (thin(SCANS, seed=3)[0] != thin(SCANS, seed=4)[0]).any()


@pytest.mark.parametrize(
    ("m", "part", "error", "message"),
    [
        (SCANS.astype(np.float32), 0.5, TypeError, "float32 cannot be shared out.*whole numbers"),
        (-SCANS, 0.5, ValueError, "counts from -"),
        (SCANS, 0, ValueError, "chance of 0"),
        (SCANS, 1.0, ValueError, "chance of 1.0"),
        (SCANS, np.nan, ValueError, "chance of nan"),
    ],
)
def test_impossible(m, part, error, message):
    with pytest.raises(error, match=message):
        thin(m, part)
