"""Compton scattering: the energy that is left, how likely each angle is, and what the scanner makes of it."""

import numpy as np
from scipy.special import erf

ELECTRON = 511.0  # keV, of a photon before it is scattered
WINDOW, RESOLUTION = (430.0, 610.0), 0.145  # keV, and FWHM at 511 keV as a part of it: the mMR's
TABLE = 2048  # entries, over the cosine of the angle


def energy(cosine):
    """Energy [keV] of a photon of 511 keV that was scattered by an angle (Compton 1923)."""
    return ELECTRON / (2 - cosine)


def klein_nishina(cosine):
    """Part of the scattered photons of 511 keV that leaves in a direction [1/sr]."""
    p = 1 / (2 - cosine)
    return p**2 * (p + 1 / p - (1 - cosine**2)) / 2 / (cross_section(ELECTRON))


def cross_section(kev):
    """Of an electron for photons of an energy, in units of its squared classical radius (Klein & Nishina 1929)."""
    a = kev / ELECTRON
    bracket = (1 + a) / a**2 * (2 * (1 + a) / (1 + 2 * a) - np.log(1 + 2 * a) / a)
    return 2 * np.pi * (bracket + np.log(1 + 2 * a) / (2 * a) - (1 + 3 * a) / (1 + 2 * a) ** 2)


def accepted(kev, window=WINDOW, resolution=RESOLUTION):
    """Part of the photons of an energy that is measured inside the window, with a Gaussian resolution."""
    low, high = window
    if not 0 <= low < high:
        raise ValueError(f"an energy window from {low:g} to {high:g} keV was given: give the lower level first.")
    spread = np.sqrt(2) * resolution * np.sqrt(ELECTRON * kev) / 2.355
    return (erf((high - kev) / spread) - erf((low - kev) / spread)) / 2


def table(window):
    """By the cosine of the angle, -1 to 1: how likely, times how well accepted; and the cross section after it."""
    cosine = np.linspace(-1, 1, TABLE)
    kev = energy(cosine)
    likely = klein_nishina(cosine) * accepted(kev, window) / accepted(ELECTRON, window)
    return np.stack([likely, cross_section(kev) / cross_section(ELECTRON)])
