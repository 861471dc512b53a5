import sys

import pytest

from petcourse.hardware import machine
from petcourse.hardware.gpu import VISIBLE


@pytest.fixture
def computer(tmp_path, monkeypatch):
    """A computer that is a folder: Linux without a GPU or CuPy, and no variable is set. Call it to add files."""
    for name in ("PETCOURSE_DEVICE", *VISIBLE):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "root"
    monkeypatch.setattr(machine, "ROOT", root)
    monkeypatch.setattr("platform.release", lambda: "6.8.0-generic")
    monkeypatch.setenv("PATH", str(root / "bin"))
    monkeypatch.setitem(sys.modules, "cupy", None)

    def add(*names, **texts):
        for name, text in (dict.fromkeys(names, "") | texts).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
            (root / name).chmod(0o755)

    return add
