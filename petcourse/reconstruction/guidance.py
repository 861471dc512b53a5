"""What an MR image of the same head tells a PET reconstruction: which neighbours are of one tissue."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
from numba import float32, int8, int64, void
from scipy.sparse import csr_matrix

from petcourse.hardware.device import module_of
from petcourse.hardware.machine import available_cores
from petcourse.reconstruction.priors import STEPS, neighbours
from petcourse.scan.joseph import compiled
from petcourse.scan.operator import Operator

AROUND = np.array(list(product((-2, -1, 0, 1, 2), repeat=3)))  # the voxel itself among them


@compiled(void(float32[:, :, ::1], int64[:, ::1], int64, int64[:, ::1], int8[:, ::1]))
def choose_alike(t1, steps, keep, voxels, chosen):
    """Number the steps from each voxel to the ``keep`` neighbours whose T1 differs least; -1 where there are too few."""
    depth, rows, columns = t1.shape
    off = np.empty(len(steps), float32)
    for i in range(len(voxels)):
        z, y, x = voxels[i]
        for n in range(len(steps)):
            z1, y1, x1 = z + steps[n, 0], y + steps[n, 1], x + steps[n, 2]
            inside = 0 <= z1 < depth and 0 <= y1 < rows and 0 <= x1 < columns
            off[n] = abs(t1[z1, y1, x1] - t1[z, y, x]) if inside else np.inf
        for k in range(keep):
            n = np.argmin(off)
            chosen[i, k] = n if off[n] < np.inf else -1
            off[n] = np.inf


def most_alike(t1, steps, keep, where):
    """Of the voxels `where`: their places (voxel, 3), and the numbers of the steps to the neighbours most alike in T1."""
    if t1.ndim != 3:
        raise ValueError(f"T1 has shape {t1.shape} and (z, y, x) is wanted: give an MR image on the PET image's grid.")
    if not np.ptp(t1) > 0 or not np.isfinite(t1).all():
        raise ValueError(f"T1 reaches from {t1.min():g} to {t1.max():g} and tells no tissues apart: give an MR image.")
    if keep not in range(1, len(steps) + 1):
        raise ValueError(f"keep is {keep!r} of {len(steps)} neighbours: give 1 to {len(steps)}.")
    voxels, t1 = np.ascontiguousarray(np.argwhere(where)), np.ascontiguousarray(t1, np.float32)
    chosen = np.empty((len(voxels), keep), np.int8)

    def some_voxels(part):
        choose_alike(t1, steps, keep, voxels[part], chosen[part])

    with ThreadPoolExecutor(available_cores()) as pool:
        list(pool.map(some_voxels, [slice(i, i + 5000) for i in range(0, len(voxels), 5000)]))
    return voxels, chosen


def bowsher(t1, keep=9):
    """Weights of the pairs that look alike in T1: each voxel takes the ``keep`` of 26 neighbours that differ least.

    Bowsher 2004 (doi:10.1109/NSSMIC.2004.1462760), made symmetric, or it would be the gradient of nothing.

    Parameters
    ----------
    t1 : (z, y, x) float32
        An MR image on the PET image's grid.
    keep : int
        1 to 26.

    Returns
    -------
    pairs : (13, z, y, x) float32
        For `Prior`: 0, 1/2 or 1, half for each of the two that took the other.

    Raises
    ------
    ValueError
        If T1 is the same everywhere or not finite, or ``keep`` is out of range.
    """
    both = np.concatenate([STEPS, -STEPS])
    _, chosen = most_alike(t1, both, keep, np.ones(t1.shape, bool))
    pairs = np.zeros((13, *t1.shape), np.float32)
    for i, step in enumerate(STEPS):
        j, k = neighbours(step, t1.shape)
        forward, back = ((chosen == n).any(axis=1).reshape(t1.shape) for n in (i, 13 + i))
        pairs[i][j] = 0.5 * forward[j] + 0.5 * back[k]
    return pairs


class Kernel(Operator):
    """K: each voxel of ``K @ alpha`` is a mean over neighbours that look alike in T1. MLEM with ``P @ K`` is kernel EM.

    Wang & Qi 2015 (doi:10.1109/TMI.2014.2343916); with MR Hutchcroft 2016 (doi:10.1088/0031-9155/61/18/6668).

    Parameters
    ----------
    t1 : (z, y, x) float32
        An MR image on the PET image's grid. Voxels of 0 keep their own value.
    voxel : tuple of float
        Size (dz, dy, dx) in mm: ``scanner.voxel``.
    sigma : float
        Of the weights over T1, in standard deviations of T1 above 0.
    distance : float
        Standard deviation of the weights over the distance [mm].
    keep : int
        Neighbours in a mean, of the 125 that are at most two voxels away, the voxel itself among them.

    Raises
    ------
    ValueError
        If T1 is the same everywhere, or wherever it is above 0, or not finite; or a number is out of range.
    """

    xp, reach = None, 2

    def __init__(self, t1, voxel, sigma=0.3, distance=4.0, keep=48):
        super().__init__(t1.shape, t1.shape, "the kernel K")
        voxels, chosen = most_alike(t1, AROUND, keep, t1 > 0)
        spread = t1[t1 > 0].std() if len(voxels) else 0
        if not (spread > 0 and sigma > 0 and distance > 0):
            text = f"T1 above 0 has a standard deviation of {spread:g}, sigma is {sigma!r} and distance {distance!r}"
            raise ValueError(f"{text}: all three must be above 0 to tell who is alike.")
        nearness = np.exp(-((AROUND * voxel) ** 2).sum(axis=1) / (2 * distance**2)).astype(np.float32)
        self.rows = np.ravel_multi_index(voxels.T, t1.shape).astype(np.int32)  # of the voxels that are means
        columns = self.rows[:, None] + np.int32(AROUND @ (t1[0].size, t1.shape[2], 1))[chosen]
        columns[chosen < 0] = 0
        f = t1.ravel() / np.float32(sigma * spread)
        weights = nearness[chosen] * np.exp(-((f[columns] - f[self.rows, None]) ** 2) / 2)
        weights[chosen < 0] = 0
        weights /= weights.sum(axis=1, keepdims=True)
        self.matrix = self._sparse(weights, columns)

    def _sparse(self, weights, columns):
        start = np.arange(len(weights) + 1) * weights.shape[1]
        return csr_matrix((weights.ravel(), columns.ravel(), start), (len(weights), int(np.prod(self.dims))))

    def inside_box(self, box):
        size = box.stop - box.start
        cut = Kernel.__new__(Kernel)  # a copy would remember the shape of the whole
        Operator.__init__(cut, *2 * ((self.dims[0], size, size),), self.name)

        def place(flat):
            z, y, x = np.unravel_index(flat, self.dims)
            inside = (y >= box.start) & (y < box.stop) & (x >= box.start) & (x < box.stop)
            return inside, np.where(inside, (z * size + y - box.start) * size + x - box.start, 0).astype(np.int32)

        keep = self.matrix.indptr[1]
        seen, rows = place(self.rows)
        inside, columns = place(self.matrix.indices.reshape(-1, keep)[seen])
        cut.rows, cut.matrix = rows[seen], cut._sparse(self.matrix.data.reshape(-1, keep)[seen] * inside, columns)
        return cut

    def forward(self, x):
        rows, matrix = self._on(x)
        mean = x.copy()
        mean.ravel()[rows] = matrix @ x.ravel()
        return mean

    def back(self, y):
        rows, matrix = self._on(y)
        alone = y.copy().ravel()
        of_means = alone[rows]
        alone[rows] = 0
        return (alone + matrix.T @ of_means).reshape(y.shape)

    def _on(self, x):
        """Rows and matrix where ``x`` is."""
        if module_of(x) is np:
            return self.rows, self.matrix
        if not hasattr(self, "gpu"):
            from cupyx.scipy.sparse import csr_matrix as on_gpu

            self.gpu = module_of(x).asarray(self.rows), on_gpu(self.matrix)
        return self.gpu

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "gpu"}
