"""A key of one's own in a real browser: to the gateway and nowhere else, for one visit of one person."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import KEY
from tests.browser.test_whose import ENGLISH, listen
from tests.support.app_server import AppServer
from tests.support.replay import JSON, Canned, Replay, Request, soon

pytestmark = pytest.mark.xdist_group("own-key")

ONE, TWO = "sk-one-5d1e8a2046bb7e9f3b7c", "sk-two-8a2046bb7e9f3b7c5d1e"
CHAT, MODELS = "/v1/chat/completions", "/v1/models"
SAID = b"""data: {"id":"a","choices":[{"index":0,"delta":{"content":"All is well."}}]}

data: {"id":"a","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: [DONE]

"""
ECHO = '{"error":{"message":"The key %s has a fault","type":"new_api_error","code":""}}'


@pytest.fixture(scope="module")
def gateway() -> Iterator[Replay]:
    with Replay() as server:
        server.serve(MODELS, Canned(b'{"data":[{"id":"m-one"}]}', headers=JSON))
        yield server


@pytest.fixture(scope="module")
def open_to_own(tmp_path_factory, gateway) -> Iterator[AppServer]:
    """The app with a key of its own, which lets people use theirs."""
    settings = {
        "DEERAPI_API_KEY": KEY,
        "DEERAPI_BASE_URL": gateway.url,
        "DEERAPI_RETRIES": "0",
        "DEERAPI_CHEAP_MODEL": "m-small",
        "ANTLER_OWN_KEY": "on",
    }
    app = AppServer(tmp_path_factory.mktemp("own"), settings)
    yield app
    app.close()


def settings_of(page: Page) -> None:
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Your own API key")).to_be_visible()


def use(page: Page, key: str) -> None:
    """Give a key on the settings page."""
    page.get_by_label("API key", exact=True).fill(key)
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_role("button", name="Remove key")).to_be_visible()


def back(page: Page) -> None:
    page.get_by_role("link", name="Back to chat").click()
    expect(ChatPage(page, "").composer).to_be_visible()


def keys(gateway: Replay, text: str) -> set[str]:
    """The keys with which a first question of this text was asked, and its title."""

    def of(model: str) -> list[Request]:
        found = (one for one in gateway.requests if one.path == CHAT and text.encode() in one.body)
        return [one for one in found if one.json["model"] == model]

    assert soon(lambda: bool(of("m-small"))), "no title was asked for"
    asked = [*of("m-one"), *of("m-small")]
    assert len(asked) == 2
    assert not [one for one in asked if "x-api-key" in one.headers]
    return {one.headers["authorization"].removeprefix("Bearer ") for one in asked}


def test_two_people_with_keys_of_their_own(open_to_own, new_page, gateway):
    gateway.serve(CHAT, Canned(SAID))
    pages = [new_page(**ENGLISH) for _ in range(3)]
    received = [listen(page, "framereceived") for page in pages]
    given = listen(pages[0], "framesent")
    chats = [ChatPage(page, open_to_own.url).open("?model=m-one&wire=openai") for page in pages]
    for page, key in zip(pages, (ONE, TWO), strict=False):
        settings_of(page)
        use(page, key)
        expect(page.get_by_text(f"…{key[-4:]}", exact=False)).to_be_visible()
        back(page)
        expect(page.get_by_text(f"Using your own API key …{key[-4:]}")).to_be_visible()
    for chat, text in zip(chats, ("heron", "otter", "badger"), strict=True):
        chat.ask(f"Tell me of the {text}").wait_idle()
        expect(chat.answers.last).to_contain_text("All is well.")
    expect(pages[2].get_by_text("Your own API key")).to_have_count(0)

    asked = [keys(gateway, text) for text in ("heron", "otter", "badger")]
    assert asked == [{ONE}, {TWO}, {KEY}]
    names = [
        {one.json["user"] for one in gateway.requests if one.path == CHAT and text in one.body}
        for text in (b"heron", b"otter", b"badger")
    ]
    assert [len(name) for name in names] == [1, 1, 1]
    assert len(set.union(*names)) == 3
    # The field is empty once the key was taken: only the message that gave it has it.
    assert sum(ONE.encode() in frame for frame in given) == 1
    nowhere(open_to_own, pages, received)


def nowhere(app: AppServer, pages: list[Page], received: list[list[bytes]]) -> None:
    """Neither key is in what the pages got and show, in the log, or in any file of the server."""
    kept = [path for path in app.folder.rglob("*") if path.is_file()]
    assert any(path.name.startswith("antler.db") for path in kept)
    for key in (ONE, TWO):
        assert all(frames for frames in received)
        assert not [frame for frames in received for frame in frames if key.encode() in frame]
        assert not [page for page in pages if key in page.content() or key in page.url]
        assert not [path for path in kept if key.encode() in path.read_bytes()]


def test_a_reload_forgets_it_and_says_so_before(open_to_own, new_page, gateway):
    gateway.serve(CHAT, Canned(SAID))
    page = new_page(**ENGLISH)
    chat = ChatPage(page, open_to_own.url).open("?model=m-one&wire=openai")
    settings_of(page)
    use(page, ONE)
    expect(page.get_by_text("The key is removed when you reload or close the page.")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Use this key")).to_be_visible()
    expect(page.get_by_label("API key", exact=True)).to_have_value("")
    back(page)
    expect(page.get_by_text("Your own API key")).to_have_count(0)
    chat.ask("Tell me of the marten").wait_idle()
    assert keys(gateway, "marten") == {KEY}
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert ONE not in stored


def test_forgotten_the_next_question_goes_with_the_teams_key(open_to_own, new_page, gateway):
    gateway.serve(CHAT, Canned(SAID))
    page = new_page(**ENGLISH)
    chat = ChatPage(page, open_to_own.url).open("?model=m-one&wire=openai")
    settings_of(page)
    use(page, ONE)
    back(page)
    chat.ask("Tell me of the lynx").wait_idle()
    settings_of(page)
    page.get_by_role("button", name="Remove key").click()
    expect(page.get_by_role("button", name="Use this key")).to_be_visible()
    back(page)
    expect(page.get_by_text("Your own API key")).to_have_count(0)
    page.get_by_role("button", name="New chat").click()
    chat.ask("Tell me of the beaver").wait_idle()
    assert (keys(gateway, "lynx"), keys(gateway, "beaver")) == ({ONE}, {KEY})


def test_what_a_gateway_says_of_an_own_key_is_shown_without_it(open_to_own, new_page, gateway):
    page = new_page(**ENGLISH)
    received = listen(page, "framereceived")
    chat = ChatPage(page, open_to_own.url).open("?model=m-one&wire=openai")
    settings_of(page)
    gateway.serve(MODELS, Canned((ECHO % TWO).encode(), 401, JSON))
    page.get_by_label("API key", exact=True).fill(TWO)
    page.get_by_label("API key", exact=True).press("Enter")
    expect(page.get_by_text("rejected this key")).to_be_visible()
    expect(page.get_by_label("API key", exact=True)).to_have_value("")
    gateway.serve(MODELS, Canned(b'{"data":[{"id":"m-one"}]}', headers=JSON))
    use(page, TWO)
    back(page)
    gateway.serve(CHAT, Canned((ECHO % TWO).encode(), 400, {**JSON, "X-Request-Id": f"r-{TWO}"}))
    chat.ask("Tell me of the stoat").wait_idle()
    expect(chat.answers.last.get_by_role("alert")).to_be_visible()
    assert keys(gateway, "stoat") == {TWO}
    nowhere(open_to_own, [page], [received])
