"""What the machine says when asked: plain numbers and names, without a judgement (`petcourse.hardware.check` judges).

What may hang (drivers, disks) or is heavy (TensorFlow) is asked in a process of its own, by `ask`.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic

import psutil

VISIBLE = ("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")  # NVIDIA heeds the last one only
PROC, CGROUP = Path("/proc"), Path("/sys/fs/cgroup")


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
        if _read(device / "vendor") == "0x1002" and (total := _read(device / "mem_info_vram_total")):
            free = int(total) - int(_read(device / "mem_info_vram_used") or 0)
            gpus.append([_read(device / "product_name") or "AMD GPU", int(total), free])
    return {"gpus": gpus, "rocm": _read(Path(rocm) / ".info/version")}


def _read(path):
    return path.read_text().strip() or None if path.exists() else None


def visible(amd):
    """The variable that says which GPUs AMD's or NVIDIA's programs see, and what it lists, or None if it is not set."""
    names = VISIBLE if amd else VISIBLE[-1:]
    name = next((name for name in names if name in os.environ), names[0])
    return name, os.environ[name].split(",") if name in os.environ else None


def cupy():
    """Ask CuPy for its version, those of its CUDA, of its compiler and of the driver, and whether it can compute."""
    from importlib.metadata import distributions

    from petcourse.hardware.device import gpu_name, gpu_sign, gpu_trouble

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


def system():
    """Return the operating system as the report names it: WSL and containers get their drivers from outside."""
    release = platform.release().lower()
    if "microsoft" in release:
        return "Linux in WSL2" if "wsl2" in release or "microsoft-standard" in release else "Linux in WSL1"
    if platform.system() == "Linux" and any(map(os.path.exists, ("/.dockerenv", "/run/.containerenv"))):
        return "Linux in a container"
    return {"Darwin": "macOS"}.get(platform.system(), platform.system())


def available_cores():
    """Number of processor cores that this process may keep busy: no more than its container has a share of."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for group in control_groups("cpu"):
        quota, period = (_read(group / "cpu.max") or "max 1").split()  # cgroup v2, and below v1
        if quota == "max":
            quota, period = _read(group / "cpu.cfs_quota_us") or "-1", _read(group / "cpu.cfs_period_us") or "1"
        if int(quota) > 0:
            cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def processor():
    """Name of the processor, as far as the system tells it."""
    table = Path("/proc/cpuinfo")
    rows = table.read_text().splitlines() if table.exists() else []
    names = [row.partition(":")[2].strip() for row in rows if row.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def memory():
    """Bytes of memory that this process may have, and those still free: the least of machine, container and ulimit."""
    machine = psutil.virtual_memory()
    bounds = [(machine.total, machine.available)]
    for group in control_groups("memory"):
        stat = dict(line.split() for line in (_read(group / "memory.stat") or "").splitlines())
        for limit, current, cache in (
            ("memory.max", "memory.current", "inactive_file"),  # cgroup v2
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),  # v1
        ):
            most = _read(group / limit) or "max"
            if most != "max":  # what is only a copy of a file gives way when memory is needed
                bounds.append((int(most), int(most) - int(_read(group / current)) + int(stat.get(cache, 0))))
    if hasattr(psutil, "RLIMIT_AS"):  # Linux's `ulimit -v`, which counts addresses, used or not
        process = psutil.Process()
        most, _ = process.rlimit(psutil.RLIMIT_AS)
        if most != psutil.RLIM_INFINITY:
            bounds.append((most, most - process.memory_info().vms))
    return tuple(map(min, zip(*bounds, strict=True)))


def control_groups(controller):
    """Folders where Linux keeps the limits of this process: of its container, service or user, the innermost first."""
    folders = []
    for line in (_read(PROC / "self/cgroup") or "").splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = CGROUP / controller if controllers else CGROUP  # v1 has a tree for each controller, v2 one for all
        inside = root / name.lstrip("/")  # in a container the outer part may be missing: then its root is its group
        folders += [folder for folder in (inside, *inside.parents) if folder.is_relative_to(root)]
    return folders


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


def version(number):
    """Return CUDA's way of writing 12.4, which is 12040, as people write it."""
    return f"{number // 1000}.{number % 1000 // 10}"
