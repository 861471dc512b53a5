"""A: attenuation, the part of the photon pairs that leaves the body."""

import numpy as np

from petcourse.hardware.device import as_numpy, require_array
from petcourse.scan.factors import Factors
from petcourse.scan.projector import Projector


class Attenuation(Factors):
    """A: each bin times its attenuation factor. In ``A @ X`` the projector multiplies on the way.

    Parameters
    ----------
    factors : (plane, angle, bin) float32
        ``exp(-line integral of mu)``, 0 to 1: the part of the photon pairs that leaves the body. On X's device.

    Raises
    ------
    TypeError, ValueError
        If the factors are not float32, or not between 0 and 1.
    """

    def __init__(self, factors):
        remedy = "use np.exp(-line integral) of a mu map in 1/mm that is nowhere negative"
        super().__init__(factors, 1, "attenuation", "A", remedy)


def attenuation_factors(X, mu):
    """Part of the photon pairs that leaves the body: ``exp(-line integral of mu)``.

    Parameters
    ----------
    X : Projector
    mu : (z, y, x) float32
        Attenuation map [1/mm].

    Returns
    -------
    a : (plane, angle, bin) float32
        0 to 1; 1 in dead bins and in planes without ring pairs.

    Raises
    ------
    TypeError, ValueError
        If X is no plain projector, or if mu is not in 1/mm, negative, or reaches out of the field of view.
    """
    if not isinstance(X, Projector):
        raise TypeError(f"attenuation is made from the plain projector X and {X} was given: give Projector(scanner).")
    require_array(mu, "the attenuation map mu", X.xp)
    low, high = float(mu.min()), float(mu.max())
    if not (low >= 0 and high < 0.05):
        raise ValueError(
            f"mu reaches from {low:g} to {high:g} and body tissue has 0 to 0.05 per mm (water 0.0096): "
            "divide a map in 1/cm by 10."
        )
    if mu.shape == X.dims:  # if not, X says so
        require_view(X, mu, "the attenuating body")
    a = X @ mu
    pairs = np.maximum(X.engine.rays.multiplicity, 1)  # X sums over them, and each pair sees mu once
    a /= -X.xp.asarray(pairs)[:, None, None]
    return X.xp.exp(a, out=a)


def require_view(X, image, what):
    """Refuse an image of which the field of view would cut something off."""
    _, y, x = X.scanner.axes()
    reach = np.hypot(y[:, None], x)[as_numpy(image.any(axis=0))].max(initial=0)
    if reach > X.radius:
        raise ValueError(
            f"{what} reaches {reach:.0f} mm from the axis and the field of view ends at {X.radius:.0f} mm: "
            f"use Projector(scanner, radius={np.ceil(reach):.0f})."
        )
