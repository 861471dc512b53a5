"""A seeded training that survives a killed kernel."""

import hashlib

import numpy as np

from petcourse.cache import code_hash, entry, read, write
from petcourse.learning.backend import load_keras
from petcourse.learning.metrics import require_real
from petcourse.learning.network import unet


class DeadNetwork(ValueError):
    """A network whose output is zero for every slice and will stay so."""


def train(model, inputs, targets, epochs, validation=None, checkpoint=None, seed=0, batch_size=32, callbacks=()):
    """Train a compiled model with a progress bar, and go on from the checkpoint where there is one.

    Parameters
    ----------
    model : keras.Model
        Compiled; changed in place.
    inputs, targets : array of float32
        (slice, y, x, channel), as the model takes and gives them.
    epochs : int
        In all, those of the checkpoint included.
    validation : (array, array), optional
        Inputs and targets on which the loss is computed after each epoch.
    checkpoint : str, optional
        Name under which the training is kept in the cache (see `petcourse.cached`) after each epoch: weights, state of
        the optimiser, history. A killed process loses the epoch it was in, and the next call with the same model,
        optimiser, data, seed and batch size goes on to the same numbers.
    seed : int
        Of the order of the slices: epoch k takes them as ``default_rng([seed, k])`` permutes them.
    batch_size : int
        Slices per step.
    callbacks : sequence of keras.callbacks.Callback
        Told of the beginning and end of the training and of each epoch.

    Returns
    -------
    dict of list of float
        ``loss``, the mean over the slices as the epoch went, and ``val_loss`` if there is `validation`: one value per epoch.

    Raises
    ------
    ValueError
        If shapes do not agree, a value or the loss is not finite, or the checkpoint has more than `epochs`. DeadNetwork,
        a ValueError too, if all outputs are zero.

    Warns
    -----
    RuntimeWarning
        If the checkpoint is damaged, and so the training starts anew, or cannot be written.
    """
    keras = load_keras()
    from tqdm.keras import TqdmCallback  # imports Keras itself, hence the order

    pairs = [_checked(model, "training", inputs, targets)]
    if validation is not None:
        pairs.append(_checked(model, "validation", *validation))
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"epochs={epochs} and batch_size={batch_size} must both be at least 1.")
    history = {name: [] for name in ("loss", "val_loss")[: len(pairs)]}
    empty = np.mean(np.square(pairs[0][1], dtype=np.float64))  # the loss of an empty image
    if checkpoint is not None:
        path, key = entry(checkpoint, **made_by(model, pairs, seed, batch_size))
        if kept := read(path, key):
            history = {name: kept.pop(name).tolist() for name in history}
            if len(history["loss"]) > epochs:
                raise ValueError(
                    f"The training kept in {path} has {len(history['loss'])} epochs, more than {epochs}: "
                    "give as many, or another name for the checkpoint."
                )
            for variable, value in zip(_state(model), kept.values(), strict=True):
                variable.assign(value)
    bar = TqdmCallback(epochs, verbose=0, initial=len(history["loss"]))
    listeners = keras.callbacks.CallbackList([bar, *callbacks], model=model, epochs=epochs)
    model.stop_training = False
    listeners.on_train_begin()
    # Not model.fit: its iterators took as long again as the steps of an epoch, and its order cannot be resumed.
    for epoch in range(len(history["loss"]), epochs):
        listeners.on_epoch_begin(epoch)
        order = np.random.default_rng([seed, epoch]).permutation(len(pairs[0][0]))
        history["loss"].append(_mean_loss(model, model.train_on_batch, *pairs[0], order, batch_size))
        if validation is not None:
            order = np.arange(len(pairs[1][0]))
            history["val_loss"].append(_mean_loss(model, model.test_on_batch, *pairs[1], order, batch_size))
        _require_learning(history, empty, epoch)
        if checkpoint is not None:
            state = {f"state{i}": np.asarray(variable) for i, variable in enumerate(_state(model))}
            write(path, key, {k: np.asarray(v) for k, v in history.items()} | state)
        listeners.on_epoch_end(epoch, {name: values[-1] for name, values in history.items()})
        if model.stop_training:
            break
    listeners.on_train_end()
    return history


def _mean_loss(model, step, x, y, order, batch_size):
    """Mean over the slices, taken in that order, of the loss while `step` goes through them."""
    total = 0.0
    for i in range(0, len(order), batch_size):
        batch = order[i : i + batch_size]
        model.reset_metrics()  # else some versions of Keras return the mean since the last reset
        total += float(step(x[batch], y[batch], return_dict=True)["loss"]) * len(batch)
    return total / len(order)


def _require_learning(history, empty, epoch):
    """Refuse to go on if a loss is not finite, or equals that of an empty image."""
    if not np.isfinite([values[-1] for values in history.values()]).all():
        raise ValueError(f"The loss is no longer finite in epoch {epoch}: scale inputs and targets to about 1.")
    if empty > 0 and np.isclose(history["loss"][-1], empty, rtol=1e-6, atol=0):
        text = "The network gives zero everywhere and cannot learn, for its last ReLU has no gradient there"
        raise DeadNetwork(f"{text}: build it with another seed.")


def _checked(model, what, inputs, targets):
    for values in (inputs, targets):
        require_real(values, f"a set of {what} data")
    x, y = np.asarray(inputs, np.float32), np.asarray(targets, np.float32)
    a, b = model.input_shape[1:], model.output_shape[1:]
    if (x.shape[1:], y.shape[1:]) != (a, b) or len(x) != len(y) or not len(x):
        text = f"The {what} data are {x.shape} and {y.shape}, the network maps {a} to {b}"
        raise ValueError(f"{text}: give as many inputs as targets, each (slice, y, x, channel).")
    for name, values in (("inputs", x), ("targets", y)):
        if not np.isfinite(values).all():
            raise ValueError(f"The {what} {name} hold NaN or infinite values: mend them before training.")
    return x, y


def _state(model):
    model.optimizer.build(model.trainable_variables)  # does nothing the second time
    return [*model.weights, *model.optimizer.variables]


def made_by(model, pairs, seed, batch_size):
    """All that a training depends on but its length; layers are numbered anew, for Keras counts them since its start."""
    keras = load_keras()
    text = model.to_json()  # with the optimiser's settings, as compiled
    for i, part in enumerate([model.optimizer, *model.layers]):
        text = text.replace(f'"{part.name}"', f'"{i}"')
    return {
        "keras": [keras.backend.backend(), keras.__version__],
        "code": code_hash("learning/training.py"),
        "model": text,
        "data": [hashlib.sha256(values).hexdigest() for pair in pairs for values in pair],
        "seed": seed,
        "batch_size": batch_size,
    }


def fit(inputs, targets, seed, epochs):
    """Train a U-Net on numbers of about 1, divided by means over what is learned from.

    Returns
    -------
    function
        From inputs to images, both in the unit of the cases.
    """
    unit = inputs.mean(axis=(0, 1, 2), dtype=np.float64).astype(np.float32)
    model = unet(inputs.shape[1:], seed=seed)
    model.optimizer.learning_rate = 0.003
    try:
        train(model, inputs / unit, targets / unit[0], epochs, checkpoint=f"fit-{epochs}", seed=seed, batch_size=8)
    except DeadNetwork:  # an unlucky start: once more
        return fit(inputs, targets, seed + 100, epochs)
    return lambda x: model.predict(x / unit, verbose=0)[..., 0] * unit[0]


def train_networks(heads, image, seeds, epochs, mr=False):
    """Train a U-Net from each seed on what ``image`` makes of some heads, with their T1 images if ``mr``.

    Returns
    -------
    list of function
        For each seed, from a head to its image.
    """

    def channels(head):
        return np.stack([image(head), head.case.t1][: 1 + mr], axis=-1)

    targets = np.concatenate([head.case.truth[..., None] for head in heads])
    inputs = np.concatenate([channels(head) for head in heads])
    trained = [fit(inputs, targets, seed, epochs) for seed in range(seeds)]
    return [lambda head, f=f: f(channels(head)) for f in trained]
