"""What the projector costs as a layer of a network, beside P and P.T by hand: ``python -m benchmarks.layer``."""

import numpy as np

from benchmarks.projectors import machine, timed
from petcourse import PSF, OperatorLayer, Projector, Scanner
from petcourse.ideas.slices import of_slices, slice_scanner


def both_ways(P):
    """Functions that take P and P.T of the same arrays: by hand, and as a layer and its gradient in TensorFlow."""
    import tensorflow as tf

    layer, rng = OperatorLayer(P), np.random.default_rng(0)
    x, g = (rng.random((1, *shape), dtype=np.float32) for shape in (P.dims, P.dimsd))
    image, upstream = tf.constant(x), tf.constant(g)

    @tf.function(jit_compile=False)
    def step(image, upstream):
        with tf.GradientTape() as tape:
            tape.watch(image)
            y = layer(image)
        return y, tape.gradient(y, image, output_gradients=upstream)

    return lambda: (P.forward(x[0]), P.back(g[0])), lambda: step(image, upstream)


def main():
    slices, mmr = slice_scanner(64), Scanner.mmr()
    operators = {
        "64 slices": of_slices(Projector(slices, 140, device="cpu"), PSF(slices, 4.5)),
        "mMR, 837 planes": Projector(mmr, 150, device="cpu") @ PSF(mmr, 4.5),
    }
    print(f"Machine: {machine()}.\n\n| P = X @ H of | by hand [s] | as a layer [s] | ratio |\n|---|---|---|---|")
    for name, P in operators.items():
        works, seconds = both_ways(P), ([], [])
        for _ in range(6):  # in turns, so that both see the same machine; the first is not counted
            for work, times in zip(works, seconds, strict=True):
                times += timed(work, 1)[0]
        hand, layer = (float(np.median(times[1:])) for times in seconds)
        print(f"| {name} | {hand:.3f} | {layer:.3f} | {layer / hand:.2f} |", flush=True)


if __name__ == "__main__":
    main()
