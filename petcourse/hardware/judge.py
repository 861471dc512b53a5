"""The lines of the hardware report that concern GPUs: driver, GPU, CuPy, TensorFlow, and the projector's device.

Each function takes what `petcourse.hardware.probes` was answered and returns a state, a finding and, if there is one, a
remedy. Why no GPU can be used is said by `petcourse.hardware.gpu.gpu_trouble` alone.
"""

from petcourse.errors import first_line
from petcourse.hardware.device import requested
from petcourse.hardware.gpu import MLEM, Trouble, gpu_sign, version
from petcourse.hardware.remedies import install_cupy, install_driver, pip, python, setting


def again():
    """What did not answer in time is asked again."""
    return "slow", "no answer in time: ask again", python("-m petcourse.hardware")


def driver(nvidia, amd):
    """Judge the kernel's driver."""
    if "error" not in nvidia:
        text = f"NVIDIA {nvidia['driver']}, for CUDA up to {version(nvidia['cuda'])}"
        return ("ok", text) if nvidia["cuda"] >= 12000 else ("missing", f"{text}; CuPy needs CUDA 12", install_driver())
    if amd.get("gpus"):
        if amd["rocm"]:
            return "ok", f"AMD's, ROCm {amd['rocm']}"
        url = "https://rocm.docs.amd.com/projects/install-on-linux"
        return "ok", "AMD's, without ROCm, which most AMD graphics in laptops cannot run; for others:", url
    error, kind, sign = nvidia["error"], nvidia.get("kind", ""), gpu_sign()
    if nvidia.get("hung"):
        return ("missing", f"NVIDIA's driver hangs: {error}", "sudo reboot") if sign == "nvidia" else again()
    if kind == "ModuleNotFoundError":
        return "missing", "nvidia-ml-py, which asks NVIDIA's driver", pip("install nvidia-ml-py")
    if "LibraryNotFound" in kind or "DriverNotLoaded" in kind:
        if sign == "nvidia":
            return "missing", f"signs of an NVIDIA GPU, but its driver is not running ({error})", install_driver()
        return "ok", "none, and no sign of a GPU that needs one"
    return "missing", f"NVIDIA's driver fails: {error}", "sudo reboot" if "Mismatch" in kind else "nvidia-smi"


def gpu(nvidia, amd):
    """Judge the GPUs and their memory; NVML lists them whatever CUDA_VISIBLE_DEVICES says."""
    gpus = nvidia.get("gpus") or amd.get("gpus")
    if not gpus:
        return "ok", "none found: the CPU is always enough for this course"
    text = "; ".join(
        f"{name}, {free / 1e9:.1f} GB free of {total / 1e9:.1f} GB" if total else f"{name}, whose memory is not told"
        for name, total, free in gpus
    )
    cuda = bool(nvidia.get("gpus"))
    if not cuda and not amd["rocm"]:
        return "ok", f"{text}; not used, for there is no ROCm"
    memories = [(total, free) for _, total, free in gpus if total]
    if memories and max(memories)[0] < MLEM:
        text += f"; too little for a whole scanner, which takes up to {MLEM / 1e9:g} GB"
        return "slow", text, setting("PETCOURSE_SIZE", "small")
    if memories and max(free for _, free in memories) < MLEM:
        tool = "nvidia-smi" if cuda else "rocm-smi --showpids"
        return "slow", f"{text}; a whole scanner takes up to {MLEM / 1e9:g} GB: see who uses it", tool
    return "ok", text


def cupy(facts):
    """Say which CuPy is installed, and which compiler of GPU code it finds."""
    if facts.get("hung"):
        return again()
    if "error" in facts:
        return "missing", f"no word from it: {facts['error']}", install_cupy("cuda12")
    if len(facts["packages"]) > 1:
        return "missing", f"{' and '.join(facts['packages'])} are here; only one may be", install_cupy("cuda12")
    trouble = facts["trouble"] and Trouble(*facts["trouble"])
    if "version" not in facts:
        if not trouble.expected:
            return "ok", "not installed: only a GPU needs it"
        return "missing", "not installed" if facts["absent"] else "installed, but cannot be imported", trouble.remedy
    if facts["hip"]:
        return "ok", f"{facts['version']} for ROCm"
    text = f"{facts['version']} for CUDA {version(facts['build'])}"
    if "nvrtc" in facts:
        return "ok", f"{text}, with the compiler NVRTC {facts['nvrtc']}"
    text += ", without the compiler NVRTC"
    return ("missing", text, trouble.remedy) if facts["driver"] else ("ok", text)


def tensorflow(facts, nvidia, cupy):
    """Judge what TensorFlow sees, against what the driver or CuPy sees.

    The build with CUDA is installed over tensorflow-cpu, which pip then still believes to be there: uninstalled, it would
    come back with the next `make setup`, and its files with it.
    """
    if facts.get("hung"):
        return again()
    if "error" in facts:
        options = "" if facts.get("kind") == "ModuleNotFoundError" else "--force-reinstall --no-deps "
        return "missing", f"cannot be imported: {facts['error']}", pip(f'install {options}"tensorflow>=2.18,<3"')
    if facts["gpus"]:
        return "ok", f"{facts['version']} on the GPU ({len(facts['gpus'])} seen)"
    text = f"{facts['version']} on the CPU, enough for notebook 04"
    if cupy.get("hip") or not (nvidia.get("gpus") or cupy.get("name")):
        return "ok", text
    why = "its CUDA libraries are amiss" if facts["for_gpu"] else "this build knows no GPU; another goes on top of it"
    return "slow", f"{text}: {why}", pip(f'install "tensorflow[and-cuda]=={facts["version"]}"')


def projector(facts):
    """Say which device the course's projector will take, as `petcourse.hardware.device.choose` will."""
    try:
        asked = requested()
    except ValueError as error:
        return "missing", first_line(error), setting("PETCOURSE_DEVICE")
    if asked == "cpu":
        return "ok", "CPU, as PETCOURSE_DEVICE asks"
    if "error" in facts:
        trouble = Trouble(f"no word from CuPy: {facts['error']}")
    elif facts["trouble"]:
        trouble = Trouble(*facts["trouble"])
    else:
        return "ok", f"GPU: {facts['name']}"
    if asked == "auto" and not trouble.expected:
        return "ok", "CPU: always enough for this course"
    state, start = ("slow", "CPU") if asked == "auto" else ("missing", "PETCOURSE_DEVICE asks for a GPU")
    return state, f"{start}: {trouble.reason}", trouble.remedy or setting("PETCOURSE_DEVICE", "cpu")
