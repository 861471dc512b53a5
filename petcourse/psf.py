"""H: the point spread function."""

import numpy as np

from petcourse.operator import Operator

FWHM_PER_SIGMA = np.sqrt(8 * np.log(2))


class PSF(Operator):
    """H: a Gaussian blur, the same everywhere. It is its own transpose: ``H.T @ x`` equals ``H @ x``.

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
        If the width is negative or not a number.
    """

    def __init__(self, scanner, fwhm):
        if not 0 <= fwhm < np.inf:
            raise ValueError(f"the PSF's FWHM is {fwhm} mm and a width is wanted: give 0 or more, such as 4.5.")
        self.sigma = [fwhm / FWHM_PER_SIGMA / size for size in scanner.voxel]
        super().__init__(scanner.image_shape, scanner.image_shape, "the PSF H")

    def forward(self, theta):
        from scipy.ndimage import gaussian_filter

        return gaussian_filter(theta, self.sigma, mode="reflect")

    back = forward
