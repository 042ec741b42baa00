"""The identity of a browser: its history is its own, also after a reload and a restart."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.storage.store import Store
from lib.ui.session.resources import LEGACY_OWNER
from tests.browser.chat_page import OWN_BROWSER, ChatPage, record_frames, wait_until
from tests.browser.conftest import address
from tests.support.app_server import AppServer, find_files

QUESTION = "The heron flies at dawn"
READ_SECRET = "localStorage.getItem('antler.browser')"
# A browser that refuses storage throws as soon as a script reads the property.
BLOCK_STORAGE = "Object.defineProperty(window, '%s', {get() { throw new DOMException('no', 'SecurityError') }})"


def ask_first(chat: ChatPage, text: str = QUESTION) -> str:
    """Ask in a new conversation; return its id."""
    chat.open("?model=demo-wrong-key").ask(text).wait_idle()
    expect(chat.rows).to_have_count(1)
    expect(chat.page).to_have_url(address("c="))
    return chat.page.url.partition("c=")[2]


def expect_empty_history(chat: ChatPage) -> None:
    expect(chat.page.get_by_text("What can I help you with?")).to_be_visible()
    expect(chat.page.get_by_text("Your chats will appear here.")).to_be_visible()
    expect(chat.questions).to_have_count(0)
    expect(chat.rows).to_have_count(0)


def test_an_identity_takes_the_legacy_history_and_survives_a_restart(tmp_path, new_page):
    before = Store(f"sqlite:///{tmp_path}/before.db")
    question = Node("q", None, Message("user", (TextPart("Asked long ago"),)), 1.0)
    before.messages.save_turn(LEGACY_OWNER, Conversation("old", "Asked long ago", 1.0, "q"), [question])
    before.close()
    app = AppServer(tmp_path, {"DATABASE_URL": f"sqlite:///{tmp_path}/before.db"})
    try:
        page = new_page()
        sent = record_frames(page, "framesent")
        chat = ChatPage(page, app.url).open("?c=old")
        expect(chat.questions).to_have_text(["Asked long ago"])
        app.kill()
        app.restart()
        # It went to the first browser, and goes to no other one.
        expect_empty_history(ChatPage(new_page(**OWN_BROWSER), app.url).open("?c=old"))
        # The page that was open all along meets a server that knows nothing of it, and tells it again.
        secret = page.evaluate(READ_SECRET).encode()
        sent.clear()
        page.get_by_role("button", name="New chat").click()
        wait_until(page, lambda: any(secret in frame for frame in sent))
        chat.wait_idle()
        page.get_by_role("button", name="New chat").click()
        expect(page.get_by_text("What can I help you with?")).to_be_visible()
        expect(chat.rows).to_contain_text(["Asked long ago"])
    finally:
        app.close()


@pytest.mark.parametrize("is_sequential", [False, True], ids=["at once", "in sequence"])
def test_two_tabs_of_a_new_browser_agree_on_one_secret(app, new_page, is_sequential):
    first = new_page(**OWN_BROWSER)
    second = first.context.new_page()
    # Neither sees yet what the other has written: its first look finds nothing.
    blind = """const look = Storage.prototype.getItem; let seen = sessionStorage.length > 0;
    Storage.prototype.getItem = function (name) {
      if (name !== "antler.browser" || seen) return look.call(this, name);
      seen = true; sessionStorage.setItem("seen", "1");
      return null;
    }"""
    for page in (first, second):
        page.add_init_script(blind)
    first.goto(app.url, wait_until="commit")
    if is_sequential:
        expect(ChatPage(first, app.url).composer).to_be_visible()
    second.goto(app.url, wait_until="commit")
    for page in (first, second):
        expect(ChatPage(page, app.url).composer).to_be_visible()
    assert first.evaluate(READ_SECRET) == second.evaluate(READ_SECRET)
    expect(ChatPage(second, app.url).ask(QUESTION).rows).to_contain_text([QUESTION])
    first.get_by_role("link", name="Settings").click()
    expect(ChatPage(first, app.url).rows).to_contain_text([QUESTION])


def test_the_secret_is_sent_once_stored_by_the_browser_only_and_no_parameter_of_the_address_replaces_it(app, new_page):
    page = new_page()
    sent, got = record_frames(page, "framesent"), record_frames(page, "framereceived")
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    chat = ChatPage(page, app.url)
    conversation = ask_first(chat)
    assert [frame for frame in got if QUESTION.encode() in frame]
    chat.page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    secret = page.evaluate(READ_SECRET)
    assert len(secret) * 4 >= 128
    assert len([frame for frame in sent if secret.encode() in frame]) == 1
    assert not [frame for frame in got if secret.encode() in frame]
    assert not [address for address in (*addresses, page.url) if secret in address]
    assert secret not in page.content()
    assert find_files(app.folder, secret.encode()) == []

    page.get_by_role("link", name="Back to chat").click()
    expect(chat.composer).to_be_visible()
    page.context.set_offline(True)
    page.wait_for_timeout(1_500)
    page.context.set_offline(False)
    page.get_by_role("button", name="New chat").click()
    expect(page.get_by_text("What can I help you with?")).to_be_visible()
    expect(chat.rows).to_contain_text([QUESTION])

    # Another browser, with all that it can know of this one.
    other = ChatPage(new_page(**OWN_BROWSER), app.url)
    frames = record_frames(other.page, "framereceived")
    other.open(f"?c={conversation}&model={conversation}&wire={conversation}&person={secret}&browser={secret}")
    expect_empty_history(other)
    assert frames
    assert not [frame for frame in frames if QUESTION.encode() in frame]


@pytest.mark.parametrize(
    ("blocked", "notice", "rows_after_reload"),
    [
        (["localStorage"], "only while this tab is open", 1),
        (["localStorage", "sessionStorage"], "reload or close this tab", 0),
    ],
    ids=["local storage", "any storage"],
)
def test_without_browser_storage_the_identity_lasts_as_long_as_the_tab(
    app, new_page, blocked, notice, rows_after_reload
):
    page = new_page()
    for name in blocked:
        page.add_init_script(BLOCK_STORAGE % name)
    chat = ChatPage(page, app.url)
    ask_first(chat)
    expect(page.get_by_text(notice)).to_be_visible()
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    expect(chat.rows).to_have_count(1)
    page.goto(app.url)
    expect(chat.composer).to_be_visible()
    expect(chat.rows).to_have_count(rows_after_reload)


def test_a_blocked_script_is_reported(app, new_page):
    page = new_page()
    # As an extension of the browser would, or a proxy.
    page.route("**/bidi-components/**", lambda route: route.abort())
    page.goto(app.url)
    reason = page.get_by_text("The script did not respond")
    expect(reason).to_be_attached()
    expect(reason).to_be_visible()
    expect(page.get_by_role("alert").filter(visible=True)).to_have_count(0)
    expect(page.get_by_role("button", name="New chat")).to_have_count(0)
