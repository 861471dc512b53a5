"""Which device is taken, and what is said when it is not the GPU: each fault with CuPy and the driver faked.

Which of the fakes' texts were seen and which follow CuPy's source is said in fake_cupy.py; what was seen is the absence
of a driver, of NVRTC, and of CuPy's package `cuda`. No test here has met a driver that is too old, or a GPU.
"""

import builtins
import os
import subprocess
import sys
import warnings

import fake_cupy
import numpy as np
import pytest
from fake_cupy import CUDARuntimeError, Device, Fake, OutOfMemoryError

from petcourse.hardware import device, gpu
from petcourse.hardware.device import array_module, as_numpy, choose, module_of
from petcourse.hardware.gpu import gpu_name, gpu_sign, gpu_trouble

FAULTS = {
    "no driver": ({"driver": 0}, "no NVIDIA driver.*cudaErrorInsufficientDriver.*sudo ubuntu-drivers install"),
    "driver older than CuPy": (
        {"driver": 12020, "build": 13000},
        r"built for CUDA 13.0 and the NVIDIA driver reaches only 12.2: update.*or uninstall CuPy and type .*\[cuda12\]",
    ),
    "driver older than any": ({"driver": 11040}, "CUDA 12.9 and the NVIDIA driver reaches only 11.4: update the driver .*l[)][.]$"),
    "no GPU": ({"gpus": 0}, "shows CuPy no GPU .cudaErrorNoDevice: no CUDA-capable device is detected.*nvidia-smi"),
    "no NVRTC": ({"nvrtc": None}, r"NVRTC is missing .*libnvrtc.so.12.*: type .*pip install -e \"\.\[cuda12\]\"\.$"),
    "no NVRTC for CUDA 13": ({"nvrtc": None, "build": 13000, "driver": 13000}, r"NVRTC is missing .*\[cuda13\]"),
    "no NVRTC, newer driver": ({"nvrtc": None, "driver": 13000}, r"NVRTC is missing .*: type .*\[cuda12\]"),
    "CuPy for CUDA 11": (
        {"nvrtc": None, "build": 11080},
        r"NVRTC is missing .*: as this CuPy is for CUDA 11.8, uninstall it and type .*\[cuda12\]",
    ),
    "NVRTC newer than the driver": ({"nvrtc": (13, 1)}, r"NVRTC 13.1 is newer than the driver, which reaches 12.9: update the driver, or.*\[cuda12\]"),
    "no GPU for ROCm": ({"gpus": 0, "is_hip": True}, r"a build for AMD \(ROCm\) and sees no GPU .*rocminfo.*\[cuda12\]"),
    "memory full": ({"free": 0}, "the GPU has no memory left .Out of memory allocating 32 bytes.*nvidia-smi"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """As on a machine where nobody has been asked yet: no variables, no sign of a GPU, no CuPy, no warning given."""
    for name in ("PETCOURSE_DEVICE", *gpu.VISIBLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(choose, "warned", False)
    for module in (device, gpu):
        monkeypatch.setattr(module, "gpu_sign", lambda: None)
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(Device, "current", 0)


def install(monkeypatch, **faults):
    cupy = Fake(**faults)
    for name, module in fake_cupy.modules(cupy).items():
        monkeypatch.setitem(sys.modules, name, module)
    return cupy


def no_module(monkeypatch, error):
    """`import cupy` fails as if it were not there, or broken."""
    imported = builtins.__import__

    def guarded(name, *rest):
        if name == "cupy":
            raise error
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", guarded)
    monkeypatch.delitem(sys.modules, "cupy")


def test_gpu_that_works(monkeypatch):
    cupy = install(monkeypatch)
    assert gpu_trouble() is None
    assert [choose(), choose("gpu"), choose("cpu")] == ["gpu", "gpu", "cpu"]
    assert [array_module(), array_module("gpu"), array_module("cpu")] == [cupy, cupy, np]
    x = cupy.arange(3)
    assert (module_of(x), module_of(np.ones(3)), module_of([1]), module_of(np.ma.ones(3))) == (cupy, np, None, None)
    assert type(as_numpy(x)) is np.ndarray
    assert as_numpy(as_numpy(x)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(monkeypatch, fault):
    """ "auto": the CPU, and one warning with the reason and the remedy; "gpu": an error with the same text."""
    faults, message = FAULTS[fault]
    install(monkeypatch, **faults)
    with pytest.warns(UserWarning, match=message.rstrip("$")) as caught:
        assert [choose(), choose("auto"), choose("cpu")] == ["cpu"] * 3
    assert len(caught) == 1
    assert array_module() is np
    with pytest.raises(RuntimeError, match=message) as raised:
        choose("gpu")
    sentence = str(raised.value).removeprefix("no GPU can be used: ")
    assert sentence == gpu_trouble()
    assert sentence in str(caught[0].message)
    assert "\n" not in sentence


@pytest.mark.parametrize("variable", gpu.VISIBLE)
@pytest.mark.parametrize("value", ["", "-1", "7"])
def test_hidden_gpus(monkeypatch, variable, value):
    install(monkeypatch, gpus=0, is_hip=variable != "CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv(variable, value)
    assert gpu_trouble() == f"{variable} is {value!r} and shows CuPy no GPU: type unset {variable} and start again."


def test_a_variable_of_another_maker_is_not_blamed(monkeypatch):
    install(monkeypatch, gpus=0)
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "")
    assert "the NVIDIA driver shows CuPy no GPU" in gpu_trouble()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    install(monkeypatch, driver=0)
    assert "finds no NVIDIA driver" in gpu_trouble()


@pytest.mark.parametrize(("sign", "extra"), [("nvidia", "cuda12"), ("amd", "rocm")])
def test_gpu_but_no_cupy(monkeypatch, sign, extra):
    no_module(monkeypatch, ModuleNotFoundError("No module named 'cupy'", name="cupy"))
    for module in (device, gpu):
        monkeypatch.setattr(module, "gpu_sign", lambda: sign)
    with pytest.warns(UserWarning, match=rf"CuPy is not installed: type .venv/bin/pip install -e \"\.\[{extra}\]\""):
        assert choose() == "cpu"


def test_laptop_without_a_gpu(monkeypatch):
    """Neither CuPy nor a GPU: nothing is to be mended, and nothing is said, unless the GPU was asked for."""
    no_module(monkeypatch, ModuleNotFoundError("No module named 'cupy'", name="cupy"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert choose() == "cpu"
    with pytest.raises(RuntimeError, match="shows no GPU for CuPy, and CuPy is not installed: the CPU is enough"):
        choose("gpu")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ModuleNotFoundError("No module named 'cuda'", name="cuda"), "lacks the package cuda: install it"),
        (ImportError("libamdhip64.so.7: cannot open shared object file\nand more"), r"cannot be imported \(libamdhip64.so.7: .* file\)"),
    ],
)  # fmt: skip
def test_broken_cupy(monkeypatch, error, message):
    no_module(monkeypatch, error)
    with pytest.raises(RuntimeError, match=message):
        choose("gpu")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (CUDARuntimeError("cudaErrorNoKernelImageForDevice: no kernel image is available"), "cannot use the GPU .cudaErrorNoKernelImage"),
        (OutOfMemoryError("Out of memory allocating 512 bytes."), "has no memory left .Out of memory allocating 512"),
    ],
)  # fmt: skip
def test_gpu_that_cannot_run(monkeypatch, error, message):
    """Driver, compiler and GPU are there, and still nothing runs: only a proof finds that."""
    cupy = install(monkeypatch)

    def fail(*_):
        raise error

    cupy.arange = fail
    with pytest.raises(RuntimeError, match=message):
        choose("gpu")


def test_gpu_that_miscalculates(monkeypatch):
    cupy = install(monkeypatch)
    cupy.arange = lambda n: np.zeros(n, int)
    assert "0 + 1 + 2 + 3 is 0" in gpu_trouble()


def test_two_gpus(monkeypatch):
    cupy = install(monkeypatch, gpus=2)
    assert (
        gpu_name()
        == "Fake GPU 0 (GPU 0 of 0 to 1; for another set CUDA_VISIBLE_DEVICES, such as CUDA_VISIBLE_DEVICES=1)"
    )
    with cupy.cuda.Device(1):
        assert gpu_name().startswith("Fake GPU 1 (GPU 1 of 0 to 1;")
        assert gpu_name().endswith("CUDA_VISIBLE_DEVICES=0)")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")  # the others belong to somebody else
    assert gpu_name().endswith("CUDA_VISIBLE_DEVICES=3)")
    install(monkeypatch)
    assert gpu_name() == "Fake GPU 0"


def test_environment_decides_what_auto_is(monkeypatch):
    install(monkeypatch)
    monkeypatch.setenv("PETCOURSE_DEVICE", "cpu")
    assert (choose(), choose("gpu")) == ("cpu", "gpu")
    monkeypatch.setenv("PETCOURSE_DEVICE", "tpu")
    with pytest.raises(ValueError, match='device is \'tpu\' and "auto", "gpu" or "cpu" is wanted'):
        choose()
    monkeypatch.setenv("PETCOURSE_DEVICE", "gpu")
    install(monkeypatch, driver=0)
    with pytest.raises(RuntimeError, match="no NVIDIA driver"):
        choose()


def test_real_cupy_without_a_driver():
    """Where CuPy is installed and there is no driver, its own messages lead to the same sentence."""
    code = (
        "import cupy\nfrom petcourse.hardware.gpu import gpu_trouble\n"
        "print(gpu_trouble() if cupy.cuda.runtime.driverGetVersion() == 0 else 'driver')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if "No module named 'cupy'" in run.stderr or run.stdout.strip() == "driver":
        pytest.skip("CuPy is not installed, or there is a driver")
    assert "finds no NVIDIA driver (cudaErrorInsufficientDriver" in run.stdout, run.stderr


def test_cupy_without_its_libraries(tmp_path):
    """CuPy alone, without CUDA's libraries: seen to break the import of PyLops, and with it the CPU's projector."""
    missing = 'raise ImportError("Failure finding libcublasLt.so.13 or libcublasLt.so.12")'
    for name, text in (("cupy", "class ndarray: pass"), ("cupyx", missing)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(text)
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}]\n"
        "import numpy as np\nfrom petcourse import Projector, Scanner\n"
        "X = Projector(Scanner.mmr(rings=1), 10, device='cpu')\n"
        "assert (X @ np.ones(X.dims, np.float32)).max() > 19"
    )
    env = {name: value for name, value in os.environ.items() if name != "CUPY_PYLOPS"}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("files", "sign"),
    [
        ({}, None),
        ({"bin/nvidia-smi": ""}, "nvidia"),
        ({"dev/nvidia0": ""}, "nvidia"),
        ({"dev/nvidiactl": ""}, None),
        ({"proc/driver/nvidia/version": ""}, "nvidia"),
        ({"sys/bus/pci/devices/0/vendor": "0x10de\n", "sys/bus/pci/devices/0/class": "0x030000\n"}, "nvidia"),
        ({"sys/bus/pci/devices/0/vendor": "0x10de\n", "sys/bus/pci/devices/0/class": "0x040300\n"}, None),  # its sound
        ({"sys/bus/pci/devices/0/vendor": "0x1002\n", "sys/bus/pci/devices/0/class": "0x030000\n"}, None),  # no ROCm
        ({"sys/bus/pci/devices/0/vendor": "0x10de\n"}, None),
        ({"bin/rocminfo": ""}, "amd"),
        ({"opt/rocm/lib": ""}, "amd"),
    ],
)
def test_signs_of_a_gpu(files, sign, tmp_path, monkeypatch):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(gpu, "Path", lambda name: tmp_path / name[1:])
    assert gpu_sign() == sign
