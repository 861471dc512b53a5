"""A real JupyterLab with settings of its own, for the tests that need one."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import nbformat

PLACES = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "IPYTHONDIR": "ipython",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
}
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # else cells are attached when they are scrolled to
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


def write(path, cells):
    """Write a notebook of code cells: texts, or cells."""
    cells = [nbformat.v4.new_code_cell(c, id=f"c{i}") if isinstance(c, str) else c for i, c in enumerate(cells)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)


@contextmanager
def jupyterlab(root):
    """Start JupyterLab on a folder; yields a function from a notebook's name to its address."""
    for plugin, setting in SETTINGS.items():
        path = root / "settings" / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(setting))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token = secrets.token_hex()
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        f"--ServerApp.root_dir={root}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
    ]
    with (root / "log").open("w") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, env=os.environ | {key: str(root / place) for key, place in PLACES.items()}
        )
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            assert server.poll() is None, (root / "log").read_text()
            try:
                urllib.request.urlopen(f"{base}/api?token={token}").close()
                break
            except OSError:
                time.sleep(0.1)
        yield lambda name: f"{base}/lab/tree/{name}.ipynb?token={token}&reset"
        request = urllib.request.Request(f"{base}/api/shutdown?token={token}", method="POST")
        urllib.request.urlopen(request).close()
        server.wait(20)
    finally:
        server.kill()  # nothing to kill unless the shutdown failed


def run_all(page, address):
    """Open a notebook and run it, as a reader would; AssertionError if a cell raised."""
    page.goto(address)
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady")
    assert page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")


def execute(page, code, wait=True):
    """Run code in the notebook's kernel; return what it printed, or at once without waiting for it."""
    return page.evaluate(
        """async ([code, wait]) => {
            let text = "";
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const future = kernel.requestExecute({code});
            future.onIOPub = ({content}) => { text += content.text ?? content.traceback?.join("\\n") ?? ""; };
            if (wait) await future.done;
            return text.trim();
        }""",
        [code, wait],
    )


# A viewer of nine slices that gets four iterates of a random truth, and one that was steered before it was shown.
LIVE = [
    """import pathlib, time
import ipywidgets, numpy as np
from petcourse import volshow
truth = np.random.default_rng(0).random((9, 12, 10)).astype(np.float32)
view = volshow({"MLEM": np.zeros_like(truth), "truth": truth}, cmaps="magma", vmins=0, vmaxs=1,
               units="a.u.", frames="iteration", contours=[truth > 0.5, None], live=True)
handle = display(view, display_id=True)""",
    """slider = ipywidgets.IntSlider(4, description="linked", max=8)
ipywidgets.jslink((slider, "value"), (view, "slice"))
slider""",
    """for k in (1, 2, 3):
    view.append("MLEM", k / 3 * truth)""",
    """steered = volshow(truth, cmaps="magma", vmins=0, vmaxs=1, live=True)
steered.slice, steered.axis, steered.window = 7, 1, [[0.25, 0.75]]
steered""",
]
