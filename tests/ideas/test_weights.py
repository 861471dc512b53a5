"""Weights come back bit for bit, and for nothing else than they were made for."""

import numpy as np
import pytest

from petcourse.ideas.weights import keep, load
from petcourse.learning.network import unet

MADE_FOR = {"network": "unet", "input": ["MLEM", 11], "counts": 1e8, "rings": 64}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "unet.npz"
    keep(path, [unet((32, 32, 1), seed=1)], MADE_FOR, {"heads": [4, 5], "error": 0.4})
    return path


def test_they_come_back(file):
    other = unet((32, 32, 1), seed=2)
    about = load(file, [other], MADE_FOR)
    assert about == {"heads": [4, 5], "error": 0.4}
    for found, wanted in zip(other.get_weights(), unet((32, 32, 1), seed=1).get_weights(), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": 1e7}, "unet.npz were made for counts 100000000.0 and are asked for 10000000.0"),
        ({"input": ["OSEM", 11]}, r"made for input \['MLEM', 11\] and are asked for \['OSEM', 11\]"),
        ({"mr": True}, "made for mr None and are asked for True"),
    ],
)
def test_for_something_else(file, change, message):
    with pytest.raises(ValueError, match=message):
        load(file, [unet((32, 32, 1))], MADE_FOR | change)


def test_for_another_network(file):
    for models in ([unet((32, 32, 2))], [unet((32, 32, 1)), unet((32, 32, 1))]):
        with pytest.raises(ValueError, match="those of 1 other networks"):
            load(file, models, MADE_FOR)


def test_damaged(file, tmp_path):
    path = tmp_path / "half.npz"
    path.write_bytes(file.read_bytes()[:-200])
    for damaged in (path, tmp_path / "none.npz"):
        with pytest.raises(ValueError, match="cannot be read .*train anew"):
            load(damaged, [unet((32, 32, 1))], MADE_FOR)
