"""What this machine offers the course, one line each, and what to type where something is amiss."""

import os
import platform
import textwrap
from typing import NamedTuple

from petcourse.errors import first_line
from petcourse.hardware import judge
from petcourse.hardware.machine import available_cores, memory, processor, system
from petcourse.hardware.probes import ask
from petcourse.hardware.remedies import python, setting

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
    facts = ask(["nvidia", "amd", "cupy", "tensorflow", "disk"], limit)
    return [
        _line("Python", lambda: ("ok", platform.python_version())),
        _line("System", _system),
        _line("Cores", _cores),
        _line("Memory", _memory),
        _line("Disk", _disk, facts["disk"]),
        _line("Driver", judge.driver, facts["nvidia"], facts["amd"]),
        _line("GPU", judge.gpu, facts["nvidia"], facts["amd"]),
        _line("CuPy", judge.cupy, facts["cupy"]),
        _line("TensorFlow", judge.tensorflow, facts["tensorflow"], facts["nvidia"], facts["cupy"]),
        _line("Projector", judge.projector, facts["cupy"]),
    ]


def as_text(lines):
    """Return the report as text: below each line what is to be typed, unbroken so that it can be copied."""
    rows = []
    for name, state, finding, remedy in lines:
        rows += textwrap.wrap(f"{f'[{state}]':9} {name:10} {finding}", 79, subsequent_indent=" " * 21)
        rows += [f"{'':9} -> {remedy}"] if remedy else []
    return "\n".join(rows)


def _line(name, look, *facts):
    """Look, and make a line of it: also of an exception, and without the name of the user's folder."""
    try:
        state, finding, *remedy = look(*facts)
    except Exception as error:  # noqa: BLE001  a look that fails is a line of the report, not its end
        state, finding = "missing", f"could not be asked: {first_line(error)}"
        remedy = [python("-m petcourse.hardware")]
    home = os.path.expanduser("~")
    return Line(name, state, finding.replace(home, "~") if len(home) > 1 else finding, *remedy)


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
    advice = "close other programs and notebooks" if free < 1e9 else setting("PETCOURSE_SIZE", "small")
    return "missing" if free < 1e9 else "slow", f"{text}: a whole scanner takes 2.5 GB, a small one 1 GB", advice


def _disk(facts):
    remedy = setting("PETCOURSE_CACHE", "another/folder")
    if "error" in facts:
        return "missing", f"the folder of the results: {facts['error']}", remedy
    text = f"{facts['free'] / 1e9:.0f} GB free for results"
    return ("ok", text) if facts["free"] > 1e9 else ("missing", text, remedy)
