"""Whose history it is: the browser's own, found again by itself, and by nobody else."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.storage.store import Store
from lib.ui.session.resources import LEGACY_OWNER
from tests.browser.chat_page import ChatPage
from tests.support.app_server import AppServer
from tests.support.replay import soon

SAID = "The heron flies at dawn"
SECRET = "localStorage.getItem('antler.browser')"
# What a browser does that keeps nothing for a page: it throws already where its storage is looked at.
REFUSED = "Object.defineProperty(window, '%s', {get() { throw new DOMException('no', 'SecurityError') }})"
ENGLISH = {"locale": "en-GB"}  # an option gives a page a browser of its own


def listen(page: Page, event: str) -> list[bytes]:
    """The frames that a page gets ("framereceived") or gives ("framesent") from now on."""
    frames: list[bytes] = []

    def note(payload: str | bytes) -> None:
        frames.append(payload if isinstance(payload, bytes) else payload.encode())

    page.on("websocket", lambda socket: socket.on(event, note))
    return frames


def asked(chat: ChatPage, text: str = SAID) -> str:
    """Ask in a new conversation; its id."""
    chat.open("?model=demo-wrong-key").ask(text).wait_idle()
    expect(chat.rows).to_have_count(1)
    return chat.page.url.partition("c=")[2]


def nothing_of_it(chat: ChatPage) -> None:
    expect(chat.page.get_by_text("What can I help you with?")).to_be_visible()
    expect(chat.page.get_by_text("Your chats will appear here.")).to_be_visible()
    expect(chat.questions).to_have_count(0)
    expect(chat.rows).to_have_count(0)


@pytest.mark.parametrize("parameter", ["c", "model", "wire", "person", "browser"])
def test_another_browser_sees_nothing_of_it(app, new_page, parameter):
    mine = ChatPage(new_page(**ENGLISH), app.url)
    conversation = asked(mine)
    again = mine.page.context.new_page()
    heard = listen(again, "framereceived")
    again.goto(mine.page.url)
    expect(ChatPage(again, app.url).questions).to_have_text([SAID])
    assert [frame for frame in heard if SAID.encode() in frame]

    theirs = ChatPage(new_page(**ENGLISH), app.url)
    frames = listen(theirs.page, "framereceived")
    value = mine.page.evaluate(SECRET) if parameter in ("person", "browser") else conversation
    theirs.open(f"?{parameter}={value}")
    nothing_of_it(theirs)
    theirs.page.goto(f"{app.url}/settings?{parameter}={value}")
    expect(theirs.page.get_by_role("heading", name="Settings")).to_be_visible()
    theirs.page.get_by_role("link", name="Back to chat").click()
    nothing_of_it(theirs)
    assert frames
    assert not [frame for frame in frames if SAID.encode() in frame]


def test_a_reload_a_new_tab_and_a_server_that_was_restarted_find_it_again(tmp_path, new_page):
    app = AppServer(tmp_path, {})
    try:
        page = new_page(**ENGLISH)
        sent = listen(page, "framesent")
        chat = ChatPage(page, app.url)
        asked(chat)
        chat.page.reload()
        expect(chat.questions).to_have_text([SAID])
        tab = ChatPage(chat.page.context.new_page(), app.url).open()
        expect(tab.rows).to_contain_text([SAID])
        app.kill()
        app.restart()
        # The page that was open all along meets a server that knows nothing of it, and tells it again.
        secret = page.evaluate(SECRET).encode()
        sent.clear()
        page.get_by_role("button", name="New chat").click()
        assert soon(lambda: page.wait_for_timeout(50) or any(secret in frame for frame in sent))
        chat.wait_idle()
        page.get_by_role("button", name="New chat").click()
        expect(page.get_by_text("What can I help you with?")).to_be_visible()
        expect(chat.rows).to_contain_text([SAID])
    finally:
        app.close()


def test_a_lost_connection_finds_the_same_person(app, new_page):
    chat = ChatPage(new_page(**ENGLISH), app.url)
    asked(chat)
    chat.page.context.set_offline(True)
    chat.page.wait_for_timeout(1500)
    chat.page.context.set_offline(False)
    chat.page.get_by_role("button", name="New chat").click()
    expect(chat.page.get_by_text("What can I help you with?")).to_be_visible()
    expect(chat.rows).to_contain_text([SAID])


@pytest.mark.parametrize("late", [False, True], ids=["at once", "one after the other"])
def test_two_tabs_of_a_new_browser_agree_on_one_secret(app, new_page, late):
    first = new_page(**ENGLISH)
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
    if late:
        expect(ChatPage(first, app.url).composer).to_be_visible()
    second.goto(app.url, wait_until="commit")
    for page in (first, second):
        expect(ChatPage(page, app.url).composer).to_be_visible()
    assert first.evaluate(SECRET) == second.evaluate(SECRET)
    ChatPage(second, app.url).ask(SAID).wait_idle()
    third = ChatPage(first.context.new_page(), app.url).open()
    expect(third.rows).to_contain_text([SAID])
    expect(ChatPage(first, app.url).composer).to_be_visible()
    first.get_by_role("link", name="Settings").click()
    expect(ChatPage(first, app.url).rows).to_contain_text([SAID])


def test_the_secret_is_told_once_and_kept_by_the_browser_alone(app, new_page):
    page = new_page(**ENGLISH)
    sent, got = listen(page, "framesent"), listen(page, "framereceived")
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    chat = ChatPage(page, app.url)
    asked(chat)
    chat.page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    secret = page.evaluate(SECRET)
    assert len(secret) * 4 >= 128
    assert len([frame for frame in sent if secret.encode() in frame]) == 1
    assert not [frame for frame in got if secret.encode() in frame]
    assert not [address for address in (*addresses, page.url) if secret in address]
    assert secret not in page.content()
    assert secret.encode() not in app.log.read_bytes()
    kept = [path for path in app.folder.rglob("*") if path.is_file()]
    assert any(path.name.startswith("antler.db") for path in kept)
    assert not [path for path in kept if secret.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("refused", "words", "reloaded"),
    [
        (["localStorage"], "only while this tab is open", 1),
        (["localStorage", "sessionStorage"], "reload or close this tab", 0),
    ],
    ids=["local storage", "any storage"],
)
def test_a_browser_that_keeps_nothing_works_as_long_as_the_tab(app, new_page, refused, words, reloaded):
    page = new_page(**ENGLISH)
    for name in refused:
        page.add_init_script(REFUSED % name)
    chat = ChatPage(page, app.url)
    asked(chat)
    expect(page.get_by_text(words)).to_be_visible()
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    expect(chat.rows).to_have_count(1)
    page.goto(app.url)
    expect(chat.composer).to_be_visible()
    expect(chat.rows).to_have_count(reloaded)


def test_a_page_whose_script_is_blocked_says_so(app, new_page):
    page = new_page(**ENGLISH)

    # As a policy of the person's own would: the server's scripts run, and what a page makes itself does not.
    page.add_init_script(
        """document.addEventListener("DOMContentLoaded", () => document.head.append(Object.assign(
        document.createElement("meta"), {httpEquiv: "Content-Security-Policy",
        content: "script-src 'self' 'unsafe-inline' 'unsafe-eval'"})))"""
    )
    page.goto(app.url)
    reason = page.get_by_text("The script did not respond")
    expect(reason).to_be_attached()
    expect(reason).to_be_visible()
    expect(page.get_by_role("alert").filter(visible=True)).to_have_count(0)
    expect(page.get_by_role("button", name="New chat")).to_have_count(0)


def test_the_history_of_before_goes_to_the_first_browser_alone(tmp_path, new_page):
    before = Store(f"sqlite:///{tmp_path}/before.db")
    question = Node("q", None, Message("user", (TextPart("Asked long ago"),)), 1.0)
    before.messages.save_turn(LEGACY_OWNER, Conversation("old", "Asked long ago", 1.0, "q"), [question])
    before.close()
    app = AppServer(tmp_path, {"DATABASE_URL": f"sqlite:///{tmp_path}/before.db"})
    try:
        first = ChatPage(new_page(**ENGLISH), app.url).open("?c=old")
        expect(first.questions).to_have_text(["Asked long ago"])
        nothing_of_it(ChatPage(new_page(**ENGLISH), app.url).open("?c=old"))
        app.kill()
        app.restart()
        nothing_of_it(ChatPage(new_page(**ENGLISH), app.url).open("?c=old"))
        first.page.reload()
        expect(first.rows).to_contain_text(["Asked long ago"])
    finally:
        app.close()
