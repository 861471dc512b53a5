"""The benchmark's rows for a GPU, so that they work on the day when there is one."""

import re

from test_notebooks_gpu import CopyingLoops, insert_fake

import petcourse.scan.kernels
from benchmarks import projectors
from petcourse import Scanner
from petcourse.hardware.gpu import Trouble


def lines(monkeypatch):
    """What is written, for a scanner of two rings and in this process."""
    small = Scanner.mmr(rings=2)
    monkeypatch.setattr(projectors, "alone", lambda function, *given: function(*given))
    monkeypatch.setattr(Scanner, "mmr", lambda: small)
    return "\n".join(projectors.gpu_tables(1))


def test_gpu_rows(monkeypatch):
    """On CuPy's stand-in: its device is named, and each row has its numbers."""
    insert_fake(monkeypatch)
    monkeypatch.setattr(petcourse.scan.kernels, "Kernels", CopyingLoops)
    text = lines(monkeypatch)
    assert "Fake GPU 0, CuPy" in text
    for what, radius in (("forward", 290), ("back", 290), ("forward", 150), ("back", 150)):
        assert re.search(
            rf"\| {what} \| {radius} \| [\d.]+ \| [\d.]+ \| 4 \| \d+ \| 0.0e\+00 \|", text
        )  # Loops: no difference
    for radius in (290, 150):
        assert re.search(rf"\| MLEM iteration with PSF \| {radius} \| [\d.]+ \| [\d.]+ \| 2 \| \d+ \| \|", text)
    dots = re.search(r"Dot test on the GPU.*: (.*) at 290 mm, (.*) at 150 mm", text)
    assert all(float(dot) < 1e-5 for dot in dots.groups())


def test_no_gpu_no_figure(monkeypatch):
    monkeypatch.setattr(projectors, "gpu_trouble", lambda: Trouble("nothing here (error 1)", "buy one"))
    assert lines(monkeypatch) == "\nNo GPU could be had for this run, so nothing is said of its speed (nothing here)."
