"""BrainWeb's files against real faults: a server that answers wrongly, disks that refuse, files that are damaged."""

import gzip
import hashlib
import os
import socket
import sys
import tempfile
import threading
import traceback
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from petcourse.data import brainweb, labels

SHAPE = (4, 5, 6)
STORED = np.array([0, 16, 32, 48, 64, 80, 96, 112, 128, 145, 161, 177])  # what BrainWeb writes for labels 0 to 11
VOXELS = [55, 6, 16, 10, 2, 3, 15, 6, 1, 1, 1, 4]  # of labels 0 to 11, in the proportions of a head
LINKS = brainweb.silent_brainweb().LINKS


def labels_of(number):
    return np.random.default_rng(number).permutation(np.repeat(range(12), VOXELS)).reshape(SHAPE)


def packed(values, change=0):
    """Labels as BrainWeb would send them; `change` is added to the last stored value."""
    stored = STORED[values].astype("<u2")
    stored[-1, -1, -1] += change
    return gzip.compress(stored.tobytes())


GOOD = packed(labels_of(4))
HTML = b"<html>The service is closed for maintenance.</html>"
CUT = GOOD[:-30]
BAD = {"HTML": HTML, "empty": b"", "cut": CUT, "another subject": packed(labels_of(5))}
BAD |= {"one wrong voxel": packed(labels_of(4), 1), "too few": gzip.compress(bytes(100))}
BAD |= {"too many": gzip.compress(bytes(10**6)), "another label": packed(labels_of(4), 16)}
HEAD = labels_of(41)  # whose sum is not from a download: what else it holds decides
DAMAGED = {name: (4, content, "subject_04.bin.gz") for name, content in BAD.items()} | {
    "41: another subject": (41, packed(labels_of(42)), "SHA-256 .* was expected"),
    "41: no label": (41, packed(HEAD, 1), "SHA-256 .* was expected"),
    "41: zeros": (41, packed(0 * HEAD), "SHA-256 .* no head in 3 of the planes 0 to 2"),
    "41: planes": (41, packed(HEAD * np.array([1, 0, 0, 1])[:, None, None]), "no head in 2 of the planes 0 to 2"),
    "41: tissue": (41, packed(np.array([0, 1, 5, 3, 4, 2, *range(6, 12)])[HEAD]), "178 mL of grey matter, where 925"),
    "41: skull": (41, packed(np.where(HEAD == 7, 0, HEAD)), "0 mL of skull"),
}
damaged = pytest.mark.parametrize(("number", "content", "fault"), DAMAGED.values(), ids=DAMAGED)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A world of small subjects, with an empty cache and no network; the cache's path."""
    for n in labels.SUMS:
        digest = hashlib.sha256(gzip.decompress(packed(labels_of(n)))).hexdigest()
        monkeypatch.setitem(labels.SUMS, n, digest)
    monkeypatch.setattr(labels, "SHAPE", SHAPE)
    monkeypatch.setattr(labels, "SIZE", 2 * np.prod(SHAPE))
    monkeypatch.setattr(labels, "VOXEL_ML", labels.VOXEL_ML * 362 * 434 * 362 / np.prod(SHAPE))
    monkeypatch.setattr(brainweb, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(brainweb, "TIMEOUT", (1, 0.3))
    monkeypatch.setattr(brainweb.time, "sleep", lambda seconds: None)
    monkeypatch.delenv("PETCOURSE_BRAINWEB", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    set_address(monkeypatch, "http://127.0.0.1:9/")  # nobody listens on the discard port
    return tmp_path / "cache"


def set_address(monkeypatch, address):
    for name in LINKS:
        monkeypatch.setitem(LINKS, name, address)


@contextmanager
def server(monkeypatch, *answers):
    """Serve (status, body, headers) or a function of the handler; the last answer is repeated. Yields the requests."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            answer = answers[min(len(requests), len(answers)) - 1]
            status, body, headers = (200, answer, {}) if callable(answer) else answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            body(self.wfile) if callable(body) else self.wfile.write(body)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        set_address(monkeypatch, f"http://127.0.0.1:{httpd.server_port}/")
        try:
            yield requests
        finally:
            httpd.shutdown()
            thread.join()


@contextmanager
def refused(kind, match):
    """It is said in one sentence, with no other library's traceback before it."""
    with pytest.raises(kind, match=match) as error:
        yield
    assert "\n" not in str(error.value)
    assert "".join(traceback.format_exception(error.value)).count("Traceback") == 1


def test_every_subject_of_brainweb_has_a_sum():
    assert {labels.file_name(n) for n in labels.SUMS} == set(LINKS)


@pytest.mark.parametrize("headers", [{"Content-Length": len(GOOD)}, {}, {"Content-Encoding": "gzip"}], ids=str)
def test_a_good_file_is_kept_and_used_again(cache, monkeypatch, headers):
    with server(monkeypatch, (200, GOOD, headers)) as requests:
        first = brainweb.load_labels(4)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, labels_of(4))
    assert [p.name for p in cache.iterdir()] == ["subject_04.bin.gz"]
    np.testing.assert_array_equal(brainweb.load_labels(4), first)  # the server is gone
    assert len(requests) == 1


def stall(body):
    body.write(GOOD[:20])
    body.flush()
    threading.Event().wait(1)


ANSWERS = {name: (200, content, {}) for name, content in BAD.items()}
ANSWERS |= {
    "404": (404, HTML, {}),
    "shorter than announced": (200, CUT, {"Content-Length": len(GOOD)}),
    "stalls": stall,
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_bad_answer_leaves_nothing_behind(cache, monkeypatch, answer):
    with (
        server(monkeypatch, answer) as requests,
        refused(ConnectionError, r"subject 4 could not be downloaded .*load_subject\('embedded'\)"),
    ):
        brainweb.load_labels(4)
    assert len(requests) == brainweb.TRIES
    assert list(cache.iterdir()) == []


def drip(body):
    for _ in range(3000):
        body.write(b"x")
        body.flush()
        threading.Event().wait(0.001)


def flood(body):
    for _ in range(1000):
        body.write(bytes(1000))


@pytest.mark.parametrize("endless", [drip, flood])
def test_a_download_without_end_is_ended_and_not_tried_again(cache, monkeypatch, endless):
    monkeypatch.setattr(brainweb, "PATIENCE", 0.5)
    monkeypatch.setattr(brainweb, "LIMIT_MB", 0.1)
    with server(monkeypatch, endless) as requests, refused(ConnectionError, "bytes, and no end, after"):
        brainweb.load_labels(4)
    assert len(requests) == 1
    assert list(cache.iterdir()) == []


def test_a_passing_fault_is_survived(monkeypatch):
    with server(monkeypatch, (503, b"busy", {}), (200, CUT, {}), (200, GOOD, {})) as requests:
        np.testing.assert_array_equal(brainweb.load_labels(4), labels_of(4))
    assert len(requests) == 3


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
    tried, fetch = [], brainweb._fetch
    monkeypatch.setattr(brainweb, "_fetch", lambda *args: tried.append(args) or fetch(*args))
    with refused(ConnectionError, "Timeout" if firewall else "Max retries"):
        brainweb.load_labels(4)
    assert len(tried) == 1
    assert list(cache.iterdir()) == []


@damaged
def test_a_damaged_file_in_the_cache_is_replaced_or_not_used(cache, monkeypatch, number, content, fault):
    cache.mkdir()
    (cache / labels.file_name(number)).write_bytes(content)
    with pytest.warns(UserWarning, match=f"{fault}.* not used"), refused(ConnectionError, f"subject {number}"):
        brainweb.load_labels(number)
    with server(monkeypatch, (200, packed(labels_of(number)), {})), pytest.warns(UserWarning, match="will be replaced"):
        np.testing.assert_array_equal(brainweb.load_labels(number), labels_of(number))
    np.testing.assert_array_equal(brainweb.load_labels(number), labels_of(number))


@damaged
def test_a_damaged_file_in_a_folder_is_refused_and_left_alone(tmp_path, monkeypatch, number, content, fault):
    path = tmp_path / labels.file_name(number)
    path.write_bytes(content)
    with server(monkeypatch, (200, packed(labels_of(number)), {})) as requests:
        with refused(ValueError, f"{fault}.*: replace or remove"):
            brainweb.load_labels(number, folder=tmp_path)
        monkeypatch.setenv("PETCOURSE_BRAINWEB", str(tmp_path))
        with refused(ValueError, f"{fault}.*: replace or remove"):
            brainweb.load_labels(number)
    assert path.read_bytes() == content and not requests


def test_an_unexpected_sum_of_another_subject_is_a_warning(tmp_path):
    changed = labels_of(41)
    changed[-1, -1, -1] = (changed[-1, -1, -1] + 1) % 12
    (tmp_path / "subject_41.bin.gz").write_bytes(packed(changed))
    digest = hashlib.sha256(gzip.decompress(packed(changed))).hexdigest()
    with pytest.warns(UserWarning, match=digest):
        np.testing.assert_array_equal(brainweb.load_labels(41, tmp_path), changed)


def test_where_subjects_are_looked_for(cache, tmp_path, monkeypatch):
    argument, variable = tmp_path / "argument", tmp_path / "variable"
    for place, numbers in {argument: [54, 6], variable: [5], cache: [4, 5]}.items():
        place.mkdir()
        for n in numbers:
            (place / labels.file_name(n)).write_bytes(packed(labels_of(n)))
    assert brainweb.local_subjects() == [4, 5]
    assert brainweb.local_subjects(argument) == [6, 54]
    (cache / labels.file_name(5)).write_bytes(HTML)
    monkeypatch.setenv("PETCOURSE_BRAINWEB", str(variable))
    assert brainweb.local_subjects() == [4, 5]
    np.testing.assert_array_equal(brainweb.load_labels(5), labels_of(5))  # the variable's, not the cache's
    np.testing.assert_array_equal(brainweb.load_labels(4), labels_of(4))
    with refused(FileNotFoundError, "lacks subject 4: choose from 6, 54"):
        brainweb.load_labels(4, argument)
    with refused(FileNotFoundError, "folder is .*which holds no BrainWeb subject"):
        brainweb.load_labels(4, tmp_path)
    monkeypatch.setenv("PETCOURSE_BRAINWEB", str(tmp_path / "missing"))
    with refused(FileNotFoundError, "PETCOURSE_BRAINWEB is .*missing', which is no folder"):
        brainweb.load_labels(4)


@pytest.mark.parametrize("number", [0, 7, 55, -4, "04", 4.5, None])
def test_an_unknown_subject_is_named(number):
    with refused(ValueError, f"no subject {number!r}: choose from 4, 5, 6, 18"):
        brainweb.load_labels(number)


def test_a_cache_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setattr(brainweb, "CACHE", tmp_path / "file" / "cache")
    with server(monkeypatch, (200, GOOD, {})), refused(OSError, "cannot be stored in .*cache .*writable"):
        brainweb.load_labels(4)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full, a disk that is always full")
def test_a_full_disk(cache, monkeypatch):
    cache.mkdir()
    (cache / f".subject_04.bin.gz.{os.getpid()}.part").symlink_to("/dev/full")
    with server(monkeypatch, (200, GOOD, {})), refused(OSError, "No space left on device"):
        brainweb.load_labels(4)
    assert list(cache.iterdir()) == []


@contextmanager
def closed(path):
    """Nobody may read what is there, not even root, who becomes nobody meanwhile."""
    mode, root = path.stat().st_mode, os.geteuid() == 0
    path.chmod(0)
    try:
        if root:
            os.seteuid(65534)
        yield
    finally:
        if root:
            os.seteuid(0)
        path.chmod(mode)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="permissions as on Linux and macOS")
def test_what_may_not_be_read_is_named(monkeypatch):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        path = folder / "subject_04.bin.gz"
        path.write_bytes(GOOD)
        with closed(path), refused(ValueError, "not readable .Permission denied.: replace or remove"):
            brainweb.load_labels(4, folder)
        monkeypatch.setattr(brainweb, "CACHE", folder)
        with closed(folder), refused(PermissionError, "may not be read: change its permissions, or let PETCOURSE_BR"):
            brainweb.local_subjects()
