"""Notebooks and the benchmark on CuPy's stand-in: whatever mixes its arrays with NumPy's, or plots them, fails."""

import json
import re
import sys
from collections import deque
from pathlib import Path

import fake_cupy
import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

import petcourse.scan.kernels
from benchmarks import projectors
from petcourse import Scanner
from petcourse.hardware.gpu import Trouble, gpu_trouble
from petcourse.reconstruction import ratio
from petcourse.scan.loops import Loops

NUMBERS = ["00", "02", "03", "05"]  # those that compute with arrays of either kind
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


def copying_division(m, y, r, likelihood):
    """In the place of the ratio's kernel, for the same reason."""
    mean = y.get()
    sums = ratio._divide_on_cpu(m.get(), mean, r.get(), likelihood)
    y[:] = sys.modules["cupy"].asarray(mean)
    return sums


def insert_fake(monkeypatch):
    fake = fake_cupy.insert(monkeypatch, free=2**40)
    fake.made = deque(maxlen=0)  # no array is kept to look at what was written beside it: nothing is compiled here
    monkeypatch.setattr(ratio, "_divide_on_gpu", copying_division)
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


def rows(monkeypatch):
    """What the benchmark writes of a GPU, for a scanner of two rings and in this process."""
    small = Scanner.mmr(rings=2)
    monkeypatch.setattr(projectors, "alone", lambda function, *given: function(*given))
    monkeypatch.setattr(Scanner, "mmr", lambda: small)
    return "\n".join(projectors.gpu_tables(1))


def test_the_benchmark_has_rows_for_a_gpu(monkeypatch):
    """The device is named, and each row has its numbers: it works on the day when there is a GPU."""
    insert_fake(monkeypatch)
    monkeypatch.setattr(petcourse.scan.kernels, "Kernels", CopyingLoops)
    text = rows(monkeypatch)
    assert "Fake GPU 0, CuPy" in text
    for what, radius in (("forward", 290), ("back", 290), ("forward", 150), ("back", 150)):
        assert re.search(
            rf"\| {what} \| {radius} \| [\d.]+ \| [\d.]+ \| 4 \| \d+ \| 0.0e\+00 \|", text
        )  # Loops: no difference
    for radius in (290, 150):
        assert re.search(rf"\| MLEM iteration with PSF \| {radius} \| [\d.]+ \| [\d.]+ \| 2 \| \d+ \| \|", text)
    dots = re.search(r"Dot test on the GPU.*: (.*) at 290 mm, (.*) at 150 mm", text)
    assert all(float(dot) < 1e-5 for dot in dots.groups())


def test_the_benchmark_without_a_gpu_says_so(monkeypatch):
    monkeypatch.setattr(projectors, "gpu_trouble", lambda: Trouble("nothing here (error 1)", "buy one"))
    assert rows(monkeypatch) == "\nNo GPU could be had for this run, so nothing is said of its speed (nothing here)."
