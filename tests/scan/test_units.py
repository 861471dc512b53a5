"""Decay against its integral, a cylinder that calibrates, and SUV."""

import numpy as np
import pytest
import reference
from scipy.integrate import quad

from petcourse import Projector, Scanner
from petcourse.scan.units import HALF_LIFE, MMR, Calibration, decay, expected_trues, suv

SCANNER = Scanner.mmr(rings=2)
IMAGE = np.full((3, 4, 4), 30, np.float32)
WHERE = np.ones(IMAGE.shape, bool)


@pytest.mark.parametrize("isotope", HALF_LIFE)
@pytest.mark.parametrize("duration", [1, 600, 1e5])
def test_decay(isotope, duration):
    mean, _ = quad(
        lambda t: 0.5 ** (t / HALF_LIFE[isotope]) / duration, 0, duration, limit=500, points=[duration / 1000]
    )
    assert decay(isotope, duration) == pytest.approx(mean, rel=1e-6)


def test_ten_minutes_of_fluorine():
    assert decay("F-18", 600) == pytest.approx(0.969, abs=5e-4)


def test_calibration():
    """Twice as long is twice the counts, less what decayed: the activity at the start comes out the same."""
    calibration = Calibration.of(SCANNER, "F-18", IMAGE, WHERE, activity=20, duration=600)
    np.testing.assert_allclose(calibration.activity(IMAGE, SCANNER, "F-18", 600), 20, rtol=1e-6)
    longer = IMAGE * (1200 * decay("F-18", 1200)) / (600 * decay("F-18", 600))
    np.testing.assert_allclose(calibration.activity(longer.astype(np.float32), SCANNER, "F-18", 1200), 20, rtol=1e-6)


def test_suv():
    """370 MBq in 70 kg, spread evenly: 5.29 kBq/mL are 1."""
    np.testing.assert_allclose(suv(np.full(3, 370e3 / 70e3, np.float32), 370, 70), 1, rtol=1e-6)


def test_expected_trues():
    """A voxel of 1 kBq/mL, seen from everywhere: its decays in a minute, times what the bins' sensitivity to it adds up to."""
    X = Projector(reference.SMALL)
    theta = np.zeros(X.dims, np.float32)
    theta[4, 10, 9] = 1
    seen = float((X.T @ np.ones(X.dimsd, np.float32))[4, 10, 9])
    decays = np.prod(reference.SMALL.voxel) * 60 * decay("F-18", 60)  # mm^3 Bq/mm^3 s
    assert expected_trues(X, theta, reference.SMALL, "F-18", 60) == pytest.approx(MMR * seen * decays, rel=1e-5)
    ratio = expected_trues(X, theta, reference.SMALL, "Ga-68", 1) / expected_trues(X, theta, reference.SMALL, "F-18", 1)
    assert ratio == pytest.approx(0.889 / 0.969, rel=1e-3)  # fewer positrons


@pytest.mark.slow
def test_the_mmrs_sensitivity():
    """MMR rests on what X^T adds up near the axis, over all planes; at the centre some 7 % of all decays are counted."""
    X = Projector(Scanner.mmr(), radius=20, device="cpu")
    seen = (X.T @ np.ones(X.dimsd, np.float32))[:, 166:178, 166:178].mean(axis=(1, 2), dtype=float)
    assert seen.sum() == pytest.approx(1.71e6, rel=0.01)
    assert 0.06 < MMR * seen[63] < 0.08


BRIGHT = Projector(reference.SMALL)
THETA = np.ones(BRIGHT.dims, np.float32)
CALIBRATION = Calibration(SCANNER, "F-18", 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: decay("F18", 600), "half-life of 'F18'.*give one of .*F-18"),
        (lambda: decay("F-18", 0), "scan of 0 s.*positive"),
        (lambda: CALIBRATION.activity(IMAGE, SCANNER, "C-11", 600), "another isotope, F-18, not C-11"),
        (lambda: CALIBRATION.activity(IMAGE, Scanner.mmr(rings=3), "F-18", 600), "another scanner"),
        (lambda: Calibration.of(SCANNER, "F-18", IMAGE, ~WHERE, 20, 600), "with 0 voxels"),
        (lambda: Calibration.of(SCANNER, "F-18", IMAGE, WHERE, 0, 600), "0 kBq/mL"),
        (lambda: Calibration.of(SCANNER, "F-18", 0 * IMAGE, WHERE, 20, 600), "mean of 0"),
        (
            lambda: expected_trues(BRIGHT, 1e30 * THETA, reference.SMALL, "F-18", 60),
            "reaches 1e.30 kBq/mL.*at most 1e.15",
        ),
        (lambda: expected_trues(BRIGHT, 0 * THETA, reference.SMALL, "F-18", 60), "bring 0 counts in 60 s"),
        (lambda: expected_trues(BRIGHT, THETA, reference.SMALL, "F-18", 0), "scan of 0 s"),
        (lambda: suv(IMAGE, 0, 70), "0 MBq"),
        (lambda: suv(IMAGE, 370, 70000), "weight in kg"),
    ],
)
def test_impossible(call, message):
    with pytest.raises(ValueError, match=message):
        call()
