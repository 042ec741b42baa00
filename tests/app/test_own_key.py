"""Personal key on the settings page: checked, used by one session only, and forgotten."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from lib.gateway.client import Gateway
from lib.ui.session import resources
from lib.ui.session.values import BrowserIdentity
from tests.support.replay import JSON, Canned, Replay

ROOT = Path(__file__).parents[2]
KEY, ONE, TWO = "sk-team-0123456789", "sk-one-0123456789abcd", "sk-two-0123456789wxyz"
CHAT = "/v1/chat/completions"
ANSWER = b"""data: {"id":"a","choices":[{"index":0,"delta":{"content":"Said"}}]}

data: {"id":"a","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: [DONE]

"""
Enter = Callable[..., AppTest]


@pytest.fixture
def team() -> Iterator[Replay]:
    with Replay() as server:
        server.serve("/v1/models", Canned(b'{"data":[{"id":"m-team"}]}', headers=JSON))
        server.serve(CHAT, Canned(ANSWER))
        yield server


@pytest.fixture
def other() -> Iterator[Replay]:
    with Replay() as server:
        server.serve("/v1/models", Canned(b'{"data":[{"id":"m-own"}]}', headers=JSON))
        server.serve(CHAT, Canned(ANSWER))
        yield server


@pytest.fixture
def enter(team, database_url, monkeypatch) -> Iterator[Enter]:
    """Open a page as the browser of that name."""
    kept = (
        resources.settings,
        resources.store,
        resources.gateway_at,
        resources.catalog_at,
        resources.prices_at,
        resources.utility_models_at,
    )

    def clear() -> None:
        for one in (*kept, resources.generations):
            one.clear()

    def enter(name: str, page: str = "settings", **environ: str) -> AppTest:
        for variable, value in environ.items():
            monkeypatch.setenv(variable, value)
        at = AppTest.from_file(ROOT / "app.py", default_timeout=60)
        at.session_state["browser_identity"] = BrowserIdentity(f"browser:{name}", "browser")
        if page != "chat":
            at.switch_page(f"pages/{page}.py")
        return at.run()

    for variable, value in {
        "DATABASE_URL": database_url,
        "DEERAPI_API_KEY": KEY,
        "DEERAPI_BASE_URL": team.url,
        "DEERAPI_RETRIES": "0",
        "ANTLER_OWN_KEY": "on",
    }.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(resources, "_load_secrets", dict)
    st.config.set_option("server.address", "127.0.0.1")
    clear()
    yield enter
    st.config.set_option("server.address", None)
    clear()


def texts(at: AppTest) -> str:
    return "\n".join(str(getattr(one, "value", "")) for one in at._tree)


def use(at: AppTest, key: str) -> AppTest:
    at.text_input(key="own.key").input(key)
    return at.button(key="own-use").click().run()


def ask(at: AppTest, text: str) -> AppTest:
    at.switch_page("pages/chat.py").run()
    at.chat_input(key="composer.box").set_value(text).run()
    return at


def test_the_section_is_hidden_unless_personal_keys_are_allowed(enter):
    at = enter("ann", ANTLER_OWN_KEY="off")
    assert "Your own API key" not in [one.value for one in at.subheader]
    assert not [one for one in at.text_input if one.key == "own.key"]


def test_a_key_is_checked_used_and_forgotten(enter, team):
    at = use(enter("ann"), f' "Bearer {ONE}" ')
    asked = [one.headers.get("authorization") for one in team.requests if one.path == "/v1/models"]
    assert asked == [f"Bearer {KEY}", f"Bearer {ONE}"]
    assert "Using your key **…abcd**" in texts(at)
    assert "1 model is available with this key." in texts(at)
    assert at.session_state["own.key"] == ""
    ask(at, "Why?")
    assert [one.headers["authorization"] for one in team.requests if one.path == CHAT] == [f"Bearer {ONE}"]
    at.switch_page("pages/settings.py").run()
    at.button(key="own-forget").click().run()
    assert "personal_key" not in at.session_state
    ask(at, "And now?")
    used = [one.headers["authorization"] for one in team.requests if one.path == CHAT]
    assert used == [f"Bearer {ONE}", f"Bearer {KEY}"]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "Enter an API key first."),
        ('"“ ”"', "Enter an API key first."),
        ("sk one", "contains a space or a line break"),
        ("sk-one\nX-Evil: 1", "contains a space or a line break"),
        ("sk-öne", "an invalid character"),
        ("sk\u202eone", "an invalid character"),
        ("sk\x00one", "an invalid character"),
    ],
)
def test_a_malformed_key_is_not_sent(enter, team, key, words):
    at = enter("ann")
    before = len(team.requests)
    use(at, key)
    assert words in texts(at)
    assert "personal_key" not in at.session_state
    assert at.session_state["own.key"] == ""
    assert not [one for one in team.requests[before:] if "sk" in one.headers.get("authorization", "")]


def test_a_key_that_the_gateway_refuses_is_not_used(enter, team):
    at = enter("ann")
    team.serve("/v1/models", Canned(f'{{"error":{{"message":"{ONE}?"}}}}'.encode(), 401, JSON))
    use(at, ONE)
    assert "rejected this key" in texts(at)
    assert "personal_key" not in at.session_state
    assert ONE not in texts(at)


@pytest.mark.parametrize(("status", "words"), [(404, "no model list"), (500, "could not be checked")])
def test_a_key_is_used_when_the_gateway_cannot_check_it(enter, team, status, words):
    at = enter("ann")
    team.serve("/v1/models", Canned(b"{}", status, JSON))
    use(at, ONE)
    assert words in texts(at)
    assert "personal_key" in at.session_state


def test_a_personal_key_is_isolated_from_other_sessions(enter, team, other, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    urls = f"{team.url},{other.url}/v1/"
    ann = enter("ann", ANTLER_OWN_KEY_URLS=urls)
    ann.selectbox(key="own.url").set_value(other.url)
    use(ann, ONE)
    ben = use(enter("ben"), TWO)
    eve = enter("eve")
    for at, host in ((ann, other), (ben, team), (eve, team)):
        ask(at, "Why?")
        assert host.requests[-1].path == CHAT
    keys = [one.headers["authorization"] for one in team.requests if one.path == CHAT]
    assert keys == [f"Bearer {TWO}", f"Bearer {KEY}"]
    assert {one.headers.get("authorization") for one in other.requests} <= {f"Bearer {ONE}", None}
    listed = [at.session_state["personal_key"].catalog.cached_model_list.models[0].id for at in (ann, ben)]
    assert listed == ["m-own", "m-team"]
    assert "personal_key" not in eve.session_state
    assert [one.id for one in resources.catalog_at(team.url).cached_model_list.models] == ["m-team"]
    assert len({at.session_state["personal_key"].gateway for at in (ann, ben)}) == 2
    for key in (ONE, TWO):
        told = "".join(texts(at) + str(dict(at.query_params)) for at in (ann, ben, eve)) + caplog.text
        assert key not in told
        assert key not in repr([at.session_state for at in (ann, ben, eve)])
    files = list(tmp_path.glob("antler.db*"))
    assert files
    assert not [one for one in files for key in (ONE, TWO) if key.encode() in one.read_bytes()]


def test_a_personal_key_replaces_the_demo(enter, other, monkeypatch):
    monkeypatch.delenv("DEERAPI_API_KEY")
    assert "built-in demo" in texts(enter("ben", "chat", ANTLER_OWN_KEY_URLS=other.url))
    at = use(enter("ann"), ONE)
    at.switch_page("pages/chat.py").run()
    assert "built-in demo" not in texts(at)
    ask(at, "Why?")
    assert other.requests[-1].headers["authorization"] == f"Bearer {ONE}"
    assert "user" not in other.requests[-1].json  # there is no secret to make a pseudonym with


def test_the_teams_headers_are_sent_to_the_teams_gateway_only(enter, team, other):
    told = {"ANTLER_HEADERS": '{"X-Team": "design"}', "ANTLER_OWN_KEY_URLS": f"{other.url},{team.url}"}
    at = use(enter("ann", **told), ONE)
    ask(at, "Why?")
    assert "x-team" not in other.requests[-1].headers
    assert other.requests[-1].json["user"].startswith("antler-")
    at.switch_page("pages/settings.py").run().button(key="own-forget").click().run()
    ask(at, "And?")
    assert team.requests[-1].headers["x-team"] == "design"
    assert team.requests[-1].json["user"] == other.requests[-1].json["user"]


def held() -> list[str]:
    """Personal keys that any gateway in this process holds."""
    gc.collect()
    keys = [one._api_key for one in gc.get_objects() if isinstance(one, Gateway)]
    return [key for key in keys if key.startswith(ONE)]


def test_no_object_holds_a_forgotten_key(enter):
    at = enter("ann")
    for number in range(5):
        use(at, f"{ONE}{number}")
        assert set(held()) == {f"{ONE}{number}"}
        at.button(key="own-forget").click().run()
    assert held() == []


def test_a_parameter_replaced_by_the_pseudonym_is_announced(enter):
    at = enter("ann", "chat")
    at.selectbox(key="composer.model").set_value("m-team").run()
    at.text_input(key="param.user").input("ben").run()
    assert "a pseudonym for you" in texts(at)
    ask(at, "Why?")
