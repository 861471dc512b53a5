"""Debian's Chromium, driven by Playwright: what the tests that need a real browser share."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

SCREENS = Path(__file__).parents[1] / "build" / "screens"

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
