"""What multiplies each bin: attenuation A, normalisation N, and the projector that does it on the way."""

import numpy as np

from petcourse.hardware.device import array_module, as_numpy, module_of, require_array
from petcourse.scan.operator import Operator, Product
from petcourse.scan.projector import LineIntegrals


class Factors(Operator):
    """Each bin times its factor: what `Attenuation` and `Normalisation` share. In ``A @ X`` the projector multiplies.

    Parameters
    ----------
    factors : (plane, angle, bin) float32
        On X's device.
    most : float
        The largest that makes sense.
    name, letter, remedy : str
        How errors and products call it, and what to do about wrong factors.

    Raises
    ------
    TypeError, ValueError
        If the factors are not float32, or not between 0 and the most.
    """

    def __init__(self, factors, most, name, letter, remedy):
        require_array(factors, f"the set of {name} factors")
        if factors.dtype != np.float32:
            raise TypeError(f"{name} factors are {factors.dtype} and float32 is wanted: use .astype(np.float32).")
        low, high = (float(factors.min()), float(factors.max())) if factors.size else (np.nan, np.nan)
        if not (low >= 0 and high <= most):
            raise ValueError(
                f"{name} factors from {low:g} to {high:g} were given and they lie in 0 to {most:g}: {remedy}."
            )
        self.factors, self.letter = factors, letter
        super().__init__(factors.shape, factors.shape, f"the {name} {letter}")

    @property
    def xp(self):
        return module_of(self.factors)

    def dot(self, x):
        if isinstance(x, Factors) and x.dims == self.dims and x.xp is self.xp:  # N @ A
            return Factors(
                self.factors * x.factors, np.inf, "product", f"{self.letter} @ {x.letter}", "multiply others"
            )
        fits = isinstance(x, LineIntegrals | WeightedProjector) and x.dimsd == self.dims and x.xp is self.xp
        if fits and isinstance(x, WeightedProjector):  # N @ (A @ X)
            return WeightedProjector(self.factors * x.factors, x.X, f"{self.letter} @ {x.name}")
        if fits:
            return WeightedProjector(self.factors, x, f"{self.letter} @ X")
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


class WeightedProjector(Operator):
    """``A @ X`` or ``N @ A @ X``: the projector multiplies each bin on the way, which saves a second sinogram."""

    def __init__(self, factors, X, name):
        self.factors, self.X = factors, X
        super().__init__(X.dims, X.dimsd, name)

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
        return WeightedProjector(self.factors[:, k::of], self.X.subset(k, of), self.name)

    def inside_box(self, box):
        return WeightedProjector(self.factors, self.X.inside_box(box), self.name)

    def __getstate__(self):
        return {**self.__dict__, "factors": as_numpy(self.factors)}

    def __setstate__(self, state):
        self.__dict__ |= {**state, "factors": state["X"].xp.asarray(state["factors"])}
