"""A network with the projector inside: a few iterations of MAP-EM whose prior is a small network, trained end to end.

After FBSEM (Mehranian & Reader 2021, doi:10.1109/TRPMS.2020.3004408), which stops gradients at the projector; here they pass
through it. It is trained on slices, each as a ring would see it, and may then be applied to the planes of any scan.
"""

import numpy as np

from petcourse.hardware.device import as_numpy
from petcourse.ideas.step import Scanned, relative
from petcourse.learning.backend import load_keras
from petcourse.learning.layer import OperatorLayer
from petcourse.learning.network import residual

keras = load_keras()
ops = keras.ops


def fuse(em, u, gamma):
    """The x >= 0 with ``gamma x**2 + (1 - gamma u) x - em = 0``: between EM's image and the cleaned one u."""
    b = 1 - gamma * u
    q = ops.sqrt(b * b + 4 * gamma * em + 1e-12)
    return ops.where(b >= 0, 2 * em / ops.maximum(b + q, 1e-6), (q - b) / (2 * gamma))


class Fusion(keras.layers.Layer):
    """`fuse` with a weight gamma that is learned, and stays positive."""

    def build(self, shapes):
        """Start with a weight of a half."""
        self.raw = self.add_weight(shape=(), initializer=keras.initializers.Constant(-0.43), name="raw")

    def call(self, images):
        """One image from two."""
        return fuse(*images, ops.softplus(self.raw))


def unrolled(P, iterations=6, mr=False, filters=16, detached=False, seed=0):
    """Build the network.

    Parameters
    ----------
    P : Operator
        From slices to trues without attenuation, as `of_slices` gives it.
    iterations, filters : int
    mr : bool
        Whether it sees T1.
    detached : bool
        Stop gradients at EM, as FBSEM does.
    seed : int
        Of the first weights.

    Returns
    -------
    keras.Model
        Of a dict of ``theta``, a first image, ``unit``, what its values are multiplied with, ``m``, ``r``, ``A`` and perhaps
        ``t1``, each with an axis of scans before it; to images in that unit; compiled with Adam and the mean squared error.
    """
    keras.utils.set_random_seed(seed)
    image, bins = (keras.Input(P.dims, name="theta"), [keras.Input(P.dimsd, name=name) for name in ("m", "r", "A")])
    unit, (m, r, A) = keras.Input((1, 1, 1), name="unit"), bins
    t1 = [keras.Input(P.dims, name="t1")] if mr else []
    project, back, prior = (
        OperatorLayer(P, name="project"),
        OperatorLayer(P.T, name="back"),
        residual(1 + mr, filters, name="prior"),
    )
    theta, fusion, rows = image, Fusion(name="fusion"), (-1, *P.dims[1:])
    sensitivity = back(A)
    for _ in range(iterations):
        y = A * project(theta * unit) + r
        ratio = ops.where(y > 0, m / ops.maximum(y, 1e-9), 0.0)
        em = theta * back(A * ratio) / ops.maximum(sensitivity, 1e-9)
        em = ops.stop_gradient(em) if detached else em
        u = prior(ops.stack([ops.reshape(x, rows) for x in (theta, *t1)], axis=-1))
        theta = fusion([em, ops.reshape(u, (-1, *P.dims))])
    inputs = {x.name: x for x in (image, unit, *bins, *t1)}
    model = keras.Model(inputs, theta, name="unrolled")
    model.compile(keras.optimizers.Adam(1e-3), loss="mse", jit_compile=False)
    return model


def unrolled_images(model, P, m, r, theta, t1=None, iterations=6):
    """Let a trained network reconstruct any scan, such as the 837 planes of the mMR: its prior works slice by slice.

    Parameters
    ----------
    model : keras.Model
        From `unrolled`, trained.
    P, m, r, theta
        As for `Scanned`.
    t1 : (z, y, x) float32, optional
        If the network sees it.
    iterations : int
        As many as it was trained with.

    Returns
    -------
    iterator of theta
        (z, y, x) float32 after each iteration.
    """
    scan, prior = Scanned(P, m, r, theta), model.get_layer("prior")
    gamma = np.log1p(np.exp(np.float32(model.get_layer("fusion").raw)))
    rest = [] if t1 is None else [as_numpy(scan.cut(relative(t1)))]
    for _ in range(iterations):
        channels = np.stack([as_numpy(scan.theta) / scan.unit, *rest], axis=-1)
        u = scan.xp.asarray(prior.predict(channels, verbose=0)[..., 0]) * scan.unit
        scan.fuse(u, gamma * scan.sensitivity / scan.unit)
        yield scan.whole()
