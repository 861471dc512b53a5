"""Importing the package is silent and light; every public name is there and documented."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import petcourse

PACKAGE = Path(petcourse.__file__).parent
MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in sorted(PACKAGE.rglob("[!_]*.py"))
]
HEAVY = {"numba", "scipy", "pylops", "matplotlib", "IPython", "ipywidgets", "brainweb", "tensorflow", "keras", "cupy"}


def fresh_interpreter(code):
    """Run code with every warning an error; return what it printed, on either stream."""
    command = [sys.executable, "-W", "error", "-c", code]
    run = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert run.returncode == 0, run.stdout
    return run.stdout


def test_importing_the_package_is_silent_and_light():
    loaded = fresh_interpreter("import petcourse, sys; print(*sys.modules)").split()
    assert "petcourse" in loaded
    assert not HEAVY & {name.split(".")[0] for name in loaded}


def test_every_module_imports_silently():
    assert fresh_interpreter("import " + ", ".join(MODULES)) == ""


def test_every_public_name_is_there():
    for name in petcourse.__all__:
        assert getattr(getattr(petcourse, name), "__name__", name) == name
    assert set(petcourse.__all__) <= set(dir(petcourse))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        petcourse.nothing  # noqa: B018  the look-up itself is the test


def undocumented(thing):
    """What a docstring lacks: a first line, or a parameter that the Parameters (or Attributes) do not name."""
    text = inspect.getdoc(thing)
    if not text or not text.splitlines()[0].strip().endswith("."):
        return ["a first line that is a sentence"]
    sections = dict(re.findall(r"^(\w[\w ]*)\n-{3,}\n(.*?)(?=^\w[\w ]*\n-{3,}\n|\Z)", text, re.MULTILINE | re.DOTALL))
    described = sections.get("Parameters", sections.get("Attributes", ""))
    fields = re.findall(r"^(\*{0,2}\w[\w, *]*)(?: :|$)", described, re.MULTILINE)
    named = {name.strip(" *") for field in fields for name in field.split(",")} | {"self"}
    return [name for name in inspect.signature(thing).parameters if name not in named]


@pytest.mark.parametrize("name", sorted({*petcourse.__all__} - {"HEAD"}))
def test_public_names_are_documented(name):
    """Every parameter stands in the docstring, in numpydoc's form; ruff sees to it that all that is public has one."""
    thing = getattr(petcourse, name)
    assert undocumented(thing) == []
    if inspect.isfunction(thing) and re.search(r"^ +return \S", inspect.getsource(thing), re.MULTILINE):
        assert re.search(r"^(Returns|Yields)\n-+$", inspect.getdoc(thing), re.MULTILINE)
    methods = inspect.getmembers(thing, lambda f: inspect.isfunction(f) and f.__module__ == thing.__module__)
    assert [m for m, method in methods if m[0] != "_" and not inspect.getdoc(method)] == []


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
