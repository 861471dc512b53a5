import numpy as np
import pytest

from petcourse import Projector, Scanner, as_slices, load_subject, reconstruct
from petcourse.learning.cases import Case, cut, examples, make_case, split
from petcourse.learning.metrics import nrmse


def test_slices_are_the_middle_with_channels_last():
    volume = np.arange(2 * 8 * 10, dtype=np.float32).reshape(2, 8, 10)
    slices = as_slices(volume, -volume, size=4)
    assert slices.shape == (2, 4, 4, 2)
    np.testing.assert_array_equal(slices[..., 0], volume[:, 2:6, 3:7])
    np.testing.assert_array_equal(slices[..., 1], -volume[:, 2:6, 3:7])


def test_slices_of_volumes_that_do_not_fit():
    small = np.zeros((2, 8, 8), np.float32)
    with pytest.raises(ValueError, match=r"\(2, 8, 8\).*size that fits"):
        as_slices(small, size=16)
    with pytest.raises(ValueError, match="volumes of one subject"):
        as_slices(small, small[:1], size=4)


def test_a_case_is_the_middle_of_a_reconstruction():
    scanner = Scanner.mmr(rings=6)
    X, subject = Projector(scanner, radius=150), load_subject("embedded", scanner)
    case = make_case(cut(subject), X, (1, 2), counts=1e6, seed=3)
    theta, truth = reconstruct(subject, X, iterations=2, counts=1e6, seed=3)
    for image, volume in ((case.mlem[2], 100 * theta), (case.truth, 100 * truth)):  # in the unit of 1e8 trues
        np.testing.assert_allclose(image, as_slices(volume, size=112)[..., 0], rtol=1e-5)
    np.testing.assert_array_equal(case.t1, as_slices(subject.t1, size=112)[..., 0])
    np.testing.assert_array_equal(case.head, as_slices(subject.head, size=112)[..., 0])
    assert set(case.mlem) == {1, 2} and case.lesions == tuple(lesion.name for lesion in subject.lesions)
    assert nrmse(case.mlem[2], case.truth, case.head) < nrmse(case.mlem[1], case.truth, case.head) < 1
    with pytest.raises(ValueError, match="reaches out of a square of 64"):
        cut(subject, size=64)


def test_a_split_keeps_heads_apart():
    learn, test = split([4, 5, 6, "virtual 1"], 1)
    assert (learn, test) == ([4, 5, 6], ["virtual 1"])


@pytest.mark.parametrize("unseen", [0, 3, 4, 1.5])
def test_too_few_subjects_for_a_split(unseen):
    with pytest.raises(ValueError, match="3 subjects cannot be split.*at least one more"):
        split([4, 5, 6], unseen)


@pytest.mark.parametrize(
    ("subjects", "message"),
    [
        ([4, 5, 6, 5], "Subject 5 is listed twice"),
        ([4, "5", 6, 5], "Subject 5 is listed twice"),
        (["05", 5], "Subject 5 is listed twice"),
        ([5, 4.0, 4], "Subject 4 is listed twice"),
        ([" 4", "+4", 5], "Subject 4 is listed twice"),
        (["virtual 1", "virtual 01", "virtual 10"], "virtual 1 is listed twice"),
        ([None, "embedded"], "None names no head"),
        ([4, (5,), 6], "names no head"),
    ],
    ids=repr,
)
def test_a_subject_in_both_sets(subjects, message):
    with pytest.raises(ValueError, match=message):
        split(subjects, 1)


def made_up_case(value):
    images = [np.full((2, 16, 16), v, np.float32) for v in (value, 2 * value, 3 * value)]
    return Case("made up", {11: images[0]}, images[1], images[2], np.ones((2, 16, 16), np.uint8), None, ())


def test_examples_stack_heads_and_channels():
    inputs, targets = examples([made_up_case(1), made_up_case(10)], mr=True)
    assert inputs.shape == (4, 16, 16, 2)
    assert targets.shape == (4, 16, 16, 1)
    np.testing.assert_array_equal(inputs[:, 0, 0], [[1, 3], [1, 3], [10, 30], [10, 30]])
    np.testing.assert_array_equal(targets[:, 0, 0, 0], [2, 2, 20, 20])
    np.testing.assert_array_equal(examples([made_up_case(1)])[0][..., 0], 1)


@pytest.mark.parametrize(("cases", "iteration"), [([], 11), ([made_up_case(1)], 12)])
def test_examples_that_are_not_there(cases, iteration):
    with pytest.raises(ValueError, match=rf"iterations=\({iteration},\)"):
        examples(cases, iteration)
