"""What to type against a fault, in the shell from which this Python was started."""

import os
import shlex
import subprocess
import sys
from importlib.metadata import distributions

from petcourse.hardware.machine import system

CUPY = {  # the extras of pyproject.toml, by names that an editable checkout and a wheel both know
    "cuda12": "cupy-cuda12x[ctk]>=14.2",
    "cuda13": "cupy-cuda13x[ctk]>=14.2",
    "rocm": "cupy-rocm-7-0>=14",
}
DRIVER_PAGE = "https://www.nvidia.com/drivers"
DRIVER = {
    "Linux": "sudo ubuntu-drivers install && sudo reboot",  # as on Ubuntu
    "Linux in WSL2": f"wsl --update && wsl --shutdown  (in Windows, after {DRIVER_PAGE})",
    "Linux in a container": "docker run --gpus all ...",
}


def python(arguments):
    """Run the interpreter that is running now, wherever it lies; ``~`` stands for the home folder where shells know it."""
    program, home = sys.executable or "python", os.path.expanduser("~")
    if sys.platform == "win32":
        program = subprocess.list2cmdline([program])
    elif len(home) > 1 and program.startswith(f"{home}/"):
        program = f"~/{shlex.quote(program.removeprefix(f'{home}/'))}"
    else:
        program = shlex.quote(program)
    return f"{program} {arguments}"


def pip(arguments):
    """Run the pip of the interpreter that is running now."""
    return python(f"-m pip {arguments}")


def install_cupy(extra):
    """Install CuPy in the place of all that are there: they share one folder, and only one may be in it."""
    packages, install = " ".join(cupy_packages()), pip(f'install "{CUPY[extra]}"')
    return f"{pip('uninstall -y')} {packages} && {install}" if packages else install


def cupy_packages():
    """Names of the installed packages that bring CuPy."""
    names = {(distribution.name or "").lower() for distribution in distributions()}
    return sorted(name for name in names if name == "cupy" or name.startswith(("cupy-cuda", "cupy-rocm")))


def install_driver():
    """Install NVIDIA's driver: WSL2 and containers get theirs from outside."""
    return DRIVER.get(system(), DRIVER_PAGE)


def setting(name, value=None):
    """Set an environment variable, or take it away."""
    if sys.platform == "win32":
        return f"set {name}={value or ''}"
    return f"unset {name}" if value is None else f"export {name}={value}"
