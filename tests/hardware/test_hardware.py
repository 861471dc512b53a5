"""The hardware report, with drivers and libraries that fail as real ones do.

The fakes are modules of the real names, put first on the path of the processes that the report asks. Seen on a machine
without a GPU: what CuPy 13.6 and 14.2 say without a driver and without NVRTC, what nvidia-ml-py 13.615 says without
NVML, and how tensorflow-cpu 2.21 answers. The texts of other faults follow the sources and documents of these packages
and of CUDA: no driver or GPU was at hand.
"""

import json
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from time import monotonic

import pytest

from petcourse.hardware import check as hardware
from petcourse.hardware import gpu, probes
from petcourse.hardware import judge as drivers
from petcourse.hardware.gpu import VISIBLE
from petcourse.hardware.machine import processor, system

ROOT = Path(__file__).parents[2]

NVML = """
    class NVMLError(Exception): pass
    class NVMLError_LibraryNotFound(NVMLError): pass
    class NVMLError_LibRmVersionMismatch(NVMLError): pass
    class Memory: total, free = {total}, {free}
    def nvmlInit(): {init}
    def nvmlDeviceGetCount(): return {count}
    def nvmlDeviceGetHandleByIndex(i): return i
    def nvmlDeviceGetMemoryInfo(i): return Memory
    def nvmlDeviceGetName(i): return f"Card {{'AB'[i]}}"
    def nvmlSystemGetDriverVersion(): return "{driver}"
    def nvmlSystemGetCudaDriverVersion_v2(): return {cuda}
"""
CUPY = """
    import os
    import numpy
    from numpy import arange, ndarray
    __version__ = "14.2.0"
    class cuda:
        class Device:
            id = 0
        class driver:
            def get_build_version(): return {build}
        class nvrtc:
            def getVersion(): {nvrtc}
        class runtime:
            is_hip = False
            class CUDARuntimeError(RuntimeError): pass
            def driverGetVersion(): return {driver}
            def getDeviceProperties(i): return {{"name": b"Card " + b"AB"[i:i + 1]}}
            def getDeviceCount():
                if {driver} < {build} // 1000 * 1000:
                    raise cuda.runtime.CUDARuntimeError("cudaErrorInsufficientDriver: CUDA driver version is "
                                                        "insufficient for CUDA runtime version")
                if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
                    raise cuda.runtime.CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
                return {count}
"""
TENSORFLOW = """
    __version__ = "2.21.0"
    class config:
        def list_physical_devices(kind): return [type("D", (), {{"name": "/physical_device:GPU:0"}})] * {seen}
    class test:
        def is_built_with_gpu_support(): return {built}
"""
CPU_TENSORFLOW = TENSORFLOW.format(seen=0, built=False)
NO_CUPY = "raise ModuleNotFoundError(\"No module named 'cupy'\", name='cupy')"
GPU = {"total": 24 * 10**9, "free": 23 * 10**9, "init": "pass", "count": 1, "driver": "575.57.08", "cuda": 12090}
NO_DRIVER = NVML.format(**GPU | {"init": 'raise NVMLError_LibraryNotFound("NVML Shared Library Not Found")'})
CARD = {"build": 12090, "driver": 12090, "count": 1, "nvrtc": "return 12, 9"}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Make a machine of fakes, and return its report as a dict of lines."""
    for name in (*VISIBLE, "PETCOURSE_DEVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))

    def make(nvml=NO_DRIVER, cupy=NO_CUPY, tensorflow=CPU_TENSORFLOW, sign=None, limit=60):
        sources = {"pynvml": nvml, "cupy": cupy, "tensorflow": tensorflow}
        sources["sitecustomize"] = f"""
            import sys
            if sys.orig_argv[-1] == "cupy":
                from petcourse.hardware import gpu, probes
                gpu.gpu_sign = probes.gpu_sign = lambda: {sign!r}
        """
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
        lines = hardware.report(limit)
        for line in lines:
            assert line.state in ("ok", "slow", "missing")
            assert line.state == "ok" or line.remedy or line.name == "Projector", line
        return {line.name: line for line in lines}

    return make


def test_without_a_gpu_all_is_well(machine):
    lines = machine()
    assert [name for name, line in lines.items() if line.state != "ok"] in ([], ["Memory"], ["Cores"])
    assert "always enough" in lines["GPU"].finding
    assert "CPU" in lines["Projector"].finding


def test_with_a_gpu_that_works(machine):
    lines = machine(NVML.format(**GPU), CUPY.format(**CARD), TENSORFLOW.format(seen=1, built=True), "nvidia")
    states = {name: line.state for name, line in lines.items()}
    assert {states[n] for n in ("Driver", "GPU", "CuPy", "NVRTC", "TensorFlow", "Projector")} == {"ok"}
    assert lines["Driver"].finding == "NVIDIA 575.57.08, for CUDA up to 12.9"
    assert lines["GPU"].finding == "Card A, 23.0 GB free of 24.0 GB"
    assert lines["Projector"].finding == "GPU: Card A"


def test_no_cupy(machine):
    lines = machine(NVML.format(**GPU), sign="nvidia")
    assert lines["CuPy"][1:] == ("missing", "not installed", '.venv/bin/pip install -e ".[cuda12]"')
    assert lines["Projector"].state == "slow" and "CuPy is not installed" in lines["Projector"].finding


def test_cupy_but_no_driver(machine, monkeypatch):
    """With a card there are things to mend; without one there is nothing to install, and the remedy ends the matter."""
    cupy = CUPY.format(**CARD | {"driver": 0, "nvrtc": "raise RuntimeError('Failure finding libnvrtc.so.12')"})
    with_card, without = machine(cupy=cupy, sign="nvidia"), machine(cupy=cupy)
    assert {with_card[name].state for name in ("Driver", "CuPy", "NVRTC")} == {"missing"}
    assert "no NVIDIA driver" in with_card["Projector"].finding
    assert without["Driver"].state == without["NVRTC"].state == "ok"
    assert without["CuPy"].remedy == "export PETCOURSE_DEVICE=cpu"
    monkeypatch.setenv("PETCOURSE_DEVICE", "cpu")
    assert {line.state for line in machine(cupy=cupy).values() if line.name not in ("Memory", "Cores")} == {"ok"}


@pytest.mark.parametrize(
    ("reaches", "remedy"), [(12040, r'uninstall -y .* && .*"\.\[cuda12\]"'), (11080, "driver|docker|wsl")]
)
def test_driver_older_than_the_cupy_build(machine, reaches, remedy):
    lines = machine(
        NVML.format(**GPU | {"cuda": reaches}), CUPY.format(**CARD | {"build": 13000, "driver": reaches}), sign="nvidia"
    )
    assert lines["CuPy"].state == "missing" and "the driver reaches only" in lines["CuPy"].finding
    assert re.search(remedy, lines["CuPy"].remedy)
    assert lines["Driver"].state == ("ok" if reaches >= 12000 else "missing")
    assert lines["Projector"].state == "slow"


def test_two_cupys(machine, tmp_path):
    for name in ("cupy_cuda11x", "cupy_cuda12x"):
        (tmp_path / f"{name}-14.2.0.dist-info").mkdir()
        (tmp_path / f"{name}-14.2.0.dist-info/METADATA").write_text(
            f"Name: {name.replace('_', '-')}\nVersion: 14.2.0\n"
        )
    lines = machine(NVML.format(**GPU), CUPY.format(**CARD), sign="nvidia")
    assert lines["CuPy"].state == "missing" and "only one" in lines["CuPy"].finding
    assert "uninstall -y cupy-cuda11x cupy-cuda12x && " in lines["CuPy"].remedy


def test_cupy_for_another_cuda_version(machine):
    """The driver runs CUDA 11 as well, but its libraries are absent: those of the extras are for 12 and 13."""
    nvrtc = 'raise RuntimeError("CuPy failed to load libnvrtc.so.11.2: OSError: libnvrtc.so.11.2: cannot open")'
    lines = machine(NVML.format(**GPU), CUPY.format(**CARD | {"build": 11080, "nvrtc": nvrtc}), sign="nvidia")
    assert lines["CuPy"].state == lines["NVRTC"].state == "missing"
    assert "for CUDA 11.8" in lines["CuPy"].finding
    for name in ("CuPy", "NVRTC"):
        assert re.search(r"uninstall -y .* && .*cuda12", lines[name].remedy)
    assert lines["Projector"].state == "slow"
    assert re.search("as this CuPy is for CUDA 11.8, uninstall it and type .*cuda12", lines["Projector"].finding)
    lines = machine(NVML.format(**GPU), CUPY.format(**CARD | {"build": 11080, "nvrtc": "return 11, 8"}), sign="nvidia")
    assert {lines[name].state for name in ("CuPy", "NVRTC", "Projector")} == {"ok"}  # all of it is there


def test_cupy_that_cannot_be_imported(machine):
    broken = "raise ImportError('libcudart.so.11.0: cannot open shared object file: No such file or directory')"
    lines = machine(NVML.format(**GPU), broken, sign="nvidia")
    assert lines["CuPy"].state == "missing" and "libcudart.so.11.0" in lines["CuPy"].finding
    assert re.search(r"uninstall -y .* && .*cuda12", lines["CuPy"].remedy)
    assert lines["Projector"].state == "slow"


@pytest.mark.parametrize("build", [12090, 13000])
def test_nvrtc_missing(machine, build):
    nvrtc = 'raise RuntimeError("CuPy failed to load libnvrtc.so.12: OSError: libnvrtc.so.12: cannot open")'
    lines = machine(
        NVML.format(**GPU), CUPY.format(**CARD | {"build": build, "driver": 13000, "nvrtc": nvrtc}), sign="nvidia"
    )
    assert lines["CuPy"].state == "ok"
    assert lines["NVRTC"].state == "missing" and "libnvrtc.so.12" in lines["NVRTC"].finding
    assert f"cuda{build // 1000}]" in lines["NVRTC"].remedy
    assert "NVRTC" in lines["Projector"].finding


def test_no_gpu_visible(machine, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    lines = machine(NVML.format(**GPU), CUPY.format(**CARD), sign="nvidia")
    assert lines["GPU"].state == "slow" and lines["GPU"].remedy == "unset CUDA_VISIBLE_DEVICES"
    assert lines["Projector"].state == "slow" and "CUDA_VISIBLE_DEVICES" in lines["Projector"].finding


ONE, FOUR = [["Card", 24e9, 23e9]], [[f"Card {n}", 24e9, 23e9] for n in "ABCD"]


@pytest.mark.parametrize(
    ("maker", "gpus", "variables", "state", "remedy"),
    [
        ("nvidia", ONE, {}, "ok", []),
        ("nvidia", ONE, {"CUDA_VISIBLE_DEVICES": "7"}, "slow", ["unset CUDA_VISIBLE_DEVICES"]),
        ("nvidia", ONE, {"CUDA_VISIBLE_DEVICES": "-1"}, "slow", ["unset CUDA_VISIBLE_DEVICES"]),
        ("nvidia", ONE, {"CUDA_VISIBLE_DEVICES": "GPU-8932f937-d72c"}, "ok", []),
        ("nvidia", ONE, {"HIP_VISIBLE_DEVICES": ""}, "ok", []),
        ("amd", ONE, {"HIP_VISIBLE_DEVICES": ""}, "slow", ["unset HIP_VISIBLE_DEVICES"]),
        ("nvidia", FOUR, {}, "ok", ["export CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=1"]),
        ("nvidia", FOUR, {"CUDA_VISIBLE_DEVICES": "2,3"}, "ok", ["export CUDA_VISIBLE_DEVICES=3"]),
        ("nvidia", FOUR, {"CUDA_VISIBLE_DEVICES": "2"}, "ok", []),
        ("amd", FOUR, {}, "ok", ["export HIP_VISIBLE_DEVICES=1"]),
    ],
)
def test_variables_that_choose_among_gpus(monkeypatch, maker, gpus, variables, state, remedy):
    """Only those that the maker's programs heed, and never another one's GPU."""
    for name in VISIBLE:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    told = {"nvidia": {"error": "none"}, "amd": {"gpus": []}} | {maker: {"gpus": gpus, "rocm": "7.0"}}
    found = drivers.gpu(told["nvidia"], told["amd"])
    assert (found[0], list(found[2:])) == (state, remedy)


def test_two_gpus(machine):
    lines = machine(
        NVML.format(**GPU | {"count": 2}),
        CUPY.format(**CARD | {"count": 2}),
        TENSORFLOW.format(seen=2, built=True),
        "nvidia",
    )
    assert "Card A" in lines["GPU"].finding and "Card B" in lines["GPU"].finding
    assert "CUDA_VISIBLE_DEVICES=1" in lines["GPU"].remedy
    assert lines["Projector"].finding.startswith("GPU: Card A")


@pytest.mark.parametrize(("built", "why"), [(True, "libraries are amiss"), (False, "this build knows no GPU")])
def test_tensorflow_does_not_see_the_gpu_that_cupy_sees(machine, built, why):
    """The remedy leaves tensorflow-cpu where it is, as `make setup` wants it, and lays the same version over it."""
    lines = machine(NVML.format(**GPU), CUPY.format(**CARD), TENSORFLOW.format(seen=0, built=built), "nvidia")
    assert lines["Projector"].state == "ok"
    assert lines["TensorFlow"].state == "slow" and why in lines["TensorFlow"].finding
    assert lines["TensorFlow"].remedy == '.venv/bin/pip install "tensorflow[and-cuda]==2.21.0"'


def test_nvidia_ml_py_missing(machine):
    lines = machine("raise ModuleNotFoundError(\"No module named 'pynvml'\")")
    assert lines["Driver"].state == "missing"
    assert lines["Driver"].remedy.endswith("pip install nvidia-ml-py")


def test_driver_and_its_library_of_two_versions(machine):
    raised = 'raise NVMLError_LibRmVersionMismatch("RM has detected an NVML/RM version mismatch.")'
    lines = machine(NVML.format(**GPU | {"init": raised}), sign="nvidia")
    assert lines["Driver"].state == "missing" and lines["Driver"].remedy == "sudo reboot"


def test_little_gpu_memory_free(machine):
    line = machine(NVML.format(**GPU | {"free": 10**9}), CUPY.format(**CARD), sign="nvidia")["GPU"]
    assert line.state == "slow" and "1.0 GB free" in line.finding and line.remedy == "nvidia-smi"


def test_too_little_gpu_memory(machine):
    line = machine(NVML.format(**GPU | {"total": 2 * 10**9, "free": 10**9}), sign="nvidia")["GPU"]
    assert line.state == "slow" and "too little for a whole scanner" in line.finding
    assert line.remedy == "export PETCOURSE_SIZE=small"


def test_amd_graphics_without_rocm_are_no_trouble():
    found = drivers.gpu({"error": "none"}, {"gpus": [["AMD GPU", 5e8, 1e8]], "rocm": None})
    assert found[0] == "ok" and "no ROCm" in found[1] and len(found) == 2


def test_a_gpu_that_does_not_tell_its_memory(machine):
    nvml = textwrap.dedent(NVML.format(**GPU | {"count": 2})).replace(
        "return Memory", 'return Memory if i else exec("raise NVMLError")'
    )
    lines = machine(nvml, CUPY.format(**CARD | {"count": 2}), sign="nvidia")
    assert lines["Driver"].finding == "NVIDIA 575.57.08, for CUDA up to 12.9"
    assert "Card A, whose memory is not told; Card B, 23.0 GB free of 24.0 GB" in lines["GPU"].finding
    assert lines["GPU"].state == "ok"


def test_a_driver_that_hangs(machine, monkeypatch):
    """Nothing waits for it longer than the limit; the rest of the report stands."""
    monkeypatch.setattr(drivers, "gpu_sign", lambda: "nvidia")
    start = monotonic()
    lines = machine("import time; time.sleep(600)", "import time; time.sleep(600)", sign="nvidia", limit=4)
    assert monotonic() - start < 60  # not ten minutes
    assert lines["Driver"].state == "missing" and "no answer within 4 s" in lines["Driver"].finding
    assert lines["Driver"].remedy == "sudo reboot"
    assert lines["CuPy"][1:] == drivers.AGAIN
    assert lines["Python"].state == "ok"
    monkeypatch.setattr(drivers, "gpu_sign", lambda: None)
    assert drivers.driver({"error": "no answer within 4 s", "hung": True}, {}, {}) == drivers.AGAIN


def test_tensorflow_that_is_slow_is_not_installed_anew(machine):
    lines = machine(tensorflow="import time; time.sleep(600)", limit=4)
    assert lines["TensorFlow"][1:] == ("slow", "no answer in time: ask again", "python -m petcourse.hardware")


def test_a_library_that_crashes(machine):
    lines = machine(tensorflow="import os; os.abort()")
    assert lines["TensorFlow"].state == "missing" and "ended with code -6" in lines["TensorFlow"].finding
    assert lines["CuPy"].state == "ok"


def test_chatter_does_not_disturb(machine):
    chatter = "print('{not json'); import sys; print('E0000 of cuda', file=sys.stderr)"
    assert (
        machine(tensorflow=chatter + textwrap.dedent(TENSORFLOW.format(seen=0, built=False)))["TensorFlow"].state
        == "ok"
    )


def test_an_amd_gpu_is_read_from_linux(tmp_path):
    card = tmp_path / "class/drm/card1/device"
    card.mkdir(parents=True)
    files = {
        "vendor": "0x1002",
        "mem_info_vram_total": 16 * 2**30,
        "mem_info_vram_used": 2**30,
        "product_name": "Card R",
    }
    for name, value in files.items():
        (card / name).write_text(f"{value}\n")
    (tmp_path / ".info").mkdir()
    (tmp_path / ".info/version").write_text("7.0.1-43\n")
    told = probes.amd(tmp_path, tmp_path)
    assert told == {"gpus": [["Card R", 16 * 2**30, 15 * 2**30]], "rocm": "7.0.1-43"}
    nothing = {"error": "NVMLError_LibraryNotFound: NVML Shared Library Not Found"}
    assert drivers.driver(nothing, told, {}) == ("ok", "AMD's, ROCm 7.0.1-43")
    assert drivers.gpu(nothing, told)[1] == "Card R, 16.1 GB free of 17.2 GB"
    assert "rocm" in drivers.driver(nothing, told | {"rocm": None}, {})[2]
    assert drivers.cupy({"sign": "amd", "absent": True, "packages": []})[2] == '.venv/bin/pip install -e ".[rocm]"'


@pytest.mark.parametrize(
    ("release", "name"),
    [("5.15.167.4-microsoft-standard-WSL2", "Linux in WSL2"), ("4.4.0-19041-Microsoft", "Linux in WSL1")],
)
def test_wsl_is_recognised(monkeypatch, release, name):
    monkeypatch.setattr("platform.release", lambda: release)
    assert system() == name
    nothing = {"error": "NVMLError_LibraryNotFound: x"}
    assert "wsl" in (
        hardware._system()[2] if name.endswith("1") else drivers.driver(nothing, {}, {"sign": "nvidia"})[2]
    )


def test_a_mac_is_told_of_its_cpu(monkeypatch):
    monkeypatch.delenv("PETCOURSE_DEVICE", raising=False)
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr("platform.release", lambda: "24.1.0")
    assert hardware._system()[1].startswith("macOS")
    assert drivers.projector({"trouble": "none here", "absent": True, "sign": None}) == (
        "ok",
        "CPU, always enough for this course",
    )


def test_the_cpu_that_was_asked_for_is_no_trouble(machine, monkeypatch):
    monkeypatch.setenv("PETCOURSE_DEVICE", "cpu")
    assert machine(cupy=CUPY.format(**CARD | {"driver": 0}))["Projector"][1:3] == (
        "ok",
        "CPU, as PETCOURSE_DEVICE asks",
    )


@pytest.mark.parametrize("value", ["gpu", "tpu"])
def test_the_projectors_line_says_what_choosing_does(machine, monkeypatch, value):
    """`choose` raises an error for both of them."""
    monkeypatch.setenv("PETCOURSE_DEVICE", value)
    line = machine(cupy=CUPY.format(**CARD | {"driver": 0}), sign="nvidia")["Projector"]
    assert line.state == "missing" and line.remedy == "unset PETCOURSE_DEVICE"
    assert ("no NVIDIA driver" if value == "gpu" else "'tpu'") in line.finding
    works = {"trouble": None, "name": "Card"}
    assert drivers.projector(works)[0] == ("ok" if value == "gpu" else "missing")


def test_one_core_is_slow(monkeypatch):
    monkeypatch.setattr(hardware, "available_cores", lambda: 16)
    assert hardware._cores() == ("ok", f"16 of {processor()}")
    monkeypatch.setattr(hardware, "available_cores", lambda: 1)
    assert hardware._cores()[0] == "slow"


@pytest.mark.parametrize(("free", "state"), [(8e9, "ok"), (2e9, "slow"), (5e8, "missing")])
def test_memory(monkeypatch, free, state):
    monkeypatch.setattr(hardware, "memory", lambda: (16e9, free))
    assert hardware._memory()[0] == state


def test_a_look_that_fails_is_a_line_without_the_users_folders(monkeypatch):
    def look():
        raise OSError(f"{Path.home()}/secret and {sys.prefix}/lib\nand more")

    line = hardware._line("Name", look)
    assert line.state == "missing" and line.remedy
    assert "~/secret and .venv/lib" in line.finding and "more" not in line.finding
    assert str(Path.home()) not in line.finding and sys.prefix not in line.finding


def test_text_and_json_from_the_shell(machine, tmp_path):
    def run(*arguments):
        command = [sys.executable, "-m", "petcourse.hardware", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "HOME": str(tmp_path)}
        )

    lines = machine(NVML.format(**GPU), CUPY.format(**CARD), sign="nvidia")
    as_json = json.loads(run("--json").stdout)
    assert [row["name"] for row in as_json["report"]] == list(lines)
    assert all(set(row) == set(hardware.Line._fields) for row in as_json["report"])
    assert str(tmp_path) not in json.dumps(as_json)
    text = run()
    assert text.returncode == 0 and text.stderr == ""
    assert [row[10:].split()[0] for row in text.stdout.splitlines() if row.startswith("[")] == list(lines)
    assert f"-> {lines['TensorFlow'].remedy}\n" in text.stdout  # in one piece, however long
    wrong = run("--xml")
    assert wrong.returncode == 1 and "--json" in wrong.stderr and "Traceback" not in wrong.stderr


def test_remedies_name_extras_that_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    source = "".join(Path(module.__file__).read_text() for module in (drivers, gpu, hardware))
    named = set(re.findall(r'INSTALL\.format\("(\w+)"', source)) | {"cuda12", "cuda13", "rocm"}
    assert named <= set(extras)
