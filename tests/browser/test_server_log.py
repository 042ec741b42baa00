"""The log of a server: events as lines, without keys, questions, conversation ids or browser secrets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import KEY, address
from tests.support.app_server import ROOT, AppServer
from tests.support.replay import JSON, Canned, soon

FAILING_PAGE = '''"""Fails, with the key in its words and its traceback."""

from lib.ui.session import resources

key = resources.settings().api_key
raise RuntimeError(f"cannot go on with {key}")
'''
QUESTION = "Nobody-else-may-read-this"
ECHO = json.dumps({"error": {"message": f"wrong key {KEY}", "type": "new_api_error", "code": ""}}).encode()


def copy_program(folder: Path) -> Path:
    """Create a folder of the program whose pages can be changed; return it."""
    folder.mkdir()
    shutil.copytree(ROOT / "pages", folder / "pages")
    shutil.copytree(ROOT / ".streamlit", folder / ".streamlit", ignore=shutil.ignore_patterns("secrets.toml"))
    shutil.copy(ROOT / "app.py", folder)
    (folder / "lib").symlink_to(ROOT / "lib")
    return folder


@pytest.fixture
def app(tmp_path, replay):
    """The app that writes its log as JSON, with a page that fails."""
    program = copy_program(tmp_path / "program")
    (program / "pages/shared.py").write_text(FAILING_PAGE, encoding="utf-8")
    settings = {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": replay.url, "DEERAPI_RETRIES": "0", "ANTLER_LOG": "json"}
    server = AppServer(tmp_path, settings, program=program)
    yield server
    server.close()


def test_events_are_logged_without_secrets(app, new_page, replay):
    replay.serve("/v1/chat/completions", Canned(ECHO, 401, {**JSON, "x-request-id": "req-77"}))
    page = new_page()
    # The first page of a server can be another than the chat.
    page.goto(f"{app.url}/settings")
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    page.get_by_role("link", name="Back to chat").click()
    chat = ChatPage(page, app.url)
    expect(chat.composer).to_be_visible()
    chat.wait_idle().choose_model("m-one").ask(QUESTION).wait_idle()
    expect(chat.answers.last.get_by_role("alert")).to_be_visible()
    assert replay.last_request("/v1/chat/completions").headers["authorization"] == f"Bearer {KEY}"
    expect(page).to_have_url(address("c="))
    conversation = page.url.split("c=")[1].partition("&")[0]
    browser_secret = page.evaluate("JSON.stringify(Object.values(localStorage))")
    page.goto(f"{app.url}/shared")
    expect(page.get_by_text("has been logged")).to_be_visible()
    for text in ("answer ended", "RuntimeError", "cannot go on with [secret]"):
        assert soon(lambda text=text: text in app.log.read_text(encoding="utf-8"))
    log = app.log.read_text(encoding="utf-8")
    assert KEY not in log and QUESTION not in log and conversation not in log
    for value in json.loads(browser_secret):
        assert len(value) < 20 or value not in log
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    (ended,) = [line for line in lines if line["event"] == "answer ended"]
    assert ended["model"] == "m-one" and ended["outcome"] == "failed" and ended["error"] == "key_refused"
    assert ended["status"] == 401 and ended["request_id"] == "req-77" and len(ended["owner"]) == 12
    # What is no JSON are Streamlit's own words of welcome, on the other stream.
    other = [line for line in log.splitlines() if line.strip() and not line.startswith("{")]
    assert all("http" in line or "Streamlit app" in line for line in other), other
