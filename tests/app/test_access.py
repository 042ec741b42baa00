"""Access matrix: in each access mode and on each page, the users with access and the texts of a refusal."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from streamlit.runtime import context
from streamlit.testing.v1 import AppTest

from lib.core.comparisons import Column, Comparison
from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.core.prompts import Prompt
from lib.core.target import Target
from lib.storage.store import Store
from lib.transfer import share_links
from lib.ui.auth import password
from lib.ui.session import resources
from lib.ui.session.values import BrowserIdentity
from tests.app.access_matrix import (
    AUTH,
    BROWSER,
    CLAIMS,
    MATRIX,
    MODES,
    OWNERS,
    PASSWORD,
    PROXY_HEADERS,
    QUESTION_TEXT,
    ROLES,
    Client,
    oidc_client,
    oidc_cookies,
)

ROOT = Path(__file__).parents[2]
# Texts that only the page itself shows.
PAGE_TEXTS = {
    "chat": (QUESTION_TEXT,),
    "settings": ("Settings",),
    "shared": ("Confidential title", QUESTION_TEXT),
    "usage": ("Usage",),
    "inspector": ("Inspector",),
    "prompts": ("Prompts", "Only mine"),
    "project": ("New project",),
    "compare": ("Compare models", "A · only\\-mine"),
}
CONFIDENTIAL = (QUESTION_TEXT, "Confidential title", "Only mine", "only\\-mine")


@dataclass
class Server:
    """A store with conversations and a share link, and a way to open pages."""

    store: Store
    enter: Callable[..., AppTest]
    monkeypatch: pytest.MonkeyPatch

    def sign_in(self, at: AppTest, claims: Mapping[str, Any]) -> AppTest:
        """Run a session again with another cookie of st.login."""
        client = SimpleNamespace(headers=[], cookies=oidc_cookies(claims), remote_ip="10.0.0.9")
        self.monkeypatch.setattr(context, "_get_client_context", lambda: client)
        at.user = dict(claims)
        return at.run()


@dataclass
class Template:
    """A database with a conversation, a comparison and a prompt of each owner, and the token of a share link."""

    path: Path
    token: str


@pytest.fixture(scope="session")
def template(tmp_path_factory, database_template) -> Template:
    """Rows for all tests: to copy the file is much faster than saving them."""
    path = Path(shutil.copy(database_template, tmp_path_factory.mktemp("access")))
    store = Store(f"sqlite:///{path}")
    for user_id in OWNERS:
        conversation = Conversation(f"c-{user_id}", "Confidential title", 1.0, f"q-{user_id}")
        question = Node(f"q-{user_id}", None, Message("user", (TextPart(QUESTION_TEXT),)), 1.0)
        store.messages.save_turn(user_id, conversation, [question])
        column = Column("c", "q", Target("only-mine", "openai"))
        store.comparisons.save(user_id, Comparison(f"k-{user_id}", QUESTION_TEXT, 1.0, (column, column)), [])
        store.prompts.save(user_id, Prompt(f"p-{user_id[:9]}", "prompt", "Only mine", text=QUESTION_TEXT))
        token = share_links.create_share_link(store.shares, user_id, conversation, [question])
    store.close()
    return Template(path, token)


@pytest.fixture
def database_url(tmp_path, template) -> str:
    return f"sqlite:///{shutil.copy(template.path, tmp_path)}"


@pytest.fixture
def server(store, database_url, template, monkeypatch):
    def enter(mode: str, client: Client, page: str, *, app: bool = True) -> AppTest:
        for name, value in {**MODES[mode], **client.environ, "DATABASE_URL": database_url}.items():
            monkeypatch.setenv(name, value)
        headers, cookies = list(client.headers.items()), client.all_cookies()
        client_context = SimpleNamespace(headers=headers, cookies=cookies, remote_ip="10.0.0.9")
        monkeypatch.setattr(context, "_get_client_context", lambda: client_context)
        st.config.set_option("server.address", client.address)
        at = AppTest.from_file(ROOT / ("app.py" if app else f"pages/{page}.py"), default_timeout=60)
        if app and page != "chat":
            at.switch_page(f"pages/{page}.py")
        at.user = dict(client.user)
        at.session_state["browser_identity"] = BrowserIdentity(BROWSER, "browser")
        at.query_params.update({"s": template.token} if page == "shared" else {"c": f"c-{owner(mode)}"})
        if page == "compare":
            at.query_params["comparison"] = f"k-{owner(mode)}"
        return at.run()

    for name in ("ANTLER_ACCESS", "DEERAPI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(resources, "_load_secrets", lambda: {"auth": AUTH})
    for cached in (resources.settings, resources.store, resources.connection_at, password._login_throttle):
        cached.clear()
    yield Server(store, enter, monkeypatch)
    st.config.set_option("server.address", None)
    for cached in (resources.settings, resources.store, resources.connection_at):
        cached.clear()


def owner(mode: str) -> str:
    return next((owner_id for owner_id in OWNERS if owner_id.startswith(mode)), BROWSER)


def page_text(at: AppTest) -> str:
    return "\n".join(str(getattr(element, "value", "")) for element in at._tree)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "client", "title"),
    [(mode, client, title) for mode, _, client, title in MATRIX],
    ids=[f"{mode}: {name}" for mode, name, _, _ in MATRIX],
)
def test_each_page_is_rendered_for_users_with_access_only(server, mode, client, title):
    for page, expected in PAGE_TEXTS.items():
        at = server.enter(mode, client, page)
        text = page_text(at)
        if not title:
            assert all(part in text for part in expected), (page, text)
            assert not at.exception, page
            continue
        assert title in at.title[0].value, page
        assert not [part for part in CONFIDENTIAL if part in text], page
        assert (len(at.chat_input), len(at.sidebar.button), len(at.title)) == (0, 0, 1), page


@pytest.mark.parametrize(
    ("mode", "client", "is_admin"),
    [(mode, client, is_admin) for mode, _, client, is_admin in ROLES],
    ids=[f"{mode}: {name}" for mode, name, _, _ in ROLES],
)
def test_administration_is_for_admins_and_shows_no_conversation(server, mode, client, is_admin):
    page = server.enter(mode, client, "admin")
    text = "\n".join(str(getattr(element, "value", "")) for element in page.main)
    assert ("This page is for administrators" in text) is not is_admin
    assert bool(page.main.button or page.main.number_input) is is_admin
    usage = server.enter(mode, client, "usage")
    assert ("All users" in str(usage.main.button_group)) is is_admin
    for at in (page, usage):
        assert not at.exception
        assert not [
            content for content in (QUESTION_TEXT, "Confidential title") if content in "".join(map(str, at.main))
        ]


@pytest.mark.parametrize("mode", ["password", "oidc", "proxy"])
def test_a_page_that_runs_without_the_app_requires_a_sign_in(server, mode):
    for page in (*PAGE_TEXTS, "admin"):
        at = server.enter(mode, Client(), page, app=False)
        assert at.title[0].value in ("Sign in", "Access denied"), page
        assert QUESTION_TEXT not in page_text(at), page
        assert not at.exception, page


@pytest.mark.parametrize("mode", ["password", "proxy", "oidc"])
def test_an_incomplete_access_mode_refuses_all_users(server, monkeypatch, mode):
    monkeypatch.setattr(resources, "_load_secrets", lambda: {"access": {"mode": mode}})
    at = server.enter("local", Client(user=CLAIMS, headers=PROXY_HEADERS), "chat")
    assert "Antler cannot start" in at.error[0].value
    assert QUESTION_TEXT not in page_text(at)


def test_a_trusted_user_header_of_streamlit_refuses_all_users(server, monkeypatch):
    get_option = st.get_option
    options = {"server.trustedUserHeaders": {"X-Forwarded-Email": "email"}}
    monkeypatch.setattr(st, "get_option", lambda name: options.get(name) or get_option(name))
    at = server.enter("oidc", Client(user=CLAIMS), "chat")
    assert "trustedUserHeaders" in at.error[0].value
    assert QUESTION_TEXT not in page_text(at)


def test_a_refusal_names_the_user_and_the_reason_and_offers_sign_out(server):
    at = server.enter("oidc", oidc_client(email="eve@example.com", name="Eve"), "chat")
    text = page_text(at)
    assert "Eve" in text and "eve@example" in text.replace("\\", "")
    assert "not on the access list" in text
    assert [button.label for button in at.button] == ["Sign out"]


def test_a_revocation_ends_a_sign_in_at_the_next_run_until_a_new_one(server):
    at = server.enter("oidc", Client(user=CLAIMS), "chat")
    assert QUESTION_TEXT in page_text(at)
    server.store.users.sign_out_everywhere(owner("oidc"), time.time())
    at.run()
    assert at.title[0].value == "Sign in"
    assert "signed out of all devices" in at.info[0].value
    assert QUESTION_TEXT not in page_text(at)
    assert QUESTION_TEXT in page_text(server.sign_in(at, {**CLAIMS, "iat": int(time.time()) + 1}))


def test_signing_out_everywhere_revokes_a_copied_cookie(server):
    at = server.enter("oidc", Client(user=CLAIMS), "settings")
    at.query_params["tab"] = "account"
    at.run().button("signout-everywhere").click().run()
    assert server.store.users.revoked_before(owner("oidc")) > CLAIMS["iat"]
    copied_session = server.enter("oidc", Client(user=CLAIMS), "chat")
    assert copied_session.title[0].value == "Sign in"


def test_another_user_in_the_same_session_finds_no_values_of_the_first(server):
    at = server.enter("oidc", Client(user={**CLAIMS, "name": "Ann"}), "chat")
    at.session_state["share_tokens"] = {"c": "token"}
    server.sign_in(at, {**CLAIMS, "sub": "8", "email": "bob@example.org"})
    assert QUESTION_TEXT not in page_text(at)
    assert "share_tokens" not in at.session_state


def test_the_password_form_is_in_the_page_on_a_host_without_cookies(server):
    at = server.enter("password", Client(), "chat")
    at.text_input[0].input("wrong horse")
    at.button[0].click().run()
    assert "Wrong password" in at.error[0].value
    assert QUESTION_TEXT not in page_text(at)
    at.text_input[0].input(PASSWORD)
    at.button[0].click().run()
    assert QUESTION_TEXT in page_text(at)
    assert QUESTION_TEXT in page_text(at.run())


def test_the_form_in_the_page_shows_the_wait_of_throttled_attempts(server):
    at = server.enter("password", Client(), "chat")
    for _ in range(11):
        at.text_input[0].input("wrong horse")
        at.button[0].click().run()
    assert "Try again in 10 min" in at.error[0].value
    at.text_input[0].input(PASSWORD)
    at.button[0].click().run()
    assert QUESTION_TEXT not in page_text(at)
