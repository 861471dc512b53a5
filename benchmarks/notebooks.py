"""Execute notebooks and measure what they take: ``python -m benchmarks.notebooks FOLDER NOTEBOOK ...``.

Each runs in a fresh process. Executed copies are left in FOLDER, with seconds and memory in their metadata; a table of
all copies that lie there is printed and kept as ``notebooks.md``. `make run` calls it for every notebook in turn.
Time is from the start of the kernel to its end; memory is that of the largest process, which is the kernel.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import nbformat

from petcourse.hardware.machine import available_cores
from petcourse.scan.size import course_size

ROOT = Path(__file__).parents[1]
KERNEL = ["--InlineBackend.figure_formats=retina"]  # twice the pixels, for figures fill a slide


def execute(notebook, copy):
    """Run one notebook and write its executed copy, or raise SystemExit if a cell failed."""
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--log-level=WARN"]
    command += ["--ExecutePreprocessor.timeout=-1", f"--ExecutePreprocessor.extra_arguments={KERNEL}"]
    start = perf_counter()
    child = subprocess.Popen([*command, f"--output-dir={copy.parent}", str(notebook)], cwd=ROOT)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{notebook.name} stopped with an error, which stands above.")
    unit = 1 if platform.system() == "Darwin" else 1024  # of ru_maxrss: bytes on macOS, kilobytes on Linux
    took = {"seconds": round(perf_counter() - start), "memory_GB": round(usage.ru_maxrss * unit / 1e9, 1)}
    node = nbformat.read(copy, as_version=4)
    node.metadata["petcourse"] = took | {"cores": available_cores(), "size": course_size()[0]}
    nbformat.write(node, copy)


def table(folder):
    """Return the times and memories in the copies as a table."""
    rows = ["| notebook | size | cores | seconds | memory [GB] |", "|---|---|---|---|---|"]
    for path in sorted(folder.glob("*.ipynb")):
        took = nbformat.read(path, as_version=4).metadata["petcourse"]
        rows.append(f"| {path.stem} | {took['size']} | {took['cores']} | {took['seconds']} | {took['memory_GB']} |")
    return "\n".join(rows) + "\n"


def main():
    folder, *notebooks = map(Path, sys.argv[1:])
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for notebook in notebooks:
        print(f"executing {notebook.name}", flush=True)
        execute(notebook.resolve(), folder / notebook.name)
    (folder / "notebooks.md").write_text(table(folder), encoding="utf-8")
    print(table(folder))


if __name__ == "__main__":
    main()
