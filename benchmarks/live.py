"""What does watching MLEM cost? ``python -m benchmarks.live``

A real JupyterLab in headless Chromium runs MLEM on the whole mMR, with the live viewer of notebook 03 and without,
by turns; the time per iteration is that between two images. Browser, server and kernel share the machine's cores.
"""

import json
import tempfile
from pathlib import Path

import numpy as np

from petcourse.hardware.machine import processor
from tests.tools import browser, lab

SETUP = """import json, time
import numpy as np
from petcourse import PSF, Projector, Scanner, load_subject, measure, mlem, volshow
scanner = Scanner.mmr()
X = Projector(scanner, radius=150)
scan = measure(load_subject(scanner=scanner), X, fwhm=4.5, counts=1e8, randoms=0.3, seed=0)
P = scan.A @ X @ PSF(scanner, fwhm=2.5)
head = np.s_[::4, 110:-110, 120:-120]
truth = scan.truth[head].copy()
print("frame", truth.shape)"""
SHOW = """view = volshow({"MLEM": np.ones_like(truth), "truth": truth}, cmaps="magma", vmins=0,
               vmaxs=float(truth.max()), voxel=scanner.voxel, frames="iteration", live=True)
view"""
RUN = """start, times, appends = time.perf_counter(), [], []
for theta, _ in mlem(P, scan.m, scan.r, 7):
    before = time.perf_counter()
    if %s:
        view.append("MLEM", theta[head])
    appends.append(time.perf_counter() - before)
    times.append(time.perf_counter() - start)
    start = time.perf_counter()
time.sleep(2)
print("row", json.dumps([times[1:], appends[1:]]))"""


def main(rounds=8):
    with tempfile.TemporaryDirectory() as folder, browser.chromium() as chromium:
        lab.write(Path(folder) / "live.ipynb", [SETUP, SHOW, *[RUN % True, RUN % False] * rounds])
        with lab.jupyterlab(Path(folder)) as address:
            page = chromium.new_page()
            page.set_default_timeout(0)
            lab.run_all(page, address("live"))
            rows = page.locator("pre:has-text('row [')").all_inner_texts()
            shown = page.locator(".pv-place").nth(1).inner_text()
            frame = page.locator("pre:has-text('frame (')").inner_text().strip().split("frame ")[1]
    times, appends = np.array([json.loads(row.removeprefix("row ")) for row in rows]).swapaxes(0, 1)
    watched, alone = np.median(times[0::2]), np.median(times[1::2])
    print(f"{processor()}; the viewer shows {shown} frames of {frame} voxels")
    print(f"one iteration, median of {times[0::2].size}: {alone:.3f} s alone, {watched:.3f} s watched")
    rounds = np.median(times[0::2], axis=1) / np.median(times[1::2], axis=1) - 1
    print(
        f"watching costs {np.median(rounds):+.1%}, median of rounds: {', '.join(f'{r:+.1%}' for r in np.sort(rounds))}"
    )
    own = np.median(appends[0::2])
    print(f"of it in the kernel: {1e3 * own:.1f} ms, {own / alone:.1%} of an iteration")


if __name__ == "__main__":
    main()
