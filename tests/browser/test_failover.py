"""Several replicas: one is killed or terminated, and its users continue on another."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.app.websocket_client import open_websocket_at
from tests.browser.chat_page import ChatPage
from tests.support.app_server import AppServer
from tests.support.fleet import Fleet, count_pages, get_status
from tests.support.replay import soon

MAX_BROWSERS = 30  # of random places, of which two are at different replicas
MAX_LOST_LINES = 20  # of ten a second: more than came since the last save, also on a busy machine
DRAIN_SECONDS = "3600"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with Fleet(folder, {"ANTLER_DRAIN_SECONDS": DRAIN_SECONDS}, replica_count=2) as started:
        yield started


@pytest.fixture
def chat(fleet, new_page) -> ChatPage:
    """A page of a new browser, which has no cookie for a replica yet."""
    return ChatPage(new_page(locale="en-US"), fleet.url).open("?model=demo-echo")


def restart(replica: AppServer) -> None:
    """Start a replica again once it has ended."""
    replica.wait()
    replica.restart()


def test_browsers_are_spread_and_internal_routes_are_not_public(fleet):
    assert [get_status(f"{fleet.url}{path}") for path in ("/metrics", "/_stcore/metrics", "/ready")] == [404] * 3
    assert get_status(f"{fleet.url}/health") == 200
    for replica in fleet.replicas:
        assert get_status(f"{replica.url}/metrics") == 200
    seen = set()
    # The place of a browser without a cookie is random.
    for _ in range(MAX_BROWSERS):
        with open_websocket_at(fleet.url):
            seen.add(fleet.serving().port)
        assert soon(lambda: not any(count_pages(replica) for replica in fleet.replicas))
        if len(seen) > 1:
            return
    raise AssertionError(f"{MAX_BROWSERS} browsers are at {seen}")


def test_a_browser_stays_with_a_replica_whose_restart_loses_nothing_and_whose_kill_little_of_an_answer(fleet, chat):
    chat.ask("Before the fall").wait_idle()
    replica = fleet.serving()
    chat.page.reload()
    expect(chat.questions).to_have_text(["Before the fall"])
    chat.wait_idle()
    assert fleet.serving() is replica
    replica.terminate()
    try:
        replica.wait()
        chat.composer.fill("After the fall")
        chat.composer.press("Enter")
        expect(chat.questions).to_have_text(["Before the fall", "After the fall"])
        chat.wait_idle()
        assert fleet.serving() is not replica
        expect(chat.answers.filter(has_text="was interrupted")).to_have_count(0)
    finally:
        restart(replica)

    chat.choose_model("demo-endless").ask("Count until the power goes")
    line = chat.wait_past_line(25)
    replica = fleet.serving()
    replica.kill()
    try:
        expect(chat.answers.last).to_contain_text("was interrupted")
        chat.wait_idle()
        assert chat.last_line() >= line - MAX_LOST_LINES
        chat.choose_model("demo-echo")
        chat.page.get_by_role("button", name="Retry").click()
        expect(chat.answers.last).to_contain_text("demo-echo · OpenAI")
        chat.wait_idle()
    finally:
        restart(replica)


def test_a_terminated_replica_drains_its_answers_and_refuses_new_questions(fleet, chat):
    chat.choose_model("demo-endless").ask("Count until I am stopped")
    line = chat.wait_past_line(10)
    replica = fleet.serving()
    assert get_status(f"{replica.url}/ready") == 200
    # A second page of the same browser, hence of the same replica.
    page = chat.page.context.new_page()
    other = ChatPage(page, fleet.url).open("?model=demo-echo").wait_idle()
    assert fleet.serving() is replica
    other.composer.fill("Not lost")
    replica.terminate()
    try:
        assert soon(lambda: get_status(f"{replica.url}/ready") == 503)
        other.composer.press("Enter")
        expect(page.get_by_text("The server is about to restart")).to_be_visible()
        assert get_status(f"{replica.url}/health") == 200
        expect(other.composer).to_have_value("Not lost")
        # Whoever opens a page now is let in elsewhere.
        page.reload()
        expect(other.composer).to_be_visible()
        assert soon(lambda: any(count_pages(replaced) for replaced in fleet.replicas if replaced is not replica))
        # The answer goes on while it may. A second signal interrupts it, with what was saved.
        line = chat.wait_past_line(line + 10)
        replica.terminate()
        assert replica.wait() == 128 + signal.SIGTERM
        expect(chat.answers.last).to_contain_text("was interrupted")
        chat.wait_idle()
        assert chat.last_line() >= line - MAX_LOST_LINES
        chat.ask("Go on elsewhere").press_stop().wait_idle()
        expect(chat.questions).to_have_text(["Count until I am stopped", "Go on elsewhere"])
    finally:
        restart(replica)
