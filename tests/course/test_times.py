"""`make times` writes what was measured into the notebooks' first cells, and nothing else."""

import json
import shutil

import pytest

from benchmarks import times


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """A folder of executed copies at full size, each with its own time; `times` writes into copies of the notebooks."""
    shutil.copytree(times.NOTEBOOKS, tmp_path / "notebooks", ignore=shutil.ignore_patterns(".*"))
    monkeypatch.setattr(times, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr("sys.argv", ["times", str(tmp_path)])
    for k, path in enumerate(sorted(times.NOTEBOOKS.glob("*.ipynb"))):
        took = {"seconds": 170 + 20 * k, "cores": 3, "memory_GB": k + 0.5, "size": "full"}
        (tmp_path / path.name).write_text(json.dumps({"metadata": {"petcourse": took}}))
    return tmp_path


def test_writing_changes_only_the_numbers(measured):
    before = {path: path.read_text("utf-8") for path in sorted(times.NOTEBOOKS.glob("*.ipynb"))}
    times.main()
    for k, (path, text) in enumerate(before.items()):
        (new,) = set(path.read_text("utf-8").split("\n")) - set(text.split("\n"))
        time = f"{(170 + 20 * k) / 60:.0f} min" if k else "170 s"
        assert f'"Time: {time} on 3 cores at full size. Memory: {k}.5 GB. GPU:' in new


def test_a_part_of_a_run_is_refused(measured):
    (measured / "01_data.ipynb").unlink()
    with pytest.raises(SystemExit, match="does not hold all notebooks at full size: type `make run` first"):
        times.main()
