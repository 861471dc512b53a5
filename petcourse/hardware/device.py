"""Which device computes, the GPU through CuPy or the CPU through NumPy, and whose arrays lie where.

The environment variable PETCOURSE_DEVICE (gpu or cpu) decides what "auto" means: no notebook need be changed for it.
"""

import functools
import importlib
import os
import sys
import warnings

import numpy as np

from petcourse.hardware.gpu import gpu_trouble
from petcourse.hardware.machine import memory


def requested(device="auto"):
    """What is asked for: "auto", "gpu" or "cpu"; in the place of "auto" what PETCOURSE_DEVICE says, if anything.

    Raises
    ------
    ValueError
        If it is none of the three.
    """
    variable = os.environ.get("PETCOURSE_DEVICE") if device == "auto" else None
    if (variable or device) not in ("auto", "gpu", "cpu"):
        name = "PETCOURSE_DEVICE" if variable else "device"
        raise ValueError(f"{name} is {variable or device!r}: set it to 'auto', 'gpu' or 'cpu', or leave it out.")
    return variable or device


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
    asked = requested(device)
    if asked == "cpu":
        return "cpu"
    trouble = gpu_trouble()
    if trouble is None:
        return "gpu"
    if asked == "gpu":
        raise RuntimeError(f"no GPU can be used: {trouble}")
    if trouble.expected:
        warn_once(str(trouble))
    return "cpu"


@functools.cache  # once for each trouble; an own warning for each cell of a notebook would be Python's way
def warn_once(trouble):
    """Say why the CPU has to be taken, at the line outside of this package that needed a device."""
    level, frame = 1, sys._getframe()
    while frame.f_globals.get("__name__", "").startswith("petcourse."):
        level, frame = level + 1, frame.f_back
    warnings.warn(f"computing on the CPU: {trouble} (PETCOURSE_DEVICE=cpu: no warning)", stacklevel=level)


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
    """Refuse what is no plain array, or not one of ``xp`` (``numpy`` or ``cupy``; None: either), with a TypeError.

    It says what was given and how to copy it: nothing is copied unasked. ``what`` is how it calls the array.
    """
    module = module_of(x)
    if module is None:
        library, copy = ("NumPy", "np.asarray or fill it") if xp in (None, np) else ("CuPy", "cupy.asarray")
        raise TypeError(f"{what} is of type {type(x).__name__} and a {library} array is wanted: use {copy}.")
    if xp not in (None, module):
        if module is np:
            raise TypeError(f"{what} is a NumPy array and a CuPy array is wanted, on the GPU: pass cupy.asarray(x).")
        raise TypeError(f"{what} is a CuPy array and a NumPy array is wanted, on the CPU: pass cupy.asnumpy(x).")


def require_memory(needed, what, xp=np):
    """Refuse to make ``what``, of that many bytes, with a MemoryError if they are not free, before any are allocated.

    The memory is the computer's for ``numpy``, and the GPU's for ``cupy``.
    """
    free = free_bytes(xp)
    if needed > free:
        place, others = "", "notebooks"
        if xp not in (None, np):
            place, others = " on the GPU", "programs that use it (nvidia-smi lists them)"
        raise MemoryError(
            f"{what} needs {needed / 2**20:.0f} MiB and {free / 2**20:.0f} MiB are free{place}: close other {others} "
            "or take a shorter scanner, such as Scanner.mmr(rings=16)."
        )


def free_bytes(xp):
    """Free memory of the computer (``numpy``) or of the GPU (``cupy``), with what CuPy holds in store, in bytes."""
    if xp in (None, np):
        return memory()[1]
    return xp.cuda.runtime.memGetInfo()[0] + xp.get_default_memory_pool().free_bytes()
