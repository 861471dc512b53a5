"""parallelproj beside this package: the same rays, and the same reconstruction with either projector."""

import ctypes
import time

import numpy as np

from benchmarks.projectors import timed
from petcourse import PSF, Projector, Scanner, load_subject, measure, osem
from petcourse.scan.operator import Operator


class ParallelProj:
    """parallelproj's forward and back projection of a list of rays, through its C functions or its Python package."""

    def __init__(self, path):
        self.name = "parallelproj's C library"
        if path is None:
            import parallelproj

            self.name, self.python = "parallelproj's Python package", parallelproj
            return
        self.library = ctypes.CDLL(str(path))

    def __call__(self, name, start, end, image, values, origin, voxel):
        if not hasattr(self, "library"):
            function = getattr(self.python, f"joseph3d_{name}")
            if name == "fwd":
                values[:] = function(start, end, image, origin, voxel)
            else:
                image += function(start, end, image.shape, origin, voxel, values)
            return
        shape = np.array(image.shape, np.int32)
        middle = (image, origin, voxel, values)
        arrays = (start, end, *middle)
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in arrays]
        function = getattr(self.library, f"joseph3d_{name}")
        function(*pointers, ctypes.c_longlong(len(values)), shape.ctypes.data_as(ctypes.c_void_p))


class TheirProjector(Operator):
    """parallelproj as X, or A @ X, of the same scanner: Joseph's method along the same rays, one angle at a time.

    The end points of all rays would fill 1.3 GiB; ``seconds`` counts what parallelproj itself took.
    """

    def __init__(self, X, parallelproj, factors=None, angles=None):
        scanner, self.X, self.parallelproj, self.factors = X.scanner, X, parallelproj, factors
        self.angles, self.seconds = np.arange(scanner.angles) if angles is None else np.asarray(angles), 0.0
        _, y, x = scanner.axes()
        self.mask = np.hypot(y[:, None], x) <= X.radius
        self.crystals, self.ends, self.live = scanner.crystals(), scanner.bin_crystals(), scanner.live()
        self.heights = np.hstack([s.ends(scanner.rings, scanner.ring_pitch) for s in scanner.segments()])
        # Their axes are x, y and z with z fastest; y grows with the row.
        self.origin = np.array([x[0], -y[0], -(scanner.rings - 1) * scanner.ring_pitch / 2], np.float32)
        self.voxel = np.array(scanner.voxel[::-1], np.float32)
        planes, _, bins = X.dimsd
        super().__init__(X.dims, (planes, len(self.angles), bins), "parallelproj's X")

    def subset(self, k, of):
        factors = None if self.factors is None else self.factors[:, k::of]
        return TheirProjector(self.X, self.parallelproj, factors, self.angles[k::of])

    def rays(self):
        """For each angle its place, its live bins, the rays' weights (plane, bin) and their two ends."""
        for place, angle in enumerate(self.angles):
            bins = np.flatnonzero(self.live[angle])
            weights = np.repeat(self.X.engine.rays.multiplicity[:, None], len(bins), axis=1)
            if self.factors is not None:
                weights *= self.factors[:, place, bins]
            start, end = (np.empty((*weights.shape, 3), np.float32) for _ in range(2))
            for points, crystal, z in zip((start, end), self.ends, self.heights, strict=True):
                points[..., :2], points[..., 2] = self.crystals[crystal[angle, bins]] * (1, -1), z[:, None]
            yield place, bins, weights, start.reshape(-1, 3), end.reshape(-1, 3)

    def run(self, name, start, end, image, values):
        began = time.perf_counter()
        self.parallelproj(name, start, end, image, values, self.origin, self.voxel)
        self.seconds += time.perf_counter() - began

    def forward(self, theta):
        image, out = np.ascontiguousarray((theta * self.mask).transpose(2, 1, 0)), np.zeros(self.dimsd, np.float32)
        for place, bins, weights, start, end in self.rays():
            values = np.zeros(len(start), np.float32)
            self.run("fwd", start, end, image, values)
            out[:, place, bins] = values.reshape(weights.shape) * weights
        return out

    def back(self, m):
        image = np.zeros(self.dims[::-1], np.float32)
        for place, bins, weights, start, end in self.rays():
            self.run("back", start, end, image, np.ascontiguousarray(m[:, place, bins] * weights).ravel())
        return image.transpose(2, 1, 0) * self.mask


def compare(scanner, radius, parallelproj, angles, times):
    """The same rays through both: all planes and live bins of some angles.

    Returns
    -------
    part : float
        Of the live bins, that parallelproj projected.
    rows : tuple of (name, seconds of this package, seconds of parallelproj, relative difference)
        This package's seconds are those of the whole sinogram, parallelproj's are scaled up to it.
    """
    X = Projector(scanner, radius, device="cpu")
    theirs, live = TheirProjector(X, parallelproj, angles=angles), scanner.live()
    part = np.count_nonzero(live[angles]) / np.count_nonzero(live)
    theta = np.random.default_rng(0).random(X.dims, dtype=np.float32)
    m = np.zeros(X.dimsd, np.float32)
    m[:, angles] = np.random.default_rng(1).random(theirs.dimsd, dtype=np.float32)
    m[:, ~live] = 0
    rows = []
    for name, ours, wanted in (
        ("forward", lambda: (X @ theta)[:, angles], lambda: theirs @ theta),
        ("back", lambda: X.T @ m, lambda: theirs.T @ m[:, angles]),
    ):
        seconds, result = timed(ours, times)
        theirs.seconds = 0.0
        reference = wanted()
        off = np.linalg.norm(result - reference) / np.linalg.norm(reference)
        rows.append((name, np.median(seconds), theirs.seconds / part, off))
    return part, tuple(rows)


def compare_images(rings, passes, subsets, parallelproj):
    """OSEM of a head on a short mMR with either projector: seconds of both, correlation and relative difference in the head."""
    scanner = Scanner.mmr(rings)
    X, subject = Projector(scanner, 150, device="cpu"), load_subject("embedded", scanner)
    scan = measure(subject, X, counts=1e8 * rings / 64)
    H, factors = PSF(scanner, 2.5), scan.A.factors
    images, times = [], []
    for P in (scan.A @ X @ H, TheirProjector(X, parallelproj, factors) @ H):
        seconds, image = timed(lambda: list(osem(P, scan.m, scan.r, passes, subsets))[-1], 1)  # noqa: B023
        images.append(image[subject.labels > 0].astype(float))
        times.append(seconds[0])
    ours, theirs = images
    return *times, np.corrcoef(ours, theirs)[0, 1], np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
