"""MATLAB's files, through SciPy: an index stays where it is, counted from 1 there, so ``m(plane, angle, bin)``."""

import numpy as np
import scipy.io

from petcourse.exchange.files import whole_file

LARGEST = 2**31 - 1  # bytes of a variable in MATLAB's version 5


def write_matlab(path, **arrays):
    """Write arrays, each under its name.

    Parameters
    ----------
    path : path-like
        Ends on ``.mat``.
    **arrays : array
        Of numbers; ValueError if one is larger than 2 GB.
    """
    for name, values in arrays.items():
        if np.asarray(values).nbytes > LARGEST:
            raise ValueError(
                f"{name} has {values.nbytes / 1e9:.1f} GB, and a .mat variable holds 2: give it in parts, or as float32."
            )
    with whole_file(path) as file:
        scipy.io.savemat(file, arrays, do_compression=True)


def read_matlab(path):
    """Read arrays: a dict by name. ValueError if it is no such file, or one of version 7.3, which is HDF5."""
    try:
        values = scipy.io.loadmat(path)
    except NotImplementedError:
        raise ValueError(f"{path} is of version 7.3: save it in MATLAB with '-v7', or open it with h5py.") from None
    except (ValueError, TypeError, OSError, EOFError) as error:
        raise ValueError(f"{path} is no .mat file that can be read ({error}): save it anew.") from None
    return {name: array for name, array in values.items() if not name.startswith("__")}
