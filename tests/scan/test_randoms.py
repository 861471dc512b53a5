"""Randoms from singles: pair by pair, counted as delayeds, and estimated back."""

import numpy as np
import pytest
import reference

from petcourse import Projector, Scanner
from petcourse.scan.randoms import WINDOW, estimate_singles, mean_randoms, measure_delayeds, singles

SCANNER = reference.SMALL
SHAPE = SCANNER.rings, SCANNER.slots
GAP = np.arange(SCANNER.slots) % SCANNER.block_slots >= SCANNER.block_crystals
RATES = ((1e4 + 2e4 * np.random.default_rng(0).random(SHAPE)) * ~GAP).astype(np.float32)


def test_pair_by_pair():
    """2 tau S_i S_j T, one pair of crystals at a time."""
    r, (c0, c1) = mean_randoms(SCANNER, RATES, 100), SCANNER.bin_crystals()
    for angle, bin_ in np.argwhere(SCANNER.live())[::37]:
        wanted = np.zeros(len(r))
        for r0, r1, plane in zip(*SCANNER.ring_pairs(), strict=True):
            wanted[plane] += WINDOW * 100 * float(RATES[r0, c0[angle, bin_]]) * float(RATES[r1, c1[angle, bin_]])
        np.testing.assert_allclose(r[:, angle, bin_], wanted, rtol=1e-5)
    assert not r[:, ~SCANNER.live()].any()


def test_equal_crystals():
    """They give what the course's default scan has: randoms in proportion to the pairs of crystals."""
    r = mean_randoms(SCANNER, np.full(SHAPE, 1e4, np.float32), 60)
    np.testing.assert_allclose(r, WINDOW * 60 * 1e8 * SCANNER.pairs(), rtol=1e-5)


def test_the_mmrs_rates():
    """5, 10 and 20 million singles a second, evenly: 50, 199 and 798 thousand randoms a second (algebra in float64)."""
    scanner = Scanner.mmr()
    pairs = int(scanner.pairs().sum(dtype=np.int64))
    crystals = scanner.rings * scanner.blocks * scanner.block_crystals
    assert (crystals, round(pairs / 1e5)) == (28672, 2798)
    assert [round(WINDOW * (total / crystals) ** 2 * pairs / 1e3) for total in (5e6, 1e7, 2e7)] == [50, 199, 798]


def test_delayeds_are_poisson():
    r = mean_randoms(SCANNER, RATES, 100)
    d, fans = measure_delayeds(SCANNER, RATES, 100, seed=1)
    seen = r > 5
    chi = (d[seen] - r[seen]) ** 2 / r[seen]
    assert chi.mean() == pytest.approx(1, abs=5 * np.sqrt(2 / seen.sum()))
    assert fans.sum() == 2 * d.sum(dtype=int)  # each has two ends
    assert not d[:, ~SCANNER.live()].any() and not fans[:, GAP].any()


def test_rates_are_found_again():
    """Without noise exactly, where the fans are all that is known; with noise to what the fans' counts allow."""
    exact = np.zeros(SHAPE)
    (c0, c1), live = SCANNER.bin_crystals(), SCANNER.live()
    for r0, r1, _ in zip(*SCANNER.ring_pairs(), strict=True):
        lines = WINDOW * 100 * RATES[r0][c0].astype(float) * RATES[r1][c1] * live
        exact[r0] += np.bincount(c0.ravel(), lines.ravel(), SCANNER.slots)
        exact[r1] += np.bincount(c1.ravel(), lines.ravel(), SCANNER.slots)
    np.testing.assert_allclose(estimate_singles(SCANNER, exact, 100, rounds=30), RATES, rtol=1e-4)


def test_less_noise():
    """r from estimated rates is far nearer to the mean than the delayeds themselves, and unbiased."""
    r = mean_randoms(SCANNER, RATES, 10)
    d, fans = measure_delayeds(SCANNER, RATES, 10, seed=2)
    again = mean_randoms(SCANNER, estimate_singles(SCANNER, fans, 10), 10)
    live = r > 0
    noise = [np.sqrt(np.mean((x[live] / r[live] - 1) ** 2)) for x in (d, again)]
    assert noise[1] < noise[0] / 5
    assert again.sum(dtype=float) == pytest.approx(d.sum(dtype=float), rel=0.01)


def test_singles_from_activity():
    """As many as asked for; more where more lines with activity end; none in a gap."""
    X = Projector(SCANNER)
    theta = np.zeros(X.dims, np.float32)
    theta[0] = 1  # at one end of the axis
    rates = singles(SCANNER, X @ theta, 1e6)
    assert rates.sum() == pytest.approx(1e6, rel=1e-5)
    assert not rates[:, GAP].any() and rates[0].sum() > rates[-1].sum()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_randoms(SCANNER, -RATES, 1), "from -.*nowhere negative"),
        (lambda: mean_randoms(SCANNER, 0 * RATES, 1), "from 0 to 0.*somewhere positive"),
        (lambda: mean_randoms(SCANNER, RATES[1:], 1), r"rates of shape \(4, 32\).*\(5, 32\)"),
        (lambda: mean_randoms(SCANNER, RATES, 0), "scan of 0 s.*positive times"),
        (lambda: measure_delayeds(SCANNER, RATES, np.inf), "scan of inf s"),
        (lambda: mean_randoms(SCANNER, RATES, 1, window=5.9), "window of 5.9 s"),
        (
            lambda: singles(SCANNER, np.zeros(SCANNER.sinogram_shape, np.float32), 1e6),
            "from 0 to 0.*somewhere positive",
        ),
        (lambda: singles(SCANNER, np.ones(SCANNER.sinogram_shape, np.float32), -1), "-1 singles per second"),
    ],
)
def test_impossible(call, message):
    with pytest.raises(ValueError, match=message):
        call()
