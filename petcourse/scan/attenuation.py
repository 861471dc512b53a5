"""A: attenuation, the part of the photon pairs that leaves the body."""

import numpy as np

from petcourse.hardware.device import array_module, as_numpy, module_of, require_array
from petcourse.scan.operator import Operator, Product
from petcourse.scan.projector import LineIntegrals, Projector


class Attenuation(Operator):
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
        require_array(factors, "the set of attenuation factors")
        if factors.dtype != np.float32:
            raise TypeError(f"attenuation factors are {factors.dtype} and float32 is wanted: use .astype(np.float32).")
        low, high = (float(factors.min()), float(factors.max())) if factors.size else (np.nan, np.nan)
        if not (low >= 0 and high <= 1):
            raise ValueError(
                f"attenuation factors from {low:g} to {high:g} were given and they lie in 0 to 1: "
                "use np.exp(-line integral) of a mu map in 1/mm that is nowhere negative."
            )
        self.factors = factors
        super().__init__(factors.shape, factors.shape, "the attenuation A")

    @property
    def xp(self):
        return module_of(self.factors)

    def dot(self, x):
        fits = isinstance(x, LineIntegrals) and x.dimsd == self.dims and x.xp is self.xp
        if fits:
            return AttenuatedProjector(self.factors, x)
        # A @ (X @ H) as (A @ X) @ H
        return (self @ x.left) @ x.right if isinstance(x, Product) else super().dot(x)

    def forward(self, x):
        return self.factors * x

    back = forward

    def __getstate__(self):
        return {**self.__dict__, "factors": as_numpy(self.factors), "gpu": self.xp is not np}

    def __setstate__(self, state):
        gpu = state.pop("gpu")
        self.__dict__ |= state
        if gpu:  # back onto one, if the process that reads this has one
            self.factors = array_module().asarray(self.factors)


class AttenuatedProjector(Operator):
    """``A @ X``: the projector multiplies each bin by its factor while it has it, which saves a second sinogram."""

    def __init__(self, factors, X):
        self.factors, self.X = factors, X
        super().__init__(X.dims, X.dimsd, "A @ X")

    @property
    def xp(self):
        return self.X.xp

    @property
    def box(self):
        return self.X.box

    @property
    def bins_seen(self):
        return self.X.bins_seen

    def forward(self, theta):
        return self.X.engine.forward(theta, self.factors)

    def back(self, m):
        return self.X.engine.back(m, self.factors)

    def subset(self, k, of):
        return AttenuatedProjector(self.factors[:, k::of], self.X.subset(k, of))

    def inside_box(self, box):
        return AttenuatedProjector(self.factors, self.X.inside_box(box))

    def __getstate__(self):
        return {**self.__dict__, "factors": as_numpy(self.factors)}

    def __setstate__(self, state):
        self.__dict__ |= {**state, "factors": state["X"].xp.asarray(state["factors"])}


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
