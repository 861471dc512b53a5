"""The exercises of notebook 04."""

import numpy as np

from petcourse.exercises import Wrong, as_array, call, call_array, compare, exercise, named, number

RNG = np.random.default_rng(4)
IMAGE = RNG.random((5, 6))
W = RNG.normal(size=(3, 3, 2))
B = np.array([0.4, -0.3])
X, Y, NEW = (RNG.random((n, 4, 4, 1)) * f for n, f in ((3, 20), (3, 28), (2, 45)))


@exercise(
    second="filters * (size * size * channels + 1).",
    right="so depth is cheap where channels are few, and dear where they are many.",
)
def parameters(count):
    """Notebook 04: weights and biases of a convolution, ``count(channels, filters, size)``."""
    for c, f, s in ((2, 5, 3), (24, 8, 3), (4, 3, 5), (3, 5, 1)):
        layer = f"{c} channels, {f} filters and size {s}"
        answer = number(call(count, c, f, s), f"the count for {layer}")
        mistakes = [
            (f * c * s * s, "the biases are missing.", "what does a filter add to its sum, whatever it has seen?"),
            (f * (c * s + 1), "a filter is counted as a line, not as a square.", "3 x 3 weights are nine."),
            (f * (s * s + 1), "the channels that go in are not counted.", "a filter has weights for each of them."),
            (f * c * (s * s + 1), "there is a bias for each channel.", "the channels are summed: one bias a filter."),
            (f * c * s * s + 1, "there is one bias in all.", "how many sums are made, one for each filter?"),
            (c * (f * s * s + 1), "what goes in and what comes out are swapped.", "who has the bias: each filter."),
            (True, "that is not the count.", "draw one filter: how many numbers are in it? Then multiply."),
        ]
        compare(answer, f * (c * s * s + 1), mistakes, tolerance=0, prefix=f"{answer:g} for {layer}: ")


def _block(flip=1, bias=B, relu=True, late=0 * B):
    """Convolve with plain loops; a late bias is added after the ReLU."""
    kernel, out = W[::flip, ::flip], np.empty((*IMAGE.shape, 2))
    for y, x, f in np.ndindex(out.shape):
        total = bias[f]
        for i, j in np.ndindex(3, 3):
            if 0 <= y + i - 1 < len(IMAGE) and 0 <= x + j - 1 < len(IMAGE[0]):
                total += kernel[i, j, f] * IMAGE[y + i - 1, x + j - 1]
        out[y, x, f] = (max(total, 0) if relu else total) + late[f]
    return out


@exercise(
    second="out[y, x] = ReLU(b + the sum over i and j of w[i, j] * padded[y + i, x + j]); ReLU is np.maximum(..., 0).",
    right="this is a layer of the network; Keras does the same with more channels, and the encoder keeps every second.",
)
def convolution(block):
    """Notebook 04: a 3 x 3 convolution of one channel with bias and ReLU, ``block(image, w, b)``."""
    answer, right = call_array(block, IMAGE, W, B), _block()
    y, x, f = right.shape
    rim = f"the result has shape {answer.shape}, but the image has {IMAGE.shape}: its rim is lost."
    mistakes = [
        (answer.shape == (y - 2, x - 2, f), rim, "put zeros around the image first: np.pad(image, 1)."),
        (answer.shape == (f, y, x), "the filters are the first axis.", "Keras has channels last: (y, x, filter)."),
        (_block(flip=-1), "the filter is turned by 180 degrees.", "networks do not flip it: start at w[0, 0]."),
        (_block(bias=0 * B), "the bias is missing.", "b[f] is added to each sum of filter f."),
        (_block(relu=False), "the ReLU is missing.", "negative sums become 0."),
        (_block(bias=0 * B, late=B), "the bias comes after the ReLU.", "first the whole sum, bias too; then the ReLU."),
    ]
    compare(answer, right, mistakes, "the result", axes=("y", "x", "filter"))


def _values(x, y, new):
    """All values of three arrays in a row."""
    return np.concatenate([np.ravel(x), np.ravel(y), np.ravel(new)])


@exercise(
    second="unit = x.mean(); then divide all three by that one number.",
    right="the network may learn in any unit, if it is one and comes from what it learns from.",
)
def scaling(scale):
    """Notebook 04: inputs and targets to learn from and inputs to test on, ``scale(x, y, new)``."""
    answer, names = call(scale, X, Y, NEW), ("the scaled x", "the scaled y", "the scaled new")
    if not isinstance(answer, (tuple, list)) or len(answer) != 3:
        raise Wrong("three arrays are wanted.", "end with: return x / ..., y / ..., new / ...")
    scaled = [as_array(part, name) for part, name in zip(answer, names, strict=True)]
    unit, everything, values = X.mean(), np.concatenate([X, NEW]).mean(), _values(X, Y, NEW)
    x, y, new = X / unit, Y / unit, NEW / unit
    own_y, own_new = Y / Y.mean(), NEW / NEW.mean()
    own = "then a network cannot know that a region is 10 % too dim."
    mistakes = [
        (_values(x, own_y, own_new), "each array has a factor of its own.", own),
        (_values(x, own_y, new), "targets have another factor.", "output and truth share one unit."),
        (_values(x, Y, new), "the targets are not scaled.", "output and truth must share one unit."),
        (_values(x, y, own_new), "the new image has its own factor.", "half the counts would look the same."),
        (_values(x, y, NEW), "the new image is not scaled.", "the network must see what it learned to see."),
        (values / everything, "the factor knows the tested image.", "that is a leak: take x alone."),
        (values * unit, "the factor is upside down.", "the mean of x shall become 1."),
        (values - unit, "the mean is subtracted.", "zero activity must stay zero: divide."),
    ]
    named(_values(*scaled), mistakes)
    for part, right, name in zip(scaled, (x, y, new), names, strict=True):
        compare(part, right, what=name, axes=("slice", "y", "x", "channel"))


@exercise(
    second="the error is the root: what is left of it is the root of 1 - 0.36.",
    right="a percentage says little before it says of what.",
)
def error_lowered(percent):
    """Notebook 04: the mean squared error falls by 36 %, and its root by how many per cent."""
    answer, right = number(percent, "the percentage"), 100 * (1 - np.sqrt(1 - 0.36))
    root = "take the root of what is left of the squared error, not of what is gone."
    mistakes = [
        (36, "that is the squared error.", "squares fall faster than what is squared."),
        (100 - right, "that is what is left of the error.", "by how much has it *fallen*?"),
        (right / 100, "that is a part, not per cent.", "multiply it with 100."),
        (60, "that is the root of 36 %.", root),
        (18, "that is half of 36.", "this holds only for small changes: take the root."),
        (100 * (1 - 0.64**2), "what is left was squared.", "it is a square already: take the root."),
        (True, f"{answer:g} % is not right.", "if the squared error was 1, what is it now? And its root?"),
    ]
    compare(answer, right, mistakes, tolerance=0.01)
