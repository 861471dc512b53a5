"""How fast the viewer is in a browser, and how large its pages are: ``python -m benchmarks.viewer [--write]``.

A change is timed in Chromium from the slider's event until the frame with the new slices has been handed to the screen:
the script, style, layout and paint, without the wait for the next frame. First paint is from the start of the navigation
to a page on this disk. Without a GPU, which is the slower case.
"""

import argparse
import datetime
import os
import tempfile
from pathlib import Path

import numpy as np
import psutil

from benchmarks.projectors import machine
from petcourse import Scanner, load_subject, volshow
from tests.tools.browser import chromium

RESULTS = Path(__file__).with_name("VIEWER.md")
TIMES = 100
AXES = ("axial", "coronal", "sagittal")
# A message that is sent within a frame arrives after it was painted.
PAINTED = """window.painted = () => new Promise((done) => requestAnimationFrame((start) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => done(performance.now());
  port2.postMessage(0);
}));
window.first = new Promise((done) => new MutationObserver((_, observer) => {
  if (!document.querySelector(".pv-root:not(:has(img)) > .pv")) return;
  observer.disconnect();
  painted().then(done);
}).observe(document, { childList: true, subtree: true }));"""
CHANGES = """async (times) => {
  const slider = document.querySelector(".pv input");
  const spent = [];
  for (let k = 0; k < times; k++) {
    await new Promise(requestAnimationFrame).then(() => {
      const start = performance.now();
      slider.value = Math.round((0.1 + 0.8 * k / times) * slider.max);
      slider.dispatchEvent(new Event("input"));
      const { port1, port2 } = new MessageChannel();
      const script = performance.now() - start;
      const painted = new Promise((done) => { port1.onmessage = () => done(performance.now() - start); });
      port2.postMessage(0);
      return painted.then((all) => spent.push([script, all]));
    });
  }
  return spent;
}"""


def opened(browser, shown):
    """A page with a viewer, its size in MB, and the milliseconds to its first paint (of five visits)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text('<!DOCTYPE html><meta charset="utf-8">' + shown._repr_html_(), encoding="utf-8")
        first = []
        for _ in range(5):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.add_init_script(PAINTED)
            page.goto(path.as_uri())
            first.append(page.evaluate("window.first"))
            if len(first) < 5:
                page.close()
        return page, path.stat().st_size / 1e6, first


def figures(subject, voxel):
    """Name, and arguments of volshow, of some figures of the course."""
    full = {"PET": subject.pet, "mu": 10 * subject.mu, "T1": subject.t1, "T2": subject.t2}
    brain = np.nonzero(subject.labels)
    head = tuple(slice(int(k.min()), int(k.max()) + 1) for k in brain)
    noisy = np.random.default_rng(1).poisson(subject.pet[head]).astype(np.float32)
    four = {"cmaps": ["inferno", "cividis", "Greys_r", "Greys_r"], "units": ["a.u.", "1/cm", None, None], "ncols": 4}
    yield "PET, mu, T1, T2: full field", full, four
    yield "the same, a contour on each", full, {**four, "contours": subject.labels > 0}
    yield "the same, cut to the head", {name: volume[head] for name, volume in full.items()}, four
    yield "PET alone: full field", {"PET": subject.pet}, {"cmaps": "inferno", "units": "a.u."}
    yield (
        "noisy PET, truth and difference, cut to the head",
        {"noisy": noisy, "truth": subject.pet[head]},
        {"difference": (0, 1), "units": "a.u."},
    )


def tables(options):
    """Yield the lines of the report as they are measured."""
    scanner = Scanner.mmr()
    subjects = ["embedded", *([4] if os.environ.get("PETCOURSE_BRAINWEB") else [])]
    with chromium() as browser:
        command = " ".join(["python -m benchmarks.viewer", *(["--write"] if options.write else [])])
        where = ", with PETCOURSE_BRAINWEB set" if len(subjects) > 1 else ""
        yield f"Measured on {datetime.date.today()} by `{command}`{where}."
        yield f"\nMachine: {machine()}; headless Chromium {browser.version}. Load when it began: {psutil.getloadavg()[0]:.1f}."
        yield (
            f"\nChange: milliseconds from a slider's event until all panels are painted, median and most of {TIMES} "
            "changes (in brackets the script's part of the median). First paint: median and most of five visits."
        )
        yield "\n| figure | size [MB] | first paint [ms] | " + " | ".join(f"{axis} change [ms]" for axis in AXES) + " |"
        yield "|---|---|---|---|---|---|"
        for number in subjects:
            subject = load_subject(number, scanner)
            name = "embedded phantom" if number == "embedded" else f"BrainWeb {number}"
            for figure, volumes, given in figures(subject, scanner.voxel):
                page, size, first = opened(browser, volshow(volumes, voxel=scanner.voxel, **given))
                row = [f"{name}, {figure}", f"{size:.2f}", f"{np.median(first):.0f}, {max(first):.0f}"]
                for axis in AXES:
                    page.get_by_role("button", name=axis).click()
                    script, whole = np.array(page.evaluate(CHANGES, TIMES)).T
                    row.append(f"{np.median(whole):.1f}, {whole.max():.1f} ({np.median(script):.1f})")
                page.close()
                yield f"| {' | '.join(row)} |"


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.viewer", description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"keep the table in {RESULTS.parent.name}/{RESULTS.name}")
    options = parser.parse_args()
    lines = []
    for line in tables(options):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        RESULTS.write_text("\n".join(["# How fast the viewer is\n", *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
