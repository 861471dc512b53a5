"""What is to be typed can be typed: it names the running interpreter, as a shell wants it, and packages that exist."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from petcourse.hardware import machine, remedies

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("platform", "program", "typed"),
    [
        ("linux", "/opt/conda/envs/pet/bin/python", "/opt/conda/envs/pet/bin/python"),
        ("linux", "/usr/bin/python3", "/usr/bin/python3"),  # Colab
        ("linux", "/home/ann/course/.venv/bin/python", "~/course/.venv/bin/python"),
        ("linux", "/home/anna/.venv/bin/python", "/home/anna/.venv/bin/python"),  # another user's
        ("darwin", "/Volumes/USB stick/.venv/bin/python", "'/Volumes/USB stick/.venv/bin/python'"),
        ("win32", r"C:\Users\ann\course\Scripts\python.exe", r"C:\Users\ann\course\Scripts\python.exe"),
        ("win32", r"C:\Program Files\Python\python.exe", r'"C:\Program Files\Python\python.exe"'),
        ("linux", None, "python"),  # embedded in another program
    ],
)
def test_the_running_interpreter_is_named(monkeypatch, platform, program, typed):
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(sys, "executable", program)
    assert remedies.pip("install x") == f"{typed} -m pip install x"


@pytest.mark.parametrize("inside", [True, False])
def test_a_shell_runs_it(monkeypatch, tmp_path, inside):
    """Blanks in the path, in the home folder or outside, and the brackets and the sign > of what pip is given."""
    program = tmp_path / "my course/bin/python"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path if inside else tmp_path / "ann"))
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(remedies, "cupy_packages", list)
    remedy = remedies.install_cupy("cuda12")
    assert (str(tmp_path) in remedy) is not inside
    run = subprocess.run(["sh", "-c", remedy], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert run.stdout.splitlines() == ["-m", "pip", "install", remedies.CUPY["cuda12"]]
    assert list(tmp_path.iterdir()) == [tmp_path / "my course"]  # nothing was written to a file named "=14.2"


def test_no_home(monkeypatch):
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as for a user without a name and HOME
    assert remedies.python("-V").endswith(f"{Path(sys.executable).name} -V")


def test_another_cupy_goes_first(monkeypatch):
    monkeypatch.setattr(remedies, "cupy_packages", lambda: ["cupy-cuda11x", "cupy-cuda12x"])
    first, then = remedies.install_cupy("cuda13").split(" && ")
    assert first.endswith(" -m pip uninstall -y cupy-cuda11x cupy-cuda12x")
    assert then.endswith(' -m pip install "cupy-cuda13x[ctk]>=14.2"')


def test_packages_are_those_of_the_extras():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {name: [package] for name, package in remedies.CUPY.items()} == {
        name: extras[name] for name in remedies.CUPY
    }


@pytest.mark.parametrize(
    ("platform", "remedies_"), [("linux", ["export A=1", "unset A"]), ("win32", ["set A=1", "set A="])]
)
def test_variables(monkeypatch, platform, remedies_):
    monkeypatch.setattr(sys, "platform", platform)
    assert [remedies.setting("A", 1), remedies.setting("A")] == remedies_


@pytest.mark.parametrize(
    ("release", "files", "name", "remedy"),
    [
        ("6.8.0-generic", [], "Linux", "ubuntu-drivers"),
        ("5.15.167.4-microsoft-standard-WSL2", [], "Linux in WSL2", "wsl --update"),
        ("4.4.0-19041-Microsoft", [], "Linux in WSL1", "nvidia.com"),
        ("6.8.0-generic", [".dockerenv"], "Linux in a container", "docker"),
        ("6.8.0-generic", ["run/.containerenv"], "Linux in a container", "docker"),
        ("6.8.0-generic", ["var/run/secrets/kubernetes.io/token"], "Linux in a container", "docker"),  # a hub
    ],
)
def test_a_driver_comes_from_where_the_system_has_it(computer, monkeypatch, release, files, name, remedy):
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.release", lambda: release)
    computer(*files)
    assert machine.system() == name
    assert remedy in remedies.install_driver()
