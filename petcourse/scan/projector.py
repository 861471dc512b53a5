"""X: line integrals over every line of response of a scanner."""

import numbers

import numpy as np

from petcourse.hardware.device import choose, requested, warn_once
from petcourse.scan.operator import Operator
from petcourse.scan.rays import rays_through


class LineIntegrals(Operator):
    """Line integrals along given rays: a `Projector`, or the part of it that sees some angles or a box of the image.

    Parameters
    ----------
    rays : Rays
    threads, device
        As for `Projector`.
    """

    def __init__(self, rays, threads=None, device="auto"):
        self.threads, self.engine = threads, engine(rays, threads, device)
        super().__init__(rays.image_shape, rays.sinogram_shape, "the projector X")

    @property
    def device(self):
        return self.engine.device

    @property
    def xp(self):
        return self.engine.xp

    @property
    def box(self):
        return self.engine.rays.box

    @property
    def bins_seen(self):
        lines = self.engine.rays.lines
        return np.count_nonzero(lines["first"] < lines["last"], axis=1)

    def forward(self, theta):
        return self.engine.forward(theta)

    def back(self, m):
        return self.engine.back(m)

    def subset(self, k, of):
        rays = self.engine.rays
        if len(rays.lines) % of or not 0 <= k < of:
            raise ValueError(
                f"subset {k} of {of} was asked for and there are {len(rays.lines)} angles: take a number that divides "
                "them (28, 14 or 7 for the mMR) and count its subsets from 0."
            )
        return LineIntegrals(rays.subset(k, of), self.threads, self.device)

    def inside_box(self, box):
        return LineIntegrals(self.engine.rays.inside_box(box), self.threads, self.device)

    def __getstate__(self):
        return {**self.__dict__, "engine": (self.engine.rays, self.threads, "auto" if self.device == "gpu" else "cpu")}

    def __setstate__(self, state):
        self.__dict__ |= {**state, "engine": engine(*state["engine"])}


class Projector(LineIntegrals):
    """Line integrals of an image over all lines of response (LORs): ``X @ theta``, and back, ``X.T @ m``.

    A bin holds the sum over the ring pairs that are merged in its plane: one ray at the segment's mean ring
    difference, times the number of pairs. On a head that differs by 0.45 % (root mean square) from the sum over every
    ring pair. Each ray is integrated by Joseph's method (doi:10.1109/TMI.1982.4307572); dead bins are zero.

    A projector can be copied, pickled and sent to another process, which computes on a GPU if it has one.

    Parameters
    ----------
    scanner : Scanner
        Gives ``dims``, (z, y, x), and ``dimsd``, (plane, angle, bin).
    radius : float, optional
        Radius of the field of view in mm: voxels whose centre lies outside count as zero. The time falls with its
        square. By default every live bin sees the image: 298.3 mm.
    threads : int, optional
        Of the CPU; by default one for each processor core.
    device : {"auto", "gpu", "cpu"}
        Where it computes. On a GPU it takes CuPy arrays and gives CuPy arrays, and nothing is copied unasked. "auto" is
        a GPU if there is one that works (see `petcourse.hardware.device.choose`) and on which the projector can be made.

    Attributes
    ----------
    device : {"gpu", "cpu"}
        Where it computes.
    xp : module
        ``cupy`` or ``numpy``, to make arrays with: ``X.xp.asarray(theta)``.

    Raises
    ------
    ValueError
        If the field of view does not fit into the image or the ring, or threads is not positive.
    MemoryError
        When it is applied, or made on a GPU that was asked for, and there is not enough memory.
    RuntimeError
        If ``device`` is "gpu" and none can be used, or its kernels cannot be made.
    """

    def __init__(self, scanner, radius=None, threads=None, device="auto"):
        if threads is not None and (not isinstance(threads, numbers.Integral) or threads < 1):
            raise ValueError(f"threads is {threads!r} and a whole number from 1 is wanted: leave it out for all cores.")
        self.scanner = scanner
        self.radius = scanner.fov_radius if radius is None else float(radius)
        limit = min(scanner.columns * scanner.column_width / 2, np.hypot(*scanner.crystals().T).min())
        if not scanner.column_width <= self.radius <= limit:
            raise ValueError(
                f"a field of view of radius {self.radius:g} mm does not fit this scanner: its image and its ring "
                f"allow {scanner.column_width:g} to {limit:.1f} mm."
            )
        super().__init__(rays_through(scanner, self.radius), threads, device)


def engine(rays, threads=None, device="auto"):
    """What computes the projections: the one place that chooses, falls back and says why.

    Parameters
    ----------
    rays : Rays
    threads, device
        As for `Projector`.

    Returns
    -------
    engine : Loops or Kernels
        On the CPU or on a GPU; ``forward(theta, factors=None)`` and ``back(m, factors=None)``, and ``xp``, whose arrays
        they take.
    """
    if choose(device) == "gpu":
        from petcourse.scan.kernels import Kernels

        try:
            return Kernels(rays)
        except (MemoryError, RuntimeError) as error:
            if requested(device) == "gpu":
                raise
            warn_once(str(error).rstrip("."))
    from petcourse.scan.loops import Loops  # Numba compiles on import: not where a GPU computes

    return Loops(rays, threads)
