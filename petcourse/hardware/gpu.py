"""The GPU: signs of one, why CuPy cannot use it, and what to type.

The projector's warning and the hardware report both say what `gpu_trouble` finds.
"""

import os
import shutil
from contextlib import suppress
from typing import NamedTuple

from petcourse.errors import first_line
from petcourse.hardware import machine
from petcourse.hardware.remedies import install_cupy, install_driver, python, setting

VISIBLE = ("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")  # NVIDIA heeds the last one only
MLEM = 4e9  # bytes of GPU memory that MLEM of a whole scanner may take


class Trouble(NamedTuple):
    """Why no GPU can be used, what to type, and whether one is expected: by a sign of it, or because CuPy is here."""

    reason: str
    remedy: str = ""
    expected: bool = True

    def __str__(self):
        return f"{self.reason}: " + (f"type {self.remedy}" if self.remedy else "the CPU is enough for all notebooks")


def gpu_sign():
    """What on this machine points to a GPU that the package can use: "nvidia", "amd" or None.

    NVIDIA: a driver or its tool, or a graphics card on the PCI bus, driver or not. AMD: ROCm, for most AMD graphics in
    laptops cannot run it.
    """
    root = machine.ROOT
    if shutil.which("nvidia-smi") or any(root.glob("dev/nvidia[0-9]*")) or (root / "proc/driver/nvidia").exists():
        return "nvidia"
    if (root / "dev/dxg").exists() and any(root.glob("usr/lib/wsl/lib/libcuda.so*")):
        return "nvidia"  # WSL2: its nvidia-smi is not on the PATH of root, sudo and hubs
    for vendor in root.glob("sys/bus/pci/devices/*/vendor"):
        with suppress(OSError):  # a device that was pulled meanwhile, or a closed folder: no sign
            if vendor.read_text()[:6] == "0x10de" and vendor.with_name("class").read_text()[:4] == "0x03":
                return "nvidia"
    return "amd" if shutil.which("rocminfo") or (root / "opt/rocm").exists() else None


def gpu_trouble():
    """Look for the first fault on the way to the GPU.

    Returns
    -------
    trouble : Trouble or None
        None if CuPy has just compiled and run a small sum on the GPU.
    """
    sign = gpu_sign()
    extra = "rocm" if sign == "amd" else "cuda12"
    try:
        import cupy
    except ModuleNotFoundError as error:
        if error.name != "cupy":
            return Trouble(f"CuPy is installed but lacks the package {error.name}", install_cupy(extra))
        if sign:
            maker = "ROCm" if sign == "amd" else "an NVIDIA GPU"
            return Trouble(f"there are signs of {maker} here, but CuPy is not installed", install_cupy(extra))
        return Trouble("this machine shows no GPU, and CuPy is not installed", expected=False)
    except Exception as error:  # noqa: BLE001  whatever a broken installation raises
        return Trouble(f"CuPy cannot be imported ({first_line(error)})", install_cupy(extra))
    try:
        return _driver_trouble(cupy, sign) or _compiler_trouble(cupy) or _run_trouble(cupy)
    except Exception as error:  # noqa: BLE001  anything else that CuPy or the driver says
        return Trouble(f"CuPy cannot use the GPU ({first_line(error)})", python("-m petcourse.hardware"))


def _driver_trouble(cupy, sign):
    """No driver, an older one, or no GPU to be seen."""
    runtime = cupy.cuda.runtime
    try:
        count, message = runtime.getDeviceCount(), "no device"
    except runtime.CUDARuntimeError as error:
        count, message = 0, first_line(error)
    if count:
        return None
    driver, build = runtime.driverGetVersion(), cupy.cuda.driver.get_build_version()
    if not runtime.is_hip and not driver:
        remedy = install_driver() if sign == "nvidia" else ""
        return Trouble(f"CuPy is installed but finds no NVIDIA driver ({message})", remedy)
    if not runtime.is_hip and driver // 1000 < build // 1000:
        reason = f"CuPy is built for CUDA {version(build)} and the NVIDIA driver reaches only {version(driver)}"
        return Trouble(reason, install_cupy("cuda12") if driver >= 12000 else install_driver())
    variable, listed = visible(runtime.is_hip)
    if listed:
        return Trouble(f"{variable} is {','.join(listed)!r} and shows CuPy no GPU", setting(variable))
    if runtime.is_hip:
        remedy = install_cupy("cuda12") if sign == "nvidia" else "sudo usermod -aG render,video $USER"
        return Trouble(f"CuPy is a build for AMD (ROCm) and sees no GPU ({message})", remedy)
    remedy = install_driver() if machine.system() == "Linux in a container" else "nvidia-smi"
    return Trouble(f"the NVIDIA driver shows CuPy no GPU ({message})", remedy)


def _compiler_trouble(cupy):
    """No run-time compiler, or one that the driver is too old for."""
    if cupy.cuda.runtime.is_hip:
        return None  # it comes with ROCm
    driver, build = cupy.cuda.runtime.driverGetVersion(), cupy.cuda.driver.get_build_version()
    try:
        nvrtc = cupy.cuda.nvrtc.getVersion()
    except Exception as error:  # noqa: BLE001  RuntimeError from CuPy 13, DynamicLibNotFoundError from CuPy 14
        reason = f"NVRTC, the compiler of this CuPy for CUDA {version(build)}, is missing ({first_line(error)})"
        return Trouble(reason, install_cupy("cuda13" if build >= 13000 else "cuda12"))
    if nvrtc[0] > driver // 1000:
        reason = f"CuPy's compiler NVRTC {nvrtc[0]}.{nvrtc[1]} is newer than the driver, which is for {version(driver)}"
        return Trouble(reason, install_driver())
    return None


def _run_trouble(cupy):
    """The proof: compile a kernel, run it, read the result."""
    try:
        total = int(cupy.arange(4).sum())
    except MemoryError as error:
        return Trouble(f"the GPU has no memory left ({first_line(error)}), so see who uses it", "nvidia-smi")
    return None if total == 6 else Trouble(f"the GPU says that 0 + 1 + 2 + 3 is {total}", "sudo reboot")


def gpu_name():
    """Name of the GPU that CuPy uses; with several, which of them it is and how to choose another."""
    import cupy

    runtime, number = cupy.cuda.runtime, cupy.cuda.Device().id
    name, count = runtime.getDeviceProperties(number)["name"].decode(), runtime.getDeviceCount()
    if count == 1:
        return name
    variable, listed = visible(runtime.is_hip)
    other = (listed or range(count))[(number + 1) % count]
    return f"{name} (GPU {number} of 0 to {count - 1}; for another set {variable}, such as {variable}={other})"


def visible(amd):
    """The variable that says which GPUs AMD's or NVIDIA's programs see, and what it lists, or None if it is not set."""
    names = VISIBLE if amd else VISIBLE[-1:]
    name = next((name for name in names if name in os.environ), names[0])
    return name, os.environ[name].split(",") if name in os.environ else None


def version(number):
    """Return CUDA's way of writing 12.4, which is 12040, as people write it."""
    return f"{number // 1000}.{number % 1000 // 10}"
