"""Which device computes: the GPU through CuPy, or the CPU through NumPy; and if not the GPU, why not.

The environment variable PETCOURSE_DEVICE (gpu or cpu) decides what "auto" means: no notebook need be changed for it.
"""

import importlib.util
import os
import sys
import warnings

import numpy as np

from petcourse.hardware.gpu import gpu_sign, gpu_trouble
from petcourse.hardware.machine import memory


def choose(device="auto"):
    """The device to compute on.

    Parameters
    ----------
    device : {"auto", "gpu", "cpu"}
        "auto": what the environment variable PETCOURSE_DEVICE says, or else a GPU if there is one that works.

    Returns
    -------
    device : {"gpu", "cpu"}

    Warns
    -----
    UserWarning
        Once: "auto" found signs of a GPU, or CuPy, but has to take the CPU.

    Raises
    ------
    ValueError
        If it is none of the three.
    RuntimeError
        If "gpu" cannot be had, with the reason and what to type.
    """
    asked = (os.environ.get("PETCOURSE_DEVICE") or device) if device == "auto" else device
    if asked not in ("auto", "gpu", "cpu"):
        raise ValueError(f'the device is {asked!r} and "auto", "gpu" or "cpu" is wanted.')
    if asked == "cpu":
        return "cpu"
    trouble = gpu_trouble()
    if trouble is None:
        return "gpu"
    if asked == "gpu":
        raise RuntimeError(f"no GPU can be used: {trouble}")
    if gpu_sign() or "cupy" in sys.modules or importlib.util.find_spec("cupy"):
        warn_once(trouble)
    return "cpu"


def warn_once(trouble):
    """Say the first time why the CPU has to be taken, at the line outside of this package that needed a device."""
    if not choose.warned:
        choose.warned = True
        level, frame = 1, sys._getframe()
        while frame.f_globals.get("__name__", "").startswith("petcourse."):
            level, frame = level + 1, frame.f_back
        warnings.warn(f"computing on the CPU: {trouble} (PETCOURSE_DEVICE=cpu: no warning)", stacklevel=level)


choose.warned = False


def array_module(device="auto"):
    """The array module of a device: ``xp = array_module()``, then ``xp.asarray(...)`` for all that is computed with.

    Parameters
    ----------
    device : {"auto", "gpu", "cpu"}
        As for `choose`.

    Returns
    -------
    xp : module
    """
    return importlib.import_module("cupy") if choose(device) == "gpu" else np


def module_of(x):
    """``cupy`` or ``numpy``, whichever an array belongs to, or None if it is no such array."""
    cupy = sys.modules.get("cupy")
    if cupy is not None and isinstance(x, cupy.ndarray):
        return cupy
    return np if isinstance(x, np.ndarray) and not isinstance(x, np.ma.MaskedArray) else None


def as_numpy(x):
    """Bring an array from the GPU.

    Parameters
    ----------
    x : array

    Returns
    -------
    array
        A CuPy array's copy in NumPy; anything else as it is.
    """
    return x if module_of(x) in (np, None) else x.get()


def require_array(x, what, xp=None):
    """Refuse what is no plain array, or is on the wrong device, before something obscure is said.

    Parameters
    ----------
    x : array
    what : str
        How error messages call it.
    xp : module, optional
        ``numpy`` or ``cupy``: what it must be of. By default either.

    Raises
    ------
    TypeError
        With what was given, and how to copy it: nothing is copied unasked.
    """
    found = module_of(x)
    if found is None:
        wanted = "CuPy" if xp is not None and xp is not np else "NumPy"
        how = "cupy.asarray" if wanted == "CuPy" else "np.asarray or fill it"
        raise TypeError(f"{what} is of type {type(x).__name__} and a {wanted} array is wanted: use {how}.")
    if xp is not None and found is not xp:
        if found is np:
            raise TypeError(f"{what} is a NumPy array and a CuPy array is wanted, on the GPU: pass cupy.asarray(x).")
        raise TypeError(f"{what} is a CuPy array and a NumPy array is wanted, on the CPU: pass cupy.asnumpy(x).")


def require_memory(needed, what, xp=np):
    """Refuse work that does not fit into the free memory, before anything is allocated.

    Parameters
    ----------
    needed : int
        Bytes.
    what : str
        What is about to be made.
    xp : module
        ``numpy`` for the computer's memory, ``cupy`` for the GPU's.

    Raises
    ------
    MemoryError
        With what is needed, what is free and what to do.
    """
    free, gpu = free_bytes(xp), xp is not None and xp is not np
    if needed > free:
        raise MemoryError(
            f"{what} needs {needed / 2**20:.0f} MiB and {free / 2**20:.0f} MiB are free{' on the GPU' * gpu}: close other "
            f"{'programs that use it (nvidia-smi lists them)' if gpu else 'notebooks'} or take a shorter scanner, such as "
            "Scanner.mmr(rings=16)."
        )


def free_bytes(xp):
    """Free memory of the computer (``numpy``) or of the GPU (``cupy``), with what CuPy holds in store, in bytes."""
    if xp is None or xp is np:
        return memory()[1]
    return xp.cuda.runtime.memGetInfo()[0] + xp.get_default_memory_pool().free_bytes()
