"""Boxes and slabs of whole images, for networks of three dimensions: a whole one's many channels would fill the memory."""

import numpy as np

from petcourse.learning.backend import load_keras

BOX, BATCH = (16, 48, 48), 4  # voxels, and boxes at a time
SLAB, HALO = (
    16,
    3,
)  # planes at a time, and how many more on each side: as many as a network has layers that are 3 voxels wide


def by_slabs(model, image):
    """What a network makes of (z, y, x, channel): the same as at once, but for the memory."""
    keras, parts = load_keras(), []
    for z in range(0, len(image), SLAB):
        first = max(z - HALO, 0)
        made = model(image[None, first : z + SLAB + HALO])
        parts.append(keras.ops.convert_to_numpy(made)[0, z - first :][:SLAB, ..., 0])
    return np.concatenate(parts)


def learn_boxes(model, inputs, targets, steps, rng, bar):
    """Show a network boxes about voxels that are drawn where the targets are above a tenth.

    Parameters
    ----------
    model : keras.Model
        Compiled; changed in place.
    inputs : sequence of (z, y, x, channel) float32
        One for each head, with numbers of about 1.
    targets : sequence of (z, y, x) float32
    steps : int
        Batches.
    rng : numpy.random.Generator
    bar : tqdm
        Moved on by one for each batch.

    Returns
    -------
    losses : list of float

    Raises
    ------
    ValueError
        If a target is empty.
    """
    inside = [np.flatnonzero(target > 0.1) for target in targets]
    if not all(map(len, inside)):
        raise ValueError("a truth is 0 where its scan sees: give images in the unit of the scan's own.")
    losses = []
    for _ in range(steps):
        chosen = [_box(inputs[n], targets[n], rng.choice(inside[n])) for n in rng.integers(len(inputs), size=BATCH)]
        losses.append(float(model.train_on_batch(*map(np.stack, zip(*chosen, strict=True)))))
        bar.update()
    return losses


def _box(image, target, voxel):
    shape, size = np.array(target.shape), np.minimum(BOX, target.shape)
    first = np.clip(np.unravel_index(voxel, target.shape) - size // 2, 0, shape - size)
    box = tuple(slice(a, a + k) for a, k in zip(first, size, strict=True))
    return image[box], target[box][..., None]
