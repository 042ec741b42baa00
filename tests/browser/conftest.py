"""Fixtures of the browser tests: Chromium, the app in several configurations, a page for each test."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, ViewportSize, expect, sync_playwright

from tests.browser.chat_page import TIMEOUT_MS, ChatPage
from tests.browser.chromium import SHORT_LIVED, launch_with
from tests.browser.history_seed import HistorySeed
from tests.browser.script_runs import record_script_runs
from tests.support.app_server import AppServer, ServerAddress
from tests.support.replay import Canned, Replay

# Looks like a key, so that a search for it is meaningful.
KEY = "sk-9f3b7c1d5e8a2046bb7e"
FAST_PACE = 20.0
VIEWPORT = {"width": 1280, "height": 860}
MAX_REPORTED_CHARACTERS = 3_000
FAILED = pytest.StashKey[bool]()
TEST_SECONDS = 900  # for a machine that is ten times slower
# Each test is a new user, also in the browser of the test before.
RESET_IDENTITY = """(() => { try {
  if (localStorage.getItem("test") === "%s") return;
  localStorage.clear();
  localStorage.setItem("test", "%s");
} catch {} })()"""
# What a page loads at rest costs an eighth of all that it costs.
SAVE_DATA = "Object.defineProperty(navigator.connection, 'saveData', { value: true });"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Limit each test from outside: Playwright's event loop does not survive an exception from a signal."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS, method="thread"))


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
        launched = launch_with(playwright.chromium, *SHORT_LIVED)
        yield launched
        launched.close()


class BrowserPool:
    """Browsers of one process, as contexts with storage of their own; each keeps its cache for later tests."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._idle: dict[str, list[BrowserContext]] = {}
        self._kept: set[Page] = set()

    def take(self, options: Mapping[str, object]) -> BrowserContext:
        """Return a browser with these options that no other test or user has."""
        if idle := self._idle.get(repr(options)):
            return idle.pop()
        # Movement costs half of the processor; tests of it ask for it.
        context = self._browser.new_context(**{"viewport": VIEWPORT, "reduced_motion": "reduce", **options})
        context.set_default_timeout(TIMEOUT_MS)
        record_script_runs(context)
        self._keep_process(context)
        return context

    def give_back(self, options: Mapping[str, object], context: BrowserContext) -> None:
        for page in self.pages(context):
            page.close()
        context.set_offline(False)
        context.clear_permissions()
        context.unroute_all()
        context.clear_cookies()
        self._idle.setdefault(repr(options), []).append(context)

    def pages(self, context: BrowserContext) -> list[Page]:
        return [page for page in context.pages if page not in self._kept]

    def _keep_process(self, context: BrowserContext) -> None:
        """Open a page that stays: all pages of a site have one process, which has loaded Streamlit's scripts then."""
        page = context.new_page()
        page.route("**", lambda route: route.fulfill(body=""))
        page.goto("http://127.0.0.1/")
        self._kept.add(page)


@pytest.fixture(scope="session")
def browser_pool(browser) -> BrowserPool:
    return BrowserPool(browser)


@pytest.fixture
def new_page(request, browser_pool) -> Iterator[Callable[..., Page]]:
    """Create pages of the browser of the test, or of another browser where there are `options`.

    To the app, the pages of one browser in one test are one user. Another kind of browser begins without a cache,
    which costs as much as a page: what can be set on a page of any browser is. With `saves_data`, pages do not load
    what they may need later.
    """
    reset_identity = RESET_IDENTITY.replace("%s", secrets.token_hex(4))
    taken: list[tuple[dict[str, object], BrowserContext]] = []

    def make(
        *,
        viewport: ViewportSize | None = None,
        permissions: Sequence[str] = (),
        saves_data: bool = True,
        **options: object,
    ) -> Page:
        context = next((context for used, context in taken if not used), None) if not options else None
        if context is None:
            context = browser_pool.take(options)
            taken.append((options, context))
        context.grant_permissions(permissions)
        page = context.new_page()
        if viewport:
            page.set_viewport_size(viewport)
        page.add_init_script(reset_identity)
        if saves_data:
            page.add_init_script(SAVE_DATA)
        page.on("pageerror", lambda error: script_errors.append(str(error)))
        return page

    script_errors: list[str] = []
    yield make
    is_failed = request.node.stash.get(FAILED, False)
    if is_failed:
        _print_text(page for _, context in taken for page in browser_pool.pages(context))
    for options, context in reversed(taken):
        if is_failed:
            context.close()
        else:
            browser_pool.give_back(options, context)
    assert script_errors == [], "the page's own script failed"


@pytest.fixture(scope="session")
def demo(server_pool) -> ServerAddress:
    """The app without a key, in front of its built-in demo, which answers as fast as a human reads."""
    return server_pool.get("demo", {})


@pytest.fixture(scope="session")
def app(server_pool) -> ServerAddress:
    """The app with a key, in front of a fake gateway that answers much faster than a human reads."""
    gateway = server_pool.get_fake_gateway(FAST_PACE)
    return server_pool.get("app", {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": gateway})


@pytest.fixture
def chat(app, new_page) -> ChatPage:
    """The chat page, to be opened in a new browser."""
    return ChatPage(new_page(), app.url)


@pytest.fixture
def history(app, new_page) -> HistorySeed:
    """The history of a new browser, to add conversations to."""
    return HistorySeed(app, ChatPage(new_page(), app.url))


@pytest.fixture(scope="session")
def shared_replay() -> Iterator[Replay]:
    with Replay() as server:
        server.serve(
            "/v1/models",
            Canned(b'{"data":[{"id":"m-one"},{"id":"m-two"}]}', headers={"Content-Type": "application/json"}),
        )
        yield server


@pytest.fixture
def replay(shared_replay) -> Replay:
    """A gateway that replays the responses set by a test."""
    shared_replay.reset()
    return shared_replay


@pytest.fixture(scope="session")
def keyed(tmp_path_factory, shared_replay) -> Iterator[AppServer]:
    """The app with a key, in front of the replayed gateway."""
    # Retries take seconds, and have tests of their own.
    settings = {
        "DEERAPI_API_KEY": KEY,
        "DEERAPI_BASE_URL": f"{shared_replay.url}/v1/",
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
