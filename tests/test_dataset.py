import numpy as np
import pytest

from petcourse import PSF, Projector, Scanner, as_slices, load_subject, measure, mlem, reconstruct
from petcourse import dataset as module


@pytest.fixture(scope="module")
def subject():
    return load_subject("embedded", Scanner.mmr(rings=6), lesions=False)


def test_reconstruct_is_notebook_03(subject):
    X = Projector(Scanner.mmr(rings=6), radius=150)
    theta, truth = reconstruct(subject, X, iterations=2, counts=1e6, seed=3)
    scan = measure(subject, X, fwhm=4.5, counts=1e6, randoms=0.3, seed=3)
    *_, (by_hand, _) = mlem(scan.A @ X @ PSF(X.scanner, 2.5), scan.m, scan.r, 2)
    np.testing.assert_array_equal(theta, by_hand)
    np.testing.assert_array_equal(truth, scan.truth)


def test_a_second_call_computes_nothing(subject, monkeypatch):
    X = Projector(Scanner.mmr(rings=6), radius=150)
    first, _ = reconstruct(subject, X, iterations=1, counts=1e6)
    monkeypatch.setattr(module, "mlem", None)
    again, _ = reconstruct(subject, X, iterations=1, counts=1e6)
    np.testing.assert_array_equal(again, first)
    with pytest.raises(TypeError):  # another seed is another entry, which would have to be computed
        reconstruct(subject, X, iterations=1, counts=1e6, seed=1)


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
