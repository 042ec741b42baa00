"""Several replicas: one is killed or told to stop, and whoever was on it goes on at another."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.browser.test_answers_live_on import numbers, wait_past
from tests.support.app_server import AppServer
from tests.support.fleet import Fleet, pages, status

pytestmark = pytest.mark.xdist_group("fleet")

LINES_A_SECOND = 10  # of demo-endless


@pytest.fixture(scope="module")
def fleet(tmp_path_factory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with Fleet(folder, {"ANTLER_DRAIN_SECONDS": "3"}) as started:
        yield started


@pytest.fixture
def chat(fleet, new_page) -> ChatPage:
    """A page of a browser of its own, whose place no earlier test has chosen."""
    return ChatPage(new_page(locale="en-US"), fleet.url).open("?model=demo-crlf")


def back(replica: AppServer) -> None:
    """Start a replica again that has ended."""
    replica.wait()
    replica.restart()


def test_a_browser_stays_with_one_replica_and_browsers_spread(fleet, new_page):
    seen = set()
    for _ in range(6):
        chat = ChatPage(new_page(locale="en-US"), fleet.url).open()
        first = fleet.serving()
        chat.page.reload()
        expect(chat.composer).to_be_visible()
        assert fleet.serving() is first
        seen.add(first.port)
        chat.page.close()
        chat.page.context.close()
        while any(pages(replica) for replica in fleet.replicas):
            pass
    assert len(seen) > 1


def test_a_replica_killed_while_idle_costs_nothing(fleet, chat):
    chat.ask("Before the fall").wait_idle()
    replica = fleet.serving()
    replica.kill()
    try:
        chat.composer.fill("After the fall")
        chat.composer.press("Enter")
        expect(chat.questions).to_have_text(["Before the fall", "After the fall"])
        chat.wait_idle()
        assert fleet.serving() is not replica
        chat.page.reload()
        expect(chat.questions).to_have_text(["Before the fall", "After the fall"])
    finally:
        back(replica)


def test_a_replica_killed_in_mid_answer_costs_half_a_second(fleet, chat):
    chat.choose_model("demo-endless").ask("Count until the power goes")
    line = wait_past(chat, 25)
    replica = fleet.serving()
    replica.kill()
    try:
        expect(chat.answers.last).to_contain_text("Interrupted")
        chat.wait_idle()
        # Half a second, and what came between the last look and the kill.
        assert numbers(chat) >= line - LINES_A_SECOND
        chat.choose_model("demo-crlf")
        chat.page.get_by_role("button", name="Retry").click()
        expect(chat.answers.last).to_contain_text("demo-crlf · OpenAI")
        chat.wait_idle()
    finally:
        back(replica)


def test_a_replica_told_to_stop_lets_answers_end_and_takes_no_new_ones(fleet, chat):
    chat.choose_model("demo-endless").ask("Count until I am stopped")
    line = wait_past(chat, 10)
    replica = fleet.serving()
    assert status(f"{replica.url}/ready") == 200
    replica.terminate()
    try:
        # It goes on while it may, and then is said to be what it is, with all that came.
        wait_past(chat, line + LINES_A_SECOND)
        assert status(f"{replica.url}/ready") == 503
        assert status(f"{replica.url}/health") == 200
        assert replica.wait() is not None
        expect(chat.answers.last).to_contain_text("Interrupted")
        chat.wait_idle()
        assert numbers(chat) > line + LINES_A_SECOND
        chat.ask("Go on elsewhere").press_stop().wait_idle()
        expect(chat.questions).to_have_text(["Count until I am stopped", "Go on elsewhere"])
    finally:
        back(replica)


def test_who_asks_a_replica_that_is_stopping_keeps_the_words(fleet, chat, new_page):
    chat.choose_model("demo-endless").ask("Keep it open")
    wait_past(chat, 3)
    replica = fleet.serving()
    # A second page of the same browser, hence of the same replica.
    page = chat.page.context.new_page()
    other = ChatPage(page, fleet.url).open("?model=demo-crlf")
    assert fleet.serving() is replica
    replica.terminate()
    try:
        while status(f"{replica.url}/ready") != 503:
            pass
        other.composer.fill("Not lost")
        other.composer.press("Enter")
        expect(page.get_by_text("The server is about to restart")).to_be_visible()
        expect(other.composer).to_have_value("Not lost")
        # Whoever opens a page now is let in elsewhere.
        page.reload()
        expect(other.composer).to_be_visible()
        assert sum(pages(one) for one in fleet.replicas if one is not replica) >= 1
    finally:
        back(replica)


def test_one_after_another_they_are_all_started_anew_and_nobody_notices(fleet, chat):
    for number, replica in enumerate(fleet.replicas):
        chat.ask(f"Question {number}").wait_idle()
        replica.terminate()
        back(replica)
    chat.ask("And on").wait_idle()
    asked = [f"Question {number}" for number in range(len(fleet.replicas))]
    expect(chat.questions).to_have_text([*asked, "And on"])
    expect(chat.answers.filter(has_text=re.compile("Interrupted"))).to_have_count(0)


def test_what_is_not_for_the_world_is_not_there(fleet):
    assert [status(f"{fleet.url}{path}") for path in ("/metrics", "/_stcore/metrics", "/ready")] == [404] * 3
    assert status(f"{fleet.url}/health") == 200
    for replica in fleet.replicas:
        assert status(f"{replica.url}/metrics") == 200


def test_told_twice_it_ends_at_once(tmp_path, new_page):
    app = AppServer(tmp_path, {"ANTLER_DRAIN_SECONDS": "3600"})
    try:
        chat = ChatPage(new_page(), app.url).open("?model=demo-endless").ask("Count for an hour")
        line = wait_past(chat, 5)
        app.terminate()
        wait_past(chat, line + LINES_A_SECOND)
        assert status(f"{app.url}/ready") == 503
        app.terminate()
        assert app.wait() == 128 + signal.SIGTERM
    finally:
        app.kill()
