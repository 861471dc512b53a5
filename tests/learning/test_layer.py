"""An operator as a layer: values, gradients by differences, batches, and what is refused; on whichever back-end Keras has."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import reference

from petcourse import PSF, Attenuation, Kernel, Projector
from petcourse.learning.layer import OperatorLayer, keras
from petcourse.scan.operator import Operator

BACKEND = keras.backend.backend()
SCANNER = reference.SMALL
X = Projector(SCANNER, device="cpu")
P = Attenuation(reference.random(X.dimsd)) @ X @ PSF(SCANNER, 4.5)
RNG = np.random.default_rng(1)


class Double(Operator):
    """A matrix in float64."""

    def __init__(self, matrix):
        self.matrix = matrix
        super().__init__((3, 4, 5), (2, 6, 7), "the matrix")

    def forward(self, x):
        return (self.matrix @ x.ravel()).reshape(self.dimsd)

    def back(self, y):
        return (self.matrix.T @ y.ravel()).reshape(self.dims)


MATRIX = Double(RNG.standard_normal((84, 60)))


def gradient(f, x):
    """Of a number that ``f`` makes of an array, by the back-end."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        x = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = f(x)
        return np.asarray(tape.gradient(value, x))
    if BACKEND == "jax":
        import jax

        return np.asarray(jax.grad(f)(x))
    import torch

    x = torch.tensor(x, requires_grad=True)
    f(x).backward()
    return x.grad.numpy()


def by_differences(f, x, direction, step):
    ahead, behind = (float(keras.ops.convert_to_numpy(f(x + sign * step * direction))) for sign in (1, -1))
    return (ahead - behind) / 2 / step


def poisson(layer, m):
    """Minus log-likelihood of counts: curved, so that the gradient depends on where it is taken."""

    def f(x):
        y = layer(x) + 0.5
        return keras.ops.sum(y - keras.ops.convert_to_tensor(m, y.dtype) * keras.ops.log(y))

    return f


def test_of_a_matrix():
    """In float64 the gradient is that of differences to 1e-6, and the formula's to 1e-12."""
    matrix = Double(abs(MATRIX.matrix))
    x, direction = RNG.random((2, 1, *matrix.dims))
    m = RNG.poisson(5, (1, *matrix.dimsd)).astype(float)
    f = poisson(OperatorLayer(matrix, dtype="float64"), m)
    found = gradient(f, x)
    wanted = matrix.back(1 - m[0] / (matrix.forward(x[0]) + 0.5))
    np.testing.assert_allclose(found[0], wanted, rtol=1e-10)
    assert (found * direction).sum() == pytest.approx(by_differences(f, x, direction, 1e-5), rel=1e-6)


@pytest.mark.parametrize("operator", [P, X.T, PSF(SCANNER, 5), Kernel(reference.random(X.dims), SCANNER.voxel)],
                         ids=["A X H", "X.T", "H", "K"])  # fmt: skip
def test_of_the_courses_operators(operator):
    """Values and gradients are those of P and P.T; by differences, in float32, to 1 %."""
    x, direction = (1 + RNG.random((2, 1, *operator.dims))).astype(np.float32)
    m = RNG.poisson(5, (1, *operator.dimsd)).astype(np.float32)
    layer = OperatorLayer(operator)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(x))[0], operator @ x[0])
    f = poisson(layer, m)
    found = gradient(f, x)
    np.testing.assert_allclose(found[0], operator.T @ (1 - m[0] / (operator @ x[0] + 0.5)), rtol=1e-4, atol=1e-3)
    half = gradient(lambda x: keras.ops.sum(layer(x) ** 2) / 2, x)  # a parabola: any step gives its slope exactly
    slope = by_differences(lambda x: keras.ops.sum(layer(x) ** 2) / 2, x, direction, np.float32(0.5))
    assert (half * direction).sum(dtype=float) == pytest.approx(slope, rel=1e-2)


def test_gradient_of_a_gradient():
    """It is linear again: what the second derivative of a parabola does to a direction is P.T P."""
    layer, transpose = OperatorLayer(P), OperatorLayer(P.T)
    x = RNG.random((1, *P.dims)).astype(np.float32)
    direction = RNG.random((1, *P.dims)).astype(np.float32)
    found = gradient(lambda x: keras.ops.sum(transpose(layer(x)) * keras.ops.convert_to_tensor(direction)), x)
    np.testing.assert_allclose(found[0], P.T @ (P @ direction[0]), rtol=1e-4)


def test_each_scan_its_own_attenuation():
    scans = [Attenuation(reference.random(X.dimsd, seed)) @ X for seed in (1, 2, 3)]
    x = RNG.random((3, *X.dims)).astype(np.float32)
    layer = OperatorLayer(scans)
    for element, one, scan in zip(keras.ops.convert_to_numpy(layer(x)), x, scans, strict=True):
        np.testing.assert_array_equal(element, scan @ one)
    found = gradient(lambda x: keras.ops.sum(layer(x) ** 2) / 2, x)
    for element, one, scan in zip(found, x, scans, strict=True):
        np.testing.assert_allclose(element, scan.T @ (scan @ one), rtol=1e-4, atol=1e-3)


def test_a_network_learns_through_it():
    """From sinograms alone, with the projector between network and loss; not compiled by XLA, which could not call it."""
    inputs = keras.Input(X.dims)
    image = keras.layers.Conv2D(X.dims[0], 3, padding="same")(keras.layers.Permute((2, 3, 1))(inputs))
    image = keras.layers.Permute((3, 1, 2))(image)
    model = keras.Model(inputs, OperatorLayer(X)(image))
    model.compile(keras.optimizers.Adam(0.03), loss="mse")
    truth = RNG.random((8, *X.dims)).astype(np.float32)
    sinograms = np.stack([X @ t for t in truth])
    losses = [model.train_on_batch(truth, sinograms) for _ in range(60)]
    assert model.jit_compile is False
    assert float(losses[-1]) < 0.1 * float(losses[0])
    assert model.predict(truth, verbose=0).shape == (8, *X.dimsd)


class Wrong(Double):
    def back(self, y):
        return 2 * super().back(y)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: OperatorLayer(Wrong(MATRIX.matrix)), ValueError, "do not belong together.*mend P.back"),
        (lambda: OperatorLayer(np.eye(3)), TypeError, "given a ndarray: give A @ X @ H"),
        (lambda: OperatorLayer([X, MATRIX]), ValueError, "give operators of one shape"),
        (lambda: OperatorLayer(X)(np.ones((1, 3, 4, 5), np.float32)), ValueError, r"a batch of \(3, 4, 5\).*works on"),
        (lambda: OperatorLayer([X, X])(np.ones((3, *X.dims), np.float32)), Exception, "a batch of 3 .* 2 operators"),
        (lambda: OperatorLayer(X).get_config(), NotImplementedError, "keep the weights, and build it again"),
    ],
)
def test_impossible(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_on_other_back_ends(backend):
    """All of the above, where the library is installed."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", str(Path(__file__))]
    done = subprocess.run(
        command,
        env=os.environ | {"KERAS_BACKEND": backend, "JAX_ENABLE_X64": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
