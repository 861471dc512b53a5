"""Scatter found in a measurement without knowing the head; and a head in kBq/mL, of which nothing is known but its scan."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from petcourse import PSF, Attenuation, Projector, Scanner, attenuation_factors, load_subject, measure, osem
from petcourse.reconstruction.em import last
from petcourse.reconstruction.scattered import estimate_scatter
from petcourse.scan.normalisation import Components, Normalisation, efficiencies, estimate_crystals
from petcourse.scan.randoms import estimate_singles, mean_randoms, measure_delayeds, singles
from petcourse.scan.scatter import scatter
from petcourse.scan.units import Calibration, expected_trues

SCANNER = Scanner.mmr(rings=12)


def test_found_again():
    """From a scan with as many counts for each ring as a patient's, within 1 %."""
    X, subject = Projector(SCANNER, 150), load_subject("embedded", SCANNER)
    scan = measure(subject, X, counts=2e7, scattered=True)
    found = estimate_scatter(SCANNER, scan.A @ X @ PSF(SCANNER, 4.5), scan.A, scan.m, scan.r, subject.mu, subsets=14)
    assert found.sum(dtype=float) == pytest.approx(scan.s.sum(dtype=float), rel=0.01)
    assert np.linalg.norm(found - scan.s) < 0.01 * np.linalg.norm(scan.s)


def scanned(subject, X, activity, duration, components, crystals, seed):
    """An image of a scan, from m, delayeds and mu; and the crystals, which a known object tells if they are None."""
    H, A = PSF(SCANNER, 4.5), Attenuation(attenuation_factors(X, subject.mu))
    N = Normalisation(efficiencies(SCANNER, components))
    pet = subject.pet * np.float32(activity / subject.pet.max())
    P = N @ A @ X
    rates = singles(SCANNER, P @ pet, 1.5e6)
    trues = expected_trues(P @ H, pet, SCANNER, "F-18", duration)
    r = mean_randoms(SCANNER, rates, duration).sum(dtype=float)
    subject = SimpleNamespace(name=subject.name, pet=pet, mu=subject.mu)
    scan = measure(
        subject,
        X,
        counts=trues,
        randoms=r / (r + trues),
        seed=seed,
        components=components,
        scattered=True,
        singles=rates,
    )
    m, (_, fans) = scan.m, measure_delayeds(SCANNER, rates, duration, seed=seed)
    r = mean_randoms(SCANNER, estimate_singles(SCANNER, fans, duration), duration)
    if crystals is None:
        alike = replace(components, crystals=np.ones_like(components.crystals))
        N = Normalisation(efficiencies(SCANNER, alike))
        expected = N @ A @ X @ H @ pet + N.factors * scatter(SCANNER, pet, subject.mu)
        crystals = estimate_crystals(SCANNER, m, expected, r)
    N = Normalisation(efficiencies(SCANNER, replace(components, crystals=crystals)))
    P = N @ A @ X @ H
    s = estimate_scatter(SCANNER, P, A, m, r, subject.mu, N)
    return last(osem(P, m, r + s, 4, 14)), crystals


@pytest.mark.slow
def test_a_head_in_kilobecquerel():
    """A cylinder of 20 kBq/mL tells what crystals and images are worth; a head's mean is then right within 3 %.

    Unknown of the head are its activity, its randoms and its scatter; of the scanner, how well each crystal counts.
    """
    X, components = Projector(SCANNER, 150), Components.drawn(SCANNER, dead_block=(0, 20), seed=3)
    _, y, x = SCANNER.axes()
    tube = np.broadcast_to(np.hypot(y[:, None], x) <= 100, SCANNER.image_shape)
    cylinder = SimpleNamespace(
        name="cylinder", pet=tube.astype(np.float32), mu=np.where(tube, np.float32(0.0096), np.float32(0))
    )
    image, crystals = scanned(cylinder, X, 20, 600, components, None, 0)
    inside = np.broadcast_to(np.hypot(y[:, None], x) <= 80, tube.shape)
    calibration = Calibration.of(SCANNER, "F-18", image, inside, activity=20, duration=600)

    head = load_subject("embedded", SCANNER)
    image, _ = scanned(head, X, 50, 1200, components, crystals, 1)
    found = calibration.activity(image, SCANNER, "F-18", 1200)
    truth = head.pet * np.float32(50 / head.pet.max())
    brain = head.labels > 0
    assert found[brain].mean(dtype=float) == pytest.approx(truth[brain].mean(dtype=float), rel=0.03)
