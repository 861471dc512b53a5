"""Write what `make run` measured into README's table and the first cell of each notebook: ``make times``.

Both show the same numbers, and a test compares them. Only a whole run at full size counts.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINE = r"^Time: .*$"


def spoken(seconds):
    """Return seconds as a reader wants them: up to three minutes as such."""
    return f"{seconds} s" if seconds <= 180 else f"{seconds / 60:.0f} min"


def line(took):
    """Return the sentence of a notebook's first cell."""
    return (
        f"Time: {spoken(took['seconds'])} on {took['cores']} cores at full size. "
        f"Memory: {took['memory_GB']} GB. GPU: not measured. (`make run`)"
    )


def write(stem, took):
    """Put one notebook's numbers in their two places."""
    path = ROOT / "notebooks" / f"{stem}.ipynb"
    text = path.read_text(encoding="utf-8")
    cells = json.loads(text)
    old = next(row for row in cells["cells"][0]["source"] if re.match(LINE, row))
    new = line(took) + ("\n" if old.endswith("\n") else "")
    quoted = [json.dumps(row, ensure_ascii=False) for row in (old, new)]
    path.write_text(text.replace(*quoted, 1), encoding="utf-8")  # all else stays, byte for byte
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    row = re.search(rf"^(\| {stem[:2]} \|.*\|)[^|]*\|[^|]*\|$", text, re.MULTILINE)
    new = f"{row[1]} {spoken(took['seconds'])} | {took['memory_GB']} GB |"
    readme.write_text(text.replace(row[0], new), encoding="utf-8")


def main():
    copies = sorted(Path(sys.argv[1]).glob("*.ipynb"))
    found = {path.stem: json.loads(path.read_text(encoding="utf-8"))["metadata"]["petcourse"] for path in copies}
    wanted = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    if set(found) != wanted or any(took["size"] != "full" for took in found.values()):
        raise SystemExit(f"{sys.argv[1]} does not hold all notebooks at full size: type `make run` first.")
    for stem, took in found.items():
        write(stem, took)


if __name__ == "__main__":
    main()
