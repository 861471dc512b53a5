"""Against cases worked out by hand, and scikit-image's own functions on whole images."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation
from skimage.metrics import normalized_root_mse, structural_similarity

from petcourse.learning.cases import Case
from petcourse.learning.metrics import contrast_recovery, noise, nrmse, psnr, ssim, surroundings

EVERYWHERE = np.ones((12, 16, 16), bool)


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 5, EVERYWHERE.shape).astype(np.float32)
    return truth + rng.normal(0, 0.3, truth.shape).astype(np.float32), truth


def test_nrmse_of_known_images(pair):
    image, truth = pair
    assert nrmse(truth, truth, EVERYWHERE) == 0
    assert nrmse(np.zeros_like(truth), truth, EVERYWHERE) == pytest.approx(1)
    assert nrmse(1.25 * truth, truth, EVERYWHERE) == pytest.approx(0.25, rel=1e-6)
    expected = normalized_root_mse(truth.astype(float), image.astype(float))
    assert nrmse(image, truth, EVERYWHERE) == pytest.approx(expected, rel=1e-12)


def test_only_the_mask_counts(pair):
    image, truth = pair
    where = EVERYWHERE.copy()
    where[:, :8] = False
    spoilt = np.where(where, image, 1e6)
    assert nrmse(spoilt, truth, where) == nrmse(image, truth, where)
    assert psnr(spoilt, truth, where) == psnr(image, truth, where)


def test_psnr_of_a_known_error():
    truth = np.full(EVERYWHERE.shape, 2.0, np.float32)
    truth[0] = 10
    assert psnr(truth + 1, truth, EVERYWHERE) == pytest.approx(20)  # 20 log10(10 / 1)


def test_ssim_is_that_of_the_paper_averaged_where_asked(pair):
    image, truth = pair
    assert ssim(truth, truth, EVERYWHERE) == pytest.approx(1)
    inner = np.zeros_like(EVERYWHERE)
    inner[5:-5, 5:-5, 5:-5] = True  # scikit-image's own mean leaves out five voxels at every border
    expected = structural_similarity(
        truth, image, data_range=truth[inner].max(), gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(image, truth, inner) == pytest.approx(expected, rel=1e-5)
    assert ssim(image[:, ::-1], truth, EVERYWHERE) < 0.2 < ssim(image, truth, EVERYWHERE)


@pytest.mark.parametrize("lesion", [9.0, 1.0])
def test_contrast_recovery_of_a_hot_and_a_cold_lesion(lesion):
    inside, around = np.zeros((2, *EVERYWHERE.shape), bool)
    inside[4:6, 4:6, 4:6], around[8:] = True, True
    plain = np.where(around, 4.0, 5.0)  # where the lesion will be, the head is brighter than around it
    truth = np.where(inside, lesion, plain)
    for image, expected in ((truth, 1), (3 * truth, 1), (plain, 0), (2 * plain, 0), ((truth + plain) / 2, 0.5)):
        assert contrast_recovery(image, truth, plain, inside, around) == pytest.approx(expected, abs=1e-12)
    assert contrast_recovery(truth, truth, 7 * plain, inside, around) == pytest.approx(1)


def test_contrast_that_cannot_be():
    inside = np.zeros_like(EVERYWHERE)
    inside[2] = True
    flat = np.ones(EVERYWHERE.shape)
    with pytest.raises(ValueError, match="no contrast"):
        contrast_recovery(flat, flat, flat, inside, ~inside)
    with pytest.raises(ValueError, match="around the lesion is 0"):
        contrast_recovery(0 * flat, flat + inside, flat, inside, ~inside)


def test_noise_of_known_variance():
    rng = np.random.default_rng(1)
    images = [5 + rng.normal(0, 0.5, EVERYWHERE.shape) for _ in range(40)]
    assert noise(images, EVERYWHERE) == pytest.approx(0.1, rel=0.02)
    assert noise(images[:1] * 3, EVERYWHERE) < 1e-15
    with pytest.raises(ValueError, match="two seeds"):
        noise(images[:1], EVERYWHERE)


def case_with_two_lesions():
    labels = np.full((20, 20, 20), 2, np.uint8)
    labels[:, :, 15:] = 1
    lesion_map = np.zeros_like(labels)
    lesion_map[8:11, 8:11, 8:11], lesion_map[8:11, 8:11, 14] = 1, 2
    empty = np.zeros(labels.shape, np.float32)
    return Case("made up", {}, empty, empty, labels, lesion_map, ("hot 6 mm", "cold 3 mm"))


def test_surroundings_keep_away_from_lesions_and_stay_in_the_brain():
    case = case_with_two_lesions()
    around = surroundings(case, 1, near=3, far=8, voxel=(2, 2, 2))
    near = binary_dilation(case.lesion_map == 1)  # 2 mm
    assert around.any()
    assert not (around & near).any()
    assert not (around & ((case.labels == 1) | (case.lesion_map > 0))).any()
    z, y, x = np.nonzero(around)
    outside = np.hypot(
        np.hypot(*(2 * np.maximum(np.maximum(8 - c, c - 10), 0) for c in (z, y))),
        2 * np.maximum(np.maximum(8 - x, x - 10), 0),
    )
    assert outside.min() > 3
    assert outside.max() < 8


@pytest.mark.parametrize("number", [0, 3])
def test_a_lesion_that_is_not_there(number):
    with pytest.raises(ValueError, match=f"no lesion {number}.*1 to 2"):
        surroundings(case_with_two_lesions(), number)


def test_bad_input_is_refused(pair):
    image, truth = pair
    with pytest.raises(ValueError, match="of shapes"):
        nrmse(image[1:], truth, EVERYWHERE)
    with pytest.raises(ValueError, match="float32 with"):
        nrmse(image, truth, image)
    with pytest.raises(ValueError, match="0 voxels"):
        psnr(image, truth, ~EVERYWHERE)
    with pytest.raises(ValueError, match="not finite"):
        nrmse(np.full_like(image, np.nan), truth, EVERYWHERE)
    beside = EVERYWHERE.copy()
    beside[0] = False
    image[0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        ssim(image, truth, beside)
    with pytest.raises(ValueError, match="11 voxels"):
        ssim(truth[:5], truth[:5], EVERYWHERE[:5])
    with pytest.raises(ValueError, match="truth is zero"):
        nrmse(image, np.zeros_like(truth), EVERYWHERE)


@pytest.mark.parametrize("measure", [nrmse, psnr, ssim])
@pytest.mark.parametrize(
    "spoil", [lambda a: a * 1j, lambda a: np.ma.masked_greater(a, 4), list], ids=["complex", "masked", "list"]
)
def test_what_would_lose_a_part_in_silence_is_refused(pair, measure, spoil):
    for image, truth in ((spoil(pair[0]), pair[1]), (pair[0], spoil(pair[1]))):
        with pytest.raises(TypeError, match="complex|MaskedArray|list"):
            measure(image, truth, EVERYWHERE)
