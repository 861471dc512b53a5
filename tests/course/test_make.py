"""What `make` would do (`make -n`), in a copy of the files that it looks at, with Pythons that only tell their version."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="there is no make here")


@pytest.fixture
def make(tmp_path):
    """Run make in `make.folder`, whose .venv holds a "Python 3.12" that is installed."""
    for name in ("Makefile", "README.md", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("notebooks", "petcourse"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb*"))
    for name, words in {".venv/bin/python": "echo 3.12", "python3.11": "echo 3.11", "broken": "exit 1"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"#!/bin/sh\n{words}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / ".venv/.installed").touch()
    outer = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "PETCOURSE", "PYTHON"))}

    def make(*words, **environment):
        return subprocess.run(
            ["make", *words], cwd=tmp_path, env=outer | environment, capture_output=True, text=True, check=False
        )

    make.folder = tmp_path
    return make


@pytest.mark.parametrize("size", ["small notebooks", "tiny", " ", "full;ls"])
def test_another_size_is_refused_before_anything_is_deleted(make, size):
    done = make("-n", "run", PETCOURSE_SIZE=size)
    assert done.returncode and done.stdout == ""
    assert f"PETCOURSE_SIZE is '{size}', but full or small is wanted" in done.stderr


@pytest.mark.parametrize(
    ("size", "quick", "folder"),
    [("", "", "full"), ("small", "0", "small"), ("full", "false", "full"), ("small", "1", "small-quick")],
)
def test_each_size_has_its_own_results(make, size, quick, folder):
    done = make("-n", "run", PETCOURSE_SIZE=size, PETCOURSE_QUICK=quick)
    assert f'rm -rf "build/executed/{folder}" "build/cache-{folder}"\n' in done.stdout


@pytest.mark.parametrize(
    "pattern", ["*.py", "exercises/*.py", "*/*.js", "*/*.css", "*/*.cu", "data/NOTICE", "data/*.npz"]
)
def test_executed_copies_depend_on_every_file_of_the_package(make, pattern):
    target = make.folder / "build/executed/full/01_data.ipynb"
    target.parent.mkdir(parents=True)
    target.touch()
    now = target.stat().st_mtime
    for path in make.folder.rglob("*"):
        os.utime(path, (now - 1000, now - 1000))
    os.utime(target, (now - 500, now - 500))
    name = str(target.relative_to(make.folder))
    assert "up to date" in make("-n", name).stdout
    for path in (make.folder / "petcourse").glob(pattern):
        os.utime(path)
        assert "benchmarks.notebooks" in make("-n", name).stdout, path
        os.utime(path, (now - 1000, now - 1000))


@pytest.mark.parametrize(
    ("python", "asked", "does"),
    [
        ("echo 3.12", "", "Nothing to be done"),
        ("echo 3.12", "./python3.11", "./python3.11 -m venv --clear .venv"),
        ("echo 3.11", "./python3.11", "Nothing to be done"),
        ("echo 3.10", "./python3.11", "./python3.11 -m venv --clear .venv"),
        ("exit 1", "./broken ./python3.11", "./python3.11 -m venv --clear .venv"),
        ("echo 3.12", "./broken", "None of these is a working Python 3.11, 3.12 or 3.13: ./broken;"),
    ],
)
def test_an_environment_is_kept_if_it_works_and_is_the_one_asked_for(make, python, asked, does):
    (make.folder / ".venv/bin/python").write_text(f"#!/bin/sh\n{python}\n")
    done = make("-n", "setup", *([f"PYTHON={asked}"] if asked else []))
    assert does in done.stdout + done.stderr


def test_an_address_is_written_once(make):
    pages = [make.folder / "README.md", make.folder / "notebooks/01_data.ipynb"]
    for page in pages:
        page.write_text("OWNER stands for it: github.com/OWNER/petcourse/blob")
    assert make("address", "REPOSITORY=some where/petcourse").returncode
    assert make("address", "REPOSITORY=somebody/petcourse").returncode == 0
    assert [page.read_text() for page in pages] == ["OWNER stands for it: github.com/somebody/petcourse/blob"] * 2
    again = make("address", "REPOSITORY=other/petcourse")
    assert again.returncode and "has its address already" in again.stderr
