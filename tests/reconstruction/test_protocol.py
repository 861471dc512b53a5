"""One way from a head to images, whoever takes it, and from the cache the second time."""

import weakref

import numpy as np
import pytest

from petcourse import PSF, Projector, Scanner, load_subject, measure, mlem, reconstruct, simulate
from petcourse.learning import cut, make_case
from petcourse.reconstruction import iterates, protocol

SCANNER = Scanner.mmr(rings=6)


@pytest.fixture(scope="module")
def subject():
    return load_subject("embedded", SCANNER, lesions=False)


@pytest.fixture(scope="module")
def X():
    return Projector(SCANNER, radius=150)


def test_reconstruct_is_notebook_03(subject, X):
    theta, truth = reconstruct(subject, X, iterations=2, counts=1e6, seed=3)
    scan = measure(subject, X, fwhm=4.5, counts=1e6, randoms=0.3, seed=3)
    *_, (by_hand, _) = mlem(scan.A @ X @ PSF(X.scanner, 2.5), scan.m, scan.r, 2)
    np.testing.assert_array_equal(theta, by_hand)
    np.testing.assert_array_equal(truth, scan.truth)
    np.testing.assert_array_equal(truth, scan.scale * subject.pet)


def test_a_second_call_computes_nothing(subject, X, monkeypatch):
    first, _ = reconstruct(subject, X, iterations=1, counts=1e6)
    monkeypatch.setattr(protocol, "mlem", None)
    again, _ = reconstruct(subject, X, iterations=1, counts=1e6)
    np.testing.assert_array_equal(again, first)
    for change in ({"seed": 1}, {"iterations": 2}, {"counts": 2e6}):  # other entries, which would have to be computed
        with pytest.raises(TypeError, match="NoneType"):
            reconstruct(subject, X, **{"iterations": 1, "counts": 1e6} | change)


def test_the_whole_images_are_gone_while_mlem_runs(X, monkeypatch):
    """At full size they take a quarter of the memory that a notebook may have."""
    alive = []

    def load():
        head = load_subject("embedded", SCANNER)
        alive.extend(map(weakref.ref, (head.pet, head.mu, head.t1, head.labels, head.lesion_map)))
        return head

    def watched(P, m, r, iterations, **options):
        assert [image() for image in alive] == [None] * 5
        return mlem(P, m, r, iterations, **options)

    monkeypatch.setattr(protocol, "mlem", watched)
    make_case(cut(load()), X, 1, counts=1e6)


@pytest.mark.parametrize("seed", [None, -1, 1.0, True, "1"], ids=repr)
def test_a_seed_that_is_none(subject, X, seed):
    """Nobody gets from the cache what looks like new noise."""
    P = X @ PSF(SCANNER, 4.5)
    for call in (
        lambda: simulate(P, subject.pet, SCANNER.pairs(), seed=seed),
        lambda: measure(subject, X, seed=seed),
        lambda: reconstruct(subject, X, 1, seed=seed),
        lambda: make_case(cut(subject), X, 1, seed=seed),
    ):
        with pytest.raises(ValueError, match="seed .*is .*whole number"):
            call()


@pytest.mark.parametrize("iterations", [(), (0,), (1, 0), (1.5,)])
def test_iterations_that_cannot_be(subject, X, iterations):
    with pytest.raises(ValueError, match="numbers from 1"):
        iterates(subject, X, iterations)
