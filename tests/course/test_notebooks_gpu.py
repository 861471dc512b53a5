"""The notebooks with CuPy's arrays, without a changed line: whatever mixes them with NumPy's, or plots them, fails."""

import json
import sys
from collections import deque
from pathlib import Path

import fake_cupy
import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

import petcourse.scan.kernels
from petcourse.hardware.gpu import gpu_trouble
from petcourse.scan.loops import Loops

NUMBERS = ["00", "02", "03"]  # those that compute with arrays of either kind
FOLDER = Path(__file__).parents[2] / "notebooks"


class CopyingLoops:
    """In the place of `petcourse.scan.kernels.Kernels`, which as loops would take many minutes here: the CPU's loops.

    That both give the same is tested in test_gpu.py, on small scanners; here the arrays count.
    """

    device, threads = "gpu", None

    def __init__(self, rays):
        self.rays, self.loops, self.xp = rays, Loops(rays), sys.modules["cupy"]

    def forward(self, theta, factors=None):
        return self.xp.asarray(self.loops.forward(theta.get(), None if factors is None else factors.get()))

    def back(self, m, factors=None):
        return self.xp.asarray(self.loops.back(m.get(), None if factors is None else factors.get()))


def insert_fake(monkeypatch):
    fake = fake_cupy.insert(monkeypatch, free=2**40)
    fake.made = deque(maxlen=0)  # no array is kept to look at what was written beside it: nothing is compiled here
    return fake


@pytest.fixture(params=["fake", pytest.param("gpu", marks=pytest.mark.gpu)])
def cupy(request, monkeypatch):
    """CuPy's stand-in, and the real one where there is a GPU."""
    monkeypatch.setenv("PETCOURSE_DEVICE", "gpu")
    if request.param == "gpu":
        if trouble := gpu_trouble():
            pytest.skip(f"no GPU: {trouble}")
        return
    insert_fake(monkeypatch)
    monkeypatch.setattr(petcourse.scan.kernels, "Kernels", CopyingLoops)


def run(number, monkeypatch):
    """Execute the code cells at small size, one after the other, as a kernel would."""
    monkeypatch.setenv("PETCOURSE_SIZE", "small")
    monkeypatch.setenv("PETCOURSE_BRAINWEB", "")
    monkeypatch.setattr(plt, "show", lambda: None)
    (path,) = FOLDER.glob(f"{number}_*.ipynb")
    names = {"__name__": "__main__"}
    with mpl.rc_context({"backend": "agg"}):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code" and "colab" not in cell["metadata"].get("tags", []):
                exec(compile("".join(cell["source"]), f"{path.stem}, cell {cell['id']}", "exec"), names)  # noqa: S102
        plt.close("all")
    return names


@pytest.mark.slow
@pytest.mark.parametrize("number", NUMBERS)
def test_notebook_on_a_gpu(cupy, number, monkeypatch):
    assert run(number, monkeypatch)["X"].device == "gpu"


@pytest.mark.slow
@pytest.mark.parametrize("number", NUMBERS)
def test_notebook_where_only_cupy_works(number, monkeypatch):
    """The projector's kernels cannot be made: it is on the CPU, and so is all that it is given."""
    insert_fake(monkeypatch).knobs.kernel_error = fake_cupy.CompileException("joseph.cu(3): error: expected a ;")
    monkeypatch.delenv("PETCOURSE_DEVICE", raising=False)
    with pytest.warns(UserWarning, match="computing on the CPU: the GPU's kernels cannot be made"):
        names = run(number, monkeypatch)
    assert names["X"].device == "cpu"
