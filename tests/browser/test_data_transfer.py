"""Read-only links, downloads, import, export and deletion of all data."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser.chat_page import OWN_BROWSER, ChatPage
from tests.browser.conftest import KEY
from tests.support.replay import Canned

HAS_DRAFT = "() => JSON.stringify(Object.entries(localStorage)).includes('A draft')"
SHARED = "Share: me/please"


def download(chat: ChatPage, button: Locator) -> tuple[str, bytes]:
    """Return the name and the content of the file that a button downloads, once its address is that of the last run."""
    chat.wait_idle()
    with chat.page.expect_download() as started:
        button.click()
    return started.value.suggested_filename, Path(started.value.path()).read_bytes()


def open_settings(chat: ChatPage) -> ChatPage:
    chat.open_settings("Data")
    expect(chat.page.get_by_role("heading", name="Your data")).to_be_visible()
    return chat


def open_share_panel(chat: ChatPage) -> Locator:
    chat.page.get_by_role("button", name="Share", exact=True).click()
    return chat.panel


def test_a_chat_is_shared_by_a_link_until_it_is_revoked_and_downloaded(app, new_page):
    chat = ChatPage(new_page(), app.url).open("?model=demo-thinker&wire=anthropic").ask(SHARED).wait_idle()
    panel = open_share_panel(chat)
    panel.get_by_role("button", name="Create link").click()
    address = panel.locator("code").inner_text().strip()
    assert address.startswith(f"{app.url}/shared?s=")
    # The conversation is downloaded as Markdown and JSON.
    name, text = download(chat, panel.get_by_role("button", name="Markdown"))
    assert name == "Share me please.md"
    assert "# Share: me/please" in text.decode()
    name, data = download(chat, panel.get_by_role("button", name="JSON"))
    assert name == "Share me please.json"
    (conversation,) = json.loads(data)["conversations"]
    assert [node["role"] for node in conversation["nodes"]] == ["user", "assistant"]
    chat.page.keyboard.press("Escape")
    chat.ask("Not in the snapshot").wait_idle()
    reader = ChatPage(new_page(viewport={"width": 390, "height": 800}, **OWN_BROWSER), app.url)
    reader.page.goto(address)
    expect(reader.page.get_by_role("heading", name=SHARED)).to_be_visible()
    expect(reader.questions).to_have_text([SHARED])
    expect(reader.answers.last).to_contain_text("demo-thinker")
    expect(reader.answers.last).not_to_contain_text("Thought")
    expect(reader.page.get_by_text("Not in the snapshot")).to_have_count(0)
    for message, name in ((reader.answers.last, "Copy answer 1"), (reader.page, "Copy question 1")):
        expect(message.get_by_role("button", name=name)).to_be_visible()
    expect(reader.answers.last.get_by_role("button")).to_have_count(1)
    expect(reader.composer).to_have_count(0)
    chat.open_settings("Shared links").page.get_by_role("button", name="Revoke").click()
    expect(chat.page.get_by_text("No shared links.")).to_be_visible()
    reader.page.goto(address)
    expect(reader.page.get_by_role("heading", name="Link not available")).to_be_visible()
    expect(reader.page.get_by_test_id("stMain").get_by_text(SHARED)).to_have_count(0)


def test_data_is_exported_deleted_also_from_the_browser_and_imported(keyed, new_page, replay, tmp_path):
    answer = b'data: {"choices":[{"index":0,"delta":{"content":"Yes."},"finish_reason":"stop"}]}\n\n'
    replay.serve("/v1/chat/completions", Canned(answer))
    chat = ChatPage(new_page(), keyed.url).open("?model=m-one&wire=openai").ask("Out and back").wait_idle()
    chat.composer.fill("A draft")
    chat.page.wait_for_function(HAS_DRAFT)
    open_settings(chat)
    export = chat.page.get_by_role("button", name="Export all chats")
    name, first = download(chat, export)
    assert name.startswith("antler-20") and KEY.encode() not in first
    end = chat.page.get_by_role("button", name="Delete everything")
    expect(end).to_be_disabled()
    chat.page.get_by_text("Yes, delete all my chats, files, projects, prompts, links and preferences").click()
    end.click()
    expect(
        chat.page.get_by_text("All your chats, files, projects, prompts, shared links and preferences were deleted.")
    ).to_be_visible()
    expect(chat.rows).to_have_count(0)
    chat.page.wait_for_function(f"() => !({HAS_DRAFT})()")
    file = tmp_path / "mine.json"
    file.write_bytes(first)
    chat.page.locator('input[type="file"]').set_input_files(file)
    chat.page.get_by_role("button", name="Import", exact=True).click()
    expect(chat.page.get_by_text("Imported 1 chat with 2 messages from Antler.")).to_be_visible()
    assert download(chat, export)[1] == first
    chat.row_button("Out and back").click()
    expect(chat.questions).to_have_text(["Out and back"])
    expect(chat.answers.last).to_contain_text("Yes.")
