"""Counts are Poisson about P theta + r, and as many as were asked for."""

from dataclasses import replace

import numpy as np
import pytest
import reference

from petcourse import PSF, Attenuation, Projector, Scanner, attenuation_factors, load_subject, measure, simulate
from petcourse.scan.normalisation import Components
from petcourse.scan.pairs import sum_over_pairs
from petcourse.scan.simulation import share_randoms

SCANNER = reference.ring(blocks=12)
LIVE, PAIRS = SCANNER.live(), SCANNER.pairs()
X = Projector(SCANNER)
THETA = np.random.default_rng(0).random(X.dims, dtype=np.float32)


@pytest.mark.parametrize("randoms", [0, 0.3, 0.8])
def test_number_of_counts(randoms):
    """The sinogram's trues are what was asked for; randoms come on top."""
    m, r, scale = simulate(X, THETA, PAIRS, counts=1e6, randoms=randoms)
    total = 1e6 / (1 - randoms)
    assert abs(m.sum() - total) < 5 * np.sqrt(total)
    assert (scale * (X @ THETA)).sum(dtype=float) == pytest.approx(1e6, rel=1e-5)
    assert r.sum(dtype=float) == pytest.approx(total - 1e6, rel=1e-4)


def test_poisson():
    """In every bin the difference from the mean is as large as Poisson's: chi-squared per bin is one."""
    m, r, scale = simulate(X, THETA, PAIRS, counts=1e7, seed=3)
    mean = scale * (X @ THETA).astype(float) + r
    seen = np.broadcast_to(LIVE, mean.shape) & (mean > 10)
    chi = (m[seen] - mean[seen]) ** 2 / mean[seen]
    assert chi.mean() == pytest.approx(1, abs=5 * np.sqrt(2 / seen.sum()))


def test_dead_bins_stay_empty():
    m, r, _ = simulate(X, THETA, PAIRS, counts=1e6)
    assert not m[:, ~LIVE].any()
    assert not r[:, ~LIVE].any()
    assert r.shape == m.shape


def test_randoms_follow_the_pairs_of_rings():
    """A plane that merges six pairs of rings gets six times the randoms of one: the mMR's planes merge 1 to 6."""
    scanner = reference.ring(blocks=12, rings=6, span=11, max_ring_difference=5)
    P = Projector(scanner)
    _, r, _ = simulate(P, np.ones(P.dims, np.float32), scanner.pairs(), counts=1e5)
    one = r[0, scanner.live()]
    assert np.ptp(one) == 0
    for plane, pairs in zip(r, scanner.multiplicity(), strict=True):
        np.testing.assert_allclose(plane[scanner.live()], pairs * one, rtol=1e-6)


def test_other_heads_get_other_noise():
    """Same seed, same activity, another name: the noise is drawn anew."""
    scanner = Scanner.mmr(rings=1)
    X1, subject = Projector(scanner, radius=120), load_subject("embedded", scanner)
    one, other = (measure(replace(subject, name=name), X1, counts=1e5) for name in ("one", "other"))
    trues = one.A @ X1 @ PSF(scanner, 4.5) @ one.truth
    a, b = (((scan.m - trues - scan.r)[:, scanner.live()]).ravel() for scan in (one, other))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.02
    assert abs(np.corrcoef(a[:200], b[:200])[0, 1]) < 0.3


def test_seed():
    one, again, other = (simulate(X, THETA, PAIRS, counts=1e5, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


@pytest.mark.parametrize(("counts", "dtype"), [(1e4, np.int16), (1e9, np.int32), (1e13, np.int64)])
def test_integers_large_enough(counts, dtype):
    """The type grows on the way without a count being lost, and differences of two measurements are right."""
    m, other = (simulate(X, THETA, PAIRS, counts=counts, randoms=0, seed=seed)[0] for seed in (0, 1))
    assert m.dtype == dtype
    np.testing.assert_array_equal(m - other, m.astype(float) - other)
    assert m.sum(dtype=float) == pytest.approx(counts, abs=5 * np.sqrt(counts))


def test_unit_of_the_image_does_not_matter():
    m, _, scale = simulate(X, THETA, PAIRS, counts=1e5)
    m1000, _, scale1000 = simulate(X, 1024 * THETA, PAIRS, counts=1e5)
    np.testing.assert_array_equal(m, m1000)
    assert scale == pytest.approx(1024 * scale1000)


def test_attenuation_factors():
    """Water of 20 mm radius: exp(-mu chord) for a plane's one ring pair, not for all its pairs together."""
    _, y, x = SCANNER.axes()
    water = np.broadcast_to((np.hypot(y[:, None], x) < 20) * np.float32(0.0096), X.dims)
    a = attenuation_factors(X, water)
    assert a.dtype == np.float32
    assert (a[:, ~LIVE] == 1).all()
    assert a[:, LIVE].max() <= 1
    for angle, bin_ in np.argwhere(LIVE)[::10]:
        wanted = np.exp(-reference.planes(water, SCANNER, X.radius, angle, bin_) / SCANNER.multiplicity())
        np.testing.assert_allclose(a[:, angle, bin_], wanted, rtol=1e-5)
    Attenuation(a)  # takes them as they are


def test_the_whole_model():
    """m ~ Poisson(N A X H theta + r + s), each part as large as it was asked for, and each left out unless it is asked for."""
    scanner = Scanner.mmr(rings=3)
    X1, subject = Projector(scanner, radius=120), load_subject("embedded", scanner)
    rates = np.linspace(1, 2, scanner.rings * scanner.slots, dtype=np.float32).reshape(scanner.rings, scanner.slots)
    components = Components.drawn(scanner, dead_block=(0, 20))
    plain = measure(subject, X1, counts=1e6)
    assert plain.N is plain.s is None and plain.NA is plain.A and plain.background is plain.r
    scan = measure(subject, X1, counts=1e6, components=components, scattered=True, singles=rates)
    trues = scan.NA @ X1 @ PSF(scanner, 4.5) @ scan.truth
    assert trues.sum(dtype=float) == pytest.approx(1e6, rel=1e-5)
    assert scan.r.sum(dtype=float) == pytest.approx(1e6 * 3 / 7, rel=1e-5)
    assert 0.01 < scan.s.sum(dtype=float) / 1e6 < 0.1  # of a slab of 12 mm; of a whole head 0.3
    mean = trues + scan.background
    dead = scan.N.factors == 0
    assert not scan.m[dead & (scan.r == 0)].any() and not trues[dead].any() and not scan.s[dead].any()
    seen = mean > 1
    chi = (scan.m[seen] - mean[seen]) ** 2 / mean[seen]
    assert chi.mean() == pytest.approx(1, abs=5 * np.sqrt(2.5 / seen.sum()))
    np.testing.assert_array_equal(scan.r, share_randoms(sum_over_pairs(scanner, rates) * scanner.live(), 1e6, 0.3))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"counts": 0}, "0 counts with a part of 0.3 randoms.*more than 0"),
        ({"counts": np.nan}, "nan counts"),
        ({"counts": np.inf}, "inf counts"),
        ({"randoms": 1}, "a part of 1 randoms.*less than 1"),
        ({"randoms": -0.1}, "a part of -0.1 randoms"),
        ({"theta": -THETA}, "between -0.9.*nowhere negative and somewhere positive"),
        ({"theta": 0 * THETA}, "between 0 and 0.*somewhere positive"),
        ({"theta": THETA * np.nan}, "NaN"),
        ({"theta": np.eye(20, dtype=np.float32) * (np.arange(20) < 1) * np.ones(X.dims, np.float32)}, "no bin sees it"),
        ({"pairs": PAIRS.astype(int)}, "pairs of crystals are int64.*Scanner.pairs"),
        ({"counts": 1e30}, r"1e\+30 counts.*up to 1e15"),
        ({"pairs": PAIRS[:, 1:]}, r"pairs of crystals are uint8 of shape \(\d+, 23, 20\).*Scanner.pairs"),
        ({"pairs": 0 * PAIRS}, "at most 0 in a bin.*Scanner.pairs"),
        ({"seed": None}, "seed.*None"),
        ({"seed": -1}, "seed.*-1"),
        ({"seed": 0.5}, "seed.*0.5"),
        ({"seed": [0, None]}, "seed.*None"),
        ({"seed": []}, "seed"),
    ],
)
def test_impossible_measurement(given, message):
    with pytest.raises(ValueError, match=message):
        simulate(**({"P": X, "theta": THETA, "pairs": PAIRS} | given))


WATER = np.broadcast_to(np.float32(0.0096), X.dims) * X.scanner.live().any()  # everywhere, beyond the field of view


@pytest.mark.parametrize(
    ("mu", "message"),
    [
        (WATER, "reaches .* mm from the axis and the field of view ends at .*radius="),
        (10 * WATER, "mu reaches from 0.096 to 0.096.*divide a map in 1/cm by 10"),
        (-WATER, "mu reaches from -0.0096"),
        (WATER * np.float32(np.nan), "mu reaches from nan"),
    ],
)
def test_impossible_attenuation(mu, message):
    with pytest.raises(ValueError, match=message):
        attenuation_factors(X, mu)


def test_attenuation_wants_the_plain_projector():
    ones = np.ones(X.dimsd, np.float32)
    for operator in (Attenuation(ones) @ X, X @ PSF(SCANNER, 4.5)):
        with pytest.raises(TypeError, match="plain projector X"):
            attenuation_factors(operator, 0 * WATER)


def test_a_scan_that_would_cut_the_head_off():
    scanner = Scanner.mmr(rings=1)
    subject = load_subject("embedded", scanner, lesions=False)
    with pytest.raises(ValueError, match="reaches .* mm from the axis and the field of view ends at 50 mm"):
        measure(subject, Projector(scanner, radius=50))
