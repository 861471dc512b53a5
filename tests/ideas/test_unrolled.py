"""The unrolled network: its operators, its root, its first image, its gradient, and that it learns."""

from types import SimpleNamespace

import numpy as np
import pytest

from petcourse import PSF, Attenuation, Projector, measure
from petcourse.ideas.slices import of_slices, slice_scanner
from petcourse.ideas.unrolled import fuse, keras, unrolled, unrolled_images
from petcourse.reconstruction.regularised import surrogate_root

SCANNER = slice_scanner(3)
X, H = Projector(SCANNER, 30, device="cpu"), PSF(SCANNER, 4.5)
P, BOX = of_slices(X, H), (X @ H).box
_, Y, XS = SCANNER.axes()


def scan(seed, mr=False):
    """Three slices with discs: what the network takes, and the truth."""
    rng, pet = np.random.default_rng(seed), np.zeros(SCANNER.image_shape, np.float32)
    for k in (0, 2, 4):
        for y, x in rng.uniform(-12, 12, (3, 2)):
            pet[k] += rng.uniform(0.5, 2) * (np.hypot(Y[:, None] - y, XS - x) < 7)
    scan = measure(
        SimpleNamespace(name=f"discs {seed}", pet=pet, mu=(0.0096 * (pet > 0)).astype(np.float32)), X, counts=3e5
    )
    m, r, A = (np.ascontiguousarray(v[::2]).astype(np.float32) for v in (scan.m, scan.r, scan.A.factors))
    truth = scan.truth[::2, BOX, BOX]
    unit = np.full((1, 1, 1), truth[truth > 0].mean(), np.float32)
    given = {
        "theta": np.full((1, *P.dims), 0.3, np.float32),
        "unit": unit[None],
        "m": m[None],
        "r": r[None],
        "A": A[None],
    }
    given |= {"t1": truth[None] / unit} if mr else {}
    return given, truth[None] / unit


def test_slices_are_slices():
    """Each row of P is the plane of one slice; a slice is seen by its own ring only, without blur between slices."""
    theta = np.random.default_rng(0).random(P.dims, dtype=np.float32)
    planes = np.zeros(SCANNER.image_shape, np.float32)
    planes[::2, BOX, BOX] = theta
    np.testing.assert_allclose(P @ theta, (X @ (H @ planes))[::2], rtol=1e-5)
    alone = theta * np.array([0, 1, 0], np.float32)[:, None, None]
    assert not (P @ alone)[[0, 2]].any()


def test_fusion_is_the_root():
    """The same root as MAP-EM's, in units where the sensitivity is 1; the image stays positive."""
    em, u = np.random.default_rng(0).random((2, 1000), dtype=np.float32)
    for gamma in (1e-3, 0.5, 20.0):
        wanted = surrogate_root(em, np.float32(1), u, np.float32(gamma))
        np.testing.assert_allclose(keras.ops.convert_to_numpy(fuse(em, u, gamma)), wanted, rtol=1e-4, atol=1e-6)


def test_it_begins_as_map_em():
    """Before it has learned, the prior gives its image back: an iteration lies between the image and EM's."""
    given, _ = scan(1)
    model = unrolled(P, 1)
    A, m, r, unit = given["A"][0], given["m"][0], given["r"][0], given["unit"].item()
    theta, s = given["theta"][0], P.T @ A
    y = A * (P @ (theta * np.float32(unit))) + r
    em = theta * (P.T @ (A * np.where(y > 0, m / np.maximum(y, 1e-9), 0))) / np.maximum(s, 1e-9)
    gamma = np.log1p(np.exp(-0.43))
    wanted = surrogate_root(em, np.float32(1), theta, np.float32(gamma))
    np.testing.assert_allclose(model.predict(given, verbose=0)[0], wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("mr", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_it_learns(mr):
    """Four scans to learn from, one that was not seen."""
    model, data = unrolled(P, 2, mr), [scan(seed, mr) for seed in range(1, 5)]
    model.optimizer.learning_rate = 5e-3
    for _ in range(12):
        for given, truth in data:
            model.train_on_batch(given, truth)
    given, truth = scan(99, mr)
    before, after = (np.mean((net.predict(given, verbose=0) - truth) ** 2) for net in (unrolled(P, 2, mr), model))
    assert after < 0.7 * before


def test_gradient_passes_the_projector():
    """What an iteration's prior is worth shows in the next one's EM: detached, its gradient is another."""
    tensorflow = pytest.importorskip("tensorflow")
    given, truth = scan(1)
    slopes = []
    for detached in (False, True):
        model = unrolled(P, 3, detached=detached)
        with tensorflow.GradientTape() as tape:
            loss = tensorflow.reduce_mean((model({k: tensorflow.constant(v) for k, v in given.items()}) - truth) ** 2)
        slopes.append(np.concatenate([np.ravel(g) for g in tape.gradient(loss, model.trainable_variables)]))
    whole, detached = slopes
    assert np.isfinite(whole).all() and np.linalg.norm(whole - detached) > 0.05 * np.linalg.norm(whole)


def test_it_reconstructs_any_scan():
    """As a network and iteration by iteration with NumPy: the same image."""
    given, _ = scan(1)
    model = unrolled(P, 3)
    for w in model.get_layer("prior").weights[-2:]:  # zeros to begin with
        w.assign(0.05 * np.random.default_rng(0).standard_normal(w.shape))
    A = Attenuation(given["A"][0])
    given["theta"] *= P.T @ given["A"][0] > 0  # a voxel that no bin sees has no say
    images = unrolled_images(model, A @ P, given["m"][0], given["r"][0], given["theta"][0], iterations=3)
    *_, found = images
    given["unit"][:] = 1
    scaled = given["theta"][0]
    unit = scaled[scaled > scaled.mean() / 2].mean()
    given |= {"theta": given["theta"] / unit, "unit": np.full((1, 1, 1, 1), unit, np.float32)}
    np.testing.assert_allclose(found, unit * model.predict(given, verbose=0)[0], rtol=2e-3, atol=1e-4)
