"""A scanned head: its images are those of the reconstructions, made once."""

import numpy as np
import pytest

from petcourse import PSF, Projector, Scanner, load_subject, measure, osem
from petcourse.learning import ScannedHead, cut
from petcourse.reconstruction.protocol import middle


@pytest.fixture(scope="module")
def scanner():
    return Scanner.mmr(rings=6)


@pytest.fixture
def head(scanner):
    subject = cut(load_subject("embedded", scanner))
    return ScannedHead(subject, Projector(scanner, 150), counts=1e6, seed=3, passes={4.5: (1, 2), "kernel": (1,)})


def test_a_late_image_is_osems(head, scanner):
    X, subject = Projector(scanner, 150), load_subject("embedded", scanner)
    scan = measure(subject, X, counts=1e6, seed=3)
    images = [middle(theta, 112) for theta in osem(scan.A @ X @ PSF(scanner, 4.5), scan.m, scan.r, 2, 14)]
    for k in (1, 2):
        np.testing.assert_allclose(head.late(4.5, k), 100 * images[14 * k - 1], rtol=1e-5)  # in the unit of 1e8 trues


def test_images_are_made_once(head, monkeypatch):
    first = head.late(4.5, 2)
    head.forget()
    monkeypatch.setattr("petcourse.learning.scanned.osem", None)
    monkeypatch.setattr("petcourse.learning.scanned.measure", None)
    np.testing.assert_array_equal(head.late(4.5, 2), first)
    shifted = head.with_shifted_t1()
    np.testing.assert_array_equal(shifted.late(4.5, 2), first)  # MLEM does not see T1
    np.testing.assert_array_equal(shifted.case.t1, np.roll(head.case.t1, 1, axis=2))
    with pytest.raises(TypeError):
        shifted.kernel(0.4, 1)


def test_guided_images_follow_t1(head):
    for image in (lambda of: of.kernel(0.4, 1), lambda of: of.penalised(1e-3, guided=True)):
        assert np.abs(image(head) - image(head.with_shifted_t1())).max() > 0
