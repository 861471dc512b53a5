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

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
RANGES = [Requirement(line) for line in PROJECT["dependencies"] + EXTRAS["test"]]
PYTHONS = ["3.11", "3.12", "3.13"]


def versions_in(text, **environment):
    """The version of each package that a constraints file gives to one kind of machine."""
    lines = [Requirement(line) for line in text.splitlines() if line and not line.startswith("#")]
    chosen = [line for line in lines if line.marker is None or line.marker.evaluate(environment)]
    versions = {canonicalize_name(line.name): next(iter(line.specifier)) for line in chosen}
    assert len(versions) == len(chosen), "a package stands there twice"
    assert all(version.operator == "==" for version in versions.values())
    return {name: version.version for name, version in versions.items()}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_every_range_admits_the_tested_version(python, system):
    machine = {"python_version": python, "python_full_version": f"{python}.7", "sys_platform": system}
    tested = versions_in((ROOT / "constraints.txt").read_text(), **machine)
    for wanted in RANGES:
        if wanted.marker is None or wanted.marker.evaluate({**machine, "extra": "test"}):
            assert canonicalize_name(wanted.name) in tested, f"{wanted} has no tested version: make constraints"
            assert wanted.specifier.contains(tested[canonicalize_name(wanted.name)]), f"{wanted}: make constraints"


def test_extras_for_gpus_are_one_cupy_each_with_a_least_version():
    assert set(EXTRAS) == {"test", "kernels", "cuda12", "cuda13", "rocm"}
    for name in set(EXTRAS) - {"test", "kernels"}:
        (wanted,) = map(Requirement, EXTRAS[name])
        assert wanted.name.startswith("cupy-")
        assert [limit.operator for limit in wanted.specifier] == [">="]
        if wanted.extras:  # older ones lack this extra, which pip says in a warning only, and installs no NVRTC
            assert (wanted.extras, next(iter(wanted.specifier)).version) == ({"ctk"}, "14.2")
    assert "cupy" not in (ROOT / "constraints.txt").read_text()


def test_a_package_that_stands_twice_is_noticed():
    with pytest.raises(AssertionError, match="twice"):
        versions_in("numpy==2.0\nnumpy==2.1 ; python_version >= '3.12'", python_version="3.12")


def test_constraints_hold_versions_only():
    """No download address, no hash, no option, no path."""
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ; .+)?", line), line
        assert "/" not in line, line


def test_the_same_pythons_are_declared_chosen_and_tested():
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    assert "|".join(PYTHONS) in (ROOT / "Makefile").read_text()
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == PYTHONS


def test_the_remedy_in_the_cuda_environment_is_the_tested_tensorflow():
    named = re.search(r"tensorflow\[and-cuda\]==([\d.]+)", (ROOT / "environment-cuda.yml").read_text())[1]
    assert f"tensorflow=={named}" in (ROOT / "constraints.txt").read_text()


def test_codespaces_installs_a_tested_python():
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert container["image"].rpartition(":")[2] in PYTHONS
    assert container["postCreateCommand"] == f"make setup PYTHON=python{container['image'].rpartition(':')[2]}"
    assert all((ROOT / path).exists() for path in container["customizations"]["codespaces"]["openFiles"])


@pytest.mark.parametrize("path", ["environment.yml", "environment-cuda.yml", "binder/environment.yml"])
def test_conda_files_name_no_version_but_pythons(path):
    packages = yaml.safe_load((ROOT / path).read_text())["dependencies"]
    by_conda = [package for package in packages if isinstance(package, str)]
    by_pip = [line for package in packages if isinstance(package, dict) for line in package["pip"]]
    assert by_conda == ["python=3.12", "pip"]
    assert all(
        re.fullmatch(r"--constraint constraints\.txt|--editable \.(\[test(,cuda12)?\])?", line) for line in by_pip
    )


def test_binder_installs_from_the_same_list():
    commands = (ROOT / "binder/postBuild").read_text().splitlines()
    assert commands[0] == "#!/usr/bin/env bash"
    (pip,) = [line for line in commands if "pip install" in line]
    assert "--constraint constraints.txt" in pip and "==" not in pip


def test_package_and_citation_have_one_version():
    import petcourse

    assert PROJECT["version"] == petcourse.__version__
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == petcourse.__version__
