"""The results that one notebook hands to the next, kept on disk under the name of what made them."""

import ast
import contextlib
import dataclasses
import functools
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
from petcourse.errors import first_line

COMPUTES = ("scan", "data", "reconstruction")  # the folders whose code decides what is computed


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
        What is stored, for example ``"mlem"``. The file's name starts with it.
    make : callable
        Called without arguments if nothing valid is stored; returns a dict of NumPy arrays.
    **made_by
        All that the result depends on (scanner, subject, seed, counts): numbers (NumPy's too), strings, lists,
        dicts and dataclasses. Another value of any of these, another version of petcourse, or other code in the
        folders that compute (comments and docstrings do not count) is another entry.

    Returns
    -------
    dict of numpy.ndarray
        What `make` returned, or the same arrays read back, bit for bit.

    Raises
    ------
    TypeError
        If `made_by` is not plain data.

    Warns
    -----
    RuntimeWarning
        If a damaged file was found, which is then made anew, or if the result, returned all the same, could not
        be stored.
    """
    path, key = entry(name, code=code_hash(*COMPUTES), **made_by)
    arrays = read(path, key)
    if arrays is None:
        arrays = {k: np.asarray(v) for k, v in make().items()}
        write(path, key, arrays)
    return arrays


def entry(name, **made_by):
    """The file in which a result is kept, and the key that is written into it: `made_by` as text."""
    key = _text({"name": name, "petcourse": petcourse.__version__, **made_by})
    return cache_folder() / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.npz", key


def read(path, key):
    """Return the arrays written under a key, or None if there are none; what cannot be used is warned of."""
    try:
        return _load(path, key)
    except (FileNotFoundError, NotADirectoryError):
        return None  # the ordinary first run; a folder that cannot be is named when it is written to
    except Exception as error:  # noqa: BLE001  whatever damage makes zipfile or NumPy raise, it is named
        text = f"The stored result {path} cannot be used ({first_line(error)}): it is computed anew."
        warnings.warn(text, RuntimeWarning, stacklevel=3)
        return None


def write(path, key, arrays):
    """Keep a dict of arrays under a key; if that cannot be, a warning says so, and nothing else happens."""
    try:
        _store(path, key, arrays)
    except OSError as error:
        text = (
            f"The result {path.name} is not kept, since {path.parent} cannot be written ({first_line(error)}): "
            "make room there, or let the environment variable PETCOURSE_CACHE name another folder."
        )
        warnings.warn(text, RuntimeWarning, stacklevel=3)


@functools.cache
def code_hash(*places):
    """Hash of the source in files and folders of petcourse, without what changes no number: comments, docstrings, errors."""
    total = hashlib.sha256()
    for place in (Path(__file__).parent / place for place in places):
        for path in sorted(place.glob("*.*")) if place.is_dir() else [place]:
            if path.suffix in (".py", ".cu") and path.name != "__init__.py":
                source = path.read_text(encoding="utf-8")
                total.update(path.name.encode() + (_python if path.suffix == ".py" else _cuda)(source).encode())
    return total.hexdigest()[:12]


def hash_of(*arrays):
    """Tells arrays apart, for `made_by`."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(np.ascontiguousarray(array))
    return total.hexdigest()[:16]


def _python(source):
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise):
            node.exc = node.cause = None
        if isinstance(getattr(node, "body", None), list):
            node.body = [s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    return ast.dump(tree)


def _cuda(source):
    return " ".join(re.sub(r"//.*|/\*[\s\S]*?\*/", "", source).split())


def _text(value):
    """Plain data as text, other text for other data; a dataclass (the scanner) stands there as its class and fields."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return f"{type(value).__module__}.{type(value).__qualname__}{_text(fields)}"
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) is dict:
        return "{" + ", ".join(sorted(f"{_text(k)}: {_text(v)}" for k, v in value.items())) + "}"
    if type(value) in (list, tuple):
        return "[" + ", ".join(map(_text, value)) + "]"
    if value is None or type(value) in (bool, int, float, str):
        return repr(value)
    raise TypeError(
        f"What a result was made by holds {type(value).__name__}, which is no plain data: "
        "give numbers, strings, lists, dicts or dataclasses of these."
    )


def _load(path, key):
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


def _store(path, key, arrays):
    """Write beside the final name and rename, so that nobody ever reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob("*.npz.tmp"):  # by a writer that was killed; a living one touches its file
        with contextlib.suppress(FileNotFoundError):  # another process cleared it away at the same moment
            if time.time() - left.stat().st_mtime > 3600:
                left.unlink()
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".npz.tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            with zipfile.ZipFile(file, "w", compresslevel=1) as archive:
                archive.writestr("made_by.json", json.dumps([key, list(arrays)]))
                for name, array in arrays.items():  # counts shrink to a third, in seconds; noise does not compress
                    archive.compression = zipfile.ZIP_DEFLATED if array.dtype.kind in "iu" else zipfile.ZIP_STORED
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
