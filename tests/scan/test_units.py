"""Decay against its integral, a cylinder that calibrates, and SUV."""

import numpy as np
import pytest
from scipy.integrate import quad

from petcourse import Scanner
from petcourse.scan.units import HALF_LIFE, Calibration, decay, suv

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
        (lambda: suv(IMAGE, 0, 70), "0 MBq"),
        (lambda: suv(IMAGE, 370, 70000), "weight in kg"),
    ],
)
def test_impossible(call, message):
    with pytest.raises(ValueError, match=message):
        call()
