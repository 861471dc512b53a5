"""The talk's U-Net: its table, seeds, back-ends, bad input, and what a killed process leaves."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from petcourse.learning.backend import load_keras
from petcourse.learning.network import unet
from petcourse.learning.training import DeadNetwork, train

# Of the talk's model.summary(): the output of each layer after the input, and its number of parameters.
TALK = [
    ("Conv2D", (64, 64, 2), 20),
    ("Conv2D", (32, 32, 4), 76),
    ("Conv2D", (16, 16, 8), 296),
    ("Conv2D", (8, 8, 16), 1168),
    ("UpSampling2D", (16, 16, 16), 0),
    ("Concatenate", (16, 16, 24), 0),
    ("Conv2D", (16, 16, 8), 1736),
    ("UpSampling2D", (32, 32, 8), 0),
    ("Concatenate", (32, 32, 12), 0),
    ("Conv2D", (32, 32, 4), 436),
    ("UpSampling2D", (64, 64, 4), 0),
    ("Concatenate", (64, 64, 6), 0),
    ("Conv2D", (64, 64, 2), 110),
    ("UpSampling2D", (128, 128, 2), 0),
    ("Concatenate", (128, 128, 3), 0),
    ("Conv2D", (128, 128, 1), 28),
]


def toy(n=10, seed=0, shape=(16, 16, 1)):
    """Noisy discs, and the discs."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape[:2])
    centre, radius = rng.uniform(5, 11, (2, n, 1, 1)), rng.uniform(2, 5, (n, 1, 1))
    discs = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2).astype(np.float32)[..., None]
    return (discs + rng.normal(0, 0.3, (n, *shape))).astype(np.float32), discs


def small(seed=0, channels=1):
    """A U-Net of two levels: quick, and every kind of layer is in it."""
    return unet((16, 16, channels), (4, 8), seed)


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, env={**os.environ, **environment}
    )


def test_the_talks_table():
    model = unet()
    assert [(type(v).__name__, v.output.shape[1:], v.count_params()) for v in model.layers[1:]] == TALK
    assert model.count_params() == 3870
    assert {(v.padding, v.activation.__name__) for v in model.layers if "conv2d" in v.name} == {("same", "relu")}
    assert {v.interpolation for v in model.layers if "up_sampling2d" in v.name} == {"bilinear"}
    assert (type(model.optimizer).__name__, model.loss) == ("Adam", "mse")


def test_each_step_up_is_joined_with_the_encoder_of_its_size():
    """Read from the graph: a wrong partner of the same size cannot hide behind the shapes."""
    layers = unet().layers
    joined = [v for v in layers if type(v).__name__ == "Concatenate"]
    assert [v.input[1] is layers[i].output for v, i in zip(joined, (3, 2, 1, 0), strict=True)] == [True] * 4


def test_a_second_channel():
    model = unet((128, 128, 2))
    assert model.input_shape == (None, 128, 128, 2)
    assert model.output_shape == (None, 128, 128, 1)
    assert model.count_params() == 3870 + 9 * (2 + 1)  # 2 filters of the first layer and 1 of the last see it


@pytest.mark.parametrize("shape", [(120, 128, 1), (128, 127, 1), (128, 128), (0, 128, 1)])
def test_a_shape_that_does_not_divide(shape):
    with pytest.raises(ValueError, match=r"does not divide by 16 in y and x"):
        unet(shape)


def test_training_denoises_discs_it_never_saw():
    x, y = toy(64)
    unseen = toy(32, seed=1)
    model = small()
    history = train(model, x, y, 60, unseen, batch_size=16)
    assert [len(v) for v in history.values()] == [60, 60]
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["val_loss"][-1] < np.mean((unseen[0] - unseen[1]) ** 2)
    expected = np.mean((model.predict(unseen[0], verbose=0) - unseen[1]) ** 2, dtype=np.float64)
    np.testing.assert_allclose(history["val_loss"][-1], expected, rtol=1e-5)


def test_a_dead_last_relu_is_told(tmp_path):
    """Zero everywhere, without a gradient: without the sentence, an hour of training would leave an empty image."""
    model = small()
    model.layers[-1].bias.assign([-100.0])
    with pytest.raises(DeadNetwork, match="another seed"):
        train(model, *toy(64), 2, checkpoint=tmp_path / "c.npz")
    assert not (tmp_path / "c.npz").exists()


def test_tiny_targets_are_no_dead_network():
    x, y = toy()
    train(small(), 1e-5 * x, 1e-5 * y, 2)


def test_empty_targets_are_no_dead_network():
    x, y = toy()
    train(small(), x, 0 * y, 2)


def test_the_loss_is_the_mean_over_the_slices_not_over_the_batches():
    """Without learning, an epoch of 10 slices in batches of 4, 4, 2 gives the error of all ten."""
    x, y = toy(10)
    model = small()
    model.optimizer.learning_rate = 0.0
    expected = np.mean((model.predict(x, verbose=0) - y) ** 2, dtype=np.float64)
    history = train(model, x, y, 1, (x, y), batch_size=4)
    np.testing.assert_allclose([history["loss"][0], history["val_loss"][0]], expected, rtol=1e-5)


def test_a_seed_gives_the_same_bits_and_another_seed_others():
    def run(of_weights, of_order):
        model = small(of_weights)
        return train(model, *toy(), 3, toy(seed=1), seed=of_order, batch_size=4), model.get_weights()

    history, weights = run(0, 0)
    again, same = run(0, 0)
    assert history == again
    assert all((a == b).all() for a, b in zip(weights, same, strict=True))
    assert run(1, 0)[0] != history
    assert run(0, 1)[0] != history


def test_callbacks_see_each_epoch_and_can_stop():
    keras = load_keras()
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((epoch, logs["loss"], logs["val_loss"]))
            self.model.stop_training = epoch == 2

    history = train(small(), *toy(), 9, toy(seed=1), callbacks=[Watch()])
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
        ({"checkpoint": "unet.keras"}, "must end in .npz"),
        ({"targets": np.full((10, 16, 16, 1), 1e30)}, "no longer finite in epoch 0"),
    ],
)
def test_bad_input(change, sentence):
    x, y = toy()
    with pytest.raises(ValueError, match=sentence):
        train(small(), **({"inputs": x, "targets": y, "epochs": 1} | change))


def test_resumed_training_gives_the_same_bits(tmp_path):
    x, y = toy()
    whole, parts = small(), small()
    expected = train(whole, x, y, 6, (x, y), batch_size=4)
    file = tmp_path / "new folder" / "a.npz"
    train(parts, x, y, 2, (x, y), file, batch_size=4)
    train(parts, x, y, 4, (x, y), file, batch_size=4)
    parts = small()  # as in a new kernel: nothing of the model before is left
    assert train(parts, x, y, 6, (x, y), file, batch_size=4) == expected
    assert all((a == b).all() for a, b in zip(parts.get_weights(), whole.get_weights(), strict=True))
    assert train(small(), x, y, 6, (x, y), file, batch_size=4) == expected  # nothing left to do
    assert [p.name for p in file.parent.iterdir()] == ["a.npz"]


def test_the_bar_of_a_resumed_training_begins_where_it_stopped(tmp_path, capsys):
    begins = []
    for epochs in (2, 4, 4):
        train(small(), *toy(), epochs, checkpoint=tmp_path / "c.npz")
        begins.append(re.search(r"\d+/\d+", capsys.readouterr().err)[0])
    assert begins == ["0/2", "2/4", "4/4"]


TRAIN = """
import numpy as np, sys
from petcourse.learning import train, unet
from petcourse.learning.backend import load_keras
class Say(load_keras().callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print(epoch, flush=True)
x = np.random.default_rng(0).random((10, 16, 16, 1), np.float32)
train(unet((16, 16, 1), (4, 8)), x, x, 100000, (x, x), sys.argv[1], batch_size=4, callbacks=[Say()])
"""


@pytest.mark.slow
def test_a_killed_process_loses_at_most_an_epoch(tmp_path):
    file = tmp_path / "a.npz"
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN, str(file)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        while int(process.stdout.readline()) < 20:
            pass
        time.sleep(np.random.default_rng().uniform(0, 0.2))  # somewhere in an epoch or in the writing
    finally:
        process.send_signal(signal.SIGKILL)
    said = [20, *map(int, process.stdout.read().split())][-1] + 1
    process.wait()
    with np.load(file) as stored:
        kept = len(stored["loss"])
    assert kept in (said, said + 1)  # it is written just before it is said
    x = np.random.default_rng(0).random((10, 16, 16, 1), np.float32)
    arguments = (x, x, kept + 2, (x, x))
    resumed = train(unet((16, 16, 1), (4, 8)), *arguments, file, batch_size=4)
    assert resumed == train(unet((16, 16, 1), (4, 8)), *arguments, batch_size=4)


def test_a_checkpoint_that_cannot_be_written_is_told_before_the_first_epoch(tmp_path):
    (tmp_path / "file").write_text("no folder")
    model = small()
    before = model.get_weights()
    with pytest.raises(OSError, match=r"a\.npz cannot be written \(.*\): name a file"):
        train(model, *toy(), 1, checkpoint=tmp_path / "file" / "a.npz")
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def foreign(file, model):
    """Files that are no checkpoint of this training, under the name of one."""
    good = file.read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    yield "truncated", good[: len(good) // 2]
    yield "a flipped bit", bytes(flipped)
    yield "empty", b""
    yield "text", b"not a checkpoint"
    model.save(file.with_suffix(".keras"))
    yield "a .keras file", file.with_suffix(".keras").read_bytes()
    np.savez(file.with_suffix(".other.npz"), a=np.zeros(3))
    yield "another .npz file", file.with_suffix(".other.npz").read_bytes()
    np.save(file.with_suffix(".npy"), np.zeros(3))
    yield "an .npy file", file.with_suffix(".npy").read_bytes()


def test_a_damaged_or_foreign_checkpoint_is_named_and_left_as_it_is(tmp_path):
    x, y = toy()
    file = tmp_path / "a.npz"
    model = small()
    train(model, x, y, 1, checkpoint=file)
    before = model.get_weights()
    for what, content in foreign(file, model):
        file.write_bytes(content)
        with pytest.raises(
            ValueError, match=r"a\.npz cannot be read \(.*\): delete it to start anew, or name"
        ) as caught:
            train(model, x, y, 2, checkpoint=file)
        assert "\n" not in str(caught.value), what
        assert file.read_bytes() == content, what
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seed": 1}, "of another network, data, seed"),
        ({"inputs": toy(seed=2)[0]}, "of another network, data, seed"),
        ({"validation": toy(seed=2)}, "of another network, data, seed"),
        ({"batch_size": 5}, "of another network, data, seed"),
        ({"model": ((4, 9),)}, "of another network, data, seed"),
        ({"model": ((4, 8), 1)}, "of another network, data, seed"),
        ({"rate": 0.01}, "of another network, data, seed"),
        ({"model": ((4, 8, 16),)}, "cannot be read .*state"),
        ({"epochs": 1}, "has 2 epochs, more than 1"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, change, sentence):
    x, y = toy()
    file = tmp_path / "a.npz"
    arguments = {"model": small(), "inputs": x, "targets": y, "epochs": 2, "checkpoint": file}
    train(**arguments)
    content = file.read_bytes()
    if "model" in change:
        change = {"model": unet((16, 16, 1), *change["model"])}
    if "rate" in change:
        arguments["model"].optimizer.learning_rate = change["rate"]
        change = {}
    with pytest.raises(ValueError, match=sentence):
        train(**arguments | change)
    assert file.read_bytes() == content


def test_the_trained_network_survives_as_a_keras_file(tmp_path):
    x, y = toy()
    model = small()
    train(model, x, y, 2)
    model.save(tmp_path / "unet.keras")
    loaded = load_keras().saving.load_model(tmp_path / "unet.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


STEPS = """
import warnings; warnings.simplefilter("error", UserWarning)
import numpy as np
from petcourse.learning import train, unet
from petcourse.learning.backend import load_keras
x = np.random.default_rng(0).random((6, 32, 32, 1), np.float32)
runs = [train(unet((32, 32, 1), seed=1), x, x, 4, (x, x), batch_size=4) for _ in range(2)]
assert runs[0] == runs[1], runs
assert runs[0]["loss"][-1] < runs[0]["loss"][0], runs
train(unet((32, 32, 1), seed=1), x, x, 2, (x, x), "a.npz", batch_size=4)
assert train(unet((32, 32, 1), seed=1), x, x, 4, (x, x), "a.npz", batch_size=4) == runs[0]
print(load_keras().backend.backend())
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_back_end(backend, tmp_path):
    """A few steps, seeded and resumed."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    run = subprocess.run(
        [sys.executable, "-c", STEPS],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [backend]


def test_nothing_is_said_at_the_start():
    """Neither by the import, nor by the first tensor, nor when a sixth model is traced."""
    run = python(
        "from petcourse.learning.network import unet; from petcourse.learning.backend import load_keras; load_keras(); unet()",
        KERAS_BACKEND="tensorflow",
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_importing_the_module_is_light():
    run = python("import sys, petcourse.learning.network; print({'keras', 'tensorflow'} & set(sys.modules))")
    assert run.stdout.strip() == "set()", run.stderr


@pytest.mark.parametrize(
    ("backend", "sentence"),
    [
        ("jax", "KERAS_BACKEND asks for 'jax', which is not installed: type `pip install jax`"),
        ("tensorflow", "KERAS_BACKEND asks for 'tensorflow', which is not installed"),
        ("numpy", "KERAS_BACKEND is 'numpy': set it to 'tensorflow', 'jax' or 'torch'."),
    ],
)
def test_a_back_end_that_is_not_there(backend, sentence, monkeypatch):
    """Missing for the finder, so that this also holds where it is installed."""
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=sentence):
        unet()


def test_what_is_said_while_an_import_fails_is_passed_on(tmp_path):
    (tmp_path / "keras.py").write_text(
        "import os; os.write(2, b'why it ' + b'fails\\nI0000 start-' + b'up\\n'); raise OSError('broken')"
    )
    run = python(
        "from petcourse.learning.network import unet; unet()", PYTHONPATH=str(tmp_path), KERAS_BACKEND="tensorflow"
    )
    assert "why it fails" in run.stderr
    assert "start-up" not in run.stderr
    assert "OSError: broken" in run.stderr


@pytest.mark.parametrize(("given", "wanted"), [({}, "true"), ({"TF_FORCE_GPU_ALLOW_GROWTH": "false"}, "false")])
def test_tensorflow_leaves_gpu_memory_to_others(given, wanted, tmp_path, monkeypatch):
    """It is told so before the first tensor, unless the user says something else."""
    monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH", raising=False)
    (tmp_path / "keras.py").write_text(
        "import os\nclass ops:\n    def zeros(n): print(os.environ['TF_FORCE_GPU_ALLOW_GROWTH'])\n"
    )
    run = python(
        "from petcourse.learning.backend import load_keras; load_keras()",
        PYTHONPATH=str(tmp_path),
        KERAS_BACKEND="tensorflow",
        **given,
    )
    assert run.stdout.strip() == wanted, run.stderr
