"""Chat programs that a browser measures in the same way: this one, a naive Streamlit chat, and the peers.

`make bench PEERS=1` installs Chainlit and Gradio, and `PEERS=all` Open WebUI, too, into environments of their own.
Their messages to other hosts are turned off, and the browser reaches none.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.bench.naive_server import start_naive
from tests.browser.chat_page import COMPOSER
from tests.browser.conftest import KEY
from tests.support.app_server import ROOT, AppServer, free_port
from tests.support.fleet import get_status

HERE = Path(__file__).parent
PEERS, OPEN_WEBUI = ROOT / ".venv-peers/bin", ROOT / ".venv-open-webui/bin"
START_SECONDS = 600.0
GREETING_MS = 5_000
TEXT_INPUT = "#chat-input"
QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
    "ANONYMIZED_TELEMETRY": "False",
}

# One user without sign-in, and no request but those for answers.
OPEN_WEBUI_SETTINGS = {
    "WEBUI_AUTH": "False",
    "WEBUI_SECRET_KEY": "a secret of the benchmark",
    "OFFLINE_MODE": "True",
    "RAG_EMBEDDING_ENGINE": "openai",
    "ENABLE_OLLAMA_API": "False",
    "OPENAI_API_KEY": "none",
    "DEFAULT_MODELS": "bench",
    "ENABLE_TITLE_GENERATION": "False",
    "ENABLE_TAGS_GENERATION": "False",
    "ENABLE_FOLLOW_UP_GENERATION": "False",
    "ANONYMIZED_TELEMETRY": "False",
    "SCARF_NO_ANALYTICS": "true",
}


@dataclass(frozen=True)
class Program:
    """A running chat: its address, and the field for a message."""

    name: str
    url: str
    composer: str
    greeting: str = ""
    """The button that closes a box of news on the first page."""

    def open(self, page: Page) -> None:
        """Open an empty chat."""
        page.goto(self.url)
        expect(page.locator(self.composer).first).to_be_visible()
        if self.greeting:
            page.wait_for_timeout(GREETING_MS)
            for button in page.get_by_role("button", name=self.greeting).all():
                button.click()

    def fill(self, page: Page, text: str) -> None:
        page.locator(self.composer).first.fill(text)

    def send(self, page: Page) -> None:
        page.locator(self.composer).first.press("Enter")


@contextmanager
def _running(command: list[str | Path], folder: Path, port: int, environ: dict[str, str]) -> Iterator[str]:
    """Run a server until the block ends; yields its URL once it responds."""
    url = f"http://127.0.0.1:{port}"
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=os.environ | QUIET | environ, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while get_status(url) != 200:
            assert process.poll() is None and time.monotonic() < deadline, (folder / "log.txt").read_text()
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait()


@contextmanager
def running_chainlit(folder: Path, gateway: str) -> Iterator[Program]:
    folder.mkdir()
    subprocess.run([PEERS / "chainlit", "init"], cwd=folder, env=os.environ | QUIET, check=True, capture_output=True)
    config = folder / ".chainlit/config.toml"
    config.write_text(config.read_text().replace("latex = false", "latex = true"))
    port = free_port()
    command = [PEERS / "chainlit", "run", HERE / "chainlit_app.py", "--headless", "--host=127.0.0.1", f"--port={port}"]
    with _running(command, folder, port, {"BENCH_URL": gateway}) as url:
        yield Program("Chainlit", url, TEXT_INPUT)


@contextmanager
def running_gradio(folder: Path, gateway: str) -> Iterator[Program]:
    folder.mkdir()
    port = free_port()
    environ = {"BENCH_URL": gateway, "BENCH_PORT": str(port)}
    with _running([PEERS / "python", HERE / "gradio_app.py"], folder, port, environ) as url:
        yield Program("Gradio", url, "textarea")


@contextmanager
def running_open_webui(folder: Path, gateway: str) -> Iterator[Program]:
    folder.mkdir(exist_ok=True)
    port = free_port()
    environ = OPEN_WEBUI_SETTINGS | {"DATA_DIR": str(folder), "OPENAI_API_BASE_URL": f"{gateway}/v1"}
    command = [OPEN_WEBUI / "open-webui", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with _running(command, folder, port, environ) as url:
        yield Program("Open WebUI", f"{url}/?models=bench", TEXT_INPUT, greeting="Okay, Let's Go!")


@contextmanager
def running_programs(folder: Path, gateway: str) -> Iterator[list[Program]]:
    """Run all programs that are installed; the naive one is the first."""
    with ExitStack() as stack:
        naive = start_naive(folder / "naive", gateway, chats=1, messages=0)
        stack.callback(naive.close)
        antler = AppServer(folder / "antler", {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": gateway})
        stack.callback(antler.close)
        programs = [
            Program("naive", naive.url, COMPOSER),
            Program("Antler", f"{antler.url}/?model=bench&wire=openai", COMPOSER),
        ]
        if PEERS.exists():
            programs.append(stack.enter_context(running_chainlit(folder / "chainlit", gateway)))
            programs.append(stack.enter_context(running_gradio(folder / "gradio", gateway)))
        if OPEN_WEBUI.exists():
            programs.append(stack.enter_context(running_open_webui(folder / "open-webui", gateway)))
        if len(programs) == 2:
            print("Without other programs: `make bench PEERS=1` or `PEERS=all` installs them.\n")
        yield programs
