"""README and the notebooks show the same measured times, and `make times` writes both."""

import json
import re
import shutil
from pathlib import Path

import pytest

from benchmarks import times

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def shown(root, stem):
    """Time and memory in README's table, and in the first cell."""
    row = re.search(
        rf"^\| {stem[:2]} \|.*\| ([^|]*) \| ([^|]*) \|$", (root / "README.md").read_text("utf-8"), re.MULTILINE
    )
    first = "".join(json.loads((root / "notebooks" / f"{stem}.ipynb").read_text("utf-8"))["cells"][0]["source"])
    said = re.search(r"^Time: (.*?) on \d+ cores at full size\. Memory: (.*?)\. ", first, re.MULTILINE)
    return row.groups(), said.groups()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_readme_and_notebook_agree(path):
    readme, notebook = shown(ROOT, path.stem)
    assert readme == notebook


def test_writing_changes_only_the_numbers(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "README.md", tmp_path)
    stem = NOTEBOOKS[3].stem
    shutil.copy(NOTEBOOKS[3], tmp_path / "notebooks")
    monkeypatch.setattr(times, "ROOT", tmp_path)
    times.write(stem, {"seconds": 1234, "cores": 3, "memory_GB": 9.9, "size": "full"})
    assert shown(tmp_path, stem) == (("21 min", "9.9 GB"),) * 2
    for name in ("README.md", f"notebooks/{stem}.ipynb"):
        old, new = ((root / name).read_text("utf-8").split("\n") for root in (ROOT, tmp_path))
        assert sum(a != b for a, b in zip(old, new, strict=True)) == 1


def test_a_part_of_a_run_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["times", str(tmp_path)])
    with pytest.raises(SystemExit, match="does not hold all notebooks at full size: type `make run` first"):
        times.main()
