"""Chromium as the tests start it."""

from __future__ import annotations

import shutil

from playwright.sync_api import Browser, Playwright

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
QUIET = ("--disable-background-networking", "--disable-component-update")
# The first is the same engine without the windows around it, which cost four times what a page costs.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def launch(playwright: Playwright) -> Browser:
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert found, "the browser tests need Chromium; on Debian: apt-get install chromium-headless-shell"
    return playwright.chromium.launch(executable_path=found, args=[*FLAGS, *QUIET])
