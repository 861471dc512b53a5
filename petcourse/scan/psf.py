"""H: the point spread function."""

import copy
import numbers
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from petcourse.hardware.device import module_of
from petcourse.hardware.machine import available_cores
from petcourse.scan.operator import Operator

FWHM_PER_SIGMA = np.sqrt(8 * np.log(2))
TRUNCATE = 4  # standard deviations, beyond which the blur is cut


class PSF(Operator):
    """H: a Gaussian blur, the same everywhere. It is its own transpose: ``H.T @ x`` equals ``H @ x``.

    It works wherever the image is: a NumPy array is blurred by SciPy, a CuPy array by CuPy's copy of SciPy.

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
        return int(TRUNCATE * max(self.sigma[1:]) + 0.5)

    def inside_box(self, box):
        cut, size = copy.copy(self), box.stop - box.start
        Operator.__init__(cut, (self.dims[0], size, size), (self.dims[0], size, size), self.name)
        return cut

    def forward(self, theta):
        if module_of(theta) is not np:
            from cupyx.scipy.ndimage import gaussian_filter

            return gaussian_filter(theta, self.sigma, mode="reflect", truncate=TRUNCATE)
        from scipy.ndimage import gaussian_filter

        def blur(image, part, axes):
            sigma = [self.sigma[axis] if axis in axes else 0 for axis in range(3)]
            gaussian_filter(image[part], sigma, mode="reflect", truncate=TRUNCATE, output=out[part])

        out = np.empty(theta.shape, np.float32)
        with ThreadPoolExecutor(available_cores()) as pool:  # along z in strips of rows, then within planes
            list(pool.map(lambda y: blur(theta, np.s_[:, y : y + 16], [0]), range(0, theta.shape[1], 16)))
            list(pool.map(lambda z: blur(out, np.s_[z : z + 8], [1, 2]), range(0, theta.shape[0], 8)))
        return out

    back = forward
