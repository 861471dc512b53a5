"""BCD-Net: its parts against their formulas, its step against plain algebra, and that it learns."""

import numpy as np
import pytest
import reference

from petcourse import PSF, Projector, osem
from petcourse.ideas.bcdnet import SoftThreshold, bcd_net, cleaner, keras, train_bcd_net
from petcourse.ideas.boxes import by_slabs
from petcourse.ideas.step import Scanned
from petcourse.learning.network import residual
from petcourse.reconstruction.em import last

SCANNER = reference.ring(14, 3, radius=60, rings=4, max_ring_difference=3, columns=24, column_width=2.5, bins=40)
X = Projector(SCANNER, 28, device="cpu")
P = X @ PSF(SCANNER, 4)
_, Y, XS = SCANNER.axes()
RNG = np.random.default_rng(0)


def scan(seed):
    """A few balls, scanned."""
    rng, theta = np.random.default_rng(seed), np.zeros(X.dims, np.float32)
    for y, x in rng.uniform(-15, 15, (4, 2)):
        theta += rng.uniform(0.5, 2) * (np.hypot(Y[:, None] - y, XS - x) < 8)
    theta *= np.float32(3e4 / (P @ theta).sum())
    r = np.full(X.dimsd, 0.05, np.float32) * SCANNER.live()
    m = rng.poisson(P @ theta + r).astype(np.int16)
    start = last(osem(P, m, r, 30, 1))
    return m, r, start, theta


def test_soft_threshold():
    layer, v = SoftThreshold(), RNG.standard_normal((2, 3, 5)).astype(np.float32)
    layer.build(v.shape)
    layer.a.assign(np.log([0.1, 0.2, 0.5, 1, 2]).astype(np.float32) / 10)
    found = keras.ops.convert_to_numpy(layer(v))
    np.testing.assert_allclose(found, np.sign(v) * np.maximum(abs(v) - [0.1, 0.2, 0.5, 1, 2], 0), atol=1e-6)


def test_size_of_a_cleaner():
    """As published: 78 analysis and 78 synthesis filters of 27 numbers, and 78 thresholds."""
    assert cleaner(78).count_params() == 4290


def test_step_maximises_its_surrogate():
    """theta solves ``c x^2 + (s - c u) x = s em``: checked in float64, voxel by voxel."""
    m, r, start, _ = scan(1)
    net, c = Scanned(P, m, r, start), 30.0
    theta, s, box = net.theta.astype(float), net.sensitivity.astype(float), net.box
    u = theta * RNG.uniform(0.5, 1.5, theta.shape)
    whole = net.whole()
    em = (
        theta
        * (P.T @ (m / np.maximum(P @ whole + r, 1e-9) * SCANNER.live()).astype(np.float32))[:, box, box]
        / np.maximum(s, 1e-9)
    )
    net.fuse(u.astype(np.float32), np.float32(c))
    x = net.theta.astype(float)
    left = c * x**2 + (s - c * u) * x - s * em
    assert abs(left[s > 0]).max() < 1e-3 * abs(s * em).max()


def test_the_unit_does_not_matter():
    """Ten times the activity in other units is the same image, ten times as bright."""
    m, r, start, _ = scan(1)
    models = [cleaner(6, seed=k) for k in range(2)]
    one, ten = (last(bcd_net(Q, m, r, s, models)) for Q, s in (
        (P, start), (P @ Tenth(), 10 * start)))  # fmt: skip
    np.testing.assert_allclose(ten, 10 * one, rtol=2e-3, atol=1e-3 * ten.max())


class Tenth(PSF):
    """A tenth of an image."""

    def __init__(self):
        super().__init__(SCANNER, 0)

    def inside_box(self, box):
        cut = Tenth.__new__(Tenth)
        cut.__dict__ |= super().inside_box(box).__dict__
        return cut

    def forward(self, theta):
        return theta * np.float32(0.1)

    back = forward


def test_slabs_are_the_whole():
    """Of any number of planes, with the deepest network that is used so."""
    model, image = residual(2, 3, 3), RNG.random((37, 9, 8, 2), dtype=np.float32)
    for w in model.weights:
        w.assign(0.3 * RNG.standard_normal(w.shape))
    whole = keras.ops.convert_to_numpy(model(image[None]))[0, ..., 0]
    np.testing.assert_allclose(by_slabs(model, image), whole, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_it_learns():
    """Six scans to learn from, one that was not seen: less error than where it began, and than EM goes on to find."""
    learn = [scan(seed) for seed in range(1, 7)]
    scans = [Scanned(P, m, r, start) for m, r, start, _ in learn]
    models, losses = train_bcd_net(scans, [theta for *_, theta in learn], layers=4, filters=12, steps=150)
    m, r, start, theta = scan(99)

    def error(image):
        return np.linalg.norm(image - theta) / np.linalg.norm(theta)

    errors = [error(image) for image in bcd_net(P, m, r, start, models)]
    plain = min(error(image) for image in osem(P, m, r, 60, 1))
    assert len(models) == 4 and losses[-1] < losses[0]
    assert errors[-1] < min(0.95 * error(start), plain)
