"""The notebooks with CuPy's arrays, without a changed line: whatever mixes them with NumPy's, or plots them, fails."""

import copy
import json
import sys
from collections import deque
from pathlib import Path

import fake_cupy
import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

import petcourse.gpu
from petcourse import Projector
from petcourse.device import gpu_trouble

FOLDER = Path(__file__).parents[1] / "notebooks"


class Loops:
    """In the place of `petcourse.gpu.Kernels`, which as loops would take many minutes here: the CPU's projector.

    That both give the same is tested in test_gpu.py, on small scanners; here the arrays count.
    """

    def __init__(self, X, xp):
        self.X, self.xp = Projector(X.scanner, X.radius, device="cpu"), xp

    def forward(self, theta, factor):
        return self.xp.asarray(self.attenuating(factor).forward(theta.get()))

    def back(self, m, factor):
        return self.xp.asarray(self.attenuating(factor).back(m.get()))

    def attenuating(self, factor):
        X = copy.copy(self.X)
        X.factor = factor.get()
        return X


@pytest.fixture(params=["fake", pytest.param("gpu", marks=pytest.mark.gpu)])
def cupy(request, monkeypatch):
    """CuPy's stand-in, and the real one where there is a GPU."""
    monkeypatch.setenv("PETCOURSE_DEVICE", "gpu")
    if request.param == "gpu":
        if trouble := gpu_trouble():
            pytest.skip(f"no GPU: {trouble}")
        return
    fake = fake_cupy.Fake(free=2**40)
    fake.made = deque(maxlen=0)  # no array is kept to look at what was written beside it: nothing is compiled here
    for name, module in fake_cupy.modules(fake).items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(petcourse.gpu, "Kernels", Loops)


def run(path):
    """Execute the code cells one after the other, as a kernel would."""
    names = {"__name__": "__main__"}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{path.stem}, cell {cell['id']}", "exec"), names)  # noqa: S102
    return names


@pytest.mark.slow
@pytest.mark.parametrize("number", ["00", "02", "03"])
def test_notebook_on_a_gpu(cupy, number, monkeypatch):
    monkeypatch.setenv("PETCOURSE_SIZE", "small")
    monkeypatch.setenv("PETCOURSE_BRAINWEB", "")
    monkeypatch.setattr(plt, "show", lambda: None)
    (path,) = FOLDER.glob(f"{number}_*.ipynb")
    with mpl.rc_context({"backend": "agg"}):
        names = run(path)
        plt.close("all")
    assert names["X"].device == "gpu"
