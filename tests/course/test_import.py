"""Importing the package is silent and light; every public name is documented."""

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import petcourse

PACKAGE = Path(petcourse.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if path.stem not in ("__init__", "__main__")
)
HEAVY = {"numba", "scipy", "pylops", "matplotlib", "IPython", "ipywidgets", "brainweb", "tensorflow", "keras", "cupy"}


def fresh_interpreter(code):
    """Run code with every warning an error; return what it printed, on either stream."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout


def test_import_is_silent():
    assert fresh_interpreter("import petcourse") == ""


def test_import_loads_nothing_heavy():
    loaded = fresh_interpreter("import petcourse, sys; print(*{name.split('.')[0] for name in sys.modules})").split()
    assert "petcourse" in loaded
    assert not HEAVY & set(loaded)


def test_every_module_imports_silently():
    assert fresh_interpreter("import " + ", ".join(f"petcourse.{module}" for module in MODULES)) == ""


def test_every_public_name_is_there():
    assert {getattr(petcourse, name).__name__ for name in petcourse.__all__} == set(petcourse.__all__)
    assert set(petcourse.__all__) <= set(dir(petcourse))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        petcourse.nothing  # noqa: B018  the look-up itself is the test


def undocumented(thing):
    """What a docstring lacks: a first line, or a parameter that the Parameters (or Attributes) do not name."""
    text = inspect.getdoc(thing)
    if not text or not text.splitlines()[0].strip().endswith("."):
        return ["a first line that is a sentence"]
    parameters = [p for p in inspect.signature(thing).parameters.values() if p.name != "self"]
    sections = dict(re.findall(r"^(\w[\w ]*)\n-{3,}\n(.*?)(?=^\w[\w ]*\n-{3,}\n|\Z)", text, re.MULTILINE | re.DOTALL))
    fields = re.findall(
        r"^(\*{0,2}\w[\w, *]*)(?: :|$)", sections.get("Parameters", sections.get("Attributes", "")), re.MULTILINE
    )
    named = {name.strip(" *") for field in fields for name in field.split(",")}
    return [p.name for p in parameters if p.name not in named]


@pytest.mark.parametrize("name", petcourse.__all__)
def test_public_names_are_documented(name):
    """The names of petcourse.__all__: every parameter stands in the docstring, in numpydoc's form."""
    thing = getattr(petcourse, name)
    assert undocumented(thing) == []
    if inspect.isfunction(thing) and re.search(r"^ +return \S", inspect.getsource(thing), re.MULTILINE):
        assert re.search(r"^(Returns|Yields)\n-+$", inspect.getdoc(thing), re.MULTILINE)
    methods = [
        m for m, f in inspect.getmembers(thing, inspect.isfunction) if m[0] != "_" and f.__module__ == thing.__module__
    ]
    assert [m for m in methods if not inspect.getdoc(getattr(thing, m))] == []


@pytest.mark.parametrize("module", MODULES)
def test_modules_and_their_public_functions_have_docstrings(module):
    module = importlib.import_module(f"petcourse.{module}")
    own = [v for k, v in vars(module).items() if k[0] != "_" and getattr(v, "__module__", "") == module.__name__]
    assert module.__doc__
    assert [v.__name__ for v in own if callable(v) and not inspect.getdoc(v)] == []


def test_a_missing_parameter_is_noticed():
    def good(a, b, **c):
        """Do it.

        Parameters
        ----------
        a, b : int
            Numbers.
        **c
            More.
        """

    def bad(a, b):
        """Do it.

        Parameters
        ----------
        a : int
            b : is not described here.
        """

    assert undocumented(good) == []
    assert undocumented(bad) == ["b"]
    assert undocumented(lambda: 0) == ["a first line that is a sentence"]
