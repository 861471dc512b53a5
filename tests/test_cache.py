"""The results cache against real faults: what is returned is always what was computed, or a sentence says why not."""

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import petcourse
from petcourse import cache
from petcourse.cache import cache_folder, cached, entry

ARRAYS = {
    "theta": np.linspace(0, 1, 24, dtype=np.float32).reshape(2, 3, 4),
    "counts": np.arange(6, dtype=np.uint8)[::2],
    "file": np.float64(2.5),  # a name that np.savez would trip over
    "empty": np.zeros((0, 3)),
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PETCOURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make():
    return dict(ARRAYS)


def never():
    raise AssertionError("this was already stored")


def assert_same(arrays, wanted=ARRAYS):
    assert arrays.keys() == wanted.keys()
    for name, array in arrays.items():
        assert isinstance(array, np.ndarray) and array.dtype == wanted[name].dtype
        np.testing.assert_array_equal(array, wanted[name])


def only_file(folder):
    (path,) = folder.iterdir()  # one file, and no temporary left beside it
    return path


def test_second_call_reads_what_the_first_stored():
    assert_same(cached("mlem", make, seed=1))
    again = cached("mlem", never, seed=1)
    assert_same(again)
    again["theta"] += 1  # read back writable, as it was when made
    assert_same(cached("mlem", never, seed=1))


def test_file_is_an_ordinary_npz(folder):
    cached("mlem", make, seed=1)
    with np.load(only_file(folder)) as file:
        np.testing.assert_array_equal(file["theta"], ARRAYS["theta"])


@dataclasses.dataclass(frozen=True)
class Machine:
    rings: int = 64
    parts: tuple = ()


class Elsewhere:
    @dataclasses.dataclass(frozen=True)
    class Machine:
        rings: int = 64
        parts: tuple = ()


MADE_BY = {"scanner": Machine(), "subject": 4, "seed": 1, "counts": 1e8, "width": {1: 2}}


@pytest.mark.parametrize(
    "change",
    [
        {"scanner": Machine(8)},
        {"scanner": Elsewhere.Machine()},
        {"scanner": Machine(parts=(Machine(),))},
        {"scanner": Machine(parts=(Elsewhere.Machine(),))},
        {"scanner": {"rings": 64, "parts": ()}},
        {"subject": 5},
        {"subject": "4"},
        {"subject": 4.0},
        {"seed": True},
        {"seed": None},
        {"counts": 2e8},
        {"width": {"1": 2}},
        {"width": {1: "2"}},
        {"width": [1, 2]},
        {"iterations": 11},
    ],
    ids=str,
)
def test_any_change_is_a_new_entry(folder, change):
    keys = {entry("mlem", **made_by) for made_by in (MADE_BY, {**MADE_BY, **change}, MADE_BY)}
    assert len(keys) == len({path for path, _ in keys}) == 2


def test_another_version_or_name_is_a_new_entry(folder, monkeypatch):
    cached("mlem", make, seed=1)
    cached("osem", make, seed=1)
    monkeypatch.setattr(petcourse, "__version__", "99")
    cached("mlem", make, seed=1)
    assert len(list(folder.iterdir())) == 3


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package, whose source the cache reads."""
    copy = tmp_path / "petcourse"
    shutil.copytree(Path(cache.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cache, "__file__", str(copy / "cache.py"))
    cache.code_hash.cache_clear()
    yield copy
    cache.code_hash.cache_clear()


@pytest.mark.parametrize(
    ("file", "old", "new", "other"),
    [
        ("scan/psf.py", "FWHM_PER_SIGMA = ", "FWHM_PER_SIGMA = 2 * ", True),
        ("scan/psf.py", '"""', '"""A word more. ', False),
        ("scan/psf.py", "import numpy as np\n", "import numpy as np  # a comment\n\n\n# or more\n", False),
        ("scan/simulation.py", "use Scanner.pairs()", "take Scanner.pairs()", False),
        ("scan/joseph.cu", "(1 - far)", "(2 - far)", True),
        ("scan/joseph.cu", "\n", "\n// a comment\n/* and\nanother */ ", False),
        ("data/subject.py", "1.0, 0, 0.75", "1.0, 0, 0.5", True),
        ("reconstruction/em.py", "theta * update", "theta * update * 2", True),
        ("reconstruction/protocol.py", "MODEL = 4.5, 2.5", "MODEL = 4.5, 4.5", True),
        ("viewer/page.py", "def ", "def another_", False),
    ],
)
def test_results_know_the_code_that_made_them(folder, package, file, old, new, other):
    """Code that computes otherwise is a new entry; other words about it, or code of a viewer, are not."""
    cached("mlem", make, seed=1)
    text = (package / file).read_text("utf-8")
    assert old in text
    (package / file).write_text(text.replace(old, new, 1), "utf-8")
    cache.code_hash.cache_clear()
    assert_same(cached("mlem", make if other else never, seed=1))
    assert len(list(folder.iterdir())) == 1 + other


def test_a_file_of_another_key_is_not_used(folder):
    """As if two keys had the same hash: the key inside the file decides."""
    cached("mlem", make, seed=1)
    first = only_file(folder)
    cached("mlem", lambda: {"x": np.ones(1)}, seed=2)
    (second,) = set(folder.iterdir()) - {first}
    shutil.copy(first, second)
    with pytest.warns(RuntimeWarning, match="made by something else"):
        assert_same(cached("mlem", lambda: {"x": np.ones(1)}, seed=2), {"x": np.ones(1)})


def test_truncated_anywhere_is_named_and_made_again(folder):
    cached("mlem", make, seed=1)
    path = only_file(folder)
    whole = path.read_bytes()
    for size in range(0, len(whole), 37):
        path.write_bytes(whole[:size])
        with pytest.warns(RuntimeWarning, match=f"{path.name} cannot be used"):
            assert_same(cached("mlem", make, seed=1))
        assert len(path.read_bytes()) == len(whole)


def test_flipped_byte_anywhere_is_never_returned(folder):
    """Some bytes carry nothing (a date); any other must be noticed. What comes back is right in every case."""
    cached("mlem", make, seed=1)
    path = only_file(folder)
    whole = path.read_bytes()
    noticed = 0
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x01]) + whole[at + 1 :])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert_same(cached("mlem", make, seed=1))
        noticed += any("computed anew" in str(w.message) for w in caught)
    assert noticed > 0.7 * len(whole)


def test_folder_that_is_a_file(folder):
    folder.write_text("in the way")
    with pytest.warns(RuntimeWarning) as caught:
        assert_same(cached("mlem", make, seed=1))
    (message,) = [str(w.message) for w in caught]
    assert str(folder) in message and "File exists" in message and "PETCOURSE_CACHE" in message
    assert caught[0].filename == __file__  # the warning points at the caller


@pytest.fixture
def mount(folder):
    """Mount a file system on the folder (root may), or return False."""
    mounted = []

    def mount(options):
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
        if shutil.which("mount") and subprocess.run(command, capture_output=True, check=False).returncode == 0:
            mounted.append(folder)
        return bool(mounted)

    yield mount
    for place in mounted:
        subprocess.run(["umount", place], check=True)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_read_only_folder(folder, mount):
    reason = "Read-only file system"
    if not mount("ro"):
        if os.getuid() == 0:
            pytest.skip("root may write everywhere, and may not mount here")
        folder.chmod(0o500)
        reason = "Permission denied"
    with pytest.warns(RuntimeWarning, match=f"{reason}.*PETCOURSE_CACHE"):
        assert_same(cached("mlem", make, seed=1))
    assert not any(folder.iterdir())


@pytest.fixture
def small_disk(mount):
    """A file system of 64 kB, or, as near as it gets without root, a limit on the size of this process's files."""
    if mount("size=64k"):
        yield "No space left on device"
        return
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, limits[1]))
    yield "File too large"
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_full_disk(folder, small_disk):
    big = {"theta": np.ones(1 << 20, np.float32), "more": np.ones(3)}
    with pytest.warns(RuntimeWarning) as caught:
        assert_same(cached("mlem", lambda: dict(big), seed=1), big)
    (message,) = [str(w.message) for w in caught]
    assert str(folder) in message and small_disk in message and "PETCOURSE_CACHE" in message
    assert not any(folder.iterdir())  # the half-written file is gone, so the space is there for others
    assert_same(cached("mlem", make, seed=2))
    assert_same(cached("mlem", never, seed=2))


WRITER = """
import sys
import numpy as np
from petcourse.cache import cached
value = int(sys.argv[1])
print("ready", flush=True)
cached("mlem", lambda: {"x": np.full(1 << 24, value, np.int32)}, seed=1)
"""


def start(value):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(value)], stdout=subprocess.PIPE)
    assert writer.stdout.readline() == b"ready\n"
    return writer


@pytest.mark.skipif(os.name == "nt", reason="kill -9")
def test_killed_writer_leaves_nothing_that_is_read(folder):
    writer = start(7)
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        if any(path.stat().st_size for path in folder.glob("*.tmp")):
            break
    writer.kill()
    writer.communicate()
    (left,) = folder.iterdir()
    assert left.name.endswith(".tmp")  # killed half-way, not before and not after
    assert_same(cached("mlem", make, seed=1))
    os.utime(left, (0, 0))
    cached("mlem", make, seed=2)
    assert not left.exists()  # an old remainder is cleared away


def test_two_writers_at_once_leave_a_whole_file(folder):
    writers = [start(value) for value in (1, 2)]
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    x = cached("mlem", never, seed=1)["x"]
    assert x.shape == (1 << 24,) and x[0] in (1, 2) and (x == x[0]).all()
    only_file(folder)


def test_numpy_numbers_are_the_same_key_as_plain_ones():
    cached("mlem", make, seed=5, counts=1e5, lesions=True)
    assert_same(cached("mlem", never, seed=np.int64(5), counts=np.float32(1e5), lesions=np.bool_(True)))


@pytest.mark.parametrize("bad", [np.ones(2), {1, 2}, object(), Machine, [1, {"a": 1j}]], ids=lambda v: type(v).__name__)
def test_a_key_that_is_no_plain_data_is_refused(folder, bad):
    with pytest.raises(TypeError, match="no plain data.*give numbers"):
        cached("mlem", never, seed=bad)
    assert not folder.exists()


def test_a_result_of_python_objects_is_refused(folder):
    with pytest.raises(ValueError, match="Object arrays"):
        cached("mlem", lambda: {"x": np.array([None])})
    assert not any(folder.iterdir())


def test_an_error_while_making_stores_nothing(folder):
    with pytest.raises(ZeroDivisionError):
        cached("mlem", lambda: 1 / 0)
    assert not folder.exists()


def test_no_second_copy_of_a_big_array(folder):
    """Writing and reading 64 MB takes little memory beside the array itself."""
    import tracemalloc

    big = np.arange(1 << 24, dtype=np.float32)
    tracemalloc.start()
    try:
        cached("mlem", lambda: {"m": big}, seed=1)
        written = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        back = cached("mlem", never, seed=1)["m"]
        read = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert written < 0.6 * big.nbytes and read < 1.5 * big.nbytes
    np.testing.assert_array_equal(back, big)


def test_where_the_cache_lies(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("PETCOURSE_CACHE")
    monkeypatch.setenv("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", str(tmp_path / "user"))
    assert cache_folder() == tmp_path / "user" / "petcourse"
