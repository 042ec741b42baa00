"""Files in the browser: picked, dropped, pasted, removed, sent, kept through a reload, and opened in the chat."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import CDPSession, FilePayload, Locator, Page, expect

from tests.browser.accessibility import Audit
from tests.browser.chat_page import OWN_BROWSER, ChatPage
from tests.support.app_server import AppServer
from tests.support.replay import Canned

FILES = Path(__file__).parents[1] / "data/files"
# Events of the system, which a test can only imitate: files as name, type and text, and the text beside them.
PASTE = """([selector, files, text]) => {
  const data = new DataTransfer();
  for (const [name, type, content] of files) data.items.add(new File([content], name, { type }));
  if (text) data.setData("text/plain", text);
  const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
  return document.querySelector(selector).dispatchEvent(event);
}"""
DRAG = """([kind, name, content]) => {
  const data = new DataTransfer();
  data.items.add(new File([content], name));
  const event = new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
  document.querySelector(".stMain").dispatchEvent(event);
}"""
COMPOSER = '[data-testid="stChatInputTextArea"]'
LARGE_TEXT = b"Buy milk.\n" * 200_000
SLOW_UPLOAD = 16_000  # bytes per second: two minutes for the large text


def to_payload(file: str | FilePayload) -> FilePayload:
    """Return a file for the browser: a name is that of a file of the tests."""
    if not isinstance(file, str):
        return file
    return FilePayload(name=file, mimeType=mimetypes.guess_type(file)[0] or "", buffer=(FILES / file).read_bytes())


def attach(page: Page, *names: str | FilePayload, place: int = -1) -> None:
    """Pick files with the button of the message input, or with another one."""
    page.wait_for_function("() => window.antlerTray")
    buttons = page.get_by_role("button", name="Attach files", exact=True)
    with page.expect_file_chooser() as chooser:
        (buttons.last if place < 0 else buttons.nth(place)).click()
    chooser.value.set_files([to_payload(name) for name in names])


def tray(page: Page) -> Locator:
    """Return the files above the message input that are read."""
    return page.locator(".st-key-tray-composer .antler-chip:not([data-reading])")


def limit_upload(network: CDPSession, bytes_per_second: int) -> None:
    """Limit what a page sends; -1 for no limit."""
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    network.send("Network.emulateNetworkConditions", conditions)


def check_cancel(page: Page) -> None:
    """Cancel a large file on its way over a slow connection; another one of the same batch stays."""
    network = page.context.new_cdp_session(page)
    limit_upload(network, SLOW_UPLOAD)
    files = page.get_by_role("list", name="Attached files")
    attach(page, FilePayload(name="long.txt", mimeType="text/plain", buffer=LARGE_TEXT), "notes.docx")
    bar = page.get_by_role("progressbar", name="Upload of long.txt")
    expect(bar).to_have_attribute("aria-valuenow", re.compile(r"^\d?0$"))
    expect(files.get_by_role("listitem").first).to_contain_text(re.compile(r"Uploading [1-9]\d?%"))
    page.get_by_role("button", name="Cancel the upload of long.txt").press("Enter")
    expect(files.get_by_role("listitem")).to_have_count(1)
    limit_upload(network, -1)
    expect(tray(page)).to_have_count(1)
    page.get_by_role("button", name="Remove notes.docx").click()
    expect(tray(page)).to_have_count(0)


def check_offer_of_page(page: Page, chat: ChatPage) -> None:
    """Paste the address of a page, which the browser goes on to paste as text."""
    offer = page.locator(".antler-page-offer")
    assert page.evaluate(PASTE, [COMPOSER, [], "See http://127.0.0.1/tides"])
    expect(offer).to_have_count(0)
    assert page.evaluate(PASTE, [COMPOSER, [], "http://127.0.0.1/tides"])
    page.get_by_role("button", name="Do not attach the page").click()
    expect(offer).to_have_count(0)
    expect(chat.composer).to_be_focused()
    assert page.evaluate(PASTE, [COMPOSER, [], "http://127.0.0.1/tides"])
    expect(page.get_by_text("Attach the text of this page? 127.0.0.1")).to_be_visible()
    page.get_by_role("button", name="Attach page", exact=True).click()
    expect(page.get_by_text("127.0.0.1 is not the address of a public web page.")).to_be_visible()
    expect(offer).to_have_count(0)


@pytest.fixture
def reading_app(tmp_path, replay) -> Iterator[AppServer]:
    """An app that fetches pages, and turns sound into text."""
    gateway = {"DEERAPI_API_KEY": "sk-0", "DEERAPI_BASE_URL": replay.url}
    server = AppServer(tmp_path, {**gateway, "ANTLER_FETCH_URLS": "on", "ANTLER_TRANSCRIPTION_MODEL": "whisper-1"})
    yield server
    server.close()


def test_files_are_pasted_and_dropped_stay_after_a_reload_and_hold_their_question(reading_app, new_page, replay):
    json_type = {"Content-Type": "application/json"}
    replay.serve("/v1/audio/transcriptions", Canned(b'{"text": "Buy some milk"}', headers=json_type, silence=9))
    answer = b'{"choices": [{"message": {"content": "Yes"}, "finish_reason": "stop"}]}'
    replay.serve("/v1/chat/completions", Canned(answer, headers=json_type))
    chat = ChatPage(new_page(), reading_app.url)
    page = chat.open("?model=m-one&wire=openai").page
    page.wait_for_function("() => window.antlerTray")
    check_cancel(page)
    chat.composer.fill("About these")
    assert not page.evaluate(PASTE, [COMPOSER, [["notes.txt", "text/plain", "Buy milk"]], ""])
    expect(tray(page)).to_have_count(1)
    # A copy from a spreadsheet is text, with a picture of it.
    assert page.evaluate(PASTE, [COMPOSER, [["image.png", "image/png", "x"]], "A\tB"])
    page.evaluate(DRAG, ["dragenter", "table.csv", "a,b"])
    expect(page.get_by_text("Drop files to attach them")).to_be_visible()
    page.evaluate(DRAG, ["drop", "table.csv", "a,b"])
    expect(page.get_by_text("Drop files to attach them")).to_have_count(0)
    expect(tray(page)).to_have_count(2)
    expect(chat.composer).to_have_value("About these")
    page.reload()
    # At once: the question waits for the files that come back.
    expect(chat.composer).to_have_value("About these")
    chat.composer.press("Enter")
    expect(chat.questions.get_by_role("listitem")).to_have_count(2)
    expect(tray(page)).to_have_count(0)
    chat.wait_idle()

    # A question waits for a transcript, too.
    attach(page, "tone.wav")
    chip = page.locator(".st-key-tray-composer .antler-chip[data-reading]")
    expect(chip).to_contain_text("transcribing …")
    expect(chip.get_by_role("button", name="Cancel tone.wav")).to_be_visible()
    chat.composer.fill("What is it about?")
    chat.composer.press("Enter")
    expect(page.get_by_text("Your message is sent as soon as the files have been read.").first).to_be_visible()
    expect(chat.questions).to_have_count(1)
    replay.resume()
    expect(chat.questions).to_have_count(2)
    expect(chat.questions.last.get_by_role("listitem")).to_have_count(1)
    chat.wait_idle()
    assert b"Buy some milk" in replay.last_request("/v1/chat/completions").body
    check_offer_of_page(page, chat)


def test_files_are_picked_removed_sent_and_opened_by_their_user_only(chat, new_page):
    page = chat.open("?model=demo-echo").page
    attach(page, "photo.jpg", "encrypted.pdf")
    expect(tray(page)).to_have_count(2)
    expect(page.get_by_text("encrypted.pdf is protected with a password.")).to_be_visible()
    page.get_by_role("button", name="Remove encrypted.pdf").click()
    expect(tray(page)).to_have_count(1)
    # A question does not overtake its files.
    attach(page, "sheet.xlsx", "three.pdf")
    chat.composer.fill("What is in these?")
    chat.composer.press("Enter")
    expect(chat.questions).to_contain_text("What is in these?")
    expect(chat.questions.get_by_role("listitem")).to_have_count(3)
    expect(tray(page)).to_have_count(0)
    chat.wait_idle()
    page.get_by_role("button", name="Open three.pdf").click()
    dialog = page.get_by_role("dialog", name="three.pdf")
    expect(dialog.get_by_role("button", name="Download")).to_be_visible()
    chat.wait_idle()
    address = chat.url + (dialog.get_by_role("link", name="Open in a new tab").get_attribute("href") or "")
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download").click()
    assert download.value.path().read_bytes() == (FILES / "three.pdf").read_bytes()
    assert page.request.get(address).body() == (FILES / "three.pdf").read_bytes()
    assert not new_page(**OWN_BROWSER).request.get(address).ok
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    chat.wait_idle()
    # The form of the question has its files, and takes others.
    chat.questions.first.hover()
    page.get_by_role("button", name="Edit question 1").click()
    form = page.locator('[class*="st-key-files-edit-"]')
    form.get_by_role("button", name="Remove sheet.xlsx").click()
    expect(form.get_by_role("listitem")).to_have_count(2)
    attach(page, "notes.docx", place=0)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(chat.questions.get_by_role("listitem")).to_have_count(3)
    expect(chat.questions.get_by_role("button", name="Open notes.docx")).to_be_visible()
    chat.wait_idle()
    check_phone(page, chat)


def check_phone(page: Page, chat: ChatPage) -> None:
    """Send files alone in a small window with touch."""
    audit = Audit()
    page.set_viewport_size({"width": 390, "height": 780})
    page.context.new_cdp_session(page).send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    attach(page, "photo.jpg", "three.pdf", "sheet.xlsx")
    expect(tray(page)).to_have_count(3)
    chat.wait_idle()
    audit.check(page, "files in the composer", '[data-testid="stBottomBlockContainer"]')
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Send", exact=True).click()
    expect(chat.questions).to_have_count(2)
    question = chat.questions.last
    expect(question.get_by_role("button", name="Open sheet.xlsx")).to_be_visible()
    expect(tray(page)).to_have_count(0)
    chat.wait_idle()
    audit.check(page, "files of a question", '[class*="st-key-question-"]')
    question.get_by_role("button", name="Open photo.jpg").click()
    expect(page.get_by_role("dialog", name="photo.jpg").get_by_role("img")).to_be_visible()
    audit.check(page, "an opened file", '[role="dialog"]')
    assert audit.findings == [], "\n".join(audit.findings)
