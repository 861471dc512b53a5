"""Write what `make run` measured into the first cell of each notebook: ``make times``. Only a whole run at full size counts."""

import json
import re
import sys
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
LINE = re.compile(r"Time: [^.]*? on \d+ cores at full size\. Memory: [\d.]+ GB\.")


def line(seconds, cores, memory_GB, size):
    """Return the sentences of a first cell, in seconds up to three minutes."""
    time = f"{seconds} s" if seconds <= 180 else f"{seconds / 60:.0f} min"
    return f"Time: {time} on {cores} cores at {size} size. Memory: {memory_GB} GB."


def main():
    copies = sorted(Path(sys.argv[1]).glob("*.ipynb"))
    measured = {path.name: json.loads(path.read_text(encoding="utf-8"))["metadata"]["petcourse"] for path in copies}
    if set(measured) != {path.name for path in NOTEBOOKS.glob("*.ipynb")} or any(
        took["size"] != "full" for took in measured.values()
    ):
        raise SystemExit(f"{sys.argv[1]} does not hold all notebooks at full size: type `make run` first.")
    for name, took in measured.items():
        text = (NOTEBOOKS / name).read_text(encoding="utf-8")
        (NOTEBOOKS / name).write_text(LINE.sub(line(**took), text, count=1), encoding="utf-8")  # all else stays


if __name__ == "__main__":
    main()
