"""The training: what it learns, what it refuses, and what a killed process leaves."""

import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from petcourse.cache import cache_folder
from petcourse.learning import DeadNetwork, train, unet
from petcourse.learning.backend import load_keras
from petcourse.learning.training import made_by


def toy(n=10, seed=0, shape=(16, 16, 1)):
    """Noisy discs, and the discs."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape[:2])
    centre, radius = rng.uniform(5, 11, (2, n, 1, 1)), rng.uniform(2, 5, (n, 1, 1))
    discs = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2).astype(np.float32)[..., None]
    return (discs + rng.normal(0, 0.3, (n, *shape))).astype(np.float32), discs


def small(seed=0, filters=(4, 8), channels=1):
    """A U-Net of two levels: quick, and every kind of layer is in it."""
    return unet((16, 16, channels), filters, seed)


@pytest.fixture(scope="module")
def built():
    """One network for many tests, and its state: Keras takes a second to compile each."""
    model = small()
    model.optimizer.build(model.trainable_variables)
    return model, [(v, np.asarray(v).copy()) for v in (*model.weights, *model.optimizer.variables)]


@pytest.fixture
def model(built):
    """That network, as it was built."""
    reset(built)
    return built[0]


def reset(built):
    for variable, value in built[1]:
        variable.assign(value)


def test_training_denoises_discs_it_never_saw(model):
    x, y = toy(64)
    unseen = toy(32, seed=1)
    history = train(model, x, y, 60, unseen, batch_size=16)
    assert [len(v) for v in history.values()] == [60, 60]
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["val_loss"][-1] < np.mean((unseen[0] - unseen[1]) ** 2)
    expected = np.mean((model.predict(unseen[0], verbose=0) - unseen[1]) ** 2, dtype=np.float64)
    np.testing.assert_allclose(history["val_loss"][-1], expected, rtol=1e-5)


def test_a_dead_last_relu_is_told(model):
    """Zero everywhere, without a gradient: without the sentence, an hour of training would leave an empty image."""
    model.layers[-1].bias.assign([-100.0])
    with pytest.raises(DeadNetwork, match="another seed"):
        train(model, *toy(64), 2, checkpoint="dead")
    assert not cache_folder().exists()


def test_tiny_or_empty_targets_are_no_dead_network(model):
    x, y = toy()
    train(model, 1e-5 * x, 1e-5 * y, 2)
    train(model, x, 0 * y, 2)


def test_the_loss_is_the_mean_over_the_slices_not_over_the_batches(model):
    """Without learning, an epoch of 10 slices in batches of 4, 4, 2 gives the error of all ten."""
    x, y = toy(10)
    model.optimizer.learning_rate = 0.0
    expected = np.mean((model.predict(x, verbose=0) - y) ** 2, dtype=np.float64)
    history = train(model, x, y, 1, (x, y), batch_size=4)
    np.testing.assert_allclose([history["loss"][0], history["val_loss"][0]], expected, rtol=1e-5)


def test_a_seed_gives_the_same_bits_and_another_seed_others(built):
    def run(seed):
        reset(built)
        return train(built[0], *toy(), 3, toy(seed=1), seed=seed, batch_size=4), built[0].get_weights()

    (history, weights), (again, same), (other, _) = run(0), run(0), run(1)
    assert history == again != other
    assert all((a == b).all() for a, b in zip(weights, same, strict=True))


def test_callbacks_see_each_epoch_and_can_stop(model):
    keras = load_keras()
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((epoch, logs["loss"], logs["val_loss"]))
            self.model.stop_training = epoch == 2

    history = train(model, *toy(), 9, toy(seed=1), callbacks=[Watch()])
    assert seen == [(i, history["loss"][i], history["val_loss"][i]) for i in range(3)]


BAD = np.full((10, 16, 16, 1), np.nan)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"inputs": BAD}, "training inputs hold NaN"),
        ({"targets": -np.log(np.zeros_like(BAD), where=False, out=np.full_like(BAD, np.inf))}, "training targets hold"),
        ({"validation": (np.zeros_like(BAD), BAD)}, "validation targets hold NaN"),
        ({"inputs": np.zeros((9, 16, 16, 1))}, r"training data are \(9, 16, 16, 1\) and \(10, 16, 16, 1\)"),
        ({"inputs": np.zeros((10, 16, 16, 2))}, "as many inputs as targets"),
        ({"inputs": np.zeros((10, 12, 16, 1))}, r"the network maps \(16, 16, 1\) to \(16, 16, 1\)"),
        ({"validation": (np.zeros((0, 16, 16, 1)),) * 2}, "validation data are"),
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"inputs": np.ma.masked_less(np.zeros((10, 16, 16, 1)), 1)}, "MaskedArray"),
        ({"targets": np.zeros((10, 16, 16, 1), complex)}, "is complex"),
        ({"targets": np.full((10, 16, 16, 1), 1e30)}, "no longer finite in epoch 0"),
    ],
)
def test_bad_input(model, change, sentence):
    x, y = toy()
    with pytest.raises((ValueError, TypeError), match=sentence):
        train(model, **({"inputs": x, "targets": y, "epochs": 1} | change))


def test_resumed_training_gives_the_same_bits(built):
    x, y = toy()
    model, _ = built
    reset(built)
    expected = train(model, x, y, 6, (x, y), batch_size=4)
    weights = model.get_weights()
    reset(built)
    train(model, x, y, 2, (x, y), "a", batch_size=4)
    train(model, x, y, 4, (x, y), "a", batch_size=4)
    parts = small()  # as in a new kernel: nothing of the model before is left
    assert train(parts, x, y, 6, (x, y), "a", batch_size=4) == expected
    assert all((a == b).all() for a, b in zip(parts.get_weights(), weights, strict=True))
    assert train(parts, x, y, 6, (x, y), "a", batch_size=4) == expected  # nothing left to do
    (path,) = cache_folder().iterdir()
    assert path.name.startswith("a-")
    with pytest.raises(ValueError, match="6 epochs, more than 5.*another name"):
        train(parts, x, y, 5, (x, y), "a", batch_size=4)


def test_the_bar_of_a_resumed_training_begins_where_it_stopped(model, capsys):
    begins = []
    for epochs in (2, 4, 4):
        train(model, *toy(), epochs, checkpoint="c")
        begins.append(re.search(r"\d+/\d+", capsys.readouterr().err)[0])
    assert begins == ["0/2", "2/4", "4/4"]


TRAIN = """
import numpy as np
from petcourse.learning import train, unet
from petcourse.learning.backend import load_keras
class Say(load_keras().callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print(epoch, flush=True)
x = np.random.default_rng(0).random((10, 16, 16, 1), np.float32)
train(unet((16, 16, 1), (4, 8)), x, x, 100000, (x, x), "a", batch_size=4, callbacks=[Say()])
"""


@pytest.mark.slow
def test_a_killed_process_loses_at_most_an_epoch():
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        while int(process.stdout.readline()) < 20:
            pass
        time.sleep(np.random.default_rng().uniform(0, 0.2))  # somewhere in an epoch or in the writing
    finally:
        process.send_signal(signal.SIGKILL)
    finished = [20, *map(int, process.stdout.read().split())][-1] + 1
    process.wait()
    (path,) = cache_folder().glob("*.npz")
    with np.load(path) as stored:
        kept = len(stored["loss"])
    assert kept in (finished, finished + 1)  # it is written just before it is said
    x = np.random.default_rng(0).random((10, 16, 16, 1), np.float32)
    arguments = (x, x, kept + 2, (x, x))
    resumed = train(unet((16, 16, 1), (4, 8)), *arguments, "a", batch_size=4)
    assert resumed == train(unet((16, 16, 1), (4, 8)), *arguments, batch_size=4)


def test_a_damaged_checkpoint_is_named_and_the_training_starts_anew(built):
    x, y = toy()
    reset(built)
    expected = train(built[0], x, y, 2, checkpoint="a")
    (path,) = cache_folder().iterdir()
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    reset(built)
    with pytest.warns(RuntimeWarning, match=rf"{path.name} cannot be used.*anew") as caught:
        assert train(built[0], x, y, 2, checkpoint="a") == expected
    assert caught[0].filename == __file__


def test_where_nothing_can_be_kept_the_training_goes_on(model, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("PETCOURSE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(RuntimeWarning, match="not kept.*PETCOURSE_CACHE"):
        history = train(model, *toy(), 2, checkpoint="a")
    assert len(history["loss"]) == 2


def key(model=None, inputs=None, seed=0, batch_size=4):
    x, y = toy()
    return made_by(model or small(), [(x if inputs is None else inputs, y)], seed, batch_size)


def compiled(optimizer, loss="mse"):
    model = small()
    model.compile(optimizer, loss)
    return model


def with_activation(name):
    model = small()
    model.layers[1].activation = load_keras().activations.get(name)
    return model


def at_rate(rate):
    model = small()
    model.optimizer.learning_rate = rate
    return model


def test_a_checkpoint_is_found_again_by_the_same_training_only(model):
    """Layers of models built later have other names, and training changes weights: neither is another training."""
    adam = load_keras().optimizers.Adam
    first = key(model)
    train(model, *toy(), 1)
    assert first == key(model) == key() == key(compiled(adam()))
    others = [
        key(seed=1),
        key(batch_size=5),
        key(inputs=toy(seed=2)[0]),
        key(small(seed=1)),
        key(small(filters=(4, 9))),
        key(small(filters=(4, 8, 16))),
        key(with_activation("tanh")),
        key(at_rate(0.01)),
        key(compiled("sgd")),
        key(compiled(adam(beta_1=0.8))),
        key(compiled("adam", "mae")),
    ]
    assert first not in others
    assert all(one != other for i, one in enumerate(others) for other in others[:i])


def test_the_trained_network_survives_as_a_keras_file(model, tmp_path):
    x, y = toy()
    train(model, x, y, 2)
    model.save(tmp_path / "unet.keras")
    loaded = load_keras().saving.load_model(tmp_path / "unet.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
