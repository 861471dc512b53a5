"""How good an image is, where the truth is known: errors in the head, contrast of lesions, noise.

Images and masks are plain NumPy arrays of one shape, usually (z, y, x); masks are bool. Arrays that are masked, complex or
no arrays are a TypeError; a ValueError says which shapes differ, that no voxel counts, or that a value is not finite.
"""

from functools import lru_cache

import numpy as np

from petcourse.hardware.device import require_array


def nrmse(image, truth, where):
    """Root mean square error over the root mean square of the truth: 0 is perfect, 1 as bad as an empty image.

    Parameters
    ----------
    image, truth : array of float
        In one unit; the truth is not zero everywhere.
    where : array of bool
        Voxels that count, such as ``case.head``.

    Returns
    -------
    float
    """
    a, b = _values(image, truth, where)
    return float(np.sqrt(np.mean((a - b) ** 2) / np.mean(b**2)))


def psnr(image, truth, where):
    """Peak signal-to-noise ratio in dB, by scikit-image; the peak is the truth's largest value. As `nrmse` otherwise."""
    from skimage.metrics import peak_signal_noise_ratio

    a, b = _values(image, truth, where)
    return float(peak_signal_noise_ratio(b, a, data_range=b.max()))


def ssim(image, truth, where):
    """Structural similarity (Wang 2004, doi:10.1109/TIP.2003.819861), by scikit-image, averaged over the voxels `where`.

    Gaussian windows of sigma 1.5, the paper's, but in three dimensions; the range is the truth's largest value. As
    `nrmse` otherwise, but all voxels must be finite, for windows reach beyond the mask, and each axis has 11 or more.
    """
    from skimage.metrics import structural_similarity

    _, b = _values(image, truth, where)
    if image.ndim != 3 or min(image.shape) < 11 or not (np.isfinite(image).all() and np.isfinite(truth).all()):
        raise ValueError(
            f"SSIM was given images of shape {image.shape}: give finite (z, y, x) with 11 voxels or more along each."
        )
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": b.max()}
    _, similarity = structural_similarity(truth, image, full=True, **settings)
    return float(similarity[where].mean())


@lru_cache(maxsize=6)  # of the lesions of the last head: each takes half a second
def surroundings(case, number, near=4, far=12, voxel=(2.0, 2.0, 2.0)):
    """Brain around a lesion: its voxels from 4 to 12 mm outside the lesion that belong to no other lesion.

    Parameters
    ----------
    case : Case
    number : int
        Of the lesion in ``case.lesion_map``; ValueError if it is not there.
    near, far : float
        Distances from the lesion's outermost voxels [mm]; the gap leaves out what the scanner's blur mixes.
    voxel : tuple of float
        Size of a voxel [mm].

    Returns
    -------
    (z, y, x) bool
    """
    from scipy.ndimage import distance_transform_edt

    inside = case.lesion_map == number
    if not number or not inside.any():
        raise ValueError(f"{case.name} has no lesion {number}: its numbers go from 1 to {case.lesion_map.max()}.")
    distance = distance_transform_edt(~inside, sampling=voxel)
    return case.brain & (case.lesion_map == 0) & (distance > near) & (distance < far)


def contrast_recovery(image, truth, plain, inside, around):
    """Part of a lesion's contrast that an image shows: 1 is all of it, 0 is what the head has without the lesion.

    The contrast is (mean inside - mean around) / mean around, as in NEMA NU 2. There the surroundings are uniform; in
    a brain the place of a lesion has a contrast of its own, grey against white matter, which is subtracted.

    Parameters
    ----------
    image, truth : array of float
    plain : array of float
        The truth without the lesion, in any unit: ``load_subject(..., lesions=False)`` has the same texture.
    inside, around : array of bool
        The lesion and its surroundings, whose mean must be positive.

    Returns
    -------
    float
    """

    def contrast(of):
        lesion, background = (_values(of, truth, where)[0].mean() for where in (inside, around))
        if not background > 0:
            raise ValueError(
                f"The mean around the lesion is {background:g}: a contrast needs surroundings with activity."
            )
        return (lesion - background) / background

    without, true = contrast(plain), contrast(truth)
    if true == without:
        raise ValueError(
            "The lesion has no contrast, for the truth with it equals the truth without: give another plain."
        )
    return float((contrast(image) - without) / (true - without))


def recoveries(image, case, plain, voxel):
    """Contrast recovery, and bias of the mean, of each lesion that the scanner sees: a dict by the lesion's name.

    `plain` is the truth without lesions, in any unit; see `contrast_recovery`.
    """
    values = {}
    for number, lesion in enumerate(case.lesions, 1):
        inside = case.lesion_map == number
        if inside.any():
            around = surroundings(case, number, voxel=voxel)
            recovery = contrast_recovery(image, case.truth, plain, inside, around)
            values[lesion] = recovery, image[inside].mean() / case.truth[inside].mean() - 1
    return values


def grey_white(image, case):
    """Mean of grey over mean of white matter, as a part of the same in the truth."""
    ratio, true = (v[case.labels == 2].mean() / v[case.labels == 3].mean() for v in (image, case.truth))
    return ratio / true


def noise(images, where):
    """Standard deviation between two or more measurements of one object, as part of the mean.

    Parameters
    ----------
    images : sequence of array of float
    where : array of bool

    Returns
    -------
    float
        Root mean square over the voxels of the standard deviation, over the mean of the images there.
    """
    if len(images) < 2:
        raise ValueError(f"{len(images)} images have no standard deviation: measure the object with two seeds or more.")
    values = np.stack([_values(image, image, where)[0] for image in images])
    return float(np.sqrt(values.var(axis=0, ddof=1).mean()) / values.mean())


def require_real(values, what):
    """Refuse what is no plain array of real numbers: a mask, or an imaginary part, would be dropped in silence."""
    require_array(values, what, np)
    if np.iscomplexobj(values):
        raise TypeError(f"{what} is complex and real numbers are wanted: take the magnitude, np.abs, if that is meant.")


def _values(image, truth, where):
    for values, what in ((image, "the image"), (truth, "the truth"), (where, "the mask")):
        require_real(values, what)
    if image.shape != truth.shape or image.shape != where.shape:
        raise ValueError(
            f"Image, truth and mask are of shapes {image.shape}, {truth.shape} and {where.shape}: "
            "cut all three in the same way, as make_case() does."
        )
    if where.dtype != bool or not where.any():
        raise ValueError(f"The mask is {where.dtype} with {np.count_nonzero(where)} voxels set: give bool, and some.")
    a, b = (v[where].astype(np.float64) for v in (image, truth))
    if not (np.isfinite(a).all() and np.isfinite(b).all() and b.any()):
        raise ValueError(
            "The image or the truth is not finite, or the truth is zero, where the mask is: mend it first."
        )
    return a, b
