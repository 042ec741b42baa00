"""Replays: a bug report plays as an answer that reload and stop do not know from a live one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from playwright.sync_api import expect

from lib import transfer
from lib.core.exchanges import Chunk
from tests.browser.chat_page import ChatPage
from tests.support.exchanges import FIRST_BYTE, build_attempt, build_exchange
from tests.unit.gateway.recordings import RECORDINGS

START = "Table and code"
HOURS = 3_600.0  # between two pieces: the answer arrives until it is stopped


def test_a_bug_report_plays_on_after_a_reload_until_it_is_stopped(app, new_page, any_wire):
    body = RECORDINGS[f"{any_wire}-markdown.sse"].body
    middle = body.index(b"\n\n", len(body) // 2) + 2
    chunks = (Chunk(FIRST_BYTE, body[:middle]), Chunk(FIRST_BYTE + HOURS, body[middle:]))
    attempt = replace(build_attempt(any_wire, ended=None), chunks=chunks)
    report = transfer.write_exchange(build_exchange(any_wire, [attempt]), {"antler": "0.3.0"})

    chat = ChatPage(new_page(), app.url)
    chat.page.goto(f"{app.url}/settings?tab=data")
    chat.page.locator('input[type="file"]').set_input_files(
        {"name": "report.zip", "mimeType": "application/zip", "buffer": report}
    )
    chat.page.get_by_role("button", name="Import", exact=True).click()
    expect(chat.questions).to_have_text(["What is it?"])
    expect(chat.answers.last).to_contain_text(START)
    assert "?c=" in chat.page.url
    chat.page.reload()
    expect(chat.answers.last).to_contain_text(START)
    chat.stop.click()
    chat.wait_idle()
    expect(chat.answers.last).to_contain_text("You stopped this answer")
    chat.page.get_by_role("button", name="Details of answer 1").click()
    expect(chat.page.get_by_text("nothing was charged")).to_be_visible()
    chat.page.keyboard.press("Escape")
    chat.page.get_by_role("button", name="Inspect answer 1").click()
    drawer = chat.page.get_by_role("dialog")
    drawer.get_by_role("button", name="Bug report").click()
    with chat.page.expect_download() as started:
        chat.page.get_by_role("button", name="Download", exact=True).click()
    written = transfer.read_exchange(Path(started.value.path()).read_bytes()).exchange
    assert [each.chunks for each in written.attempts] == [attempt.chunks]
