"""BCD-Net: by turns a small network that cleans the image, and a step of EM that keeps it true to the counts.

Lim, Chun, Dewaraja & Fessler 2020 (doi:10.1109/TMI.2020.2998480). Each cleaner is trained on the images that those before
it have led to: no gradient passes through the projector.
"""

import numpy as np
from tqdm.auto import tqdm

from petcourse.hardware.device import as_numpy
from petcourse.ideas.boxes import by_slabs, learn_boxes
from petcourse.ideas.step import Scanned
from petcourse.learning.backend import load_keras

keras = load_keras()


@keras.saving.register_keras_serializable("petcourse")
class SoftThreshold(keras.layers.Layer):
    """``sign(v) max(|v| - exp(10 a), 0)``, with one a for each channel, which is learned.

    Thresholds must cover decades while filters turn by a little: hence the ten, with one learning rate for both.
    """

    def build(self, shape):
        """Start low: nearly all passes."""
        self.a = self.add_weight(shape=(shape[-1],), initializer=keras.initializers.Constant(-0.4), name="a")

    def call(self, v):
        """Shrink v towards 0."""
        return keras.ops.sign(v) * keras.ops.relu(keras.ops.abs(v) - keras.ops.exp(10 * self.a))


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
        From (volume, z, y, x, 1) to the same, of any size; compiled with Adam and the mean squared error (the authors' code takes the absolute one).
    """
    keras.utils.set_random_seed(seed)
    image = keras.Input((None, None, None, 1))
    parts = keras.layers.Conv3D(filters, 3, padding="same", use_bias=False, name="analysis")(image)
    parts = SoftThreshold(name="threshold")(parts)
    model = keras.Model(image, keras.layers.Conv3D(1, 3, padding="same", use_bias=False, name="synthesis")(parts))
    model.compile(keras.optimizers.Adam(3e-3), loss="mse")
    return model


def clean(model, scan):
    """u: a scan's image as a cleaner makes it."""
    return scan.xp.asarray(by_slabs(model, as_numpy(scan.theta / scan.unit)[..., None])) * scan.unit


def layer(model, scan, weight):
    """One layer: clean, and a step of EM that is drawn to the clean image, ``beta |theta - u|^2`` with beta free of units."""
    typical = scan.sensitivity[scan.seen].mean() / scan.unit
    scan.fuse(clean(model, scan), np.float32(2 * weight) * typical)


def bcd_net(P, m, r, theta, cleaners, weight=1.0):
    """Reconstruct with trained cleaners.

    Parameters
    ----------
    P, m, r, theta
        As for `Scanned`.
    cleaners : sequence of keras.Model
        One for each layer.
    weight : float
        Of the clean image beside the counts.

    Returns
    -------
    iterator of theta
        (z, y, x) float32 after each layer.
    """
    scan = Scanned(P, m, r, theta)
    for model in cleaners:
        layer(model, scan, weight)
        yield scan.whole()


def train_bcd_net(scans, truths, layers=10, filters=78, steps=150, weight=1.0, seed=0):
    """Train the cleaners one after the other.

    Parameters
    ----------
    scans : sequence of Scanned
        Changed: their images go through the layers.
    truths : sequence of (z, y, x) float32
        In the unit of the scans' images, of the whole grid.
    layers, filters, steps : int
        How many cleaners, filters of each, and batches that each sees; the first sees three times as many.
    weight : float
        As for `bcd_net`.
    seed : int

    Returns
    -------
    cleaners : list of keras.Model
    losses : list of float
        Mean squared error of each over its last ten batches, in units of the scans.

    Raises
    ------
    ValueError
        If a truth is empty.
    """
    truths = [as_numpy(scan.cut(scan.xp.asarray(truth)) / scan.unit) for scan, truth in zip(scans, truths, strict=True)]
    cleaners, losses, rng = [], [], np.random.default_rng(seed)
    bar = tqdm(total=(layers + 2) * steps, desc="BCD-Net", unit="batch")
    for n in range(layers):
        model, batches = cleaner(filters, seed), 3 * steps if n == 0 else steps
        rate = 3e-3 if n == 0 else 1e-3
        if n:  # begins as the one before, which knows already what a head is: a third of the batches will do
            model.set_weights(cleaners[-1].get_weights())
        model.optimizer.learning_rate = keras.optimizers.schedules.CosineDecay(rate, batches)
        images = [as_numpy(scan.theta / scan.unit)[..., None] for scan in scans]
        learning = learn_boxes(model, images, truths, batches, rng, bar)
        for scan in scans:
            layer(model, scan, weight)
        cleaners.append(model)
        losses.append(float(np.mean(learning[-10:])))
    bar.close()
    return cleaners, losses
