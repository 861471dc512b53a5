"""Downloads against real faults: a local server that answers wrongly, disks that refuse, files that are damaged."""

import gzip
import hashlib
import os
import socket
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from petcourse.data import brainweb as download

SHAPE = (4, 5, 6)
STORED = np.array([0, 16, 32, 48, 64, 80, 96, 112, 128, 145, 161, 177])  # what BrainWeb writes for labels 0 to 11


VOXELS = [55, 6, 16, 10, 2, 3, 15, 6, 1, 1, 1, 4]  # of labels 0 to 11, in the proportions of a head


def labels_of(number):
    return np.random.default_rng(number).permutation(np.repeat(range(12), VOXELS)).reshape(SHAPE)


def raw_file(number, change=0):
    """A small subject as BrainWeb would send it; `change` is added to its last stored value."""
    values = STORED[labels_of(number)]
    values[-1, -1, -1] += change
    return gzip.compress(values.astype("<u2").tobytes())


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A world of small subjects, with an empty cache and no network; the cache's path."""
    sums = {n: hashlib.sha256(gzip.decompress(raw_file(n))).hexdigest() for n in download.SUMS}
    for name, value in {
        "CACHE": tmp_path / "cache",
        "SHAPE": SHAPE,
        "SIZE": 2 * int(np.prod(SHAPE)),
        "SUMS": sums,
        "TIMEOUT": (1, 0.3),
    }.items():
        monkeypatch.setattr(download, name, value)
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    monkeypatch.delenv("PETCOURSE_BRAINWEB", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    set_address(monkeypatch, "http://127.0.0.1:9/")  # nobody listens on the discard port
    return tmp_path / "cache"


def set_address(monkeypatch, address):
    for name in download.silent_brainweb().LINKS:
        monkeypatch.setitem(download.silent_brainweb().LINKS, name, address)


@contextmanager
def server(monkeypatch, *answers):
    """Serve (status, body, length) or a function of the handler; the last answer is repeated. Yields the paths asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            answer = answers[min(len(asked), len(answers)) - 1]
            if callable(answer):
                return answer(self)
            status, body, length = answer
            self.send_response(status)
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        set_address(monkeypatch, f"http://127.0.0.1:{httpd.server_port}/")
        try:
            yield asked
        finally:
            httpd.shutdown()
            thread.join()


def good(number):
    body = raw_file(number)
    return 200, body, len(body)


def test_every_subject_of_brainweb_has_a_sum():
    names = {download.file_name(n) for n in download.SUMS}
    assert names == set(download.silent_brainweb().LINKS)


def test_a_good_file_is_kept_and_used_again(cache, monkeypatch):
    with server(monkeypatch, good(5)) as asked:
        labels = download.load_labels(5)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, labels_of(5))
    assert [p.name for p in cache.iterdir()] == ["subject_05.bin.gz"]
    np.testing.assert_array_equal(download.load_labels(5), labels)  # the server is gone
    assert len(asked) == 1


def stall(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(raw_file(4)[:20])
    handler.wfile.flush()
    threading.Event().wait(1)


HTML = b"<html>The service is closed for maintenance.</html>"
CUT = raw_file(4)[:-30]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param((404, HTML, len(HTML)), id="404"),
        pytest.param((200, HTML, len(HTML)), id="error page with status 200"),
        pytest.param((200, CUT, len(CUT) + 30), id="shorter than announced"),
        pytest.param((200, CUT, None), id="truncated, of unknown length"),
        pytest.param((200, b"", 0), id="empty"),
        pytest.param((200, gzip.compress(bytes(100)), None), id="too few voxels"),
        pytest.param((200, gzip.compress(bytes(10**6)), None), id="too many voxels"),
        pytest.param((200, raw_file(5), None), id="another subject"),
        pytest.param((200, raw_file(4, change=1), None), id="one wrong voxel"),
        pytest.param(stall, id="stalls"),
    ],
)
def test_a_bad_answer_leaves_nothing_behind(cache, monkeypatch, answer):
    with (
        server(monkeypatch, answer) as asked,
        pytest.raises(ConnectionError, match=r"subject 4 could not be downloaded .*load_subject\('embedded'\)"),
    ):
        download.load_labels(4)
    assert len(asked) == download.TRIES
    assert list(cache.iterdir()) == []


def test_a_passing_fault_is_survived(monkeypatch):
    with server(monkeypatch, (503, b"busy", 4), (200, CUT, None), good(4)) as asked:
        np.testing.assert_array_equal(download.load_labels(4), labels_of(4))
    assert len(asked) == 3


@pytest.fixture
def silent_host():
    """The address of a host that, like one behind a firewall, leaves the connection unanswered: its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        for caller in callers:
            caller.close()


LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="relies on how Linux fills a queue of calls")


@pytest.mark.parametrize("firewall", [False, pytest.param(True, marks=LINUX)])
def test_no_network_is_tried_once(cache, monkeypatch, firewall, silent_host):
    if firewall:
        set_address(monkeypatch, silent_host)
    tried, fetch = [], download._fetch
    monkeypatch.setattr(download, "_fetch", lambda *args: tried.append(args) or fetch(*args))
    with pytest.raises(ConnectionError, match="Timeout" if firewall else "Max retries"):
        download.load_labels(4)
    assert len(tried) == 1
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("poison", [HTML, b"", CUT, raw_file(5), raw_file(4, change=16)])
def test_a_poisoned_cache_is_replaced_or_not_used(cache, monkeypatch, poison):
    cache.mkdir()
    path = cache / "subject_04.bin.gz"
    path.write_bytes(poison)
    with pytest.warns(UserWarning, match="subject_04.bin.gz .* not used"), pytest.raises(ConnectionError):
        download.load_labels(4)
    with server(monkeypatch, good(4)), pytest.warns(UserWarning, match="will be replaced"):
        np.testing.assert_array_equal(download.load_labels(4), labels_of(4))
    np.testing.assert_array_equal(download.load_labels(4), labels_of(4))


@pytest.mark.parametrize("by", ["argument", "variable"])
@pytest.mark.parametrize("poison", [HTML, CUT, raw_file(5), raw_file(4, change=1)])
def test_a_poisoned_folder_is_refused_and_left_alone(tmp_path, monkeypatch, by, poison):
    path = tmp_path / "subject_04.bin.gz"
    path.write_bytes(poison)
    if by == "variable":
        monkeypatch.setenv("PETCOURSE_BRAINWEB", str(tmp_path))
    with server(monkeypatch, good(4)), pytest.raises(ValueError, match="subject_04.bin.gz .* replace or remove"):
        download.load_labels(4, folder=tmp_path if by == "argument" else None)
    assert path.read_bytes() == poison


def test_an_unexpected_sum_of_another_subject_is_a_warning(tmp_path):
    changed = labels_of(41)
    changed[-1, -1, -1] = (changed[-1, -1, -1] + 1) % 12
    contents = STORED[changed].astype("<u2").tobytes()
    (tmp_path / "subject_41.bin.gz").write_bytes(gzip.compress(contents))
    with pytest.warns(UserWarning, match=hashlib.sha256(contents).hexdigest()):
        labels = download.load_labels(41, tmp_path)
    np.testing.assert_array_equal(labels, changed)


@pytest.mark.parametrize("poison", [raw_file(42), raw_file(41, change=1)], ids=["another subject", "no label"])
def test_an_impossible_file_of_another_subject_is_an_error(tmp_path, poison):
    (tmp_path / "subject_41.bin.gz").write_bytes(poison)
    with pytest.raises(ValueError, match="SHA-256"):
        download.load_labels(41, tmp_path)


def zero_planes(labels):
    labels[1:3] = 0


def swap_grey_and_muscle(labels):
    labels[:] = np.array([0, 1, 5, 3, 4, 2, *range(6, 12)])[labels]


def erase_skull(labels):
    labels[labels == 7] = 0


DAMAGE = [
    (lambda labels: labels.fill(0), "no head in 3 of the planes 0 to 2"),
    (zero_planes, "no head in 2 of the planes 0 to 2"),
    (swap_grey_and_muscle, "178 mL of grey matter, where 925 to 1053 are usual"),
    (erase_skull, "0 mL of skull"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGE, ids=["zeros", "planes", "tissues", "skull"])
def test_labels_that_are_no_head_are_refused_or_replaced(cache, tmp_path, monkeypatch, damage, message):
    labels = labels_of(41)
    damage(labels)
    poison = gzip.compress(STORED[labels].astype("<u2").tobytes())
    for place in (tmp_path, cache):
        place.mkdir(exist_ok=True)
        (place / "subject_41.bin.gz").write_bytes(poison)
    with pytest.raises(ValueError, match=f"subject_41.bin.gz has SHA-256 .*{message}.*: replace or remove"):
        download.load_labels(41, tmp_path)
    with server(monkeypatch, good(41)), pytest.warns(UserWarning, match=f"{message}.* will be replaced"):
        np.testing.assert_array_equal(download.load_labels(41), labels_of(41))
    np.testing.assert_array_equal(download.load_labels(41), labels_of(41))


def test_where_subjects_are_looked_for(cache, tmp_path, monkeypatch):
    argument, variable = tmp_path / "argument", tmp_path / "variable"
    for place, numbers in {argument: [54, 6], variable: [5], cache: [4, 5]}.items():
        place.mkdir()
        for n in numbers:
            (place / download.file_name(n)).write_bytes(raw_file(n))
    assert download.local_subjects() == [4, 5]
    assert download.local_subjects(argument) == [6, 54]
    (cache / download.file_name(5)).write_bytes(HTML)
    monkeypatch.setenv("PETCOURSE_BRAINWEB", str(variable))
    assert download.local_subjects() == [4, 5]
    np.testing.assert_array_equal(download.load_labels(5), labels_of(5))  # the variable's, not the cache's
    np.testing.assert_array_equal(download.load_labels(4), labels_of(4))
    with pytest.raises(FileNotFoundError, match="lacks subject 4: choose from 6, 54"):
        download.load_labels(4, argument)


@pytest.mark.parametrize("number", [0, 7, 55, -4, "04", 4.5, None])
def test_an_unknown_subject_is_named(number):
    with pytest.raises(ValueError, match=f"no subject {number!r}: choose from 4, 5, 6, 18"):
        download.load_labels(number)


def test_a_folder_without_subjects_is_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="folder is .*which holds no BrainWeb subject"):
        download.load_labels(4, tmp_path)
    monkeypatch.setenv("PETCOURSE_BRAINWEB", str(tmp_path / "missing"))
    with pytest.raises(FileNotFoundError, match="PETCOURSE_BRAINWEB is .*missing', which is no folder"):
        download.load_labels(4)


def test_a_cache_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setattr(download, "CACHE", tmp_path / "file" / "cache")
    with server(monkeypatch, good(4)), pytest.raises(OSError, match="cannot be stored in .*cache .*writable"):
        download.load_labels(4)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full, a disk that is always full")
def test_a_full_disk(cache, monkeypatch):
    cache.mkdir()
    (cache / f".subject_04.bin.gz.{os.getpid()}.part").symlink_to("/dev/full")
    with server(monkeypatch, good(4)), pytest.raises(OSError, match="No space left on device"):
        download.load_labels(4)
    assert list(cache.iterdir()) == []
