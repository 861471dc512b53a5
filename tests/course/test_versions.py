"""The versions are written once: ranges in pyproject.toml, and in constraints.txt the tested ones of what `make setup` installs.

The extras for GPUs are ranges only: no environment can hold more than one CuPy, so one list cannot name all three.
"""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import petcourse

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
RANGES = [Requirement(line) for line in PROJECT["dependencies"] + EXTRAS["test"]]
PYTHONS = ["3.11", "3.12", "3.13"]
CONSTRAINTS = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_every_range_admits_the_tested_version(python, system):
    machine = {"python_version": python, "python_full_version": f"{python}.7", "sys_platform": system, "extra": "test"}
    lines = [line for line in map(Requirement, CONSTRAINTS) if line.marker is None or line.marker.evaluate(machine)]
    tested = {canonicalize_name(line.name): next(iter(line.specifier)).version for line in lines}
    assert len(tested) == len(lines), "a package stands there twice"
    for wanted in RANGES:
        if wanted.marker is None or wanted.marker.evaluate(machine):
            assert canonicalize_name(wanted.name) in tested, f"{wanted} has no tested version: make constraints"
            assert wanted.specifier.contains(tested[canonicalize_name(wanted.name)]), f"{wanted}: make constraints"


def test_constraints_hold_versions_only():
    """No download address, no hash, no option, no path; no CuPy, of which there is one for each GPU."""
    assert [line for line in CONSTRAINTS if not re.fullmatch(r"(?!cupy)[\w.-]+==[\w.]+( ; [^/]+)?", line)] == []


@pytest.mark.parametrize("extra", ["cuda12", "cuda13", "rocm"])
def test_an_extra_for_a_gpu_is_one_cupy_with_a_least_version(extra):
    (wanted,) = map(Requirement, EXTRAS[extra])
    assert wanted.name.startswith("cupy-")
    (limit,) = wanted.specifier
    # Older ones lack ctk, which pip says in a warning only, and installs no NVRTC.
    assert (limit.operator, wanted.extras) == (">=", set() if extra == "rocm" else {"ctk"})
    assert limit.version == "14.2" or not wanted.extras


def test_the_same_pythons_are_declared_chosen_and_tested():
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    assert " ".join(PYTHONS) in (ROOT / "Makefile").read_text()
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == PYTHONS
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    python = container["image"].rpartition(":")[2]
    assert python in PYTHONS and container["postCreateCommand"] == f"make setup PYTHON=python{python}"


def test_other_starts_install_the_tested_versions():
    for path in ("environment.yml", "environment-cuda.yml", "binder/environment.yml"):
        packages = yaml.safe_load((ROOT / path).read_text())["dependencies"]
        assert packages[:2] == ["python=3.12", "pip"], path
        for line in [line for more in packages[2:] for line in more["pip"]]:
            assert re.fullmatch(r"--constraint constraints\.txt|--editable \.(\[test(,cuda12)?\])?", line), path
    assert "--constraint constraints.txt" in (ROOT / "binder/postBuild").read_text()
    named = re.search(r"tensorflow\[and-cuda\]==([\d.]+)", (ROOT / "environment-cuda.yml").read_text())[1]
    assert any(line.startswith(f"tensorflow=={named}") for line in CONSTRAINTS)


def test_package_and_citation_have_one_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
    assert PROJECT["version"] == petcourse.__version__ == citation
