"""X: line integrals over every line of response of a scanner, and A: attenuation."""

import copy
import numbers
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from petcourse.hardware.device import array_module, module_of, require_array, require_memory, warn_once
from petcourse.hardware.machine import available_cores
from petcourse.scan.operator import Operator
from petcourse.scan.rays import EDGE, rays, segments

ANGLES_AT_ONCE = {"forward": 4, "back": 8}  # so that a tile's work array stays in the cache


class Projector(Operator):
    """Line integrals of an image over all lines of response (LORs): ``X @ theta``, and back, ``X.T @ m``.

    A bin holds the sum over the ring pairs that are merged in its plane: one ray at the segment's mean ring
    difference, times the number of pairs. On a head that differs by 0.45 % (root mean square) from the sum over every
    ring pair. Each ray is integrated by Joseph's method (doi:10.1109/TMI.1982.4307572); dead bins are zero.

    Parameters
    ----------
    scanner : Scanner
        Gives ``dims``, (z, y, x), and ``dimsd``, (plane, angle, bin).
    radius : float, optional
        Radius of the field of view in mm: voxels whose centre lies outside count as zero. The time falls with its
        square. By default every live bin sees the image: 298.3 mm.
    threads : int, optional
        By default one for each processor core.
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
        self.scanner = scanner
        self.radius = scanner.fov_radius if radius is None else float(radius)
        self.threads = available_cores() if threads is None else threads
        if not isinstance(self.threads, numbers.Integral) or self.threads < 1:
            raise ValueError(f"threads is {threads!r} and a whole number from 1 is wanted: leave it out for all cores.")
        limit = min(scanner.columns * scanner.column_width / 2, np.hypot(*scanner.crystals().T).min())
        if not scanner.column_width <= self.radius <= limit:
            raise ValueError(
                f"a field of view of radius {self.radius:g} mm does not fit this scanner: its image and its ring "
                f"allow {scanner.column_width:g} to {limit:.1f} mm."
            )
        _, y, x = scanner.axes()
        inside = np.hypot(y[:, None], x) <= self.radius
        columns = np.flatnonzero(inside.any(axis=0))
        self.box = slice(columns[0], columns[-1] + 1)  # the field of view, with a margin of EDGE empty voxels
        self.inside = inside[self.box, self.box]
        self.side = len(self.inside) + 2 * EDGE
        self.rays = rays(scanner, self.radius, self.box)
        self.segments, self.depth, self.floor = segments(scanner)
        self.multiplicity = scanner.multiplicity().astype(np.float32)
        xp = array_module(device)
        self.device = "cpu" if xp is np else "gpu"
        self.factor = xp.empty((0, 0, 0), np.float32)
        super().__init__(scanner.image_shape, scanner.sinogram_shape, "the projector X", xp)
        if self.device == "gpu":
            from petcourse.scan.kernels import Kernels

            try:
                self.kernels = Kernels(self, xp)
            except (MemoryError, RuntimeError) as error:
                if "gpu" in (device, os.environ.get("PETCOURSE_DEVICE")):
                    raise
                warn_once(str(error).rstrip("."))
                self.__init__(scanner, radius, threads, "cpu")

    def forward(self, theta):
        if self.device == "gpu":
            return self.kernels.forward(theta, self.factor)
        from petcourse.scan.joseph import project

        at_once = ANGLES_AT_ONCE["forward"]
        require_memory(4 * (self.side**2 * self.depth + np.prod(self.dimsd)), "a forward projection")
        image = np.zeros((self.side, self.side, self.depth), np.float32)
        image[EDGE:-EDGE, EDGE:-EDGE, self.floor : self.floor + len(theta)] = theta[:, self.box, self.box].transpose(
            1, 2, 0
        )
        image[EDGE:-EDGE, EDGE:-EDGE][~self.inside] = 0
        out = np.empty(self.dimsd, np.float32)

        def some_angles(a):
            last = min(a + at_once, self.scanner.angles)
            project(image.ravel(), self.side, self.depth, self.rays, self.segments, self.multiplicity, self.factor,
                    a, last, out)  # fmt: skip

        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(some_angles, range(0, self.scanner.angles, at_once)))
        return out

    def back(self, m):
        if self.device == "gpu":
            return self.kernels.back(m, self.factor)
        from petcourse.scan.joseph import TILE_BINS, TILE_ROWS, back_project, gather_rays

        at_once, angles = ANGLES_AT_ONCE["back"], self.scanner.angles
        tiles = -(-self.scanner.bins // TILE_BINS) * TILE_BINS
        width = self.segments["start"][-1] + self.segments["lanes"][-1]
        need = self.side**2 * self.depth + at_once * tiles * width + np.prod(self.dims)
        require_memory(4 * need, "a back projection")
        m = np.ascontiguousarray(m)
        image = np.zeros((self.side, self.side, self.depth), np.float32)
        work = np.zeros(at_once * tiles * width, np.float32)
        with ThreadPoolExecutor(self.threads) as pool:
            for a in range(0, angles, at_once):
                last = min(a + at_once, angles)

                def one_angle(angle, a=a, last=last):
                    gather_rays(m, self.rays, self.segments, self.multiplicity, self.factor, angle, a, last - a, work)

                list(pool.map(one_angle, range(a, last)))
                for steep in np.unique(self.rays["steep"][a:last]):

                    def some_rows(row, a=a, last=last, steep=steep):
                        back_project(work, a, last, self.rays, self.segments, steep, row,
                                     min(row + TILE_ROWS, self.side), self.side, self.depth, image.ravel())  # fmt: skip

                    list(pool.map(some_rows, range(0, self.side, TILE_ROWS)))
        image[EDGE:-EDGE, EDGE:-EDGE][~self.inside] = 0
        theta = np.zeros(self.dims, np.float32)
        theta[:, self.box, self.box] = image[EDGE:-EDGE, EDGE:-EDGE, self.floor : self.floor + len(theta)].transpose(
            2, 0, 1
        )
        return theta


class Attenuation(Operator):
    """A: each bin times its attenuation factor. ``A @ X`` is again a `Projector`, which multiplies on the way.

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
        super().__init__(factors.shape, factors.shape, "the attenuation A", module_of(factors))

    def dot(self, x):
        if isinstance(x, Projector) and not x.factor.size and x.dimsd == self.dims and x.xp is self.xp:
            both = copy.copy(x)
            both.factor, both.name = self.factors, "A @ X"
            return both
        return super().dot(x)

    def forward(self, x):
        return self.factors * x

    back = forward
