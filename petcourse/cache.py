"""The results that one notebook hands to the next, kept on disk under the name of what made them."""

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np

import petcourse


def cache_folder():
    """Return the folder of the results: the environment variable PETCOURSE_CACHE, else the user's own cache."""
    if os.environ.get("PETCOURSE_CACHE"):
        return Path(os.environ["PETCOURSE_CACHE"]).expanduser()
    user = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    return (Path(user) if user else Path.home() / ".cache") / "petcourse"


def cached(name, make, **made_by):
    """Return the arrays stored for `name` and what made them; where there are none, make and store them.

    Parameters
    ----------
    name : str
        What is stored, for example ``"mlem"``: letters, digits, ``-`` and ``_``. The file's name starts with it.
    make : callable
        Called without arguments if nothing valid is stored; returns a dict of NumPy arrays.
    **made_by
        All that the result depends on (scanner, subject, seed, counts): numbers (NumPy's too), strings, lists,
        dicts and dataclasses. Another value of any of these, or another version of petcourse, is another entry.

    Returns
    -------
    dict of numpy.ndarray
        What `make` returned, or the same arrays read back, bit for bit.

    Raises
    ------
    ValueError
        If `name` cannot be the start of a file's name.
    TypeError
        If `made_by` is not plain data, or `make` does not return a dict of plain arrays.

    Warns
    -----
    RuntimeWarning
        If a damaged file was found, which is then made anew, or if the result, returned all the same, could not
        be stored.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[\w-]+", name, re.ASCII):
        raise ValueError(f"The cache name {name!r} must consist of letters, digits, '-' and '_' only: rename it.")
    key = _key({"name": name, "petcourse": petcourse.__version__, **made_by})
    path = cache_folder() / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.npz"
    try:
        return _read(path, key)
    except (FileNotFoundError, NotADirectoryError):
        pass  # the ordinary first run; a folder that cannot be is named below, when it is written
    except Exception as error:  # noqa: BLE001  whatever damage makes zipfile or NumPy raise, it is named
        text = f"The stored result {path} cannot be used ({_sentence(error)}): it is computed anew."
        warnings.warn(text, RuntimeWarning, stacklevel=2)
    arrays = make()
    if not isinstance(arrays, dict):
        raise TypeError(f"make() of {name!r} returned {type(arrays).__name__}: let it return a dict of NumPy arrays.")
    arrays = {str(k): np.asarray(v) for k, v in arrays.items()}
    if any(v.dtype.hasobject for v in arrays.values()):
        raise TypeError(f"make() of {name!r} returned Python objects: let it return arrays of numbers.")
    try:
        _write(path, key, arrays)
    except OSError as error:
        text = (
            f"The result {name!r} is not kept, since {path.parent} cannot be written ({_sentence(error)}): "
            "make room there, or let the environment variable PETCOURSE_CACHE name another folder."
        )
        warnings.warn(text, RuntimeWarning, stacklevel=2)
    return arrays


def _key(made_by):
    """The key as text; a dataclass (the scanner) stands there as its class and fields."""

    def plain(value):
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {type(value).__name__: dataclasses.asdict(value)}
        if isinstance(value, np.generic):
            return value.item()
        raise TypeError(f"it holds {type(value).__name__}")

    for name, value in made_by.items():
        try:
            json.dumps(value, sort_keys=True, default=plain)
        except (TypeError, ValueError) as error:
            text = f"{name} must be plain data ({error}): give numbers, strings, lists or dicts."
            raise TypeError(text) from None
    return json.dumps(made_by, sort_keys=True, default=plain)


def _sentence(error):
    return getattr(error, "strerror", None) or str(error).rstrip(".") or type(error).__name__


def _read(path, key):
    """Read a file (an ordinary .npz, with the key beside the arrays); the CRC of each array is checked."""
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        made_by, names = json.loads(archive.read("made_by.json"))
        if made_by != key:
            raise ValueError("it was made by something else")
        for name in names:
            with archive.open(f"{name}.npy") as member:
                arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
                if member.read(1):  # also makes zipfile reach the end, where it compares the CRC
                    raise ValueError(f"{name} is longer than its header says")
    return arrays


def _write(path, key, arrays):
    """Write beside the final name and rename, so that nobody ever reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob("*.npz.tmp"):  # by a writer that was killed; a living one touches its file
        with contextlib.suppress(FileNotFoundError):  # another process cleared it away at the same moment
            if time.time() - left.stat().st_mtime > 3600:
                left.unlink()
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".npz.tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            with zipfile.ZipFile(file, "w") as archive:  # stored, not deflated: noise does not compress
                archive.writestr("made_by.json", json.dumps([key, list(arrays)]))
                for name, array in arrays.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
