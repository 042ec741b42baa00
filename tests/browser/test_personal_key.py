"""A personal key: sent to the gateway and nowhere else, for one session of one user."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chat_page import ChatPage, record_frames
from tests.browser.conftest import KEY
from tests.support.app_server import AppServer, find_files
from tests.support.replay import JSON, Canned, Replay, Request, soon

OWN_KEY, WRONG_KEY = "sk-own-8a2046bb7e9f3b7c5d1e", "sk-bad-5d1e8a2046bb7e9f3b7c"
CHAT, MODELS = "/v1/chat/completions", "/v1/models"
ANSWER = b"""data: {"id":"a","choices":[{"index":0,"delta":{"content":"All is well."}}]}

data: {"id":"a","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: [DONE]

"""
ECHO_BODY = f'{{"error":{{"message":"The key {OWN_KEY} has a fault","type":"new_api_error"}}}}'.encode()
ECHO_HEADERS = {**JSON, "X-Request-Id": f"r-{OWN_KEY}"}


@pytest.fixture(scope="module")
def shared_gateway() -> Iterator[Replay]:
    with Replay() as server:
        server.serve(MODELS, Canned(b'{"data":[{"id":"m-one"}]}', headers=JSON))
        yield server


@pytest.fixture(scope="module")
def personal_key_app(tmp_path_factory, shared_gateway) -> Iterator[AppServer]:
    """The app with a key for the team that allows personal keys."""
    settings = {
        "DEERAPI_API_KEY": KEY,
        "DEERAPI_BASE_URL": shared_gateway.url,
        "DEERAPI_RETRIES": "0",
        "DEERAPI_CHEAP_MODEL": "m-small",
        "ANTLER_OWN_KEY": "on",
    }
    app = AppServer(tmp_path_factory.mktemp("own"), settings)
    yield app
    app.close()


@pytest.fixture
def gateway(shared_gateway) -> Replay:
    """The gateway, without the requests of earlier tests."""
    shared_gateway.requests.clear()
    return shared_gateway


def open_settings(page: Page) -> None:
    ChatPage(page, page.url).open_settings("Gateway")
    expect(page.get_by_role("heading", name="Your own API key")).to_be_visible()


def enter_key(page: Page, key: str) -> None:
    """Enter a key on the settings page."""
    page.get_by_label("API key", exact=True).fill(key)
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_role("button", name="Remove key")).to_be_visible()


def return_to_chat(page: Page) -> None:
    page.get_by_role("link", name="Back to chat").click()
    expect(ChatPage(page, "").composer).to_be_visible()


def keys_of(gateway: Replay, text: str) -> set[str]:
    """Return the keys of the requests for an answer and a title of a first question of this text."""

    def find(model: str) -> list[Request]:
        requests = [request for request in gateway.requests if request.path == CHAT]
        return [request for request in requests if text.encode() in request.body and request.json["model"] == model]

    assert soon(lambda: bool(find("m-small"))), "no title was asked for"
    asked = [*find("m-one"), *find("m-small")]
    assert len(asked) == 2
    assert not [request for request in asked if "x-api-key" in request.headers]
    return {request.headers["authorization"].removeprefix("Bearer ") for request in asked}


def expect_no_leak(app: AppServer, page: Page, received: list[bytes]) -> None:
    """Expect no key in the page, its frames, the log, or any file of the server."""
    assert received
    for key in (OWN_KEY, WRONG_KEY):
        assert not [frame for frame in received if key.encode() in frame]
        assert key not in page.content() and key not in page.url
        assert find_files(app.folder, key.encode()) == []


def test_a_key_lasts_until_a_reload_and_is_sent_to_the_gateway_only(personal_key_app, new_page, gateway):
    page = new_page()
    given, received = record_frames(page, "framesent"), record_frames(page, "framereceived")
    chat = ChatPage(page, personal_key_app.url).open("?model=m-one&wire=openai")
    open_settings(page)
    gateway.serve(MODELS, Canned(ECHO_BODY, 401, JSON))
    page.get_by_label("API key", exact=True).fill(WRONG_KEY)
    page.get_by_label("API key", exact=True).press("Enter")
    expect(page.get_by_text("rejected this key")).to_be_visible()
    expect(page.get_by_label("API key", exact=True)).to_have_value("")
    gateway.serve(MODELS, Canned(b'{"data":[{"id":"m-one"}]}', headers=JSON))
    enter_key(page, OWN_KEY)
    expect(page.get_by_text(f"…{OWN_KEY[-4:]}", exact=False)).to_be_visible()
    expect(page.get_by_text("The key is removed when you reload or close the page.")).to_be_visible()
    return_to_chat(page)
    expect(page.get_by_text(f"Using your own API key …{OWN_KEY[-4:]}")).to_be_visible()
    gateway.serve(CHAT, Canned(ECHO_BODY, 400, ECHO_HEADERS))
    chat.ask("Tell me of the stoat").wait_idle()
    expect(chat.answers.last.get_by_role("alert")).to_be_visible()
    assert keys_of(gateway, "stoat") == {OWN_KEY}
    # The field is empty once the key was taken: only the message that gave it has it.
    assert sum(OWN_KEY.encode() in frame for frame in given) == 1
    expect_no_leak(personal_key_app, page, received)

    # A reload forgets the key.
    gateway.serve(CHAT, Canned(ANSWER))
    page.reload()
    expect(chat.questions).to_have_count(1)
    expect(page.get_by_text("Your own API key")).to_have_count(0)
    page.get_by_role("button", name="New chat").click()
    expect(chat.questions).to_have_count(0)
    chat.wait_idle().ask("Tell me of the marten").wait_idle()
    assert keys_of(gateway, "marten") == {KEY}
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert OWN_KEY not in stored
    open_settings(page)
    expect(page.get_by_role("button", name="Use this key")).to_be_visible()
    expect(page.get_by_label("API key", exact=True)).to_have_value("")
