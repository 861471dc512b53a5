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
from pathlib import Path
from time import monotonic

import fake_cupy
import pytest

from petcourse.hardware import check, judge, machine, probes
from petcourse.hardware.gpu import gpu_trouble

PATHS = [str(Path(__file__).parents[2]), str(Path(fake_cupy.__file__).parent)]
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
    def nvmlSystemGetDriverVersion(): return "575.57.08"
    def nvmlSystemGetCudaDriverVersion_v2(): return {cuda}
"""
TENSORFLOW = """
    __version__ = "2.21.0"
    class config:
        def list_physical_devices(kind): return [type("D", (), {"name": "/physical_device:GPU:0"})] * 0
    class test:
        def is_built_with_gpu_support(): return False
"""
NO_CUPY = "raise ModuleNotFoundError(\"No module named 'cupy'\", name='cupy')"
CARD = {"total": 24 * 10**9, "free": 23 * 10**9, "init": "pass", "count": 1, "cuda": 12090}
NO_DRIVER = NVML.format(**CARD | {"init": 'raise NVMLError_LibraryNotFound("NVML Shared Library Not Found")'})
GPU = NVML.format(**CARD)
CARD_0 = "dev/nvidia0"
HANGS = "import time; time.sleep(600)"


@pytest.fixture
def fakes(computer, tmp_path, monkeypatch):
    """Write modules for the processes that are asked: sources, or for CuPy the knobs of its stand-in."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *PATHS]))

    def write(pynvml=NO_DRIVER, cupy=NO_CUPY, tensorflow=TENSORFLOW):
        if isinstance(cupy, dict):
            cupy = f"import sys, fake_cupy\nsys.modules['cupy'] = fake_cupy.Fake(**{cupy!r})"
        this = f"""
            import pathlib, platform
            platform.release = lambda: {machine.platform.release()!r}
            from petcourse.hardware import machine
            machine.ROOT = pathlib.Path({str(machine.ROOT)!r})
        """
        sources = {"pynvml": pynvml, "cupy": cupy, "tensorflow": tensorflow, "sitecustomize": this}
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))

    return write


@pytest.fixture
def report(computer, fakes):
    """Return the report of a computer as a dict of lines."""

    def make(*sources, sign="", limit=60):
        fakes(*sources)
        if sign:
            computer(sign)
        lines = check.report(limit)
        for line in lines:
            assert line.state in ("ok", "slow", "missing")
            assert line.state == "ok" or line.remedy, line
        return {line.name: line for line in lines}

    return make


def test_without_a_gpu_all_is_well(report):
    lines = report()
    assert [name for name, line in lines.items() if line.state != "ok"] in ([], ["Memory"], ["Cores"])
    assert "always enough" in lines["GPU"].finding
    assert "CPU" in lines["Projector"].finding


def test_with_a_gpu_that_works(report):
    lines = report(GPU, {}, TENSORFLOW.replace("* 0", "* 1"), sign=CARD_0)
    assert {lines[name].state for name in ("Driver", "GPU", "CuPy", "TensorFlow", "Projector")} == {"ok"}
    assert lines["Driver"].finding == "NVIDIA 575.57.08, for CUDA up to 12.9"
    assert lines["GPU"].finding == "Card A, 23.0 GB free of 24.0 GB"
    assert lines["CuPy"].finding == "14.2.0 for CUDA 12.9, with the compiler NVRTC 12.9"
    assert lines["Projector"].finding == "GPU: Fake GPU 0"


FAULTS = {  # NVML, the knobs of CuPy's stand-in, a sign of a GPU, the states of Driver and CuPy
    "no driver": (NO_DRIVER, {"driver": 0}, CARD_0, "missing", "ok"),
    "no driver, no GPU": (NO_DRIVER, {"driver": 0}, "etc/hosts", "ok", "ok"),
    "old driver": (NVML.format(**CARD | {"cuda": 12040}), {"driver": 12040, "build": 13000}, CARD_0, "ok", "ok"),
    "too old a driver": (NVML.format(**CARD | {"cuda": 11080}), {"driver": 11080}, CARD_0, "missing", "ok"),
    "no NVRTC": (GPU, {"nvrtc": None}, CARD_0, "ok", "missing"),
    "hidden": (GPU, {"gpus": 0}, CARD_0, "ok", "ok"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_report_and_projector_say_one_sentence(fakes, computer, monkeypatch, fault):
    nvml, cupy, sign, *states = FAULTS[fault]
    if fault == "hidden":
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    fakes(nvml, cupy)
    computer(sign)
    facts = probes.ask(["nvidia", "cupy"], 60)
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy.Fake(**cupy))
    trouble = gpu_trouble()  # which the projector's warning says
    remedy = trouble.remedy or "export PETCOURSE_DEVICE=cpu"
    assert judge.projector(facts["cupy"]) == ("slow", f"CPU: {trouble.reason}", remedy)
    driver, line = judge.driver(facts["nvidia"], {}), judge.cupy(facts["cupy"])
    assert [driver[0], line[0]] == states
    assert line[0] == "ok" or line[2] == remedy
    monkeypatch.setenv("PETCOURSE_DEVICE", "gpu")
    assert judge.projector(facts["cupy"]) == ("missing", f"PETCOURSE_DEVICE asks for a GPU: {trouble.reason}", remedy)


@pytest.mark.parametrize(
    ("cupy", "finding", "reason"),
    [
        (NO_CUPY, "not installed", "signs of an NVIDIA GPU here, but CuPy is not installed"),
        ("raise ImportError('libcudart.so.11.0: cannot open')", "cannot be imported", "libcudart.so.11.0"),
    ],
)
def test_no_cupy_that_can_be_imported(report, cupy, finding, reason):
    lines = report(GPU, cupy, sign=CARD_0)
    assert lines["CuPy"].state == "missing" and finding in lines["CuPy"].finding
    assert lines["Projector"].state == "slow" and reason in lines["Projector"].finding
    assert re.search("-m pip install .*cupy-cuda12x", lines["Projector"].remedy)
    assert lines["CuPy"].remedy == lines["Projector"].remedy


def test_wsl_without_nvidia_smi_on_the_path(report, computer, monkeypatch):
    """As root, with sudo or in a hub: what Windows lends to WSL2 is a sign of the GPU."""
    monkeypatch.setattr("platform.release", lambda: "5.15.167.4-microsoft-standard-WSL2")
    computer("dev/dxg", "usr/lib/wsl/lib/libcuda.so.1")
    lines = report()
    assert lines["System"].finding.startswith("Linux in WSL2")
    assert lines["Driver"].state == "missing" and "wsl --update" in lines["Driver"].remedy
    assert lines["Projector"].state == "slow" and "signs of an NVIDIA GPU" in lines["Projector"].finding
    assert re.search("pip install .*cupy-cuda12x", lines["Projector"].remedy)


def test_the_cpu_that_was_asked_for_is_no_trouble(report, monkeypatch):
    monkeypatch.setenv("PETCOURSE_DEVICE", "cpu")
    lines = report(NO_DRIVER, {"driver": 0, "nvrtc": None})
    assert {line.state for line in lines.values() if line.name not in ("Memory", "Cores")} == {"ok"}
    assert "PETCOURSE_DEVICE" in lines["Projector"].finding


def test_a_device_that_is_none(computer, monkeypatch):
    monkeypatch.setenv("PETCOURSE_DEVICE", "tpu")
    state, finding, remedy = judge.projector({"trouble": None, "name": "Card"})
    assert state == "missing" and "PETCOURSE_DEVICE is 'tpu'" in finding and remedy == "unset PETCOURSE_DEVICE"


def test_two_cupys(report, tmp_path):
    for name in ("cupy_cuda11x", "cupy_cuda12x"):
        (tmp_path / f"{name}-14.2.0.dist-info").mkdir()
        metadata = f"Name: {name.replace('_', '-')}\nVersion: 14.2.0\n"
        (tmp_path / f"{name}-14.2.0.dist-info/METADATA").write_text(metadata)
    line = report(GPU, {}, sign=CARD_0)["CuPy"]
    assert line.state == "missing" and "only one" in line.finding and "cupy-cuda11x" in line.finding


@pytest.mark.parametrize(("built", "why"), [(True, "libraries are amiss"), (False, "this build knows no GPU")])
def test_tensorflow_does_not_see_the_gpu_that_cupy_sees(built, why):
    """The remedy leaves tensorflow-cpu where it is, as `make setup` wants it, and lays the same version over it."""
    facts = {"version": "2.21.0", "gpus": [], "for_gpu": built}
    state, finding, remedy = judge.tensorflow(facts, {}, {"hip": False, "name": "Card"})
    assert state == "slow" and why in finding
    assert remedy.endswith('-m pip install "tensorflow[and-cuda]==2.21.0"')


SILENT = NVML.format(**CARD | {"count": 2}).replace("return Memory", 'return Memory if i else exec("raise NVMLError")')
MISMATCH = 'raise NVMLError_LibRmVersionMismatch("RM has detected")'
FAILURES = {  # the line, the fake and its source, then the line's state, finding and remedy
    "no nvidia-ml-py": ("driver", "pynvml", "import nothing", "missing", "nvidia-ml-py", "-m pip install nvidia-ml-py"),
    "two versions": ("driver", "pynvml", NVML.format(**CARD | {"init": MISMATCH}), "missing", "RM has", "sudo reboot"),
    "little is free": ("gpu", "pynvml", NVML.format(**CARD | {"free": 1e9}), "slow", "1.0 GB free", "nvidia-smi"),
    "little memory": ("gpu", "pynvml", NVML.format(**CARD | {"total": 2e9}), "slow", "too little", "export PETCOURSE_SIZE=small"),
    "two GPUs, one silent": ("gpu", "pynvml", SILENT, "ok", "Card A, whose memory is not told; Card B, 23.0 GB free", ""),
    "no TensorFlow": ("tensorflow", "tensorflow", "import nothing", "missing", "'nothing'", "pip install .tensorflow"),
    "broken": ("tensorflow", "tensorflow", "raise ImportError('DLL load failed')", "missing", "DLL", "force-reinstall"),
    "crash": ("tensorflow", "tensorflow", "import os; os.abort()", "missing", "ended with code -6", "pip install"),
    "crash of CuPy": ("projector", "cupy", "import os; os.abort()", "slow", "ended with code -6", "PETCOURSE_DEVICE=cpu"),
    "chatter": ("tensorflow", "tensorflow", "    print('{not json')" + TENSORFLOW, "ok", "2.21.0 on the CPU", ""),
}  # fmt: skip


@pytest.mark.parametrize("failure", FAILURES)
def test_one_line_says_it(fakes, failure):
    line, module, source, *expected = FAILURES[failure]
    fakes(**{module: source})
    name = {"pynvml": "nvidia"}.get(module, module)
    others = {"driver": [{}], "gpu": [{}], "tensorflow": [{}, {}], "projector": []}[line]
    state, finding, *remedy = getattr(judge, line)(probes.ask([name], 60)[name], *others)
    assert (state, bool(remedy)) == (expected[0], state != "ok")
    assert expected[1] in finding
    assert re.search(expected[2], "".join(remedy))


def test_what_hangs_is_not_waited_for(report, monkeypatch):
    """Nothing is waited for longer than the limit; the rest of the report stands, and what is slow is asked again."""
    start = monotonic()
    lines = report(HANGS, HANGS, HANGS, sign=CARD_0, limit=4)
    assert monotonic() - start < 60  # not ten minutes
    assert lines["Driver"].state == "missing" and "no answer within 4 s" in lines["Driver"].finding
    assert lines["Driver"].remedy == "sudo reboot"
    assert lines["CuPy"][1:] == lines["TensorFlow"][1:] == judge.again()
    assert lines["Python"].state == "ok"
    monkeypatch.setattr(judge, "gpu_sign", lambda: None)
    assert judge.driver({"error": "no answer within 4 s", "hung": True}, {}) == judge.again()


def test_an_amd_gpu_is_read_from_linux(computer):
    memory = {"mem_info_vram_total": str(16 * 2**30), "mem_info_vram_used": str(2**30)}
    files = {"vendor": "0x1002\n", "product_name": "Card R\n", **memory}
    computer(**{f"sys/class/drm/card1/device/{name}": text for name, text in files.items()})
    nothing = {"error": "NVML Shared Library Not Found", "kind": "NVMLError_LibraryNotFound"}
    without = probes.amd()
    assert without == {"gpus": [["Card R", 16 * 2**30, 15 * 2**30]], "rocm": None}
    assert "rocm" in judge.driver(nothing, without)[2]
    assert judge.gpu(nothing, without)[0] == "ok" and "no ROCm" in judge.gpu(nothing, without)[1]  # a laptop's graphics
    computer(**{"opt/rocm/.info/version": "7.0.1-43\n"})
    assert judge.driver(nothing, probes.amd()) == ("ok", "AMD's, ROCm 7.0.1-43")
    assert judge.gpu(nothing, probes.amd())[1] == "Card R, 16.1 GB free of 17.2 GB"


def test_systems(monkeypatch):
    monkeypatch.setattr("platform.release", lambda: "4.4.0-19041-Microsoft")
    assert check._system()[0] == "slow" and "wsl" in check._system()[2]
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr("platform.release", lambda: "24.1.0")
    assert check._system()[1].startswith("macOS")


def test_one_core_is_slow(monkeypatch):
    monkeypatch.setattr(check, "available_cores", lambda: 16)
    assert check._cores() == ("ok", f"16 of {machine.processor()}")
    monkeypatch.setattr(check, "available_cores", lambda: 1)
    assert check._cores()[0] == "slow"


@pytest.mark.parametrize(("free", "state"), [(8e9, "ok"), (2e9, "slow"), (5e8, "missing")])
def test_memory(monkeypatch, free, state):
    monkeypatch.setattr(check, "memory", lambda: (16e9, free))
    assert check._memory()[0] == state


def test_a_look_that_fails_is_a_line_without_the_users_folder():
    def look():
        raise ValueError(f"{Path.home()}/secret cannot be read\nand more")

    line = check._line("Name", look)
    assert line.state == "missing" and line.remedy
    assert "~/secret" in line.finding and "more" not in line.finding


def test_text_and_json_from_the_shell(report, tmp_path):
    def run(*arguments):
        command = [sys.executable, "-m", "petcourse.hardware", *arguments]
        environment = {**os.environ, "HOME": str(tmp_path)}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    lines = report(GPU, {}, sign=CARD_0)
    as_json = json.loads(run("--json").stdout)
    assert [row["name"] for row in as_json["report"]] == list(lines)
    assert all(set(row) == set(check.Line._fields) for row in as_json["report"])
    assert str(tmp_path) not in json.dumps(as_json)
    text = run()
    assert text.returncode == 0 and text.stderr == ""
    assert [row[10:].split()[0] for row in text.stdout.splitlines() if row.startswith("[")] == list(lines)
    assert f"-> {lines['TensorFlow'].remedy}\n" in text.stdout  # in one piece, however long
    wrong = run("--xml")
    assert wrong.returncode == 1 and "--json" in wrong.stderr and "Traceback" not in wrong.stderr
