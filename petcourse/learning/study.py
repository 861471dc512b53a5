"""The study of notebook 06: networks and their rivals, each with what it is tuned on and judged by.

A *method* is a function from a case to an image. What has seeds (a network's first weights) is a list of methods.
"""

import numpy as np

from petcourse.learning.cases import examples
from petcourse.learning.metrics import contrast_recovery, noise, nrmse, psnr, ssim, surroundings
from petcourse.learning.network import unet
from petcourse.learning.training import DeadNetwork, train
from petcourse.scan.psf import FWHM_PER_SIGMA


def smooth(image, fwhm, voxel):
    """Blur an image by a Gaussian filter of that width; both widths and voxel in mm."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(image, fwhm / FWHM_PER_SIGMA / np.array(voxel))


def alike(image, strength):
    """Average voxels whose surroundings look alike: non-local means (Buades 2005, doi:10.1109/CVPR.2005.38).

    The strength is the difference of surroundings that counts as alike, as a part of the image's maximum.
    """
    from skimage.restoration import denoise_nl_means

    return denoise_nl_means(image, 3, 3, strength * image.max(), preserve_range=True)


def search(method, settings, cases):
    """Mean NRMSE over the cases of ``method(case, setting)``: a dict by setting. The cases are ones to learn from."""
    return {s: np.mean([nrmse(method(c, s), c.truth, c.head) for c in cases]) for s in settings}


def fit(inputs, targets, seed, epochs):
    """Train a U-Net on numbers of about 1, divided by means over what is learned from.

    Returns
    -------
    function
        From inputs to images, both in the unit of the cases.
    """
    unit = inputs.mean(axis=(0, 1, 2), dtype=np.float64).astype(np.float32)
    model = unet(inputs.shape[1:], seed=seed)
    model.optimizer.learning_rate = 0.003
    try:
        train(model, inputs / unit, targets / unit[0], epochs, checkpoint=f"fit-{epochs}", seed=seed, batch_size=8)
    except DeadNetwork:  # an unlucky start: once more
        return fit(inputs, targets, seed + 100, epochs)
    return lambda x: model.predict(x / unit, verbose=0)[..., 0] * unit[0]


def train_networks(cases, seeds, epochs, mr=False):
    """Methods: a U-Net from each seed, trained on the MLEM images of some cases, with their T1 images if `mr`."""
    inputs, targets = examples(cases, mr=mr)
    trained = [fit(inputs, targets, seed, epochs) for seed in range(seeds)]
    return [lambda case, f=f: f(examples([case], mr=mr)[0]) for f in trained]


def grey_white(image, case):
    """Mean of grey over mean of white matter, as a part of the same in the truth."""
    ratio, true = (v[case.labels == 2].mean() / v[case.labels == 3].mean() for v in (image, case.truth))
    return ratio / true


def scores(methods, cases):
    """Score methods on cases.

    Parameters
    ----------
    methods : dict of str to list of function
        By name, one method for each seed.
    cases : sequence of Case

    Returns
    -------
    dict of str to (seed, case, 4) float64
        NRMSE, SSIM and PSNR [dB] in the head, and `grey_white`.
    """

    def score(image, case):
        where = case.truth, case.head
        return nrmse(image, *where), ssim(image, *where), psnr(image, *where), grey_white(image, case)

    return {name: np.array([[score(f(c), c) for c in cases] for f in seeds]) for name, seeds in methods.items()}


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


def noise_and_contrast(method, repeats, plain, voxel):
    """Noise in the brain between scans of one head, and mean contrast recovery of its hot lesions over these scans."""
    images = [method(case) for case in repeats]
    values = [recoveries(image, case, plain, voxel) for image, case in zip(images, repeats, strict=True)]
    hot = [v[lesion][0] for v in values for lesion in v if lesion.startswith("hot")]
    return noise(images, repeats[0].brain), np.mean(hot)
