"""What drivers and libraries say when asked: plain numbers and names, which `petcourse.hardware.judge` judges.

What may hang (drivers, disks) or is heavy (TensorFlow) is asked in a process of its own, by `ask`.
"""

import json
import shutil
import subprocess
import sys
from contextlib import suppress
from time import monotonic

from petcourse.cache import cache_folder
from petcourse.errors import first_line
from petcourse.hardware import machine
from petcourse.hardware.gpu import gpu_name, gpu_trouble
from petcourse.hardware.remedies import cupy_packages


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


def amd():
    """Ask Linux for AMD's GPUs (name, bytes, bytes free) and for the version of ROCm, None without."""
    gpus, read = [], machine.read
    for device in sorted(machine.ROOT.glob("sys/class/drm/card[0-9]/device")):
        if read(device / "vendor") == "0x1002" and (total := read(device / "mem_info_vram_total")):
            free = int(total) - int(read(device / "mem_info_vram_used") or 0)
            gpus.append([read(device / "product_name") or "AMD GPU", int(total), free])
    return {"gpus": gpus, "rocm": read(machine.ROOT / "opt/rocm/.info/version")}


def cupy():
    """Ask CuPy whether it can compute, and for its version, those of its CUDA, of its compiler and of the driver."""
    trouble = gpu_trouble()
    answer = {"trouble": trouble, "packages": cupy_packages()}
    try:
        import cupy as xp
    except Exception as error:  # noqa: BLE001  the trouble says which
        return answer | {"absent": getattr(error, "name", None) == "cupy"}
    runtime = xp.cuda.runtime
    answer |= {"version": xp.__version__, "hip": bool(runtime.is_hip), "build": xp.cuda.driver.get_build_version()}
    answer |= {"driver": runtime.driverGetVersion(), "name": None if trouble else gpu_name()}
    with suppress(Exception):  # RuntimeError from CuPy 13, DynamicLibNotFoundError from CuPy 14; the trouble says it
        answer["nvrtc"] = "{}.{}".format(*xp.cuda.nvrtc.getVersion())
    return answer


def tensorflow():
    """Ask TensorFlow which GPUs it sees, and whether it was built for any."""
    import tensorflow as tf

    seen = [device.name for device in tf.config.list_physical_devices("GPU")]
    return {"version": tf.__version__, "gpus": seen, "for_gpu": tf.test.is_built_with_gpu_support()}


def disk():
    """Ask for the bytes that are free where results are kept."""
    folder = cache_folder()
    return {"free": shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free}


def answer(name):
    """Print the answer to one question as a line of JSON; `ask` runs this in another process."""
    try:
        facts = globals()[name]()
    except Exception as error:  # noqa: BLE001  it becomes a line of the report
        facts = {"error": first_line(error), "kind": type(error).__name__}
    print("\n" + json.dumps(facts))


def ask(names, limit):
    """Ask several questions at once, each a function of this module; give up what takes longer than ``limit`` seconds.

    Returns a dict of the answers, dicts too. ``error`` stands in the place of what could not be answered, with ``kind``,
    the exception's, or with ``hung`` where the time was over.
    """
    command = [sys.executable, "-c", "import petcourse.hardware.probes as p, sys; p.answer(sys.argv[1])"]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    children = {name: subprocess.Popen([*command, name], **pipes) for name in names}
    facts, end = {}, monotonic() + limit
    for name, child in children.items():
        try:
            rows = child.communicate(timeout=max(end - monotonic(), 0.1))[0].decode(errors="replace").split("\n")
            answers = [row for row in rows if row.startswith("{")]
            facts[name] = json.loads(answers[-1]) if answers else {"error": f"it ended with code {child.returncode}"}
        except subprocess.TimeoutExpired:
            facts[name] = {"error": f"no answer within {limit:g} s", "hung": True}
            child.kill()
            child.stdout.close()
            with suppress(subprocess.TimeoutExpired):  # a driver that hangs may not even let a killed process go
                child.wait(1)
    return facts
