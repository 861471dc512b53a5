"""BCD-Net: by turns a small network that cleans the image, and a step of EM that keeps it true to the counts.

Lim, Chun, Dewaraja & Fessler 2020 (doi:10.1109/TMI.2020.2998480). Each cleaner is trained on the images that those before
it have led to: no gradient passes through the projector.
"""

import numpy as np
from tqdm.auto import tqdm

from petcourse.hardware.device import as_numpy
from petcourse.learning.backend import load_keras
from petcourse.reconstruction.priors import Quadratic
from petcourse.reconstruction.regularised import Posterior, surrogate_root

keras = load_keras()
PATCH, BATCH = (16, 48, 48), 4  # what a cleaner learns from at a time


@keras.saving.register_keras_serializable("petcourse")
class SoftThreshold(keras.layers.Layer):
    """``sign(v) max(|v| - exp(a), 0)``, with one a for each channel, which is learned."""

    def build(self, shape):
        """Start low: nearly all passes."""
        self.a = self.add_weight(shape=(shape[-1],), initializer=keras.initializers.Constant(-5.0), name="a")

    def call(self, v):
        """Shrink v towards 0."""
        return keras.ops.sign(v) * keras.ops.relu(keras.ops.abs(v) - keras.ops.exp(self.a))


def cleaner(filters=78, seed=0):
    """``u = sum_k d_k (*) T(c_k (*) theta)``: analysis filters c, soft thresholds T, synthesis filters d; 55 numbers for each k.

    Parameters
    ----------
    filters : int
        How many, each 3 x 3 x 3 voxels, without bias.
    seed : int
        Of the first weights.

    Returns
    -------
    keras.Model
        From (volume, z, y, x, 1) to the same, of any size; compiled with Adam and the mean absolute error.
    """
    keras.utils.set_random_seed(seed)
    image = keras.Input((None, None, None, 1))
    parts = keras.layers.Conv3D(filters, 3, padding="same", use_bias=False, name="analysis")(image)
    parts = SoftThreshold(name="threshold")(parts)
    model = keras.Model(image, keras.layers.Conv3D(1, 3, padding="same", use_bias=False, name="synthesis")(parts))
    model.compile(keras.optimizers.Adam(3e-3), loss="mae")
    return model


class Scanned:
    """What BCD-Net knows of a scan: how EM answers an image, inside the box that P sees, and the unit of its images.

    Parameters
    ----------
    P, m, r
        As for `mlem`.
    scanner : Scanner
    theta : (z, y, x) float32
        Where to start, such as an image of OSEM. Its mean where it is above half of its mean is the unit.
    weight : float
        Of the cleaner beside the counts, whatever the units: beta is that, times sensitivity over activity.
    """

    def __init__(self, P, m, r, scanner, theta, weight=1.0):
        self.phi = Posterior(P, m, r, Quadratic(scanner), 0.0)
        self.seen = self.phi.sensitivity > 0
        self.theta = self.phi.cut(theta) * self.seen
        self.unit = np.float32(self.theta[self.theta > self.theta.mean() / 2].mean())
        typical = float(self.phi.sensitivity[self.seen].mean())
        self.beta = np.float32(weight * typical / self.unit)

    def clean(self, model):
        """u: the image as a cleaner makes it."""
        image = as_numpy(self.theta / self.unit)[None, ..., None]
        return self.phi.xp.asarray(keras.ops.convert_to_numpy(model(image))[0, ..., 0]) * self.unit

    def step(self, u):
        """The image of largest ``L - beta |theta - u|^2``, as one step of EM finds it."""
        em = self.theta * (
            1 + self.phi.data_gradient(self.theta, 0) / self.phi.xp.where(self.seen, self.phi.sensitivity, 1)
        )
        self.theta = surrogate_root(em, self.phi.sensitivity, u, 2 * self.beta) * self.seen


def bcd_net(P, m, r, scanner, theta, cleaners, weight=1.0):
    """Reconstruct with trained cleaners.

    Parameters
    ----------
    P, m, r, scanner, theta, weight
        As for `Scanned`.
    cleaners : sequence of keras.Model
        One for each layer.

    Returns
    -------
    iterator of theta
        (z, y, x) float32 after each layer.
    """
    scan = Scanned(P, m, r, scanner, theta, weight)
    for model in cleaners:
        scan.step(scan.clean(model))
        yield scan.phi.whole(scan.theta)


def train_bcd_net(scans, truths, layers=10, filters=78, steps=150, seed=0):
    """Train the cleaners one after the other.

    Parameters
    ----------
    scans : sequence of Scanned
        Changed: their images go through the layers.
    truths : sequence of (z, y, x) float32
        In the unit of the scans' images, of the whole grid.
    layers, filters, steps : int
        How many cleaners, filters of each, and batches that each sees.
    seed : int

    Returns
    -------
    cleaners : list of keras.Model
    losses : list of float
        Mean absolute error of each over its last ten batches, in units of the scans.
    """
    truths = [
        as_numpy(scan.phi.cut(scan.phi.xp.asarray(truth)) / scan.unit)
        for scan, truth in zip(scans, truths, strict=True)
    ]
    cleaners, losses, rng = [], [], np.random.default_rng(seed)
    bar = tqdm(total=layers * steps, desc="BCD-Net", unit="batch")
    for layer in range(layers):
        model = cleaner(filters, seed + layer)
        images = [as_numpy(scan.theta / scan.unit) for scan in scans]
        last = []
        for _ in range(steps):
            last.append(float(model.train_on_batch(*_patches(images, truths, rng))))
            bar.update()
        for scan in scans:
            scan.step(scan.clean(model))
        cleaners.append(model)
        losses.append(float(np.mean(last[-10:])))
    bar.close()
    return cleaners, losses


def _patches(images, truths, rng):
    """A batch of boxes with something in them, from heads and places at random: images and truths, (box, z, y, x, 1)."""
    chosen = []
    while len(chosen) < BATCH:
        n = rng.integers(len(images))
        size = np.minimum(PATCH, images[n].shape)
        box = tuple(
            slice(a, a + s) for a, s in zip(rng.integers(np.array(images[n].shape) - size + 1), size, strict=True)
        )
        if truths[n][box].mean() > 0.1:
            chosen.append((images[n][box], truths[n][box]))
    return tuple(np.stack(arrays)[..., None] for arrays in zip(*chosen, strict=True))
