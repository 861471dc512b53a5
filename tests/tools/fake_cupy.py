"""A stand-in for CuPy and the driver below it, on NumPy arrays: kernels are compiled for the CPU and run as loops.

What CuPy refuses is refused here, as the source of CuPy 14.2 has it (cupy/_core: core.pyx, _kernel.pyx, _scalar.pyx;
cupy/cuda/memory.pyx): to become a NumPy array unasked, NumPy arrays among its own except as indices, ``where=`` in a
ufunc, memory that is not there. Two texts were seen, of the real CuPy 14.2 on a machine without a driver:
cudaErrorInsufficientDriver, and that NVRTC is missing; cudaErrorNoDevice follows NVIDIA's documentation of the runtime.

Around each array that the package allocates lie values that spoil a result if a kernel reads them, and that are checked
for having been overwritten. ``Fake`` has a knob for each fault.
"""

import ctypes
import functools
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import scipy.ndimage

SHIM = Path(__file__).parent / "shim"
COMPILER = (shutil.which("g++") or shutil.which("clang++")) if sys.platform == "linux" else None
GUARD = 64  # elements before and behind each array
BUILT = {}


class OutOfMemoryError(MemoryError):
    pass


class CUDARuntimeError(RuntimeError):
    pass


class CompileException(Exception):
    """As CuPy's: no RuntimeError."""


def plain(x):
    """What lies behind an array, or behind all in a list; NumPy's own are refused."""
    if isinstance(x, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(x, list | tuple):
        return type(x)(map(plain, x))
    return x.plain if isinstance(x, ndarray) else x


def index(key):
    """As `plain`; but CuPy takes NumPy arrays as indices."""
    if isinstance(key, tuple):
        return tuple(map(index, key))
    return key if isinstance(key, np.ndarray) else plain(key)


def on_gpu(function, *given, **named):
    """Call NumPy's function for CuPy's of the same name."""
    out = named.get("out")
    if unknown := {name: named[name] for name in ("where", "initial") if name in named}:
        raise TypeError(f"Wrong arguments {unknown}")
    found = function(*map(plain, given), **{name: plain(x) for name, x in named.items()})
    if out is not None:
        return out[0] if isinstance(out, tuple) else out
    return ndarray(np.asarray(found)) if isinstance(found, np.ndarray | np.generic) else found


class ndarray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array "on the GPU"."""

    __cuda_array_interface__ = property(lambda self: {"shape": self.shape})

    def __init__(self, plain):
        self.plain, self.device = plain, Device()

    def __getattr__(self, name):
        if name.startswith("_") or name == "plain":
            raise AttributeError(name)
        found = getattr(self.plain, name)
        if callable(found) and name != "ctypes":
            return functools.partial(on_gpu, found)
        return ndarray(found) if isinstance(found, np.ndarray) else found

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc, method, *given, **named):
        return on_gpu(getattr(ufunc, method), *given, **named)

    def __array_function__(self, function, types, given, named):
        return on_gpu(function, *given, **named)

    def __getitem__(self, key):
        return ndarray(np.asarray(self.plain[index(key)]))

    def __setitem__(self, key, value):
        self.plain[index(key)] = plain(value)

    def __iter__(self):
        return (self[n] for n in range(len(self)))

    def __len__(self):
        return len(self.plain)

    def __bool__(self):
        return bool(self.plain)

    def __int__(self):
        return int(self.plain)

    def __float__(self):
        return float(self.plain)

    def __repr__(self):
        return repr(self.plain)

    def __format__(self, how):
        return format(self.plain, how)

    def get(self):
        return np.array(self.plain)


class Device:
    """One of two GPUs."""

    current = 0

    def __init__(self, number=None):
        self.id = Device.current if number is None else number

    def __eq__(self, other):
        return self.id == other.id

    def __hash__(self):
        return self.id

    def use(self):
        Device.current = self.id

    def synchronize(self):
        """Loops are done when they return."""

    def __enter__(self):
        self.before, Device.current = Device.current, self.id

    def __exit__(self, *_):
        Device.current = self.before


class Fake(ModuleType):
    """The module ``cupy``, with the faults that are wanted.

    Parameters
    ----------
    driver, build : int
        CUDA versions, as 12090 for 12.9; driver 0 is none.
    gpus : int
    nvrtc : tuple of int, optional
        Version; None if the library is missing.
    free : int
        Bytes of GPU memory.
    allocations : int
        How many arrays can be made until memory gives out.
    """

    def __init__(self, driver=12090, build=12090, gpus=1, nvrtc=(12, 9), free=2**34, allocations=10**9, is_hip=False):
        super().__init__("cupy")
        self.__version__ = "14.2.0"
        self.__spec__ = ModuleSpec("cupy", None)  # for those who ask importlib whether CuPy is there
        self.ndarray, self.knobs, self.made, self.backwards = ndarray, SimpleNamespace(), [], False
        self.knobs.kernel_error = None  # raised instead of compiling
        self.knobs.pooled = 0  # bytes that CuPy's pool holds in store
        self.knobs.__dict__.update(driver=driver, gpus=gpus, nvrtc=nvrtc, free=free, allocations=allocations)
        runtime = SimpleNamespace(
            CUDARuntimeError=CUDARuntimeError, is_hip=is_hip, getDeviceCount=self._count,
            driverGetVersion=lambda: driver,
            memGetInfo=lambda: (self.knobs.free, 2**34), getDevice=lambda: Device.current,
            getDeviceProperties=lambda n: {"name": b"Fake GPU %d" % n, "totalGlobalMem": 2**34},
        )  # fmt: skip
        memory = SimpleNamespace(OutOfMemoryError=OutOfMemoryError)
        nvrtc = SimpleNamespace(getVersion=self._nvrtc)
        version = SimpleNamespace(get_build_version=lambda: build)
        self.cuda = SimpleNamespace(runtime=runtime, driver=version, memory=memory, nvrtc=nvrtc, Device=Device)
        self.cuda.compiler = SimpleNamespace(CompileException=CompileException)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(np, name)
        return functools.partial(on_gpu, found) if callable(found) and not isinstance(found, type) else found

    def _count(self):
        if not self.knobs.driver or self.knobs.driver // 1000 < self.cuda.driver.get_build_version() // 1000:
            raise CUDARuntimeError(
                "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version"
            )
        if not self.knobs.gpus:
            raise CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
        return self.knobs.gpus

    def _nvrtc(self):
        if not self.knobs.nvrtc:
            raise RuntimeError(
                'Failure finding "libnvrtc.so.13 or libnvrtc.so.12": No such file: libnvrtc.so.13 or libnvrtc.so.12, '
                "No such file: libnvrtc.so.13 or libnvrtc.so.12\n"
            )
        return self.knobs.nvrtc

    def get_default_memory_pool(self):
        return SimpleNamespace(free_bytes=lambda: self.knobs.pooled, total_bytes=lambda: 0)

    # Arrays

    def empty(self, shape, dtype=float):
        count, dtype = int(np.prod(shape)), np.dtype(dtype)
        if count * dtype.itemsize > self.knobs.free + self.knobs.pooled or self.knobs.allocations <= 0:
            raise OutOfMemoryError(
                f"Out of memory allocating {count * dtype.itemsize:,} bytes (allocated so far: 1,024 bytes)."
            )
        self.knobs.allocations -= 1
        whole = np.empty(count + 2 * GUARD, dtype)
        whole.view(np.uint8)[:] = 0xFF  # NaN, or a large number
        self.made.append((whole, count))
        return ndarray(whole[GUARD : GUARD + count].reshape(shape))

    def zeros(self, shape, dtype=float):
        found = self.empty(shape, dtype)
        found[...] = 0
        return found

    def ones(self, shape, dtype=float):
        return self.zeros(shape, dtype) + np.dtype(dtype).type(1)

    def asarray(self, x, dtype=None):
        if isinstance(x, ndarray) and dtype in (None, x.dtype):
            return x
        x = np.asarray(x.plain if isinstance(x, ndarray) else x, dtype)
        found = self.empty(x.shape, x.dtype)
        found.plain[...] = x
        return found

    def arange(self, *given):
        return self.asarray(np.arange(*given))

    def ascontiguousarray(self, x):
        return x if x.flags.c_contiguous else self.asarray(np.ascontiguousarray(x.plain))

    def concatenate(self, arrays):
        return self.asarray(np.concatenate(plain(arrays)))

    def asnumpy(self, x):
        return x.get()

    def check_guards(self):
        """No kernel wrote beside an array."""
        for whole, count in self.made:
            for guard in (whole[:GUARD], whole[GUARD + count :]):
                assert (guard.view(np.uint8) == 0xFF).all()

    # Kernels

    def RawModule(self, code, options):
        def get_function(name):  # CuPy as well compiles when the first one is asked for
            if self.knobs.kernel_error:
                raise self.knobs.kernel_error
            return Kernel(self, compiled(code, options), name)

        return SimpleNamespace(get_function=get_function)


class Kernel:
    """A kernel in a library that the shim was compiled into."""

    def __init__(self, cupy, library, name):
        self.cupy, self.run = cupy, getattr(library, f"launch_{name}")
        self.run.restype = ctypes.c_char_p

    def __call__(self, grid, block, args, *, shared_mem=0):
        for x in args:
            assert isinstance(x, np.int32) or (type(x) is ndarray and x.flags.c_contiguous), type(x)
        cells = [ctypes.c_int32(x) if isinstance(x, np.int32) else ctypes.c_void_p(x.ctypes.data) for x in args]
        given = (ctypes.c_void_p * len(cells))(*(ctypes.addressof(cell) for cell in cells))
        kinds = "".join("i" if isinstance(x, np.int32) else "p" for x in args).encode()
        sizes = [(ctypes.c_int * 3)(*size, *[1] * (3 - len(size))) for size in (grid, block)]
        wrong = self.run(*sizes, shared_mem, given, kinds, int(self.cupy.backwards))
        assert wrong is None, wrong.decode()


def compiled(code, options):
    """The kernels as a library for this machine's CPU."""
    key = hashlib.sha256(repr((code, options)).encode()).hexdigest()[:16]
    if key not in BUILT:
        BUILT[key] = tempfile.TemporaryDirectory()  # lasts as long as this process
        source, library = (Path(BUILT[key].name) / f"kernels.{end}" for end in ("cpp", "so"))
        names = re.findall(r'extern "C" __global__ void [^(]*\([^)]*\) (\w+)\(', code)
        parts = [
            '#include "cuda_on_cpu.h"',
            code.replace("extern __shared__", "extern"),
            *map("LAUNCH({})".format, names),
        ]
        source.write_text("\n".join(parts))
        flags = [
            "-O2",
            "-std=c++17",
            "-fPIC",
            "-shared",
            "-Wall",
            "-Werror",
            "-Wno-unknown-pragmas",
            "-U_FORTIFY_SOURCE",
            f"-I{SHIM}",
        ]
        built = subprocess.run(
            [COMPILER, *flags, *options, str(source), "-o", str(library)], check=False, capture_output=True, text=True
        )
        assert built.returncode == 0, built.stderr
        BUILT[key].library = ctypes.CDLL(str(library))
    return BUILT[key].library


def modules(cupy):
    """What goes into ``sys.modules``: CuPy, and the part of cupyx that is used."""

    def gaussian_filter(x, sigma, mode, truncate):
        assert type(x) is ndarray
        return cupy.asarray(scipy.ndimage.gaussian_filter(x.plain, sigma, mode=mode, truncate=truncate))

    class Sparse:
        """A matrix of SciPy, brought there; it multiplies CuPy's arrays."""

        def __init__(self, matrix):
            self.plain = matrix

        @property
        def T(self):
            return Sparse(self.plain.T)

        def __matmul__(self, x):
            assert type(x) is ndarray
            return cupy.asarray(self.plain @ x.plain)

    ndimage = SimpleNamespace(gaussian_filter=gaussian_filter)
    sparse = SimpleNamespace(csr_matrix=Sparse)
    names = {"cupyx": ModuleType("cupyx"), "cupyx.scipy": ModuleType("cupyx.scipy"), "cupyx.scipy.ndimage": ndimage}
    return {"cupy": cupy, **names, "cupyx.scipy.sparse": sparse}


def insert(monkeypatch, **faults):
    """Make ``import cupy`` find the stand-in, which is returned."""
    cupy = Fake(**faults)
    for name, module in modules(cupy).items():
        monkeypatch.setitem(sys.modules, name, module)
    return cupy
