"""Fixtures of page tests: users named by a proxy, gateways, and a fresh environment."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime import context
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest, app_test, local_script_runner
from streamlit.testing.v1.element_tree import Block, Node
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from lib.chat.attachments.reader import AttachmentReader
from lib.ui.server import streamlit_runs
from lib.ui.session import resources
from lib.ui.session.shared_resource import SharedResource
from lib.ui.session.timed_cache import TimedCache
from lib.ui.session.values import BrowserIdentity
from tests.app.access_matrix import oidc_cookies
from tests.app.users import ADMIN, SECRET, SECRETS, Enter
from tests.fake_gateway import FakeGateway
from tests.support.original_streamlit import keep_streamlit
from tests.support.replay import JSON, Canned, Replay

ROOT = Path(__file__).parents[2]
FAST_PACE = 100.0
KEY = "sk-9f3b7c1d5e8a2046bb7e"
fail_by_timeout = local_script_runner.require_widgets_deltas
NO_CLAIMS: Mapping[str, Any] = MappingProxyType({})


def clear_caches() -> None:
    for cached in (
        resources.settings,
        resources.store,
        resources.connection_at,
        resources.policy,
        resources.team_checks,
        resources.refused_params,
        resources._last_policy,
    ):
        cached.clear()


def clear_process() -> None:
    """Forget all that a process keeps between sessions."""
    st.cache_resource.clear()
    for cached in vars(resources).values():
        if isinstance(cached, SharedResource | TimedCache):
            cached.clear()


@pytest.fixture(scope="session", autouse=True)
def scan_no_packages() -> Iterator[None]:
    """Each AppTest reads the metadata of all installed packages, none of which has components for the app."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", list)
        yield


@pytest.fixture(scope="session", autouse=True)
def reduce_run_costs() -> Iterator[None]:
    """Run scripts as the server does, without what it leaves out."""
    with pytest.MonkeyPatch.context() as patch:
        keep_streamlit(patch)
        streamlit_runs.reduce_costs()
        yield


@pytest.fixture(scope="session", autouse=True)
def mock_runtime_once() -> Iterator[None]:
    """Each run of an AppTest builds a mock of the runtime, whose parts it then sets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app_test, "MagicMock", functools.cache(MagicMock))
        yield


def wait_for_script(runner: LocalScriptRunner, timeout: float) -> None:
    """Wait for the end of the script's thread."""
    assert runner._script_thread
    runner._script_thread.join(timeout)
    if runner._script_thread.is_alive():
        fail_by_timeout(runner, 0)


def list_nodes(block: Block) -> Iterator[Node]:
    """Yield a block and all that is in it, in the order of the page."""
    waiting: list[Node] = [block]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, Block):
            waiting.extend(reversed(node.children.values()))


@pytest.fixture(scope="session", autouse=True)
def wait_and_list_cheaply() -> Iterator[None]:
    """AppTest looks each millisecond for the end of a run, which slows it, and nests a generator for each container."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_script_runner, "require_widgets_deltas", wait_for_script)
        patch.setattr(Block, "__iter__", list_nodes)
        yield


@pytest.fixture(scope="session", autouse=True)
def read_files_in_lasting_processes() -> Iterator[None]:
    """Leave readers of files to the next test: starting a process of theirs takes longer than a test."""
    readers: dict[tuple[Any, ...], AttachmentReader] = {}

    def find_reader(*arguments: Any) -> AttachmentReader:
        return readers.setdefault(arguments, AttachmentReader(*arguments))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resources, "AttachmentReader", find_reader)
        patch.setattr(resources.attachment_reader, "_release", lambda _: None)
        yield
    for reader in readers.values():
        reader.close()


@pytest.fixture
def enter(database_url, monkeypatch) -> Iterator[Enter]:
    """Open a page as a user named by the proxy, or as a browser in another mode."""
    proxy_settings = {
        "ANTLER_ACCESS": "proxy",
        "ANTLER_PROXY_SECRET": SECRET,
        "ANTLER_ADMINS": ADMIN,
        "ANTLER_ALLOW": "@example.org",
    }

    def open_page(
        page: str,
        name: str = ADMIN,
        *,
        mode: str = "proxy",
        user: Mapping[str, Any] = NO_CLAIMS,
        **session: Any,
    ) -> AppTest:
        for key, value in {**proxy_settings, "ANTLER_ACCESS": mode, "DATABASE_URL": database_url}.items():
            monkeypatch.setenv(key, value)
        headers = [("X-Antler-Proxy", SECRET), ("X-Forwarded-Email", name)]
        client_context = SimpleNamespace(headers=headers, cookies=oidc_cookies(user), remote_ip="10.0.0.9")
        monkeypatch.setattr(context, "_get_client_context", lambda: client_context)
        # The policy cache as after its lifetime.
        resources.policy.clear()
        at = AppTest.from_file(ROOT / "app.py", default_timeout=60)
        if page != "chat":
            at.switch_page(f"pages/{page}.py")
        at.user = dict(user)
        at.session_state["browser_identity"] = BrowserIdentity("browser:abcd0123", "browser")
        for key, value in session.items():
            at.session_state[key] = value
        return at.run()

    monkeypatch.delenv("DEERAPI_API_KEY", raising=False)
    monkeypatch.setattr(resources, "_load_secrets", lambda: SECRETS)
    st.config.set_option("server.address", "127.0.0.1")
    clear_caches()
    yield open_page
    st.config.set_option("server.address", None)
    clear_caches()


@pytest.fixture
def replay() -> Iterator[Replay]:
    """A gateway with two models; a test sets its responses."""
    with Replay() as server:
        server.serve("/v1/models", Canned(b'{"data":[{"id":"m-one"},{"id":"m-two"}]}', headers=JSON))
        yield server


@pytest.fixture(scope="session")
def fake_gateway() -> Iterator[FakeGateway]:
    with FakeGateway(FAST_PACE) as server:
        yield server


def keep_app_around_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run app.py around each page and keep its registry of pages over reruns, as a server does.

    AppTest makes a new manager for each run, which would run the page's file by itself.
    """
    created: list[PagesManager] = []
    original = PagesManager.__init__

    def init(self: PagesManager, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        PagesManager.uses_pages_directory = False
        if created:
            self.set_pages_and_resolve(created[-1].get_pages())
        created.append(self)

    monkeypatch.setattr(PagesManager, "__init__", init)


@pytest.fixture
def environ(database_url, monkeypatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment of a newly started app: its own database, no key, no secrets file."""
    for name in ("ANTLER_ACCESS", "DEERAPI_API_KEY", "DEERAPI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setattr(resources, "_load_secrets", dict)
    keep_app_around_pages(monkeypatch)
    st.config.set_option("server.address", "127.0.0.1")
    clear_process()
    yield monkeypatch
    st.config.set_option("server.address", None)
    clear_process()


@pytest.fixture
def keyed(environ, replay) -> Replay:
    """The gateway of the app under test, without retries."""
    environ.setenv("DEERAPI_API_KEY", KEY)
    environ.setenv("DEERAPI_BASE_URL", replay.url)
    environ.setenv("DEERAPI_RETRIES", "0")
    return replay


@pytest.fixture
def faked(environ, fake_gateway) -> FakeGateway:
    """The fake gateway as the gateway of the app under test."""
    environ.setenv("DEERAPI_API_KEY", KEY)
    environ.setenv("DEERAPI_BASE_URL", fake_gateway.url)
    return fake_gateway


@pytest.fixture(params=["openai", "anthropic"])
def wire(request) -> str:
    return str(request.param)
