"""A seeded training that survives a killed kernel."""

import hashlib
import os
import zipfile
from pathlib import Path

import numpy as np

from petcourse.learning.backend import load_keras


class DeadNetwork(ValueError):
    """A network whose output is zero for every slice and will stay so."""


def train(model, inputs, targets, epochs, validation=None, checkpoint=None, seed=0, batch_size=32, callbacks=()):
    """Train a compiled model with a progress bar, and go on from the checkpoint where there is one.

    Parameters
    ----------
    model : keras.Model
        Compiled; changed in place.
    inputs, targets : array_like, float32
        (slice, y, x, channel), as the model takes and gives them.
    epochs : int
        In all, those of the checkpoint included.
    validation : (array_like, array_like), optional
        Inputs and targets on which the loss is computed after each epoch.
    checkpoint : str or Path, optional
        An ``.npz`` file, replaced after each epoch (weights, state of the optimiser, history): a killed process
        loses the epoch it was in, and the next call goes on to the same numbers.
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
        If shapes do not agree, a value or the loss is not finite, or the checkpoint is damaged, of another training
        or longer than `epochs`; the file is left as it is. DeadNetwork, a ValueError too, if all outputs are zero.
    OSError
        If the checkpoint cannot be written, before the first epoch.
    """
    keras = load_keras()
    from tqdm.keras import TqdmCallback  # imports Keras itself, hence the order

    pairs = [_checked(model, "training", inputs, targets)]
    if validation is not None:
        pairs.append(_checked(model, "validation", *validation))
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"epochs={epochs} and batch_size={batch_size} must both be at least 1.")
    history = {name: [] for name in ("loss", "val_loss")[: len(pairs)]}
    of_zero = np.mean(np.square(pairs[0][1], dtype=np.float64)) or np.nan  # the loss of an empty image
    if checkpoint is not None:
        model.optimizer.build(model.trainable_variables)
        state = [*model.weights, *model.optimizer.variables]
        data = [a for pair in pairs for a in pair]
        rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
        settings = [keras.backend.backend(), keras.__version__, model.name, seed, batch_size, str(model.loss), rate]
        made_by = repr(settings + [hashlib.sha256(a.tobytes()).hexdigest() for a in data])
        if (checkpoint := Path(checkpoint)).suffix != ".npz":
            raise ValueError(f"The checkpoint {checkpoint} must end in .npz: model.save() is what writes .keras files.")
        if checkpoint.exists():
            history = _restore(state, checkpoint, made_by, epochs)
        try:
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            open(f"{checkpoint}.tmp", "wb").close()
            os.remove(f"{checkpoint}.tmp")
        except OSError as error:
            text = f"The checkpoint {checkpoint} cannot be written ({error.strerror})"
            raise OSError(f"{text}: name a file in a folder that you may write to.") from error
    bar = TqdmCallback(epochs, verbose=0, initial=len(history["loss"]))
    listeners = keras.callbacks.CallbackList([bar, *callbacks], model=model, epochs=epochs)
    model.stop_training = False
    listeners.on_train_begin()
    # Not model.fit: its iterators took as long again as the steps of an epoch, and its order cannot be resumed.
    for epoch in range(len(history["loss"]), epochs):
        listeners.on_epoch_begin(epoch)
        order = np.random.default_rng([seed, epoch]).permutation(len(pairs[0][0]))
        for name, step, (x, y) in zip(history, (model.train_on_batch, model.test_on_batch), pairs, strict=False):
            total = 0.0
            for i in range(0, len(x), batch_size):
                batch = order[i : i + batch_size] if name == "loss" else slice(i, i + batch_size)
                model.reset_metrics()  # else some versions of Keras return the mean since the last reset
                total += float(step(x[batch], y[batch], return_dict=True)["loss"]) * len(x[batch])
            history[name].append(total / len(x))
        if not np.isfinite([v[-1] for v in history.values()]).all():
            raise ValueError(f"The loss is no longer finite in epoch {epoch}: scale inputs and targets to about 1.")
        if np.isclose(history["loss"][-1], of_zero, rtol=1e-6, atol=0):
            text = "The network gives zero everywhere and cannot learn, for its last ReLU has no gradient there"
            raise DeadNetwork(f"{text}: build it with another seed.")
        if checkpoint is not None:
            _store(state, checkpoint, made_by, history)
        listeners.on_epoch_end(epoch, {name: values[-1] for name, values in history.items()})
        if model.stop_training:
            break
    listeners.on_train_end()
    return history


def _checked(model, what, inputs, targets):
    x, y = np.asarray(inputs, np.float32), np.asarray(targets, np.float32)
    a, b = model.input_shape[1:], model.output_shape[1:]
    if (x.shape[1:], y.shape[1:]) != (a, b) or len(x) != len(y) or not len(x):
        text = f"The {what} data are {x.shape} and {y.shape}, the network maps {a} to {b}"
        raise ValueError(f"{text}: give as many inputs as targets, each (slice, y, x, channel).")
    for name, values in (("inputs", x), ("targets", y)):
        if not np.isfinite(values).all():
            raise ValueError(f"The {what} {name} hold NaN or infinite values: mend them before training.")
    return x, y


def _store(state, path, made_by, history):
    """Write beside the final name and rename, so that a killed writer leaves the epoch before."""
    arrays = {f"state{i}": load_keras().ops.convert_to_numpy(variable) for i, variable in enumerate(state)}
    with open(f"{path}.tmp", "wb") as file:
        np.savez(file, made_by=made_by, **history, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.tmp", path)


def _restore(state, path, made_by, epochs):
    """Put the checkpoint's state into the model, all or nothing, and return its history."""
    remedy = "delete it to start anew, or name another file"
    try:
        with zipfile.ZipFile(path) as archive, np.load(path, allow_pickle=False) as stored:
            if archive.testzip() is not None:
                raise zipfile.BadZipFile("a check sum is wrong")
            arrays = dict(stored)
        values = [arrays[f"state{i}"] for i in range(len(state))]
        written_by = str(arrays["made_by"])
        history = {name: arrays[name].tolist() for name in ("loss", "val_loss") if name in arrays}
    except Exception as error:  # whatever damage makes zipfile or NumPy raise, it is named
        raise ValueError(f"The checkpoint {path} cannot be read ({error!r}): {remedy}.") from error
    if [v.shape for v in values] != [tuple(v.shape) for v in state] or written_by != made_by:
        raise ValueError(
            f"The checkpoint {path} is of another network, data, seed, batch size, rate or Keras: {remedy}."
        )
    if len(history["loss"]) > epochs:
        raise ValueError(f"The checkpoint {path} has {len(history['loss'])} epochs, more than {epochs}: {remedy}.")
    for variable, value in zip(state, values, strict=True):
        variable.assign(value)
    return history
