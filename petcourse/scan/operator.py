"""Linear operators that read like the formula: ``P = A @ X @ H``, ``P @ theta``, ``P.T @ m``.

They are PyLops operators (Ravasi 2020, doi:10.1016/j.softx.2019.100361) and work with its solvers and its dot test.
What is added here: arrays keep their shape, everything is float32, a wrong array is refused in one sentence, and the
transpose of a real operator makes no copies.
"""

import numbers
import os

import numpy as np

from petcourse.hardware.device import module_of, require_array

# With CuPy installed PyLops would load all of CUDA's libraries, and fail where one is missing: nothing here needs them.
os.environ.setdefault("CUPY_PYLOPS", "0")
from pylops import LinearOperator


class Operator(LinearOperator):
    """A real linear operator between arrays of fixed shapes; subclasses write ``forward`` and ``back``.

    Parameters
    ----------
    dims, dimsd : tuple of int
        Shape of what it is applied to, and of the result.
    name : str
        How error messages call it.

    Attributes
    ----------
    xp : module or None
        ``numpy`` or ``cupy``: whose arrays it works on; None if both will do.
    box : slice or None
        Rows of an image (z, y, x), and columns, beyond which it sees nothing; None if it sees all.
    bins_seen : (angle,) int or None
        How many bins of a plane, at each angle, meet what it sees; None if unknown.
    reach : int or None
        Of an operator from image to image: how many voxels across the axis it spreads a voxel; None if unknown.
    """

    xp, box, bins_seen, reach = np, None, None, None

    def __init__(self, dims, dimsd, name):
        super().__init__(dtype=np.dtype(np.float32), dims=dims, dimsd=dimsd, name=name)

    def forward(self, x):
        """Apply to ``x``, a float32 array of shape ``dims``, without checking it: `@` does that."""
        raise NotImplementedError

    def back(self, y):
        """Apply the transpose to ``y``, a float32 array of shape ``dimsd``, without checking it."""
        raise NotImplementedError

    def subset(self, k, of):
        """The same operator for the angles k, k + of, k + 2 of, ...: ``P.subset(k, of) @ theta`` is ``(P @ theta)[:, k::of]``."""
        raise TypeError(f"{self.name} has no subsets: take those of A @ X @ H.")

    def inside_box(self, box):
        """The same operator for images that are cut to the rows and columns of a box."""
        raise TypeError(f"{self.name} cannot be cut to a box: take A @ X @ H.")

    def dot(self, x):
        """Apply to an array of shape ``dims`` (or its flat form), or compose with another operator."""
        if isinstance(x, Operator):
            return Product(self, x)
        if not isinstance(x, LinearOperator | numbers.Number):
            require_array(x, f"what {self.name} is applied to", self.xp)
            size = int(np.prod(self.dims))
            if x.shape not in (self.dims, (size,)):
                raise ValueError(
                    f"{self.name} was given an array of shape {x.shape} and works on {self.dims}: "
                    "use the projector and the image of one scanner, with axes (z, y, x) and (plane, angle, bin)."
                )
        return super().dot(x)

    def _matvec(self, x):
        return self.forward(self._checked(x, self.dims)).ravel()

    def _rmatvec(self, y):
        return self.back(self._checked(y, self.dimsd)).ravel()

    def _checked(self, x, shape):
        if x.dtype != np.float32:
            raise TypeError(f"{self.name} was given {x.dtype} and works on float32: pass x.astype(np.float32).")
        with np.errstate(invalid="ignore"):  # infinities of both signs sum to NaN, which is what is looked for
            total = float(x.sum())
        if not np.isfinite(total) and not module_of(x).isfinite(x).all():
            bad = int((~module_of(x).isfinite(x)).sum())
            raise ValueError(
                f"{self.name} was given {bad} values that are NaN or infinite: find where they arise, "
                "most often a division by a zero in dead bins or outside the field of view."
            )
        return x.reshape(shape)

    def _adjoint(self):
        return Transpose(self)

    _transpose = _adjoint


class Transpose(Operator):
    """The transpose of an operator."""

    def __init__(self, of):
        self.of = of
        super().__init__(of.dimsd, of.dims, f"{of.name}.T")

    @property
    def xp(self):
        return self.of.xp

    def forward(self, x):
        return self.of.back(x)

    def back(self, y):
        return self.of.forward(y)

    def _adjoint(self):
        return self.of

    _transpose = _adjoint


class Product(Operator):
    """Two operators one after the other: ``(A @ B) @ x = A @ (B @ x)``."""

    def __init__(self, left, right):
        if left.dims != right.dimsd:
            raise ValueError(
                f"{left.name} works on {left.dims} and {right.name} gives {right.dimsd}: build both for one scanner."
            )
        if left.xp and right.xp and left.xp is not right.xp:
            raise TypeError(
                f"{left.name} works with {left.xp.__name__} and {right.name} with {right.xp.__name__}: build both for one "
                "device, such as Attenuation(X.xp.asarray(factors))."
            )
        self.left, self.right = left, right
        super().__init__(right.dims, left.dimsd, f"{left.name} @ {right.name}")

    @property
    def xp(self):
        return self.left.xp or self.right.xp

    @property
    def box(self):
        box, reach = self.left.box, self.right.reach
        if box is None or reach is None:
            return None
        return slice(max(0, box.start - reach), min(self.dims[-1], box.stop + reach))

    @property
    def bins_seen(self):
        return self.left.bins_seen

    def subset(self, k, of):
        return Product(self.left.subset(k, of), self.right)

    def inside_box(self, box):
        return Product(self.left.inside_box(box), self.right.inside_box(box))

    def forward(self, x):
        return self.left.forward(self.right.forward(x))

    def back(self, y):
        return self.right.back(self.left.back(y))

    def _adjoint(self):
        return Product(self.right.T, self.left.T)

    _transpose = _adjoint
