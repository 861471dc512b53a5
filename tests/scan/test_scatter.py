"""Single scatter: tables of Compton's and Klein & Nishina's formulas, a sphere that is an integral, mirrors, a finer grid."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from petcourse import Projector, Scanner, attenuation_factors, load_subject
from petcourse.scan import scatter as module
from petcourse.scan.compton import WINDOW, accepted, cross_section, energy, klein_nishina, table
from petcourse.scan.scatter import scatter, sum_over_points, tail_scale


def test_physics_of_one_scattering():
    """Energies, acceptance by the mMR's window, and cross sections at some angles (values worked out apart)."""
    cosine = np.cos(np.deg2rad([10, 20, 30, 40, 50]))
    np.testing.assert_allclose(energy(cosine), [503.4, 481.9, 450.6, 414.1, 376.5], atol=0.06)
    np.testing.assert_allclose(accepted(energy(cosine)), [0.990, 0.955, 0.757, 0.287, 0.024], atol=6e-4)
    np.testing.assert_allclose(klein_nishina(cosine) / klein_nishina(1), [0.956, 0.839, 0.687, 0.536, 0.409], atol=6e-4)
    ratio = cross_section(energy(cosine)) / cross_section(511)
    np.testing.assert_allclose(ratio, [1.006, 1.025, 1.053, 1.090, 1.132], atol=6e-4)
    assert cross_section(511) == pytest.approx(3.6085, rel=1e-4)  # squared classical radii of the electron
    cosine = np.linspace(-1, 1, 200001)
    assert 2 * np.pi * np.trapezoid(klein_nishina(cosine), cosine) == pytest.approx(1, rel=1e-6)  # all directions


def integral(phi, ring, radius, mu):
    """Photons from the centre of a water sphere that are scattered to an area of a ring, phi off the straight way."""
    rho = (np.arange(4000) + 0.5) * radius / 4000
    distance = np.sqrt(ring**2 + rho**2 - 2 * ring * rho * np.cos(phi))
    cosine = (ring * np.cos(phi) - rho) / distance
    way = -rho * cosine + np.sqrt(radius**2 - rho**2 * (1 - cosine**2))
    incidence = (ring - rho * np.cos(phi)) / distance
    kev = energy(cosine)
    likely = klein_nishina(cosine) * accepted(kev) / accepted(511)
    there = np.exp(-mu * rho - cross_section(kev) / cross_section(511) * mu * way)
    return (mu * likely * there * incidence / distance**2).mean() * radius


def test_point_in_a_sphere():
    """Against an integral over the one line on which photons can be scattered; the point is 7.5 mm wide here."""
    ring, radius, mu, size, count = 334.7, 100.0, 0.0096, 5.0, 43
    phi = np.deg2rad([0, 5, 10, 15, 20, 25, 30])
    wanted = np.array([8 * np.exp(-mu * radius) * integral(p, ring, radius, mu) for p in phi])
    np.testing.assert_allclose(  # and that integral against one that was worked out apart
        ring**2 * wanted / 8 / np.exp(-mu * radius), [0.1453, 0.1421, 0.1328, 0.1178, 0.0964, 0.0686, 0.0389], rtol=3e-3
    )
    line = (np.arange(2 * count) - count + 0.5) * size / 2  # points that scatter are twice as fine, lest they miss it
    z, y, x = (axis.ravel() for axis in np.meshgrid(line, line, line, indexing="ij"))
    inside = z**2 + y**2 + x**2 < radius**2
    points = np.ascontiguousarray(np.stack([z, y, x], axis=1)[inside])
    centre = (np.arange(count) - count // 2) * size
    water = sum(
        (centre[:, None, None] + a) ** 2 + (centre[:, None] + b) ** 2 + (centre + c) ** 2 < radius**2
        for a in (-1.25, 1.25) for b in (-1.25, 1.25) for c in (-1.25, 1.25)
    )  # fmt: skip
    theta = np.zeros((count,) * 3)
    theta[(count // 2,) * 3] = 1 / size**3
    theta = gaussian_filter(theta, 7.5 / 2.355 / size).astype(np.float32)
    angle = np.concatenate([[0], np.pi - phi])
    normals = np.stack([0 * angle, np.sin(angle), np.cos(angle)], axis=1)
    scanner = SimpleNamespace(voxel=(size,) * 3)
    strength = np.full(len(points), mu * (size / 2) ** 3)
    pairs = sum_over_points(
        scanner, theta, (mu / 8 * water).astype(np.float32), points, strength, ring * normals, normals, table(WINDOW)
    )
    np.testing.assert_allclose(pairs[0, 1:], wanted, rtol=0.02)
    np.testing.assert_array_equal(pairs, pairs.T)


@pytest.fixture(scope="module")
def head():
    scanner = Scanner.mmr(rings=12)
    subject = load_subject("embedded", scanner)
    return scanner, subject.pet, subject.mu, scatter(scanner, subject.pet, subject.mu)


def test_of_a_head(head):
    """Nothing in dead bins, nothing negative, and smooth from plane to plane, but for how many rings these merge."""
    scanner, _, _, s = head
    live, multiplicity = scanner.live(), scanner.multiplicity()
    assert s.dtype == np.float32 and not s[:, ~live].any() and (s >= 0).all()
    direct = s[: scanner.segments()[0].planes].sum(axis=(1, 2)) / multiplicity[: scanner.segments()[0].planes]
    assert np.abs(np.diff(direct)).max() < 0.1 * direct.max()  # smooth from plane to plane


def test_mirrors(head):
    """Turned upside down along the axis, and left to right, the head scatters the mirror image."""
    scanner, pet, mu, s = head
    first = np.s_[: scanner.segments()[0].planes]
    other = scatter(scanner, pet[::-1].copy(), mu[::-1].copy())
    np.testing.assert_allclose(other[first], s[first][::-1], rtol=1e-4, atol=1e-4 * s.max())
    other = scatter(scanner, pet[..., ::-1].copy(), mu[..., ::-1].copy())
    assert other[first].sum(dtype=float) == pytest.approx(s[first].sum(dtype=float), rel=1e-3)


def test_unit(head):
    """Twice the activity scatters twice as much."""
    scanner, pet, mu, s = head
    np.testing.assert_allclose(scatter(scanner, 2 * pet, mu), 2 * s, rtol=1e-5)


@pytest.mark.slow
def test_a_finer_grid(monkeypatch, head):
    """Points at half the distance, and twice as many detectors around: the same within 5 % of the scatter."""
    scanner, pet, mu, s = head
    monkeypatch.setattr(module, "AROUND", 144)
    fine = scatter(scanner, pet, mu, spacing=10)
    assert np.linalg.norm(fine - s) < 0.05 * np.linalg.norm(fine)
    assert s.sum(dtype=float) == pytest.approx(fine.sum(dtype=float), rel=0.05)


def test_tails(head):
    """Twice the scatter is found in what is counted beside the body, whatever is inside it."""
    scanner, _, mu, s = head
    factors = attenuation_factors(Projector(scanner, 150), mu)
    r = np.float32(0.1) * scanner.pairs()
    m = np.random.default_rng(0).poisson(2 * 20 * s + r) + np.where(factors < 0.99, 1000, 0)
    scale = tail_scale(20 * s, m, r, factors)
    assert scale.shape == s.shape[:1] and scale.dtype == np.float32
    np.testing.assert_allclose(scale, 2, atol=0.2)
    assert scale.mean() == pytest.approx(2, abs=0.02)


def test_no_tails(head):
    _, _, _, s = head
    with pytest.raises(ValueError, match="0 bins pass the body and scatter in them is 0"):
        tail_scale(s, s, 0 * s, 0 * s)


@pytest.mark.slow
def test_finer_points_in_a_whole_head():
    scanner = Scanner.mmr()
    subject = load_subject("embedded", scanner)
    s, fine = (scatter(scanner, subject.pet, subject.mu, spacing=spacing) for spacing in (20, 10))
    assert np.linalg.norm(fine - s) < 0.05 * np.linalg.norm(fine)
    assert s.sum(dtype=float) == pytest.approx(fine.sum(dtype=float), rel=0.05)


IMAGE = np.zeros(Scanner.mmr(rings=1).image_shape, np.float32)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mu": IMAGE + np.float32(0.096)}, "mu reaches 0.096.*divide 1/cm by 10"),
        ({"theta": IMAGE - 1}, "the activity is of shape .* reaches from -1 to -1.*nowhere negative"),
        ({"theta": IMAGE[:, 1:]}, r"the activity is of shape \(1, 343, 344\)"),
        ({"mu": IMAGE + np.float32(np.nan)}, "the attenuation map mu .* reaches from nan"),
        ({"window": (610, 430)}, "window from 610 to 430 keV.*lower level first"),
    ],
)
def test_impossible(given, message):
    with pytest.raises(ValueError, match=message):
        scatter(**({"scanner": Scanner.mmr(rings=1), "theta": IMAGE, "mu": IMAGE} | given))
