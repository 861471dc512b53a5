"""The talk's U-Net: its table, its seeds, and Keras on three back-ends."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from petcourse.learning import unet
from petcourse.learning.backend import load_keras

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


def test_weights_follow_their_seed():
    weights = [unet((16, 16, 1), (4, 8), seed).get_weights() for seed in (0, 0, 1)]
    same, other = ([np.array_equal(a, b) for a, b in zip(weights[0], w, strict=True)] for w in weights[1:])
    assert all(same) and not any(other[::2])  # every second one is a bias, which starts at zero


STEPS = """
import warnings; warnings.simplefilter("error", UserWarning)
import numpy as np
from petcourse.learning import train, unet
from petcourse.learning.backend import load_keras
x = np.random.default_rng(0).random((6, 32, 32, 1), np.float32)
runs = [train(unet((32, 32, 1), seed=1), x, x, 4, (x, x), batch_size=4) for _ in range(2)]
assert runs[0] == runs[1], runs
assert runs[0]["loss"][-1] < runs[0]["loss"][0], runs
train(unet((32, 32, 1), seed=1), x, x, 2, (x, x), "a", batch_size=4)
assert train(unet((32, 32, 1), seed=1), x, x, 4, (x, x), "a", batch_size=4) == runs[0]
print(load_keras().backend.backend())
"""


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, env={**os.environ, **environment}
    )


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_back_end(backend):
    """A few steps, seeded and resumed."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    run = python(STEPS, KERAS_BACKEND=backend)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [backend]


QUIET = """
import sys
from petcourse.learning import unet
assert not {"keras", "tensorflow"} & set(sys.modules)  # a notebook that trains nothing does not wait for them
unet()
"""


def test_nothing_is_said_at_the_start():
    """Neither by the import nor by the first tensor; and Keras is loaded when it is first used."""
    run = python(QUIET, KERAS_BACKEND="tensorflow")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("backend", "sentence"),
    [
        ("jax", "KERAS_BACKEND asks for 'jax', which is not installed: type .* -m pip install jax"),
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


@pytest.fixture
def fake_keras(tmp_path, monkeypatch):
    """Let `import keras` find a module with this source."""

    def fake(source):
        (tmp_path / "keras.py").write_text(source)
        monkeypatch.delitem(sys.modules, "keras", raising=False)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setenv("KERAS_BACKEND", "tensorflow")

    yield fake
    sys.modules.pop("keras", None)  # the fake one, before the real one is put back


def test_what_is_said_while_an_import_fails_is_passed_on(fake_keras, capfd):
    fake_keras("import os; os.write(2, b'why it ' + b'fails\\nI0000 start-' + b'up\\n'); raise OSError('broken')")
    with pytest.raises(OSError, match="broken"):
        load_keras()
    assert capfd.readouterr().err == "why it fails\n"


@pytest.mark.parametrize(("before", "after"), [(None, "true"), ("false", "false")])
def test_tensorflow_leaves_gpu_memory_to_others(before, after, fake_keras, monkeypatch, capsys):
    """It is told so before the first tensor, unless the user says something else."""
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", before or "")
    if before is None:
        monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH")
    fake_keras("import os\nclass ops:\n    def zeros(n): print(os.environ['TF_FORCE_GPU_ALLOW_GROWTH'])\n")
    load_keras()
    assert capsys.readouterr().out.split() == [after]
