"""The projector on the CPU: the loops of joseph.py, shared out among the processor's cores."""

from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import numpy as np

from petcourse.hardware.device import require_memory
from petcourse.hardware.machine import available_cores
from petcourse.scan.columns import lay_columns, take_columns
from petcourse.scan.joseph import TILE_BINS, TILE_ROWS, back_project, gather_rays, project
from petcourse.scan.rays import EDGE

FORWARD_ANGLES, BACK_ANGLES = 4, 8  # at a time, so that a tile's work array stays in the cache
ROWS = 8  # of the image, for a thread
NO_FACTORS = np.empty((0, 0, 0), np.float32)


class Loops:
    """The engine of the CPU: the same two methods as `Kernels`.

    Parameters
    ----------
    rays : Rays
    threads : int, optional
        By default one for each processor core.
    """

    device, xp = "cpu", np

    def __init__(self, rays, threads=None):
        self.rays, self.threads = rays, threads or available_cores()

    def forward(self, theta, factors=None):
        """As `Projector.forward`; ``factors`` (plane, angle, bin) multiply each bin on the way."""
        rays, angles = self.rays, len(self.rays.lines)
        require_memory(4 * (rays.side**2 * rays.depth + np.prod(rays.sinogram_shape)), "a forward projection")
        factors = NO_FACTORS if factors is None else factors
        image, box = np.zeros((rays.side, rays.side, rays.depth), np.float32), theta[:, rays.box, rays.box]
        out = np.empty(rays.sinogram_shape, np.float32)

        tasks = -(-angles // (FORWARD_ANGLES * self.threads)) * self.threads  # as many for each thread
        at_once = -(-angles // tasks)

        def some_angles(a):
            last = min(a + at_once, angles)
            project(image.ravel(), rays.side, rays.depth, rays.lines, rays.segments, rays.multiplicity, factors,
                    a, last, out)  # fmt: skip

        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(lambda y: lay_columns(box, *self._rows(y), image), range(0, len(rays.inside), ROWS)))
            list(pool.map(some_angles, range(0, angles, at_once)))
        return out

    def back(self, m, factors=None):
        """As `Projector.back`; ``factors`` (plane, angle, bin) multiply each bin on the way."""
        rays, (angles, bins) = self.rays, self.rays.lines.shape
        tiles = -(-bins // TILE_BINS) * TILE_BINS
        at_once = -(-angles // -(-angles // BACK_ANGLES))
        size = at_once * tiles * rays.width
        require_memory(4 * (rays.side**2 * rays.depth + size + np.prod(rays.image_shape)), "a back projection")
        m, factors = np.ascontiguousarray(m), NO_FACTORS if factors is None else factors
        image = np.zeros((rays.side, rays.side, rays.depth), np.float32)
        theta = np.zeros(rays.image_shape, np.float32)
        box, work = theta[:, rays.box, rays.box], np.zeros(size, np.float32)

        def one_angle(angle, first, last):
            gather_rays(m, rays.lines, rays.segments, rays.multiplicity, factors, angle, first, last - first, work)

        def some_rows(row, first, last, steep):
            back_project(work, first, last, rays.lines, rays.segments, steep, row, min(row + TILE_ROWS, rays.side),
                         rays.side, rays.depth, image.ravel())  # fmt: skip

        with ThreadPoolExecutor(self.threads) as pool:
            for first in range(0, angles, at_once):
                last = min(first + at_once, angles)
                these = repeat(first), repeat(last)
                list(pool.map(one_angle, range(first, last), *these))
                for steep in np.unique(rays.lines["steep"][first:last]):
                    list(pool.map(some_rows, range(0, rays.side, TILE_ROWS), *these, repeat(steep)))
            list(pool.map(lambda y: take_columns(image, *self._rows(y), box), range(0, len(rays.inside), ROWS)))
        return theta

    def _rows(self, first):
        """For `lay_columns` and `take_columns`: what is inside, where it lies in the work array, and which rows."""
        rays = self.rays
        return rays.inside, EDGE, rays.floor, first, min(first + ROWS, len(rays.inside))
