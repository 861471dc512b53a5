"""Debian's Chromium, driven by Playwright: what the tests that need a real browser share."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

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


def pixels(page, panel):
    """The colours a canvas holds, (y, x, 3)."""
    height, width, values = (
        page.locator("canvas.pv-image")
        .nth(panel)
        .evaluate("c => [c.height, c.width, c.getContext('2d').getImageData(0, 0, c.width, c.height).data.join()]")
    )
    return np.array(values.split(","), np.uint8).reshape(height, width, 4)[..., :3]


def point(page, panel, y, x, shape):
    box = page.locator("canvas.pv-image").nth(panel).bounding_box()
    page.mouse.move(box["x"] + (x + 0.5) / shape[-1] * box["width"], box["y"] + (y + 0.5) / shape[-2] * box["height"])


def head(scale=1.0, shift=0.0):
    """A head-like volume in which every slice is different."""
    z, y, x = np.ogrid[-1:1:31j, -1:1:64j, -1:1:48j]
    inside = z**2 + (y / 0.9) ** 2 + (x / 0.85) ** 2 < 1
    return (inside * (2 + np.sin(9 * (x + shift)) * np.cos(7 * y + 5 * z)) * scale).astype(np.float32)
