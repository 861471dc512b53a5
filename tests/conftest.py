import errno
import socket

import browser
import pytest

from petcourse.hardware.device import warn_once

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what nbval collects, so that `-m "slow or notebook"` can name it."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker("notebook")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test reads or leaves a result in the cache of whoever runs it."""
    monkeypatch.setenv("PETCOURSE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    """On a machine with a GPU as on any other: tests of the GPU say that they want it. Nobody has been warned yet."""
    monkeypatch.setenv("PETCOURSE_DEVICE", "cpu")
    warn_once.cache_clear()


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """The unit tests need no network: beyond this machine, a connection fails as with a pulled cable."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
            raise OSError(errno.ENETUNREACH, f"the tests may not reach {address[0]}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="module")
def chromium():
    pytest.importorskip("playwright")
    if not browser.find():
        pytest.skip("no Chromium here: install it, or name one in PETCOURSE_CHROMIUM")
    with browser.chromium() as instance:
        yield instance


@pytest.fixture(scope="module")
def visits(chromium, tmp_path_factory):
    return browser.Visits(chromium, tmp_path_factory.mktemp("pages"))


@pytest.fixture
def visit(visits):
    """Open HTML from a file; at the end it has tried to reach no address, and no script has failed."""
    visits.asked.clear()
    visits.errors.clear()
    yield visits
    assert not visits.asked and not visits.errors
