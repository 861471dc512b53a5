"""The study's parts, on cases whose answer is known."""

import numpy as np
import pytest

from petcourse.learning import noise, nrmse, psnr, ssim
from petcourse.learning.cases import Case
from petcourse.learning.study import noise_and_contrast, recoveries, scores, search, smooth, train_networks

VOXEL = (2.0, 2.0, 2.0)
SHAPE = (16, 32, 32)


def case(seed=0, lesion=0):
    """White matter of 1 beside grey matter of 4, and maybe a lesion in the grey; MLEM's image has noise."""
    rng = np.random.default_rng(seed)
    labels = np.full(SHAPE, 3, np.uint8)
    labels[:, :, 16:] = 2
    plain = np.where(labels == 2, 4, 1).astype(np.float32)
    lesion_map = np.zeros(SHAPE, np.uint8)
    lesion_map[6:10, 14:18, 22:26] = 1
    truth = plain + lesion * (lesion_map == 1).astype(np.float32)
    image = (truth + rng.normal(0, 0.3, SHAPE)).astype(np.float32)
    return Case("made up", {11: image}, truth, truth / 4, labels, lesion_map, ("hot 8 mm", "cold 5 mm"))


def test_a_filter_keeps_the_mean_and_has_its_width():
    point = np.zeros((31, 31, 31), np.float32)
    point[15, 15, 15] = 1
    blurred = smooth(point, 8, VOXEL)
    assert blurred.sum() == pytest.approx(1, abs=1e-4)
    assert blurred[15, 15, 17] / blurred[15, 15, 15] == pytest.approx(0.5, rel=1e-3)  # 4 mm, half of the width
    np.testing.assert_array_equal(smooth(point, 0, VOXEL), point)


def test_search_is_the_mean_error_over_the_cases():
    cases = [case(0), case(1)]
    found = search(lambda c, factor: factor * c.truth, (0.5, 1, 2), cases)
    assert found == pytest.approx({0.5: 0.5, 1: 0, 2: 1})


def test_scores_by_seed_and_case():
    cases = [case(0), case(1), case(2)]
    table = scores({"half": [lambda c: c.truth / 2], "MLEM": [lambda c: c.mlem[11], lambda c: 2 * c.mlem[11]]}, cases)
    np.testing.assert_allclose(table["half"][..., [0, 3]], [[[0.5, 1]] * 3], rtol=1e-6)
    assert table["MLEM"].shape == (2, 3, 4)
    given = 2 * cases[2].mlem[11], cases[2].truth, cases[2].head
    np.testing.assert_allclose(table["MLEM"][1, 2, :3], [score(*given) for score in (nrmse, ssim, psnr)])
    np.testing.assert_allclose(table["MLEM"][1, :, 3], 1, rtol=0.01)  # grey over white knows no unit


def test_recoveries_of_lesions_that_are_seen():
    """Half of the contrast, and so a bias; the cold lesion lies outside."""
    there, plain = case(lesion=4), case().truth
    found = recoveries((there.truth + plain) / 2, there, plain, VOXEL)
    assert found == {"hot 8 mm": pytest.approx((0.5, 6 / 8 - 1))}


def test_noise_and_contrast_over_repeats():
    repeats = [case(seed, lesion=4) for seed in range(2)]
    sd, contrast = noise_and_contrast(lambda c: c.mlem[11], repeats, case().truth, VOXEL)
    assert sd == noise([c.mlem[11] for c in repeats], repeats[0].brain)
    assert contrast == pytest.approx(1, abs=0.05)


def test_networks_take_t1_and_are_kept():
    """One for each seed; the second call trains nothing and gives the same; they follow the unit of what they see."""
    cases = [case(0), case(1)]
    first, again = (train_networks(cases, 2, 2, mr=True) for _ in range(2))
    images = [[f(cases[0]) for f in methods] for methods in (first, again)]
    assert images[0][0].shape == SHAPE and (images[0][0] != images[0][1]).any()
    np.testing.assert_array_equal(*images)
