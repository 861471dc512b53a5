"""Full or small, from memory, cores and GPU: fakes of each, and a real ulimit."""

import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest

from petcourse import Scanner
from petcourse.hardware import machine as computer
from petcourse.scan import size

GB = 10**9


@pytest.fixture
def linux(tmp_path, monkeypatch):
    """Fake 16 cores and 32 GB, 20 of them free, and make the control groups of this process from {file: contents}."""
    monkeypatch.delenv("PETCOURSE_SIZE", raising=False)
    monkeypatch.setattr(computer, "ROOT", tmp_path)
    monkeypatch.setattr(computer.os, "sched_getaffinity", lambda process: set(range(16)), raising=False)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=32 * GB, available=20 * GB))

    def write(own="", files=None):
        for name, text in {
            "proc/self/cgroup": own,
            **{f"sys/fs/cgroup/{k}": v for k, v in (files or {}).items()},
        }.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(f"{text}\n")

    return write


V1 = "memory.limit_in_bytes", "memory.usage_in_bytes"
V2 = "memory.max", "memory.current"
NONE = 9223372036854771712  # what cgroup v1 says where there is no limit


def group(folder, kind, most, used=GB // 2, cache=GB // 10):
    stat = f"anon 1\n{'total_' if kind is V1 else ''}inactive_file {cache}"
    return {f"{folder}{kind[0]}": most, f"{folder}{kind[1]}": used, f"{folder}memory.stat": stat}


@pytest.mark.parametrize(
    ("own", "files", "total"),
    [
        ("0::/", group("", V2, 2 * GB), 2),  # a container of Docker or Kubernetes, as on Binder
        ("0::/", group("", V2, "max"), 32),
        ("0::/user.slice/hub", group("user.slice/hub/", V2, "max") | group("user.slice/", V2, 2 * GB), 2),  # systemd
        ("4:memory:/docker/1f\n0::/", group("memory/", V1, 2 * GB), 2),  # an old container sees the outer name
        ("4:memory:/a/b\n2:cpu:/", group("memory/a/b/", V1, 2 * GB) | group("memory/", V1, NONE), 2),
        ("4:cpuset:/a", group("memory/", V1, 2 * GB), 32),  # another process's limit
        ("", {}, 32),
    ],
    ids=["v2", "v2-unlimited", "v2-outer", "v1-container", "v1-inner", "not-ours", "no-groups"],
)
def test_a_containers_memory_counts(linux, own, files, total):
    linux(own, files)
    assert computer.memory()[0] == total * GB
    assert size.course_size()[0] == ("small" if total < 3.5 else "full")


def test_free_memory_counts_file_copies_as_free(linux):
    for kind, folder, own in ((V2, "", "0::/"), (V1, "memory/", "4:memory:/")):
        linux(own, group(folder, kind, 2 * GB, used=GB, cache=GB // 2))
        assert computer.memory() == (2 * GB, 3 * GB // 2)
    linux()
    assert computer.memory() == (32 * GB, 20 * GB)


@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        ("0::/", {"cpu.max": "max 100000"}, 16),
        ("0::/", {"cpu.max": "250000 100000"}, 2),
        ("0::/a", {"a/cpu.max": "max 100000", "cpu.max": "50000 100000"}, 1),
        ("3:cpu,cpuacct:/", {"cpu/cpu.cfs_quota_us": -1, "cpu/cpu.cfs_period_us": 100000}, 16),
        ("3:cpu,cpuacct:/", {"cpu/cpu.cfs_quota_us": 400000, "cpu/cpu.cfs_period_us": 100000}, 4),
        ("", {}, 16),
    ],
)
def test_a_containers_share_of_the_cores_counts(linux, own, files, cores):
    linux(own, files)
    assert computer.available_cores() == cores
    assert size.course_size()[0] == ("small" if cores == 1 else "full")


@pytest.mark.skipif(not hasattr(psutil, "RLIMIT_AS"), reason="Linux only")
def test_a_real_ulimit_counts():
    code = "from petcourse.hardware.machine import memory; print(*memory())"
    command = ["sh", "-c", f"ulimit -v 2000000 && exec {sys.executable} -c '{code}'"]
    total, free = map(int, subprocess.run(command, capture_output=True, check=True, text=True).stdout.split())
    assert total == 2000000 * 1024
    assert 0 < free < total


@pytest.fixture
def machine(monkeypatch):
    def make(gigabytes, cores, gpu=None):
        monkeypatch.delenv("PETCOURSE_SIZE", raising=False)
        monkeypatch.setattr(size, "memory", lambda: (gigabytes * GB, GB))
        monkeypatch.setattr(size, "available_cores", lambda: cores)
        monkeypatch.setattr(size, "choose", lambda: "gpu" if gpu else "cpu")
        runtime = SimpleNamespace(memGetInfo=lambda: (GB, gpu))
        monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=SimpleNamespace(runtime=runtime)))

    return make


@pytest.mark.parametrize(
    ("gigabytes", "cores", "gpu", "wanted", "reason"),
    [
        (2.147, 1, None, "small", "2.1 GB of memory, under 3.5"),
        (3.4, 8, 24 * GB, "small", "3.4 GB of memory, under 3.5"),
        (3.6, 2, None, "full", "4 GB, 2 cores"),
        (16, 1, None, "small", "one core and no GPU"),
        (16, 1, 24 * GB, "full", "a GPU of 24 GB"),
        (16, 8, 2 * GB, "small", "a GPU of 2.0 GB, under 4"),
    ],
)
def test_size_and_reason(machine, gigabytes, cores, gpu, wanted, reason):
    machine(gigabytes, cores, gpu)
    assert size.course_size() == (wanted, reason)


def test_the_scanner_says_in_one_line_which_it_is_and_why(machine, capsys):
    machine(2.147, 1)
    scanner = size.course_scanner()
    assert scanner.rings == 20
    assert capsys.readouterr().out == (
        "small size (2.1 GB of memory, under 3.5): 20 rings, 93 x 252 x 344 bins, 39 x 344 x 344 voxels\n"
    )
    machine(16, 4)
    assert size.course_scanner().rings == 64
    assert capsys.readouterr().out.startswith("full size (16 GB, 4 cores): 64 rings, ")


def test_the_environment_variable_overrides_all(machine, monkeypatch, capsys):
    machine(2, 1)
    monkeypatch.setenv("PETCOURSE_SIZE", "full")
    assert size.course_scanner().rings == 64
    machine(64, 64)
    monkeypatch.setenv("PETCOURSE_SIZE", "small")
    assert size.course_scanner().rings == 20
    assert capsys.readouterr().out.count("(as PETCOURSE_SIZE says)") == 2
    monkeypatch.setenv("PETCOURSE_SIZE", "huge")
    with pytest.raises(ValueError, match="'huge': set it to 'full' or 'small'"):
        size.course_scanner()


@pytest.mark.parametrize(
    ("value", "quick"),
    [(None, False), ("", False), ("0", False), ("false", False), (" No ", False), ("1", True), ("yes", True)],
)
def test_quick_is_what_is_set_and_no_form_of_no(monkeypatch, value, quick):
    monkeypatch.setenv("PETCOURSE_QUICK", value or "")
    if value is None:
        monkeypatch.delenv("PETCOURSE_QUICK")
    assert size.course_quick() is quick


def test_a_plane_of_a_short_scanner_counts_as_much_as_one_of_the_whole():
    whole, short = Scanner.mmr(), Scanner.mmr(rings=20)
    assert size.course_trues(whole) == 1e8
    assert size.course_trues(short) / short.sinogram_shape[0] == pytest.approx(1e8 / 837)
