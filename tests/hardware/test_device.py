"""Which device is taken, and what is said when it is not the GPU: each fault with CuPy and the driver faked.

Which of the fakes' texts were seen and which follow CuPy's source is said in fake_cupy.py; what was seen is the absence
of a driver, of NVRTC, and of CuPy's package `cuda`. No test here has met a driver that is too old, or a GPU.
"""

import builtins
import os
import re
import subprocess
import sys
import warnings

import fake_cupy
import numpy as np
import pytest
from fake_cupy import CUDARuntimeError, Fake, OutOfMemoryError

from petcourse.hardware.device import array_module, as_numpy, choose, module_of
from petcourse.hardware.gpu import VISIBLE, gpu_name, gpu_sign, gpu_trouble

pytestmark = pytest.mark.usefixtures("computer")


def raising(error):
    def run(*_):
        raise error

    return run


def install(monkeypatch, arange=None, **faults):
    cupy = Fake(**faults)
    if arange:
        cupy.arange = arange
    for name, module in fake_cupy.modules(cupy).items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(fake_cupy.Device, "current", 0)
    return cupy


def no_import(monkeypatch, error):
    """`import cupy` fails as if it were not there, or broken."""
    import_module = builtins.__import__
    monkeypatch.setattr(
        builtins, "__import__", lambda n, *rest: raising(error)() if n == "cupy" else import_module(n, *rest)
    )
    monkeypatch.delitem(sys.modules, "cupy")


ABSENT = ModuleNotFoundError("No module named 'cupy'", name="cupy")
NVIDIA, AMD = "dev/nvidia0", "opt/rocm/lib"
FAULTS = {  # what is amiss, a sign of a GPU, then the reason's and the remedy's key words
    "no driver, no GPU": ({"driver": 0}, None, "finds no NVIDIA driver.*cudaErrorInsufficientDriver", "CPU is enough"),
    "no driver": ({"driver": 0}, NVIDIA, "finds no NVIDIA driver", "ubuntu-drivers install"),
    "driver older than CuPy": ({"driver": 12020, "build": 13000}, NVIDIA, "CUDA 13.0 .* only 12.2", "pip install .*cuda12x"),
    "driver older than any": ({"driver": 11040}, NVIDIA, "CUDA 12.9 .* only 11.4", "ubuntu-drivers install"),
    "no GPU": ({"gpus": 0}, NVIDIA, "driver shows CuPy no GPU .*cudaErrorNoDevice", "nvidia-smi"),
    "no NVRTC": ({"nvrtc": None}, NVIDIA, "NVRTC.* missing .*libnvrtc.so.12", "pip install .*cuda12x.ctk"),
    "no NVRTC for CUDA 13": ({"nvrtc": None, "build": 13000, "driver": 13000}, NVIDIA, "NVRTC.* missing", "cuda13x"),
    "no NVRTC, newer driver": ({"nvrtc": None, "driver": 13000}, NVIDIA, "NVRTC.* missing", "cuda12x"),
    "CuPy for CUDA 11": ({"nvrtc": None, "build": 11080}, NVIDIA, "CUDA 11.8.* missing", "cuda12x"),
    "NVRTC newer than the driver": ({"nvrtc": (13, 1)}, NVIDIA, "NVRTC 13.1 is newer .* 12.9", "ubuntu-drivers install"),
    "no GPU for ROCm": ({"gpus": 0, "is_hip": True}, AMD, r"a build for AMD \(ROCm\) and sees no GPU", "usermod"),
    "ROCm for NVIDIA": ({"gpus": 0, "is_hip": True}, NVIDIA, r"a build for AMD \(ROCm\)", "pip install .*cuda12x"),
    "memory full": ({"free": 0}, NVIDIA, "no memory left .Out of memory allocating 32 bytes", "nvidia-smi"),
    "memory fills": ({"arange": raising(OutOfMemoryError("Out of memory."))}, NVIDIA, "no memory left .Out", "nvidia-smi"),
    "GPU too old": ({"arange": raising(CUDARuntimeError("cudaErrorNoKernelImageForDevice: no kernel image"))}, NVIDIA,
                    "cannot use the GPU .cudaErrorNoKernelImage", "petcourse.hardware"),
    "wrong sum": ({"arange": lambda n: np.zeros(n, int)}, NVIDIA, r"0 \+ 1 \+ 2 \+ 3 is 0", "reboot"),
    "no CuPy": (ABSENT, NVIDIA, "signs of an NVIDIA GPU .* CuPy is not installed", "pip install .*cuda12x"),
    "no CuPy for AMD": (ABSENT, AMD, "signs of ROCm .* CuPy is not installed", "pip install .*cupy-rocm"),
    "CuPy in parts": (ModuleNotFoundError("No module 'cuda'", name="cuda"), NVIDIA, "lacks the package cuda", "cuda12x"),
    "CuPy broken": (ImportError("libamdhip64.so.7: cannot open\nmore"), NVIDIA, r"imported \(libamdhip64.* open\)", "cuda12x"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(monkeypatch, computer, fault):
    """ "auto": the CPU, and one warning with the reason and the remedy; "gpu": an error with the same sentence."""
    faults, sign, reason, remedy = FAULTS[fault]
    install(monkeypatch, **faults) if isinstance(faults, dict) else no_import(monkeypatch, faults)
    if sign:
        computer(sign)
    with pytest.warns(UserWarning) as caught:
        assert [choose(), choose("auto"), choose("cpu")] == ["cpu"] * 3
    assert len(caught) == 1
    assert array_module() is np
    with pytest.raises(RuntimeError) as raised:
        choose("gpu")
    trouble = gpu_trouble()
    assert re.search(reason, trouble.reason)
    assert re.search(remedy, str(trouble).removeprefix(trouble.reason))
    assert str(trouble) in str(raised.value) and str(trouble) in str(caught[0].message)
    assert "\n" not in str(trouble)


def test_gpu_that_works(monkeypatch):
    cupy = install(monkeypatch)
    assert gpu_trouble() is None
    assert [choose(), choose("gpu"), choose("cpu")] == ["gpu", "gpu", "cpu"]
    assert [array_module(), array_module("gpu"), array_module("cpu")] == [cupy, cupy, np]
    x = cupy.arange(3)
    assert (module_of(x), module_of(np.ones(3)), module_of([1]), module_of(np.ma.ones(3))) == (cupy, np, None, None)
    assert type(as_numpy(x)) is np.ndarray
    assert as_numpy(as_numpy(x)).tolist() == [0, 1, 2]
    install(monkeypatch, build=11080, nvrtc=(11, 8))  # an older CuPy with all that it needs
    assert gpu_trouble() is None


@pytest.mark.parametrize("variable", VISIBLE)
@pytest.mark.parametrize("value", ["", "-1", "7"])
def test_hidden_gpus(monkeypatch, variable, value):
    install(monkeypatch, gpus=0, is_hip=variable != "CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv(variable, value)
    assert gpu_trouble().reason.startswith(f"{variable} is {value!r}")
    assert gpu_trouble().remedy == f"unset {variable}"


def test_a_variable_of_another_maker_is_not_blamed(monkeypatch):
    install(monkeypatch, gpus=0)
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "")
    assert "driver shows CuPy no GPU" in gpu_trouble().reason
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    install(monkeypatch, driver=0)
    assert "finds no NVIDIA driver" in gpu_trouble().reason


def test_laptop_without_a_gpu(monkeypatch):
    """Neither CuPy nor a GPU: nothing is to be mended, and nothing is said, unless the GPU was asked for."""
    no_import(monkeypatch, ABSENT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert choose() == "cpu"
    with pytest.raises(RuntimeError, match="no GPU.* the CPU is enough"):
        choose("gpu")


def test_two_gpus(monkeypatch):
    cupy = install(monkeypatch, gpus=2)
    assert re.fullmatch(r"Fake GPU 0 \(GPU 0 of 0 to 1.* CUDA_VISIBLE_DEVICES=1\)", gpu_name())
    with cupy.cuda.Device(1):
        assert re.fullmatch(r"Fake GPU 1 \(GPU 1 of 0 to 1.* CUDA_VISIBLE_DEVICES=0\)", gpu_name())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")  # the others belong to somebody else
    assert gpu_name().endswith("CUDA_VISIBLE_DEVICES=3)")
    install(monkeypatch)
    assert gpu_name() == "Fake GPU 0"


def test_environment_decides_what_auto_is(monkeypatch):
    install(monkeypatch)
    monkeypatch.setenv("PETCOURSE_DEVICE", "cpu")
    assert (choose(), choose("gpu")) == ("cpu", "gpu")
    monkeypatch.setenv("PETCOURSE_DEVICE", "gpu")
    install(monkeypatch, driver=0)
    with pytest.raises(RuntimeError, match="no NVIDIA driver"):
        choose()


@pytest.mark.parametrize(
    ("device", "variable", "name"), [("auto", "cuda", "PETCOURSE_DEVICE"), ("tpu", "cpu", "device")]
)
def test_what_is_no_device(monkeypatch, device, variable, name):
    """The sentence names what has to be changed: the variable, or the argument."""
    monkeypatch.setenv("PETCOURSE_DEVICE", variable)
    with pytest.raises(ValueError, match=f"^{name} is '(cuda|tpu)': .*'gpu' or 'cpu'"):
        choose(device)


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


VENDOR, CLASS = "sys/bus/pci/devices/0/vendor", "sys/bus/pci/devices/0/class"
WSL = "usr/lib/wsl/lib/libcuda.so.1"


@pytest.mark.parametrize(
    ("files", "sign"),
    [
        ({}, None),
        ({"bin/nvidia-smi": ""}, "nvidia"),
        ({"dev/nvidia0": ""}, "nvidia"),
        ({"dev/nvidiactl": ""}, None),
        ({"proc/driver/nvidia/version": ""}, "nvidia"),
        ({"dev/dxg": "", WSL: ""}, "nvidia"),  # WSL2, where nvidia-smi is not on PATH
        ({"dev/dxg": "", "usr/lib/wsl/lib/libd3d12.so": ""}, None),  # WSL2 with another maker's GPU
        ({WSL: ""}, None),  # a container in WSL2 that was given no GPU
        ({VENDOR: "0x10de\n", CLASS: "0x030000\n"}, "nvidia"),
        ({VENDOR: "0x10de\n", CLASS: "0x040300\n"}, None),  # its sound
        ({VENDOR: "0x1002\n", CLASS: "0x030000\n"}, None),  # AMD without ROCm
        ({VENDOR: "0x10de\n"}, None),
        ({"bin/rocminfo": ""}, "amd"),
        ({"opt/rocm/lib": ""}, "amd"),
    ],
)
def test_signs_of_a_gpu(computer, files, sign):
    computer(**files)
    assert gpu_sign() == sign
