"""The study: networks, what is tuned on which heads, what is judged. Cases are made up, and their answers known."""

from types import SimpleNamespace

import numpy as np
import pytest

from petcourse import Scanner
from petcourse.learning import compare, noise, nrmse, psnr, recoveries, ssim, train_networks
from petcourse.learning.cases import Case
from petcourse.learning.judge import scores
from petcourse.learning.rivals import Method
from petcourse.learning.study import Trained

VOXEL = (2.0, 2.0, 2.0)
SHAPE = (16, 32, 32)
PASSES = {2.5: (1,), 4.5: (1, 2), "kernel": ()}


def case(seed=0, lesion=0, name="made up"):
    """White matter of 1 beside grey matter of 4, and maybe a lesion in the grey; MLEM's image has noise."""
    rng = np.random.default_rng(seed)
    labels = np.full(SHAPE, 3, np.uint8)
    labels[:, :, 16:] = 2
    plain = np.where(labels == 2, 4, 1).astype(np.float32)
    lesion_map = np.zeros(SHAPE, np.uint8)
    lesion_map[6:10, 14:18, 22:26] = 1
    truth = plain + lesion * (lesion_map == 1).astype(np.float32)
    image = (truth + rng.normal(0, 0.3, SHAPE)).astype(np.float32)
    return Case(name, {11: image}, truth, truth / 4, labels, lesion_map, ("hot 8 mm", "cold 5 mm"))


def test_scores_of_images():
    one = case()
    images = [one.truth / 2, one.mlem[11]]
    found = scores(images, one)
    assert found["nrmse"] == [pytest.approx(0.5), nrmse(images[1], one.truth, one.head)]
    assert found["ssim"] == [ssim(image, one.truth, one.head) for image in images]
    assert found["psnr"] == [psnr(image, one.truth, one.head) for image in images]
    assert found["grey_white"] == pytest.approx([1, 1], rel=0.01)  # grey over white knows no unit


def test_recoveries_of_lesions_that_are_seen():
    """Half of the contrast, and so a bias; the cold lesion lies outside."""
    there, plain = case(lesion=4), case().truth
    found = recoveries((there.truth + plain) / 2, there, plain, VOXEL)
    assert found == {"hot 8 mm": pytest.approx((0.5, 6 / 8 - 1))}


def test_networks_take_t1_and_are_kept():
    """One for each seed; the second call trains nothing and gives the same; they follow the unit of what they see."""
    heads = [SimpleNamespace(case=case(seed)) for seed in (0, 1)]
    first, again = (train_networks(heads, lambda head: head.case.mlem[11], 2, 2, mr=True) for _ in range(2))
    images = [[f(heads[0]) for f in networks] for networks in (first, again)]
    assert images[0][0].shape == SHAPE and (images[0][0] != images[0][1]).any()
    np.testing.assert_array_equal(*images)


ASKED = set()


class MadeUpHead:
    """What the study asks of a scanned head, and where it was asked for an image."""

    def __init__(self, subject, X, counts, seed, passes):
        self.subject, self.X, self.counts, self.passes = subject, X, counts, passes
        self.case = case(seed, lesion=4, name=subject.name)

    def with_shifted_t1(self, voxels):
        return SimpleNamespace(case=case(seed=8 + voxels, lesion=4), subject=self.subject)

    def with_t1(self, t1):
        return SimpleNamespace(case=case(seed=7, lesion=4), subject=self.subject)

    def late(self, fwhm, k):
        return self.case.truth + np.float32(k) * (self.case.mlem[11] - self.case.truth)

    @staticmethod
    def forget():
        pass


def times(head, factor):
    """A method that errs by a factor, and tells on which head it tried it."""
    ASKED.add((head.subject.name, factor))
    return np.float32(factor) * head.case.truth


@pytest.fixture
def made_up(monkeypatch):
    """The study on made-up heads and methods."""

    def subject(name, scanner, **kind):
        return SimpleNamespace(name=name, number=name, pet=case().truth, t1=case().t1)

    names = "petcourse.learning.study."
    for module in (names, "petcourse.learning.judge."):
        monkeypatch.setattr(module + "load_subject", subject)
        monkeypatch.setattr(module + "cut", lambda head: head)
    monkeypatch.setattr(names + "ScannedHead", MadeUpHead)
    monkeypatch.setattr(names + "Projector", lambda scanner, radius: SimpleNamespace(scanner=scanner))
    methods = {
        "factor": Method(times, None, {"beta": ((0.5, 0.8, 0.9, 1.1, 1.3), 0.5)}),
        "MLEM": Method(lambda head: head.case.mlem[11], mr=True),
    }
    monkeypatch.setattr(names + "METHODS", methods)
    ASKED.clear()
    return methods


def test_settings_are_searched_on_a_head_to_learn_from_only(made_up):
    results = compare(["a", "b"], ["c", "d"], ["factor"], scanner=Scanner.mmr(rings=2)).results
    assert results["methods"]["factor"]["settings"] == {"beta": 0.9}
    assert {name for name, factor in ASKED if factor != 0.9} == {"a"} == set(results["tuned_on"])
    assert {name for name, factor in ASKED if factor == 0.9} == {"a", "c", "d"}
    assert (results["learn"], results["test"]) == (["a", "b"], ["c", "d"])


def test_what_the_study_measures(made_up):
    """By head and seed: errors, lesions, noise of the first head, and T1 shifted for what sees T1."""
    results = compare(
        ["a"], ["c", "d"], ["factor", "MLEM"], scanner=Scanner.mmr(rings=2), passes=PASSES, shifted=1
    ).results
    one, twin = case(lesion=4), case(1, lesion=4)
    mlem, factor = results["methods"]["MLEM"], results["methods"]["factor"]
    assert mlem["nrmse"] == [[nrmse(one.mlem[11], one.truth, one.head)]] * 2
    assert mlem["noise"] == [[noise([one.mlem[11], twin.mlem[11]], one.brain)]]
    assert mlem["shifted"] == [[nrmse(case(9, lesion=4).mlem[11], one.truth, one.head)]]
    assert mlem["further"] == [[nrmse(case(10, lesion=4).mlem[11], one.truth, one.head)]]
    assert mlem["foreign"] == [[nrmse(case(7, lesion=4).mlem[11], one.truth, one.head)]]
    assert not {"shifted", "further", "foreign"} & set(factor)
    assert factor["recovery"] == [{"hot 8 mm": [pytest.approx(1)]}] * 2
    assert results["texture"] == [0, 0]
    (curve,) = results["curves"]
    assert [k for k, _, _ in curve["4.5 mm"]] == [1, 2]
    assert curve["4.5 mm"][0][1:] == [pytest.approx(mlem["noise"][0][0]), pytest.approx(1, abs=0.05)]
    assert curve["4.5 mm"][1][1] > 1.9 * curve["4.5 mm"][0][1]
    assert len(set(results["data"].values())) == 1 and set(results["data"]) == {"a", "c", "d"}


def test_networks_that_were_trained_before(made_up):
    """They are judged like the others, and the scans hold what they see."""
    halved = Trained("halved", [lambda head: head.case.truth / 2], False, {4.5: (7,)}, "weights")
    study = compare(["a"], ["c"], ["MLEM"], scanner=Scanner.mmr(rings=2), twice=0, trained=[halved], trues=1e7)
    found = study.results["methods"]["halved"]
    assert found["nrmse"] == [[pytest.approx(0.5)]] and found["network"] and found["trainings"] == 1
    assert study.tested[0].passes[4.5] == (7,)
    assert study.tested[0].counts == pytest.approx(1e7 * 3 / 837)


def test_a_head_that_is_learned_from_and_tested_on():
    with pytest.raises(ValueError, match="4 is listed twice"):
        compare([4, 5], ["04"])


@pytest.mark.slow
def test_a_whole_study_of_few_rings():
    """Real scans: each method is there for each head, and another run computes nothing."""
    methods = ["MLEM, 11 iterations", "MLEM, 4.5 mm", "MLEM, 4.5 mm, mean by T1", "U-Net on late MLEM, T1"]
    passes = {2.5: (), 4.5: (1, 2, 3), "kernel": ()}
    first, again = (
        compare(["virtual 1"], ["virtual 2", "virtual 3"], methods, 1, 1, Scanner.mmr(rings=6), passes).results
        for _ in range(2)
    )
    assert first == again
    assert all(np.shape(first["methods"][name]["nrmse"]) == (2, 1) for name in methods)
    assert all(np.isfinite(first["methods"][name]["nrmse"]).all() for name in methods)
