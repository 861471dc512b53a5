"""The GPU: signs of one, and why CuPy cannot use it."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from petcourse.errors import first_line

VISIBLE = ("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")  # NVIDIA heeds the last one only
INSTALL = '.venv/bin/pip install -e ".[{}]"'
MLEM = 4e9  # bytes of GPU memory that MLEM of a whole scanner may take


def gpu_sign():
    """What on this machine points to a GPU that the package can use: "nvidia", "amd" or None.

    NVIDIA: a driver or its tool, or a graphics card on the PCI bus, driver or not. AMD: ROCm, for most AMD graphics in
    laptops cannot run it.
    """
    if shutil.which("nvidia-smi") or any(Path("/dev").glob("nvidia[0-9]*")) or Path("/proc/driver/nvidia").exists():
        return "nvidia"
    for vendor in Path("/sys/bus/pci/devices").glob("*/vendor"):
        with suppress(OSError):  # a device that was pulled meanwhile, or a closed folder: no sign
            if vendor.read_text()[:6] == "0x10de" and vendor.with_name("class").read_text()[:4] == "0x03":
                return "nvidia"
    return "amd" if shutil.which("rocminfo") or Path("/opt/rocm").exists() else None


def gpu_trouble():
    """Why no GPU can be used, and what to type.

    Returns
    -------
    sentence : str or None
        None if CuPy has just compiled and run a small sum on the GPU.
    """
    try:
        import cupy
    except ModuleNotFoundError as error:
        if error.name != "cupy":
            return f"CuPy is installed but lacks the package {error.name}: install it with {INSTALL.format('cuda12')}."
        sign = gpu_sign()
        if not sign:
            return "this machine shows no GPU for CuPy, and CuPy is not installed: the CPU is enough for all notebooks."
        maker, extra = ("NVIDIA GPU", "cuda12") if sign == "nvidia" else ("ROCm", "rocm")
        return f"there are signs of {maker} here, but CuPy is not installed: type {INSTALL.format(extra)}."
    except Exception as error:  # noqa: BLE001  whatever a broken installation raises
        return f"CuPy cannot be imported ({first_line(error)}): uninstall it and type {INSTALL.format('cuda12')}."
    try:
        return _driver_trouble(cupy) or _compiler_trouble(cupy) or _run_trouble(cupy)
    except Exception as error:  # noqa: BLE001  anything else that CuPy or the driver says
        return f"CuPy cannot use the GPU ({first_line(error)}): see what python -m petcourse.hardware reports."


def _driver_trouble(cupy):
    """No driver, an older one, or no GPU to be seen."""
    runtime = cupy.cuda.runtime
    try:
        count, said = runtime.getDeviceCount(), "no device"
    except runtime.CUDARuntimeError as error:
        count, said = 0, str(error)
    if count:
        return None
    name, listed = visible(runtime.is_hip)
    hidden = f"{name} is {','.join(listed or [])!r} and shows CuPy no GPU: type unset {name} and start again."
    if runtime.is_hip:
        if listed:
            return hidden
        return (
            f"CuPy is a build for AMD (ROCm) and sees no GPU ({said}): see what rocminfo lists and join its groups with "
            f"sudo usermod -aG render,video $USER, or for an NVIDIA GPU uninstall it and type {INSTALL.format('cuda12')}."
        )
    driver, build = runtime.driverGetVersion(), cupy.cuda.driver.get_build_version()
    if not driver:
        return (
            f"CuPy is installed but finds no NVIDIA driver ({said}): install one (Ubuntu: sudo ubuntu-drivers install; "
            "WSL2: in Windows; container: start it with --gpus all), and check it with nvidia-smi."
        )
    if driver // 1000 < build // 1000:
        other = f" or uninstall CuPy and type {INSTALL.format('cuda12')}" if driver >= 12000 else ""
        return (
            f"CuPy is built for CUDA {version(build)} and the NVIDIA driver reaches only {version(driver)}: update the "
            f"driver (Ubuntu: sudo ubuntu-drivers install){other}."
        )
    nothing = f"the NVIDIA driver shows CuPy no GPU ({said}): see what nvidia-smi lists; in a container use --gpus all."
    return hidden if listed else nothing


def _compiler_trouble(cupy):
    """No run-time compiler, or one that the driver is too old for."""
    if cupy.cuda.runtime.is_hip:
        return None  # it comes with ROCm
    driver, build = cupy.cuda.runtime.driverGetVersion(), cupy.cuda.driver.get_build_version()
    install = f"type {INSTALL.format('cuda13' if build >= 13000 else 'cuda12')}"
    if build < 12000:  # the extras are for 12 and 13
        install = f"as this CuPy is for CUDA {version(build)}, uninstall it and {install}"
    try:
        found = cupy.cuda.nvrtc.getVersion()
    except Exception as error:  # noqa: BLE001  RuntimeError from CuPy 13, DynamicLibNotFoundError from CuPy 14
        return f"CUDA's run-time compiler NVRTC is missing ({first_line(error)}): {install}."
    if found[0] > driver // 1000:
        return (
            f"CUDA's run-time compiler NVRTC {found[0]}.{found[1]} is newer than the driver, which reaches "
            f"{version(driver)}: update the driver, or uninstall that NVRTC and {install}."
        )
    return None


def _run_trouble(cupy):
    """The proof: compile a kernel, run it, read the result."""
    try:
        found = int(cupy.arange(4).sum())
    except MemoryError as error:
        return f"the GPU has no memory left ({first_line(error)}): close other programs that use it (nvidia-smi lists them)."
    return None if found == 6 else f"the GPU says that 0 + 1 + 2 + 3 is {found}: reboot, and do not trust it till then."


def gpu_name():
    """Name of the GPU that CuPy uses; with several, which of them it is and how to choose another."""
    import cupy

    runtime, here = cupy.cuda.runtime, cupy.cuda.Device().id
    name, count = runtime.getDeviceProperties(here)["name"].decode(), runtime.getDeviceCount()
    if count == 1:
        return name
    variable, listed = visible(runtime.is_hip)
    other = (listed or range(count))[(here + 1) % count]
    return f"{name} (GPU {here} of 0 to {count - 1}; for another set {variable}, such as {variable}={other})"


def visible(amd):
    """The variable that says which GPUs AMD's or NVIDIA's programs see, and what it lists, or None if it is not set."""
    names = VISIBLE if amd else VISIBLE[-1:]
    name = next((name for name in names if name in os.environ), names[0])
    return name, os.environ[name].split(",") if name in os.environ else None


def version(number):
    """Return CUDA's way of writing 12.4, which is 12040, as people write it."""
    return f"{number // 1000}.{number % 1000 // 10}"
