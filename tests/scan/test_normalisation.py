"""N composed of crystals and rings: as STIR composes a real scanner's file, pair by pair, and inside the projector."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import reference

from petcourse import PSF, Attenuation, Projector, Scanner
from petcourse.scan.normalisation import Components, Normalisation, efficiencies, estimate_crystals
from petcourse.scan.pairs import sum_over_pairs, sum_over_partners

SCANNER = reference.SMALL
RNG = np.random.default_rng(0)


def ones(scanner):
    shapes = (
        (scanner.rings, scanner.slots),
        (2 * scanner.rings - 1, scanner.bins),
        (scanner.bins, scanner.block_slots),
    )
    return Components(*(np.ones(shape, np.float32) for shape in (*shapes, scanner.sinogram_shape[:1])))


def uneven(scanner):
    return Components(*((0.5 + RNG.random(values.shape)).astype(np.float32) for values in vars(ones(scanner)).values()))


@pytest.mark.slow  # as the files, which are not everywhere
def test_a_real_scanners_file():
    """1000 bins of an mMR's norm file, as STIR 6.5.0 composes them."""
    folder = os.environ.get("PETCOURSE_MMR") or pytest.skip("PETCOURSE_MMR names no folder with a real scanner's files")
    scanner, raw = Scanner.mmr(), np.fromfile(Path(folder) / "norm.n", "<f4")
    geometric, interference = raw[: 127 * 344].reshape(127, 344), raw[43688 : 43688 + 344 * 9].reshape(344, 9)
    crystals, axial = raw[46784 : 46784 + 64 * 504].reshape(64, 504), raw[79040 : 79040 + 837]
    factors = efficiencies(scanner, Components(crystals, geometric, interference, axial))
    samples = np.genfromtxt(Path(folder) / "norm_stir_samples.csv", delimiter=",", names=True)
    plane, angle, bin_ = (samples[name].astype(int) for name in ("plane", "angle", "bin"))
    pairs = scanner.multiplicity()[plane]  # STIR sums over a bin's pairs
    np.testing.assert_allclose(factors[plane, angle, bin_] * pairs, samples["efficiency"], rtol=1e-5)
    assert 0 < np.count_nonzero(samples["efficiency"]) < len(samples) == 1000


@pytest.mark.parametrize("scanner", [SCANNER, reference.ODD, reference.ONE_RING], ids=["small", "odd", "one ring"])
def test_pair_by_pair(scanner):
    """The formula, one bin and one pair of rings at a time, in float64."""
    components, live, (c0, c1) = uneven(scanner), scanner.live(), scanner.bin_crystals()
    factors = efficiencies(scanner, components).astype(float)
    wanted = np.zeros(scanner.sinogram_shape)
    for angle, bin_ in RNG.permutation(np.argwhere(live))[:20]:
        for s in scanner.segments():
            for r0 in range(scanner.rings):
                for r1 in range(scanner.rings):
                    if s.lowest <= r0 - r1 <= s.highest:
                        plane = s.first + r0 + r1 - s.offset
                        value = (
                            float(components.crystals[r0, c0[angle, bin_]]) * components.crystals[r1, c1[angle, bin_]]
                        )
                        value *= float(components.geometric[r0 + r1, bin_]) / components.axial[plane]
                        value *= components.interference[bin_, angle % scanner.block_slots]
                        wanted[plane, angle, bin_] += value / scanner.multiplicity()[plane]
        np.testing.assert_allclose(factors[:, angle, bin_], wanted[:, angle, bin_], rtol=1e-5)
    assert not factors[:, ~live].any()


def test_a_perfect_scanner():
    factors = efficiencies(SCANNER, ones(SCANNER))
    np.testing.assert_allclose(factors[:, SCANNER.live()], 1, rtol=1e-6)
    pairs = sum_over_pairs(SCANNER, np.ones((SCANNER.rings, SCANNER.slots), np.float32))
    np.testing.assert_array_equal(pairs * SCANNER.live(), SCANNER.pairs())


def test_drawn_components():
    """As uneven as they say, with a block that counts nothing, and the same for the same seed."""
    scanner = Scanner.mmr(rings=16)
    components = Components.drawn(scanner, dead_block=(1, 20))
    dead = np.argwhere(components.crystals == 0)
    assert {(r // 8, c // 9) for r, c in dead} == {(1, 20)} and len(dead) == 8 * 9
    alive = components.crystals[components.crystals > 0]
    assert np.log(alive).std() == pytest.approx(0.03, rel=0.05)
    np.testing.assert_array_equal(Components.drawn(scanner, dead_block=(1, 20)).crystals, components.crystals)
    assert Components.drawn(scanner, dead_block=None).crystals.all()
    with pytest.raises(ValueError, match="block .2, 0. was to be dead"):
        Components.drawn(scanner, dead_block=(2, 0))


def test_inside_the_projector():
    """N @ A @ X @ H multiplies on the way: what the three do one after the other, forward, back, and for a subset of angles."""
    X, H = Projector(SCANNER), PSF(SCANNER, 4)
    n, a = (reference.random(X.dimsd) for _ in range(2))
    N, A, theta, m = Normalisation(2 * n), Attenuation(a), reference.random(X.dims), reference.random(X.dimsd)
    for P in (N @ A @ X @ H, N @ (A @ (X @ H)), (N @ A) @ X @ H):
        np.testing.assert_allclose(P @ theta, 2 * n * a * (X @ (H @ theta)), rtol=1e-5)
        np.testing.assert_allclose(P.T @ m, H.T @ (X.T @ (2 * n * a * m)), rtol=1e-4)
    P = N @ A @ X @ H
    np.testing.assert_array_equal(P.subset(1, 4) @ theta, (P @ theta)[:, 1::4])
    assert P.box == (X @ H).box and P.name == "N @ A @ X @ the PSF H"


def test_sum_over_partners():
    """One pair of crystals at a time, both ends of it."""
    scanner, values = SCANNER, reference.random((SCANNER.rings, SCANNER.slots))
    sinogram, (c0, c1) = reference.random(scanner.sinogram_shape), scanner.bin_crystals()
    wanted = np.zeros(values.shape)
    for a, b in np.argwhere(scanner.live()):
        for r0, r1, plane in zip(*scanner.ring_pairs(), strict=True):
            wanted[r0, c0[a, b]] += sinogram[plane, a, b] * values[r1, c1[a, b]]
            wanted[r1, c1[a, b]] += sinogram[plane, a, b] * values[r0, c0[a, b]]
    np.testing.assert_allclose(sum_over_partners(scanner, sinogram, values), wanted, rtol=1e-5)


CYLINDER = 50 * Projector(SCANNER) @ np.ones(SCANNER.image_shape, np.float32)
CRYSTALS = np.exp(0.1 * RNG.standard_normal((SCANNER.rings, SCANNER.slots))).astype(np.float32)
CRYSTALS[2, 9] = 0
BEHIND = np.arange(SCANNER.slots) % SCANNER.block_slots >= SCANNER.block_crystals


def measured(expected):
    return expected * efficiencies(SCANNER, replace(ones(SCANNER), crystals=CRYSTALS))


def test_crystals_from_a_scan():
    """Without noise they are found again, but for their mean; the dead one too, and nothing stands in the gaps."""
    found = estimate_crystals(SCANNER, measured(CYLINDER), CYLINDER, rounds=60)
    assert not found[:, BEHIND].any() and found[2, 9] < 0.01
    wanted = np.where(BEHIND, 0, CRYSTALS)
    np.testing.assert_allclose(found / found.sum(), wanted / wanted.sum(), rtol=2e-3, atol=2e-5)


def test_crystals_from_counts():
    """With noise and randoms as well as the counts allow: a crystal with n of them is off by 1 / sqrt(n)."""
    trues, r = measured(CYLINDER), np.float32(20) * SCANNER.pairs()
    m = np.random.default_rng(4).poisson(trues + r)
    found = estimate_crystals(SCANNER, m, CYLINDER, r)
    there = (CRYSTALS > 0) & ~BEHIND  # a dead one, too, is given a little
    ratio = found[there] / CRYSTALS[there]
    counts = 2 * trues.sum(dtype=float) / there.sum()
    assert (ratio / ratio.mean()).std() < 2 / np.sqrt(counts) < 0.1 * CRYSTALS.std()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crystals": -1}, "crystals factors reach from -1 to -1.*nowhere negative"),
        ({"crystals": 0}, "crystals factors reach from 0 to 0.*somewhere positive"),
        ({"axial": 0}, "axial factors reach from 0 to 0"),
        ({"geometric": np.inf}, "geometric factors reach from inf"),
        ({"interference": np.nan}, "interference factors reach from nan"),
    ],
)
def test_impossible_components(change, message):
    ((name, value),), components = change.items(), ones(SCANNER)
    with pytest.raises(ValueError, match=message):
        replace(components, **{name: np.full_like(getattr(components, name), value)})


@pytest.mark.parametrize(
    ("m", "expected", "message"),
    [
        (CYLINDER[1:], CYLINDER, r"the counts are of shape \(\d+, .*give sinograms of shape"),
        (0 * CYLINDER, CYLINDER, "the counts are .* from 0 to 0.*somewhere positive"),
        (CYLINDER, -CYLINDER, "the expected counts are .*nowhere negative"),
        (CYLINDER, np.nan * CYLINDER, "the expected counts are .* from nan"),
    ],
)
def test_crystals_from_no_scan(m, expected, message):
    with pytest.raises(ValueError, match=message):
        estimate_crystals(SCANNER, m, expected)


def test_components_of_another_scanner():
    with pytest.raises(ValueError, match=r"crystals factors are of shape .* and those of this scanner of \(7, "):
        efficiencies(reference.ODD, ones(SCANNER))
    with pytest.raises(TypeError, match="axial factors are float64"):
        replace(ones(SCANNER), axial=np.ones(SCANNER.sinogram_shape[0]))


def test_factors_that_are_corrections():
    with pytest.raises(ValueError, match="normalisation factors from 0 to 1e.20.*lie in 0 to 1000: give efficiencies"):
        Normalisation(np.float32([[[0, 1e20]]]))
