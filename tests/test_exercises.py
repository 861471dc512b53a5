"""Exercises: every solution in a notebook passes its check; typical mistakes fail with the hint that fits them."""

import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from petcourse.exercises import Wrong, call, choice, compare, exercise, number

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def text(cell):
    return "".join(cell["source"])


def tagged(cell, tag):
    return tag in cell["metadata"].get("tags", [])


def exercises():
    """(notebook, stub, solution) of each exercise: a code cell with the tag, and the next cell with a solution."""
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        stubs = [i for i, cell in enumerate(cells) if tagged(cell, "exercise")]
        for n, i in enumerate(stubs, 1):
            yield pytest.param(path, text(cells[i]), text(cells[i + 1]), id=f"{path.stem}-{n}")


def outcome(stub, solution=""):
    """Run a stub as far as its last line, then a solution, then that line; return what the check says."""
    *before, last = stub.rstrip().split("\n")
    name, answers = re.fullmatch(r"(\w+)\((.*)\)", last).groups()
    space = {"np": np, "...": ...}
    exec("\n".join(before), space)
    exec(solution, space)
    return eval(f"{name}.verdict({answers})", space)


@pytest.mark.parametrize(("path", "stub", "solution"), exercises())
def test_a_stub_is_not_attempted_and_its_solution_is_right(path, stub, solution):
    assert outcome(stub).status == "not attempted"
    assert re.match(r"<details>\s*<summary>Solution", solution)
    code = re.search(r"```python\n(.*?)```", solution, re.DOTALL)[1]
    verdict = outcome(stub, code)
    assert verdict.status == "right", str(verdict)


MODULES = ["mlem"]  # petcourse.exercises.*; their mistakes are in tests/mistakes_*.py


@pytest.mark.parametrize("module", MODULES)
def test_mistakes_fail_with_the_hint_that_fits(module):
    checks = importlib.import_module(f"petcourse.exercises.{module}")
    mistakes = importlib.import_module(f"mistakes_{module}").MISTAKES
    names = {n for n, v in vars(checks).items() if hasattr(v, "verdict")}
    assert set(mistakes) == names
    for name, cases in mistakes.items():
        assert len(cases) >= 3
        for answers, message in cases:
            verdict = getattr(checks, name).verdict(*answers)
            assert verdict.status == "wrong" and re.search(message, str(verdict)), f"{name}: {verdict}"
