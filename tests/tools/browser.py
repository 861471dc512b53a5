"""Debian's Chromium, driven by Playwright: what the tests that need a real browser share."""

import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np

SCREENS = Path(__file__).parents[2] / "build" / "screens"

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


def find():
    """Return the path of a Chromium, or None."""
    given = os.environ.get("PETCOURSE_CHROMIUM")
    return given or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def chromium():
    """Start a headless browser; close it at the end. Screenshots go to SCREENS."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def screenshot(page, name):
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENS / f"{name}.png", full_page=True)


class Visits:
    """Opens HTML from a file, in a browser that reaches nothing beyond this disk.

    Visits with the same options are to the same page, one after the other, for a new one takes longer than all else.
    `asked` lists the addresses that were tried, in vain, and `errors` what scripts threw.
    """

    def __init__(self, chromium, folder):
        self.chromium, self.folder, self.pages, self.asked, self.errors = chromium, folder, {}, [], []

    def __call__(self, body, style="", width=960, scheme="light", **options):
        key = str(options)
        page = self.pages[key] = self.pages.get(key) or isolated(self.chromium, self.asked, self.errors, **options)
        page.mouse.move(0, 0)
        page.set_viewport_size({"width": width, "height": 720})
        page.emulate_media(color_scheme=scheme)
        path = self.folder / "page.html"
        start = "" if body.startswith("<!DOCTYPE") else f'<!DOCTYPE html><meta charset="utf-8"><style>{style}</style>'
        path.write_text(start + body, "utf-8")
        page.goto(path.as_uri(), wait_until="domcontentloaded")
        if options.get("java_script_enabled", True) and "pv-root" in body:
            page.wait_for_selector(".pv", state="attached")
        return page


def isolated(chromium, asked, errors, **options):
    """Return a page that reaches no network; addresses that it asks for, and errors of its scripts, join the lists."""
    context = chromium.new_context(**options)
    context.route(re.compile("^(https?|wss?):"), lambda route: (asked.append(route.request.url), route.abort()))
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    return page


def pixels(page, panel=0, selector="canvas.pv-image"):
    """The colours a canvas holds, (y, x, 3); `page` may be a viewer in it."""
    read = "c => [c.height, c.width, c.getContext('2d').getImageData(0, 0, c.width, c.height).data.join()]"
    height, width, colours = page.locator(selector).nth(panel).evaluate(read)
    return np.array(colours.split(","), np.uint8).reshape(height, width, 4)[..., :3]


def coloured(image, cmap, vmin, vmax, window=None):
    """Matplotlib's colours for what 8 bits between vmin and vmax keep of an image, seen through a window [low, high]."""
    codes = np.rint((image.astype(float) - vmin) / (vmax - vmin) * 255).astype(int).clip(0, 255)
    if window:
        codes = matplotlib.colors.Normalize(*window)(vmin + (vmax - vmin) * codes / 255)
    return matplotlib.colormaps[cmap](codes, bytes=True)[..., :3]


def point(page, panel, y, x, shape):
    """Point at a voxel of an image of this shape; `page` may be a viewer in it."""
    mouse = getattr(page, "page", page).mouse
    box = page.locator("canvas.pv-image").nth(panel).bounding_box()
    mouse.move(box["x"] + (x + 0.5) / shape[-1] * box["width"], box["y"] + (y + 0.5) / shape[-2] * box["height"])


def drag(page, start, end, panel=0):
    """Drag over a picture; places are (row, column) in parts of it."""
    box = page.locator(".pv-stage").nth(panel).bounding_box()
    at = [(box["x"] + c * box["width"], box["y"] + r * box["height"]) for r, c in (start, end)]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=4)
    page.mouse.up()


def press(page, name):
    page.get_by_role("button", name=name, exact=True).first.click()


def keys(page, *names):
    for name in names:
        page.keyboard.press(name)


def canvas(page, panel=0):
    return page.locator("canvas.pv-image").nth(panel)


def values(page):
    """The words below each picture of a viewer."""
    return page.locator(".pv-value").all_inner_texts()


def number(page, panel=0):
    """The number that is read below a picture."""
    return float(re.match(r"[-\d.e]+", values(page)[panel])[0])


def where(page):
    """The line below all pictures: which voxel is read."""
    return page.locator(".pv-where").inner_text()


def head(scale=1.0, shift=0.0):
    """A head-like volume in which every slice is different."""
    z, y, x = np.ogrid[-1:1:31j, -1:1:64j, -1:1:48j]
    inside = z**2 + (y / 0.9) ** 2 + (x / 0.85) ** 2 < 1
    return (inside * (2 + np.sin(9 * (x + shift)) * np.cos(7 * y + 5 * z)) * scale).astype(np.float32)


def lesion():
    """A mask in the head."""
    z, y, x = np.ogrid[:31, :64, :48]
    return (z - 16) ** 2 + ((y - 30) / 2) ** 2 + ((x - 20) / 1.5) ** 2 < 60
