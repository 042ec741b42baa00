"""Chromium as the tests start it."""

from __future__ import annotations

import shutil

from playwright.sync_api import Browser, BrowserType, Playwright

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
# A page in a process that has loaded the same scripts costs a fifth less.
SHARED = ("--process-per-site",)
QUIET = ("--disable-background-networking", "--disable-component-update")
# Pages of tests end before optimized code has saved the time that its compilation takes, a tenth of all. Not for
# measurements of the page.
SHORT_LIVED = ("--js-flags=--no-opt,--invocation-count-for-maglev=2000",)
# The first is the same engine without the windows around it, which cost four times what a page costs.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def launch(playwright: Playwright) -> Browser:
    return launch_with(playwright.chromium)


def launch_with(browser_type: BrowserType, *flags: str) -> Browser:
    """Start the engine with further flags, also beside one that is running."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert found, "the browser tests need Chromium; on Debian: apt-get install chromium-headless-shell"
    return browser_type.launch(executable_path=found, args=[*FLAGS, *SHARED, *QUIET, *flags])
