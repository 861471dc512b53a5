"""An operator as a layer of a network: forward P, gradient P.T, on each of Keras's back-ends.

A network library differentiates what it computes itself. Of a projector it must be told two things: how to apply it, and
that the gradient of ``<g, P @ x>`` with respect to x is ``P.T @ g``. As that is linear again, so are all further gradients.
"""

from collections.abc import Sequence

import numpy as np

from petcourse.hardware.device import as_numpy
from petcourse.learning.backend import load_keras
from petcourse.scan.operator import Operator

keras = load_keras()


def _tensorflow(forward, back, dims, dimsd):
    import tensorflow as tf

    @tf.custom_gradient
    def linear(x):
        y = tf.numpy_function(forward, [x], x.dtype, stateful=False)
        return tf.ensure_shape(y, (x.shape[0], *dimsd)), _tensorflow(back, forward, dimsd, dims)

    return linear


def _jax(forward, back, dims, dimsd):
    import jax

    @jax.custom_vjp
    def linear(x):
        shape = jax.ShapeDtypeStruct((x.shape[0], *dimsd), x.dtype)
        return jax.pure_callback(lambda x: forward(np.asarray(x)), shape, x, vmap_method="sequential")

    linear.defvjp(lambda x: (linear(x), None), lambda _, g: (_jax(back, forward, dimsd, dims)(g),))
    return linear


def _torch(forward, back, dims, dimsd):
    import torch

    class Linear(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return torch.from_numpy(forward(x.detach().cpu().numpy())).to(x.device)

        @staticmethod
        def backward(ctx, g):
            return _torch(back, forward, dimsd, dims)(g)

    return Linear.apply


LINEAR = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}


class OperatorLayer(keras.layers.Layer):
    """``P @ x`` for each element of a batch, with the gradient ``P.T @ g``; nothing in it is trained.

    Parameters
    ----------
    operators : Operator, or sequence of Operator
        The same for all of a batch, or one for each of its elements, such as scans with attenuation of their own.
    **kwargs
        Of a Keras layer, such as ``name``.

    Raises
    ------
    TypeError
        If one is no operator.
    ValueError
        If the operators have several shapes, P.T is not P's transpose, or a batch is of another shape or length.
    """

    def __init__(self, operators, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.supports_jit = False  # XLA cannot call NumPy
        self.operators = tuple(operators) if isinstance(operators, Sequence) else (operators,)
        for P in self.operators:
            if not isinstance(P, Operator):
                raise TypeError(f"a layer of operators was given a {type(P).__name__}: give A @ X @ H, H, K or P.T.")
        shapes = {(P.dims, P.dimsd) for P in self.operators}
        if len(shapes) != 1:
            raise ValueError(f"the operators of a layer map {sorted(shapes)}: give operators of one shape.")
        ((self.dims, self.dimsd),) = shapes
        for P in self.operators:
            require_transpose(P)
        make = LINEAR[keras.backend.backend()]
        self.linear = make(self._each("forward"), self._each("back"), self.dims, self.dimsd)

    def _each(self, way):
        """A function of a batch as a NumPy array: one element after the other, each on its operator's device."""

        def apply(batch):
            operators = self.operators if len(self.operators) > 1 else self.operators * len(batch)
            if len(operators) != len(batch):
                raise ValueError(
                    f"a batch of {len(batch)} came to a layer of {len(operators)} operators: give as many scans."
                )
            done = [as_numpy(getattr(P, way)((P.xp or np).asarray(x))) for P, x in zip(operators, batch, strict=True)]
            return np.ascontiguousarray(done[0][None] if len(done) == 1 else np.stack(done), batch.dtype)

        return apply

    def build(self, shape):
        """Refuse batches of another shape."""
        if tuple(shape[1:]) != self.dims:
            raise ValueError(
                f"a batch of {tuple(shape[1:])} came to a layer that works on {self.dims}: "
                "give (scan, z, y, x) of the operator's scanner, without a channel."
            )

    def call(self, x):
        """``P @ x`` of a batch."""
        return self.linear(x)

    def compute_output_shape(self, shape):
        """A batch of what P gives."""
        return (shape[0], *self.dimsd)

    def get_config(self):
        """There is none: an operator holds a scan's data."""
        raise NotImplementedError("an operator is not kept with a network: keep the weights, and build it again.")


def require_transpose(P, off=1e-3):
    """Refuse an operator whose ``P.T`` is not its transpose: ``<P x, y>`` and ``<x, P.T y>`` must agree."""
    rng, xp = np.random.default_rng(0), P.xp or np
    x, y = (xp.asarray(rng.random(shape, dtype=np.float32)) for shape in (P.dims, P.dimsd))
    one, other = (float((a * b).sum(dtype=np.float64)) for a, b in ((P.forward(x), y), (x, P.back(y))))
    if not abs(one - other) <= off * max(abs(one), abs(other)):
        raise ValueError(
            f"{P.name} and its transpose do not belong together, <P x, y> = {one:g} and <x, P.T y> = {other:g}: "
            "with them the gradient would be wrong, so mend P.back."
        )
