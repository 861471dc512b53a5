"""Execute the notebooks in order, each in a fresh process, and measure what they take: ``python -m benchmarks.notebooks``.

Executed copies and HTML pages are left in ``build/``, and a table of time and peak memory in ``build/notebooks.md``.
Time is from the start of the kernel to its end; memory is that of the largest process, which is the kernel.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from tqdm.auto import tqdm

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"


def execute(notebook):
    """Run one notebook; return seconds and peak memory in GB, or raise SystemExit if a cell failed."""
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--log-level=WARN"]
    command += ["--ExecutePreprocessor.timeout=-1", f"--output-dir={BUILD}", str(notebook)]
    start = perf_counter()
    child = subprocess.Popen(command, cwd=ROOT)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{notebook.name} stopped with an error, which stands above.")
    unit = 1 if platform.system() == "Darwin" else 1024  # of ru_maxrss: bytes on macOS, kilobytes on Linux
    return perf_counter() - start, usage.ru_maxrss * unit / 1e9


def main():
    BUILD.mkdir(exist_ok=True)
    size = os.environ.get("PETCOURSE_SIZE") or "full"
    rows = [f"| notebook, {size} size, {os.cpu_count()} cores | seconds | memory [GB] |", "|---|---|---|"]
    for notebook in (progress := tqdm(sorted((ROOT / "notebooks").glob("*.ipynb")), unit="notebook")):
        progress.set_description(notebook.stem)
        seconds, memory = execute(notebook)
        rows.append(f"| {notebook.stem} | {seconds:.0f} | {memory:.1f} |")
    (BUILD / "notebooks.md").write_text("\n".join(rows) + "\n", encoding="utf-8")
    pages = [str(BUILD / path.name) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    subprocess.run([sys.executable, "-m", "nbconvert", "--to", "html", f"--output-dir={BUILD}", *pages], check=True)
    print("\n".join(rows))


if __name__ == "__main__":
    main()
