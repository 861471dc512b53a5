"""What the machine says when asked: plain numbers and names, without a judgement (`petcourse.hardware.check` judges).

What may hang (drivers, disks) or is heavy (TensorFlow) is asked in a process of its own, by `ask`.
"""

import json
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic

from petcourse.hardware.gpu import gpu_name, gpu_sign, gpu_trouble
from petcourse.hardware.machine import read


def nvidia():
    """Ask NVIDIA's driver through NVML (package nvidia-ml-py) for its version and its GPUs: name, bytes, bytes free."""
    import pynvml as nvml

    nvml.nvmlInit()
    gpus = []
    for i in range(nvml.nvmlDeviceGetCount()):
        gpu = nvml.nvmlDeviceGetHandleByIndex(i)
        total = free = None  # some GPUs do not tell, such as those that share the computer's memory
        with suppress(nvml.NVMLError):
            memory = nvml.nvmlDeviceGetMemoryInfo(gpu)
            total, free = memory.total, memory.free
        gpus.append([nvml.nvmlDeviceGetName(gpu), total, free])
    driver, cuda = nvml.nvmlSystemGetDriverVersion(), nvml.nvmlSystemGetCudaDriverVersion_v2()
    return {"driver": driver, "cuda": cuda, "gpus": gpus}


def amd(sys_folder="/sys", rocm="/opt/rocm"):
    """Ask Linux for AMD's GPUs (name, bytes, bytes free) and for the version of ROCm, None without."""
    gpus = []
    for device in sorted(Path(sys_folder).glob("class/drm/card[0-9]/device")):
        if read(device / "vendor") == "0x1002" and (total := read(device / "mem_info_vram_total")):
            free = int(total) - int(read(device / "mem_info_vram_used") or 0)
            gpus.append([read(device / "product_name") or "AMD GPU", int(total), free])
    return {"gpus": gpus, "rocm": read(Path(rocm) / ".info/version")}


def cupy():
    """Ask CuPy for its version, those of its CUDA, of its compiler and of the driver, and whether it can compute."""
    from importlib.metadata import distributions

    names = {(d.name or "").lower() for d in distributions()}
    packages = sorted(n for n in names if n == "cupy" or n.startswith(("cupy-cuda", "cupy-rocm")))
    answer = {"trouble": gpu_trouble(), "sign": gpu_sign(), "packages": packages}
    try:
        import cupy as cp
    except ImportError as error:
        return answer | {"absent": error.name == "cupy", "broken": said(error)}
    runtime = cp.cuda.runtime
    answer |= {"version": cp.__version__, "hip": bool(runtime.is_hip), "build": cp.cuda.driver.get_build_version()}
    answer |= {"driver": runtime.driverGetVersion(), "name": None if answer["trouble"] else gpu_name()}
    try:
        answer["nvrtc"] = None if runtime.is_hip else "{}.{}".format(*cp.cuda.nvrtc.getVersion())
    except Exception as error:  # noqa: BLE001  RuntimeError from CuPy 13, DynamicLibNotFoundError from CuPy 14
        answer["nvrtc_missing"] = said(error)
    return answer


def tensorflow():
    """Ask TensorFlow which GPUs it sees, and whether it was built for any."""
    import tensorflow as tf

    seen = [device.name for device in tf.config.list_physical_devices("GPU")]
    return {"version": tf.__version__, "gpus": seen, "for_gpu": tf.test.is_built_with_gpu_support()}


def disk():
    """Ask for the bytes that are free where results are kept."""
    from petcourse.cache import cache_folder

    folder = cache_folder()
    return {"free": shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free}


def tell(name):
    """Answer one question as a line of JSON; `ask` runs this in another process."""
    try:
        answer = globals()[name]()
    except Exception as error:  # noqa: BLE001  it is told, and becomes a line of the report
        answer = {"error": said(error)}
    print("\n" + json.dumps(answer))


def ask(names, limit):
    """Ask several questions at once.

    Parameters
    ----------
    names : list of str
        Functions of this module.
    limit : float
        Seconds after which what has not answered is given up.

    Returns
    -------
    answers : dict of dict
        ``error`` stands in the place of what could not be told, ``hung`` where the time was over.
    """
    command = [sys.executable, "-c", "import petcourse.hardware.probes as p, sys; p.tell(sys.argv[1])"]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    children = {name: subprocess.Popen([*command, name], **pipes) for name in names}
    answers, end = {}, monotonic() + limit
    for name, child in children.items():
        try:
            rows = child.communicate(timeout=max(end - monotonic(), 0.1))[0].decode(errors="replace").split("\n")
            found = [row for row in rows if row.startswith("{")]
            answers[name] = json.loads(found[-1]) if found else {"error": f"it ended with code {child.returncode}"}
        except subprocess.TimeoutExpired:
            answers[name] = {"error": f"no answer within {limit:g} s", "hung": True}
            child.kill()
            child.stdout.close()
            with suppress(subprocess.TimeoutExpired):  # a driver that hangs may not even let a killed process go
                child.wait(1)
    return answers


def said(error):
    """Kind and first line of an exception."""
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])
