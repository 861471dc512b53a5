"""PET image reconstruction and machine learning, taught in notebooks.

The names below are loaded when first used, so that ``import petcourse`` is quick and silent.
"""

from importlib import import_module

__version__ = "0.1.0"

_MODULE_OF = {
    "Scanner": "scan.scanner",
    "Projector": "scan.projector",
    "Attenuation": "scan.attenuation",
    "PSF": "scan.psf",
    "load_subject": "data.subject",
    "simulate": "scan.simulation",
    "measure": "scan.simulation",
    "attenuation_factors": "scan.attenuation",
    "expected_trues": "scan.units",
    "course_scanner": "scan.size",
    "course_trues": "scan.size",
    "course_quick": "scan.size",
    "HEAD": "scan.size",
    "mlem": "reconstruction.em",
    "osem": "reconstruction.em",
    "Quadratic": "reconstruction.priors",
    "RelativeDifference": "reconstruction.priors",
    "even_resolution": "reconstruction.priors",
    "bowsher": "reconstruction.guidance",
    "Kernel": "reconstruction.guidance",
    "map_em": "reconstruction.regularised",
    "bsrem": "reconstruction.regularised",
    "svrg": "reconstruction.regularised",
    "reconstruct": "reconstruction.protocol",
    "as_slices": "learning.cases",
    "OperatorLayer": "learning.layer",
    "volshow": "viewer.volumes",
    "show": "viewer.figure",
    "sinoshow": "viewer.sinogram",
    "cached": "cache",
    "as_numpy": "hardware.device",
}
__all__ = list(_MODULE_OF)


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'petcourse' has no attribute {name!r}")
    return getattr(import_module(f"petcourse.{_MODULE_OF[name]}"), name)


def __dir__():
    return sorted([*globals(), *__all__])
