"""What the machine is and what this process may have of it: system, processor, cores, memory."""

import os
import platform
from pathlib import Path

import psutil

ROOT = Path("/")  # all that is read of the system lies below it


def read(path):
    """Text of a file of the system, or None if it is not there or empty."""
    return path.read_text().strip() or None if path.exists() else None


def system():
    """Name of the operating system: WSL and containers, which get their drivers from outside, are told apart."""
    release = platform.release().lower()
    if "microsoft" in release:
        return "Linux in WSL2" if "wsl2" in release or "microsoft-standard" in release else "Linux in WSL1"
    marks = (ROOT / ".dockerenv", ROOT / "run/.containerenv", ROOT / "var/run/secrets/kubernetes.io")
    if platform.system() == "Linux" and any(mark.exists() for mark in marks):
        return "Linux in a container"
    return {"Darwin": "macOS"}.get(platform.system(), platform.system())


def available_cores():
    """Number of processor cores that this process may keep busy: no more than its container has a share of."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for group in control_groups("cpu"):
        version1 = f"{read(group / 'cpu.cfs_quota_us') or -1} {read(group / 'cpu.cfs_period_us')}"
        quota, period = (read(group / "cpu.max") or version1).split()
        if quota not in ("max", "-1"):
            cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def processor():
    """Name of the processor, as far as the system tells it."""
    rows = (read(ROOT / "proc/cpuinfo") or "").splitlines()
    names = [row.partition(":")[2].strip() for row in rows if row.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def memory():
    """Bytes of memory that this process may have, and those still free: the least of machine, container and ulimit."""
    machine = psutil.virtual_memory()
    bounds = [(machine.total, machine.available)]
    for group in control_groups("memory"):
        stat = dict(line.split() for line in (read(group / "memory.stat") or "").splitlines())
        for limit, current, cache in (
            ("memory.max", "memory.current", "inactive_file"),  # cgroup v2
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),  # v1
        ):
            most = read(group / limit) or "max"
            if most != "max":  # what is only a copy of a file gives way when memory is needed
                bounds.append((int(most), int(most) - int(read(group / current)) + int(stat.get(cache, 0))))
    if hasattr(psutil, "RLIMIT_AS"):  # Linux's `ulimit -v`, which counts addresses, used or not
        process = psutil.Process()
        most, _ = process.rlimit(psutil.RLIMIT_AS)
        if most != psutil.RLIM_INFINITY:
            bounds.append((most, most - process.memory_info().vms))
    return tuple(map(min, zip(*bounds, strict=True)))


def control_groups(controller):
    """Folders where Linux keeps the limits of this process: of its container, service or user, the innermost first."""
    folders = []
    for line in (read(ROOT / "proc/self/cgroup") or "").splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = ROOT / "sys/fs/cgroup" / (controller if controllers else "")  # v1 has a tree for each, v2 one for all
        inside = root / name.lstrip("/")  # in a container the outer part may be missing: then its root is its group
        folders += [folder for folder in (inside, *inside.parents) if folder.is_relative_to(root)]
    return folders
