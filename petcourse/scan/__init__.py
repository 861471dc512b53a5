"""Notebook 02: the scanner, its operators (projector, PSF, attenuation), and a measurement made with them."""

from petcourse.scan.psf import FWHM_PER_SIGMA

__all__ = ["FWHM_PER_SIGMA"]
