"""Fixtures of the browser tests: Chromium, the app in several configurations, a page for each test."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright
from xdist.workermanage import WorkerController

from tests.browser.chat_page import TIMEOUT_MS, ChatPage
from tests.browser.chromium import launch
from tests.browser.history_seed import HistorySeed
from tests.support.app_server import AppServer, ServerAddress, ServerPool
from tests.support.replay import Canned, Replay

# Looks like a key, so that a search for it is meaningful.
KEY = "sk-9f3b7c1d5e8a2046bb7e"
FAST_PACE = 20.0
MAX_REPORTED_CHARACTERS = 3_000
FAILED = pytest.StashKey[bool]()
POOL = pytest.StashKey[ServerPool]()
# Each test is a new user, also in the browser of the test before.
RESET_IDENTITY = """(() => { try {
  if (localStorage.getItem("test") === "%s") return;
  localStorage.clear();
  localStorage.setItem("test", "%s");
} catch {} })()"""


def pytest_configure(config: pytest.Config) -> None:
    """Open the pool of servers in the process that controls the run; its workers are told the folder."""
    if hasattr(config, "workerinput"):
        config.stash[POOL] = ServerPool(Path(config.workerinput["server_pool"]))
        return
    folder = Path(tempfile.mkdtemp(prefix="antler-servers-"))
    config.stash[POOL] = ServerPool(folder)
    lifeline = config.stash[POOL].open()

    def close() -> None:
        os.close(lifeline)
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(close)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    node.workerinput["server_pool"] = str(node.config.stash[POOL].folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Limit each test from outside: Playwright's event loop does not survive an exception from a signal."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(method="thread"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Record the failure of a test for the teardown of its fixtures."""
    report = yield
    item.stash[FAILED] = report.failed or (report.when != "setup" and item.stash.get(FAILED, False))
    return report


def _print_text(pages: Iterable[Page]) -> None:
    """Print the text of the pages: a failure is often read where nobody can look at the browser."""
    for page in pages:
        try:
            print(f"--- {page.url}\n{page.inner_text('body', timeout=2_000)[:MAX_REPORTED_CHARACTERS]}")
        except Error as error:
            print(f"--- {page.url}\n(no text: {error.message})")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        launched = launch(playwright)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def shared_context(browser) -> Iterator[BrowserContext]:
    """A wide browser that keeps Streamlit's scripts in its cache from page to page."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    context.set_default_timeout(TIMEOUT_MS)
    yield context
    context.close()


@pytest.fixture
def new_page(request, browser, shared_context) -> Iterator[Callable[..., Page]]:
    """Create pages of the shared browser, or of a browser of their own where there are options.

    To the app, the pages of one browser in one test are one user.
    """
    reset_identity = RESET_IDENTITY.replace("%s", secrets.token_hex(4))
    created: list[Page | BrowserContext] = []

    def make(**options) -> Page:
        context = shared_context
        if options:
            context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
            context.set_default_timeout(TIMEOUT_MS)
            created.append(context)
        page = context.new_page()
        page.add_init_script(reset_identity)
        page.on("pageerror", lambda error: script_errors.append(str(error)))
        created.append(page)
        return page

    script_errors: list[str] = []
    yield make
    if request.node.stash.get(FAILED, False):
        _print_text(part for part in created if isinstance(part, Page))
    shared_context.set_offline(False)
    for part in reversed(created):
        part.close()
    assert script_errors == [], "the page's own script failed"


@pytest.fixture(scope="session")
def server_pool(request) -> ServerPool:
    """Servers that all workers share, by the name of their settings."""
    return request.config.stash[POOL]


@pytest.fixture(scope="session")
def demo(server_pool) -> ServerAddress:
    """The app without a key, in front of its built-in demo."""
    return server_pool.get("demo", {})


@pytest.fixture(scope="session")
def app(server_pool) -> ServerAddress:
    """The app with a key, in front of a fake gateway that answers much faster than a human reads."""
    gateway = server_pool.get_fake_gateway(FAST_PACE)
    return server_pool.get("app", {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": gateway})


@pytest.fixture
def chat(demo, new_page) -> ChatPage:
    """The chat page of the demo, open in a new browser."""
    return ChatPage(new_page(), demo.url).open()


@pytest.fixture
def history(app, new_page) -> HistorySeed:
    """The history of a new browser, to add conversations to."""
    return HistorySeed(app, ChatPage(new_page(), app.url))


@pytest.fixture(scope="session")
def replay() -> Iterator[Replay]:
    """A gateway that replays the responses set by a test."""
    with Replay() as server:
        server.serve(
            "/v1/models",
            Canned(b'{"data":[{"id":"m-one"},{"id":"m-two"}]}', headers={"Content-Type": "application/json"}),
        )
        yield server


@pytest.fixture(scope="session")
def keyed(tmp_path_factory, replay) -> Iterator[AppServer]:
    """The app with a key, in front of the replayed gateway."""
    # Retries take seconds, and have tests of their own.
    settings = {
        "DEERAPI_API_KEY": KEY,
        "DEERAPI_BASE_URL": f"{replay.url}/v1/",
        "DEERAPI_RETRIES": "0",
    }
    app = AppServer(tmp_path_factory.mktemp("keyed"), settings)
    yield app
    app.close()


@pytest.fixture
def keyed_chat(keyed, new_page) -> ChatPage:
    return ChatPage(new_page(), keyed.url).open()


@pytest.fixture(params=["openai", "anthropic"])
def wire(request) -> str:
    return request.param


@pytest.fixture
def any_wire(request) -> str:
    """One of the wires, by the name of the test, for a behaviour that is the same over both."""
    return ("openai", "anthropic")[len(request.node.name) % 2]


def address(query: str) -> re.Pattern[str]:
    """Return a pattern for an address that contains this text."""
    return re.compile(re.escape(query))
