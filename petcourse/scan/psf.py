"""H: the point spread function."""

import numbers
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from petcourse.hardware.device import module_of
from petcourse.hardware.machine import available_cores
from petcourse.scan.operator import Operator

FWHM_PER_SIGMA = np.sqrt(8 * np.log(2))
TRUNCATE = 4  # standard deviations, beyond which the blur is cut
ROWS, PLANES = 16, 4  # at a time


class PSF(Operator):
    """H: a Gaussian blur, the same everywhere. It is its own transpose: ``H.T @ x`` equals ``H @ x``.

    It works wherever the image is: a NumPy array is blurred by compiled loops, a CuPy array by CuPy's copy of SciPy.

    Beyond a border the image goes on as its mirror image. This keeps the operator symmetric and every count in the
    image, which a border of zeros or of repeated voxels does not.

    Parameters
    ----------
    scanner : Scanner
        Gives the shape (z, y, x) and the voxel size.
    fwhm : float
        Full width at half maximum in mm; 0 changes nothing.

    Raises
    ------
    ValueError
        If the width is negative, above 1000 mm or no number.
    """

    xp = None

    def __init__(self, scanner, fwhm):
        if not isinstance(fwhm, numbers.Real) or not 0 <= fwhm <= 1000:
            raise ValueError(f"the PSF's FWHM is {fwhm!r} and a width in mm is wanted: give 0 to 1000, such as 4.5.")
        self.sigma = [fwhm / FWHM_PER_SIGMA / size for size in scanner.voxel]
        super().__init__(scanner.image_shape, scanner.image_shape, "the PSF H")

    @property
    def reach(self):
        return reach_of(max(self.sigma[1:]))

    def inside_box(self, box):
        cut, size = PSF.__new__(PSF), box.stop - box.start  # a copy would remember the shape of the whole
        cut.sigma = self.sigma
        Operator.__init__(cut, (self.dims[0], size, size), (self.dims[0], size, size), self.name)
        return cut

    def forward(self, theta):
        if module_of(theta) is not np:
            from cupyx.scipy.ndimage import gaussian_filter

            return gaussian_filter(theta, self.sigma, mode="reflect", truncate=TRUNCATE)
        from petcourse.scan.blur import blur_across_planes, blur_within_planes  # compiled: not where a GPU computes

        along_z, *within = [
            (gaussian(sigma), mirrored(n, reach_of(sigma))) for sigma, n in zip(self.sigma, theta.shape)
        ]
        across, out = np.empty(theta.shape, np.float32), np.empty(theta.shape, np.float32)
        with ThreadPoolExecutor(available_cores()) as pool:  # in strips of rows, then plane by plane
            rows, planes = (range(0, n, size) for n, size in ((theta.shape[1], ROWS), (theta.shape[0], PLANES)))
            list(
                pool.map(lambda y: blur_across_planes(theta, *along_z, y, min(y + ROWS, theta.shape[1]), across), rows)
            )
            list(
                pool.map(
                    lambda z: blur_within_planes(across, *within[0], *within[1], z, min(z + PLANES, len(theta)), out),
                    planes,
                )
            )
        return out

    back = forward


def reach_of(sigma):
    """How many voxels a Gaussian of that standard deviation, in voxels, spreads."""
    return int(TRUNCATE * sigma + 0.5)


def gaussian(sigma):
    """Weights of a Gaussian that sum to one: (2 reach + 1,) float32."""
    x = np.arange(-reach_of(sigma), reach_of(sigma) + 1)
    weights = np.exp(-0.5 * (x / max(sigma, 1e-9)) ** 2)
    return (weights / weights.sum()).astype(np.float32)


def mirrored(n, reach):
    """Indices of n voxels and of those beyond both borders, which mirror them: (n + 2 reach,) int64."""
    return np.pad(np.arange(n), reach, mode="symmetric")
