"""Antler as a person meets it: the app started from a copy of its files, and its page in a browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

ROOT = Path(__file__).parent.parent.parent
BOX = '[data-testid="stChatInputTextArea"]'
START_SECONDS = 90
OURS = ("ANTLER_", "DEERAPI_", "DATABASE_", "STREAMLIT_")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class App:
    """A running server. Its folder holds a copy of the program, so that no local secret takes part."""

    def __init__(self, folder: Path, settings: Mapping[str, str], secrets: str = "") -> None:
        self.folder = folder
        if not (folder / "app.py").exists():
            shutil.copytree(ROOT / "lib", folder / "lib", ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copytree(ROOT / "pages", folder / "pages", ignore=shutil.ignore_patterns("__pycache__"))
            (folder / ".streamlit").mkdir()
            for name in ("app.py", ".streamlit/config.toml"):
                shutil.copy(ROOT / name, folder / name)
        if secrets:
            (folder / ".streamlit/secrets.toml").write_text(secrets, encoding="utf-8")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "log.txt"
        self._settings = settings
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        # Answers without an end are among those that run when a test is over.
        kept["ANTLER_DRAIN_SECONDS"] = "0"
        command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={self.port}"]
        options = ["--server.address=127.0.0.1", "--server.fileWatcherType=none"]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command + options,
                cwd=self.folder,
                env={**kept, **self._settings, "PYTHONDONTWRITEBYTECODE": "1"},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)
        return process

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def tell_to_stop(self) -> None:
        """As an administrator does; it ends when it is done."""
        self._process.terminate()

    def gone(self) -> int:
        """Wait until it has ended; what it ended with."""
        return self._process.wait(START_SECONDS)

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def start_again(self) -> None:
        self._process = self._start()

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


class Chat:
    """The chat page as its reader uses it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, query: str = "") -> Chat:
        self.page.goto(f"{self.url}/{query}")
        expect(self.box).to_be_visible()
        return self

    @property
    def box(self) -> Locator:
        return self.page.locator(BOX)

    @property
    def stop(self) -> Locator:
        """Every control that a reader can see whose name has the word Stop in it."""
        return self.page.get_by_role("button", name="Stop").filter(visible=True)

    @property
    def answers(self) -> Locator:
        return self.page.locator('[class*="st-key-answer-"]')

    @property
    def questions(self) -> Locator:
        return self.page.locator('[class*="st-key-asked-"] [data-testid="stChatMessageContent"]')

    @property
    def rows(self) -> Locator:
        """The conversations in the sidebar."""
        return self.page.locator('[class*="st-key-row-"]')

    def ask(self, text: str) -> Chat:
        self.box.fill(text)
        self.box.press("Enter")
        expect(self.questions.filter(has_text=text).last).to_be_visible()
        return self

    def ended(self) -> Chat:
        """Wait until no answer is arriving: its foot is there, or its error, and no Stop."""
        expect(self.stop).to_have_count(0)
        expect(self.page.locator('[data-testid="stApp"]')).to_have_attribute(
            "data-test-script-state", "notRunning"
        )
        return self

    def press_stop(self) -> Chat:
        expect(self.stop).to_have_count(1)
        self.stop.click()
        return self

    def pick(self, model: str) -> Chat:
        """Choose a model by typing its id: the list is longer than what is drawn of it."""
        picker = self.page.get_by_role("combobox", name="Model")
        picker.click()
        picker.fill(model)
        self.page.get_by_role("option", name=model).first.click()
        expect(picker).to_have_value(re.compile(re.escape(model)))
        return self

    def over(self, wire: str) -> Chat:
        """Choose a wire, by its name on the page."""
        self.page.get_by_role("radio", name=wire).click()
        expect(self.page.get_by_role("radio", name=wire)).to_be_checked()
        return self

    def tool(self, name: str) -> Locator:
        """A control under the last answer."""
        return self.answers.last.get_by_role("button", name=name, exact=True)

    def details(self) -> Locator:
        """Open what was told of the last answer; the table. Escape closes it."""
        self.tool("Details").click()
        table = self.page.locator('[class*="st-key-told-"]')
        expect(table).to_be_visible()
        return table

    @property
    def panel(self) -> Locator:
        """The open panel of parameters."""
        return self.page.get_by_test_id("stPopoverBody")

    def parameters(self) -> Locator:
        """Open the panel of parameters; Escape closes it."""
        self.page.locator(".st-key-params button").first.click()
        expect(self.panel).to_be_visible()
        return self.panel

    def fold(self, name: str) -> Chat:
        """Open a fold of the panel of parameters."""
        self.panel.get_by_text(name, exact=True).click()
        return self

    def field(self, name: str) -> Locator:
        """The field of a parameter in the open panel."""
        return self.panel.locator(f'input[aria-label^="{name}"], textarea[aria-label^="{name}"]')

    def put(self, name: str, value: str) -> Chat:
        """Type a parameter into its field, and leave the field."""
        field = self.field(name)
        field.fill(value)
        field.press("Tab")
        return self

    def act(self, title: str, action: str) -> Chat:
        """Choose an action from the menu of a conversation's row."""
        row = self.rows.filter(has_text=title).first
        row.hover()
        row.get_by_test_id("stMenuButtonButton").filter(visible=True).click()
        self.page.get_by_role("menuitem", name=action).click()
        return self
