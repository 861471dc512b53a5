"""The lines of the hardware report that concern GPUs: driver, GPU, CuPy, NVRTC, TensorFlow, and the projector's device.

Each function takes what `petcourse.hardware.probes` was told and returns a state, a finding and, if there is one, a remedy.
"""

import os

from petcourse.hardware.gpu import INSTALL, MLEM, gpu_sign, version, visible
from petcourse.hardware.machine import system

PIP = INSTALL.split()[0]  # as `make setup` leaves it; in a conda environment it is `pip`
DRIVER_PAGE = "https://www.nvidia.com/drivers"
DRIVER = {
    "Linux": "sudo ubuntu-drivers install && sudo reboot",
    "Linux in WSL2": f"wsl --update && wsl --shutdown  (in Windows, after {DRIVER_PAGE})",
    "Linux in a container": "docker run --gpus all ...",
}
AGAIN = "slow", "no answer in time: ask again", "python -m petcourse.hardware"


def driver(nvidia, amd, cupy):
    """Judge the kernel's driver."""
    error, install = nvidia.get("error", ""), DRIVER.get(system(), DRIVER_PAGE)
    if not error:
        text = f"NVIDIA {nvidia['driver']}, for CUDA up to {version(nvidia['cuda'])}"
        return ("ok", text) if nvidia["cuda"] >= 12000 else ("missing", f"{text}; CuPy needs CUDA 12", install)
    if amd.get("gpus"):
        if amd["rocm"]:
            return "ok", f"AMD's, ROCm {amd['rocm']}"
        url = "https://rocm.docs.amd.com/projects/install-on-linux"
        return "ok", "AMD's, without ROCm, which most AMD graphics in laptops cannot run; for others:", url
    if nvidia.get("hung"):
        return ("missing", f"NVIDIA's driver hangs: {error}", "sudo reboot") if gpu_sign() == "nvidia" else AGAIN
    if "ModuleNotFound" in error:
        return "missing", "nvidia-ml-py, which asks NVIDIA's driver", f"{PIP} install nvidia-ml-py"
    if "LibraryNotFound" in error or "DriverNotLoaded" in error:
        if cupy.get("sign") == "nvidia":
            return "missing", f"signs of an NVIDIA GPU, but its driver is not running ({error})", install
        return "ok", "none, and no sign of a GPU that needs one"
    return "missing", f"NVIDIA's driver fails: {error}", "sudo reboot" if "Mismatch" in error else "nvidia-smi"


def gpu(nvidia, amd):
    """Judge the GPUs and their memory; NVML lists them whatever CUDA_VISIBLE_DEVICES says."""
    gpus = nvidia.get("gpus") or amd.get("gpus")
    if not gpus:
        return "ok", "none found: the CPU is always enough for this course"
    text = "; ".join(
        f"{name}, {free / 1e9:.1f} GB free of {total / 1e9:.1f} GB" if total else f"{name}, whose memory is not told"
        for name, total, free in gpus
    )
    ours = bool(nvidia.get("gpus"))
    if not ours and not amd["rocm"]:
        return "ok", f"{text}; not used, for there is no ROCm"
    variable, listed = visible(amd=not ours)
    first = listed[0].strip() if listed else "0"
    if first in ("", "-1") or (first.isdigit() and int(first) >= len(gpus)):
        return "slow", f"{text}; hidden by {variable}={','.join(listed)!r}", f"unset {variable}"
    told = [(total, free) for _, total, free in gpus if total]
    if told and max(told)[0] < MLEM:
        return (
            "slow",
            f"{text}; too little for a whole scanner, which takes up to {MLEM / 1e9:g} GB",
            "export PETCOURSE_SIZE=small",
        )
    if told and max(free for _, free in told) < MLEM:
        who = "nvidia-smi" if ours else "rocm-smi --showpids"
        return "slow", f"{text}; a whole scanner takes up to {MLEM / 1e9:g} GB: see who uses it", who
    if len(listed or gpus) > 1:
        order = "CUDA_DEVICE_ORDER=PCI_BUS_ID " if ours and not listed else ""  # as in the list of nvidia-smi
        return "ok", f"{text}; to use the second:", f"export {order}{variable}={listed[1].strip() if listed else 1}"
    return "ok", text


def cupy(told):
    """Judge CuPy's build against the driver."""
    install = _install(told)
    if told.get("hung"):
        return AGAIN
    if "error" in told:
        return "missing", f"no word from it: {told['error']}", install
    if told.get("absent"):
        return ("missing", "not installed", install) if told["sign"] else ("ok", "not installed: only a GPU needs it")
    anew = _anew(told)
    if len(told["packages"]) > 1:
        return "missing", f"{' and '.join(told['packages'])} are installed; only one may be", anew
    if "broken" in told:
        return "missing", f"cannot be imported: {told['broken']}", anew
    if told["hip"]:
        return "ok", f"{told['version']} for ROCm"
    text = f"{told['version']} for CUDA {version(told['build'])}"
    if told["build"] < 12000 and told["trouble"]:
        return "missing", f"{text}, which is too old for this course", anew
    if told["driver"] // 1000 >= told["build"] // 1000:
        return "ok", text
    if not told["driver"] and not told["sign"]:
        if os.environ.get("PETCOURSE_DEVICE") == "cpu":
            return "ok", f"{text}, not used: PETCOURSE_DEVICE asks for the CPU"
        return "missing", f"{text}, but there is no GPU for it: compute on the CPU", "export PETCOURSE_DEVICE=cpu"
    text += f", but the driver reaches only {version(told['driver'])}" if told["driver"] else ", but no driver runs"
    return "missing", text, anew if told["driver"] >= 12000 else DRIVER.get(system(), DRIVER_PAGE)


def _install(told):
    return INSTALL.format("rocm" if told.get("sign") == "amd" else "cuda12")


def _anew(told):
    return f"{PIP} uninstall -y {' '.join(told['packages']) or 'cupy'} && {_install(told)}"


def nvrtc(told):
    """Judge the compiler of GPU code, which CuPy calls when the projector is first used."""
    if "nvrtc_missing" in told and (told["driver"] or told["sign"]):
        install = INSTALL.format("cuda13" if told["build"] >= 13000 else "cuda12")
        text = f"CuPy finds no compiler: {told['nvrtc_missing']}"
        return "missing", text, install if told["build"] >= 12000 else _anew(told)
    if told.get("nvrtc"):
        return "ok", told["nvrtc"]
    return ("ok", "comes with ROCm") if told.get("hip") else ("ok", "comes with CuPy's extra; only a GPU needs it")


def tensorflow(told, nvidia, cupy):
    """Judge what TensorFlow sees, against what the driver or CuPy sees.

    The build with CUDA is installed over tensorflow-cpu, which pip then still believes to be there: uninstalled, it would
    come back with the next `make setup`, and its files with it.
    """
    if told.get("hung"):
        return AGAIN
    if "error" in told:
        broken = "ModuleNotFound" not in told["error"]
        again = f"{PIP} install --force-reinstall -c constraints.txt -e ." if broken else f"{PIP} install -e ."
        return "missing", told["error"], again
    if told["gpus"]:
        return "ok", f"{told['version']} on the GPU ({len(told['gpus'])} seen)"
    text = f"{told['version']} on the CPU, enough for notebook 04"
    if cupy.get("hip") or not (nvidia.get("gpus") or cupy.get("name")):
        return "ok", text
    why = "its CUDA libraries are amiss" if told["for_gpu"] else "this build knows no GPU; another goes on top of it"
    return "slow", f"{text}: {why}", f'{PIP} install "tensorflow[and-cuda]=={told["version"]}"'


def projector(told):
    """Say which device the course's projector will use, as `petcourse.hardware.device.choose` will."""
    asked, trouble = os.environ.get("PETCOURSE_DEVICE") or "auto", told.get("trouble", told.get("error"))
    if asked not in ("auto", "gpu", "cpu"):
        text = f"PETCOURSE_DEVICE is {asked!r} and auto, gpu or cpu is wanted"
        return "missing", text, "unset PETCOURSE_DEVICE"
    if asked == "cpu":
        return "ok", "CPU, as PETCOURSE_DEVICE asks"
    if trouble is None:
        return "ok", f"GPU: {told['name']}"
    if asked == "gpu":
        return "missing", f"PETCOURSE_DEVICE asks for a GPU: {trouble}", "unset PETCOURSE_DEVICE"
    wanted = told.get("sign") or not told.get("absent")
    return ("slow", f"CPU: {trouble}") if wanted else ("ok", "CPU, always enough for this course")
