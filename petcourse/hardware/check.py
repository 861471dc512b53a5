"""What this machine offers the course, one line each, and what to type where something is amiss.

``python -m petcourse.hardware`` prints the report; with ``--json`` it is for a helpdesk.
"""

import json
import platform
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

from petcourse import __version__
from petcourse.hardware import judge as drivers
from petcourse.hardware.machine import available_cores, memory, processor, system
from petcourse.hardware.probes import ask, said

LIMIT = 30  # seconds that a driver or a library may take; TensorFlow's import takes 3 to 10


class Line(NamedTuple):
    """One line of the report: its name, a state (ok, slow or missing), what was found, and what to type."""

    name: str
    state: str
    finding: str
    remedy: str = ""


def report(limit=LIMIT):
    """Look at the machine.

    Parameters
    ----------
    limit : float
        Seconds after which a driver or library that does not answer is given up.

    Returns
    -------
    lines : list of Line
        The same lines on every machine. A line that could not be asked is ``missing`` and says why.
    """
    told = ask(["nvidia", "amd", "cupy", "tensorflow", "disk"], limit)
    return [
        _line("Python", _python),
        _line("System", _system),
        _line("Cores", _cores),
        _line("Memory", _memory),
        _line("Disk", _disk, told["disk"]),
        _line("Driver", drivers.driver, told["nvidia"], told["amd"], told["cupy"]),
        _line("GPU", drivers.gpu, told["nvidia"], told["amd"]),
        _line("CuPy", drivers.cupy, told["cupy"]),
        _line("NVRTC", drivers.nvrtc, told["cupy"]),
        _line("TensorFlow", drivers.tensorflow, told["tensorflow"], told["nvidia"], told["cupy"]),
        _line("Projector", drivers.projector, told["cupy"]),
    ]


def as_text(lines):
    """Return the report as text: below each line what is to be typed, unbroken so that it can be copied."""
    rows = []
    for name, state, finding, remedy in lines:
        rows += textwrap.wrap(f"{f'[{state}]':9} {name:10} {finding}", 79, subsequent_indent=" " * 21)
        rows += [f"{'':9} -> {remedy}"] if remedy else []
    return "\n".join(rows)


def _line(name, look, *answers):
    """Look, and make a line of it: also of an exception, and without this user's folders."""
    try:
        state, finding, *remedy = look(*answers)
    except Exception as error:  # noqa: BLE001  a look that fails is a line of the report, not its end
        state, finding, remedy = "missing", f"could not be asked: {said(error)}", ["make setup"]
    for folder, word in ((sys.prefix, ".venv"), (str(Path.home()), "~")):
        finding = finding.replace(folder, word) if len(folder) > 1 else finding
    return Line(name, state, finding, *remedy)


def _python():
    version = platform.python_version()
    if (3, 11) <= sys.version_info[:2] < (3, 14):
        return "ok", version
    return "missing", f"{version}, and 3.11, 3.12 or 3.13 is wanted", "make setup PYTHON=python3.12"


def _system():
    name = system()
    if name == "Linux in WSL1":
        return "slow", f"{name}: no GPU, and slow files", "wsl --set-version Ubuntu 2"
    return "ok", f"{name}, {platform.machine()}"


def _cores():
    cores = available_cores()
    if cores == 1:
        return "slow", "1, and the projector can use many", "docker run --cpus=4 ...  (or another machine)"
    return "ok", f"{cores} of {processor()}"


def _memory():
    total, free = memory()
    text = f"{free / 1e9:.1f} GB free of {total / 1e9:.1f} GB"
    if free >= 2.5e9:
        return "ok", text
    advice = "close other programs and notebooks" if free < 1e9 else "export PETCOURSE_SIZE=small"
    return "missing" if free < 1e9 else "slow", f"{text}: a whole scanner takes 2.5 GB, a small one 1 GB", advice


def _disk(told):
    if "error" in told:
        return "missing", f"the folder of the results: {told['error']}", "export PETCOURSE_CACHE=another/folder"
    text = f"{told['free'] / 1e9:.0f} GB free for results"
    return ("ok", text) if told["free"] > 1e9 else ("missing", text, "export PETCOURSE_CACHE=another/folder")


def main(arguments):
    """Print the report: as text, or as JSON with ``--json``."""
    if arguments not in ([], ["--json"]):
        raise SystemExit(f"python -m petcourse.hardware was given {' '.join(arguments)}; it knows --json only.")
    lines = report()
    if arguments:
        print(json.dumps({"petcourse": __version__, "report": [line._asdict() for line in lines]}, indent=1))
    else:
        print(as_text(lines))
