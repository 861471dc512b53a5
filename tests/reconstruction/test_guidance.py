"""What T1 tells: Bowsher's neighbours and the kernel, against loops over voxels."""

import itertools

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

from petcourse import PSF, Projector
from petcourse.reconstruction.guidance import Kernel, bowsher
from petcourse.reconstruction.priors import STEPS

KAPPA = np.random.default_rng(1).random((3, 4, 5), np.float32)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 26), st.integers(0, 2**32))
def test_bowsher_takes_the_neighbours_most_alike(keep, seed):
    t1 = np.random.default_rng(seed).random((3, 4, 5), np.float32)
    taken = {}
    for j in itertools.product(*map(range, t1.shape)):
        steps = [s for s in itertools.product((-1, 0, 1), repeat=3) if any(s)]
        others = [tuple(np.add(j, s).tolist()) for s in steps]
        others = [k for k in others if all(0 <= a < n for a, n in zip(k, t1.shape, strict=True))]
        taken[j] = sorted(others, key=lambda k, j=j: abs(t1[k] - t1[j]))[:keep]
    pairs = bowsher(t1, keep)
    for i, step in enumerate(STEPS):
        for j, others in taken.items():
            k = tuple(np.add(j, step).tolist())
            if k in taken:
                assert pairs[(i, *j)] == ((k in others) + (j in taken[k])) / 2


@pytest.mark.parametrize(("t1", "keep", "message"), [
    (np.ones((3, 4, 5), np.float32), 9, "no tissues apart"),
    (np.full((3, 4, 5), np.nan, np.float32), 9, "no tissues apart"),
    (KAPPA, 0, "keep is 0.*1 to 26"),
    (KAPPA, 27, "keep is 27.*1 to 26"),
    (KAPPA[0], 9, r"T1 has shape \(4, 5\) and \(z, y, x\) is wanted"),
])  # fmt: skip
def test_impossible_bowsher(t1, keep, message):
    with pytest.raises(ValueError, match=message):
        bowsher(t1, keep)


def means(t1, voxel, sigma, distance, keep):
    """The kernel's matrix, row by row in float64."""
    places = list(itertools.product(*map(range, t1.shape)))
    matrix, spread = np.zeros((t1.size, t1.size)), sigma * t1[t1 > 0].std(dtype=float)
    for row, j in enumerate(places):
        if t1[j] <= 0:
            matrix[row, row] = 1
            continue
        near = [k for k in places if max(abs(a - b) for a, b in zip(j, k, strict=True)) <= 2]
        near = sorted(near, key=lambda k, j=j: abs(t1[k] - t1[j]))[:keep]
        for k in near:
            far = sum(((a - b) * d) ** 2 for a, b, d in zip(j, k, voxel, strict=True))
            alike = (float(t1[j]) - float(t1[k])) / spread
            matrix[row, places.index(k)] = np.exp(-(alike**2) / 2 - far / (2 * distance**2))
        matrix[row] /= matrix[row].sum()
    return matrix


def test_kernel():
    t1 = np.random.default_rng(3).random((3, 5, 6), np.float32)
    t1[0, :2] = 0
    K, matrix = Kernel(t1, (2.0, 3.0, 3.0), 0.4, 4.0, 20), means(t1, (2.0, 3.0, 3.0), 0.4, 4.0, 20)
    for x in np.random.default_rng(4).random((3, *t1.shape), np.float32):
        np.testing.assert_allclose((K @ x).ravel(), matrix @ x.ravel(), rtol=1e-5)
        np.testing.assert_allclose((K.T @ x).ravel(), matrix.T @ x.ravel(), rtol=1e-5)
    np.testing.assert_allclose(K @ np.ones_like(t1), 1, rtol=1e-6)


def test_kernel_behind_a_projector_inside_its_box():
    scanner = reference.SMALL
    K = Kernel(reference.random(scanner.image_shape), scanner.voxel)
    assert (K @ reference.random(K.dims)).shape == K.dims  # once used, it can still be cut
    P = Projector(scanner, 12) @ PSF(scanner, 3) @ K
    cut, theta, m = P.inside_box(P.box), reference.random(P.dims), reference.random(P.dimsd)
    assert cut.dims[-1] < P.dims[-1]
    np.testing.assert_allclose(cut @ theta[:, P.box, P.box], P @ theta, rtol=1e-5)
    np.testing.assert_allclose(cut.T @ m, (P.T @ m)[:, P.box, P.box], rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(("t1", "settings", "message"), [
    (np.ones((3, 4, 5), np.float32), {}, "T1 reaches from 1 to 1 and tells no tissues apart"),
    ((KAPPA > 0.5).astype(np.float32), {}, "T1 above 0 has a standard deviation of 0,"),
    (-KAPPA, {}, "T1 above 0 has a standard deviation of 0,"),
    (KAPPA, {"sigma": 0}, "sigma is 0 and distance 4.0: all three must be above 0"),
    (KAPPA, {"distance": 0}, "distance 0: all three"),
    (KAPPA, {"keep": 126}, "keep is 126 .*1 to 125"),
])  # fmt: skip
def test_a_kernel_without_information(t1, settings, message):
    with pytest.raises(ValueError, match=message):
        Kernel(t1, (2.0, 3.0, 3.0), **settings)


def test_a_kernel_of_another_shape():
    scanner = reference.SMALL
    with pytest.raises(ValueError, match=r"the projector X works on .* and the kernel K gives \(3, 4, 5\): build both"):
        Projector(scanner) @ Kernel(KAPPA, scanner.voxel)
