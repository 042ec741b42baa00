"""Attach page: a web page as a file of the tray, only where the operator allows it, or the reason why not."""

from __future__ import annotations

import pytest

from lib.chat.attachments import AttachmentJob, web_page
from lib.gateway.transport.web_page import Network, PageLimits, fetch_page
from lib.ui.files import tray_jobs
from lib.ui.session import resources
from tests.app.chat_app import ChatApp
from tests.app.test_attachments import chips, component, errors, send_trigger, sent_files
from tests.support.replay import Canned, Replay

PAGE = Canned(b"<h1>Tides</h1><p>High at noon.</p>", 200, {"Content-Type": "text/html"})


def has_button(app: ChatApp) -> bool:
    return any(button.label == "Attach" for button in app.at.button)


@pytest.fixture
def app(environ, monkeypatch) -> ChatApp:
    monkeypatch.setenv("ANTLER_FETCH_URLS", "on")
    resources.settings.clear()
    return ChatApp(model="demo-echo")


def attach_page(app: ChatApp, url: str) -> ChatApp:
    return app.fill("Address of the page", url).click("Attach")


def allow_loopback(monkeypatch, server: Replay) -> int:
    """Let pages be fetched from a server of the test; returns its port."""
    port = int(server.url.rpartition(":")[2])
    loopback = Network(lambda *_: ["127.0.0.1"], lambda address: address == "127.0.0.1", frozenset((port,)))
    limits = PageLimits(seconds=600)  # a test may take long on a busy machine
    monkeypatch.setattr(web_page, "fetch_page", lambda url, cancel: fetch_page(url, limits, loopback, cancel))
    return port


def list_jobs(app: ChatApp) -> list[AttachmentJob]:
    return [file.job for files in app.at.session_state["trays"].values() for file in files if file.job]


def wait_for_jobs(app: ChatApp) -> ChatApp:
    """Wait until the files of the tray are made, as the page does."""
    jobs = list_jobs(app)
    assert all(job.wait(60) for job in jobs)
    return app.run() if jobs else app


def test_no_page_is_fetched_without_permission(environ):
    assert not has_button(ChatApp(model="demo-echo"))


def test_a_page_is_attached_and_sent_as_its_text(app, monkeypatch):
    assert has_button(app)
    with Replay() as server:
        server.serve("/tides", PAGE)
        port = allow_loopback(monkeypatch, server)
        attach_page(app, f"http://harbour.example:{port}/tides")
        wait_for_jobs(app)
    assert (chips(app), errors(app)) == (["harbour.example tides.html"], [])
    app.ask("When?")
    (part,) = sent_files(app)
    assert part.notes[-1] == f"Fetched from http://harbour.example:{port}/tides."
    assert "High at noon." in app.answers[-1]
    assert chips(app) == []


def test_the_page_of_a_pasted_address_is_attached_on_request(app, monkeypatch):
    with Replay() as server:
        server.serve("/tides", PAGE)
        port = allow_loopback(monkeypatch, server)
        assert component(app, "tray", "tray-composer")["fetchesPages"]
        send_trigger(app, "tray", "page", [f"http://harbour.example:{port}/tides"], "tray-composer")
        assert chips(wait_for_jobs(app)) == ["harbour.example tides.html"]


def test_a_pasted_address_is_not_fetched_without_permission(environ, monkeypatch):
    app = ChatApp(model="demo-echo")
    assert not component(app, "tray", "tray-composer")["fetchesPages"]
    with Replay() as server:
        port = allow_loopback(monkeypatch, server)
        send_trigger(app, "tray", "page", [f"http://harbour.example:{port}/tides"], "tray-composer")
        assert server.requests == []
    assert (chips(app), errors(app)) == ([], [])


def test_a_slow_page_does_not_hold_the_chat_up_and_can_be_cancelled(app, monkeypatch):
    monkeypatch.setattr(tray_jobs, "QUICK_END", 0)
    app.ask("Before?")
    with Replay() as server:
        server.serve("/tides", Canned(PAGE.body, 200, PAGE.headers, silence=9))
        port = allow_loopback(monkeypatch, server)
        attach_page(app, f"http://harbour.example:{port}/tides")
        (chip,) = component(app, "tray", "tray-composer")["files"]
        assert (chip["isReading"], chip["about"], "reference" in chip) == (True, "fetching …", False)
        assert chip["remove"].startswith("Cancel ")
        app.ask("Meanwhile?")
        assert app.questions == ["Before?", "Meanwhile?"]
        (job,) = list_jobs(app)
        send_trigger(app, "tray", "removed", [chip["id"]], "tray-composer")
        assert job.wait(60)
        assert server.wait_for_no_connection()
    assert (chips(app), errors(app), job.state) == ([], [], "cancelled")


def test_a_refused_address_is_explained_in_the_tray(app):
    wait_for_jobs(attach_page(app, "http://169.254.169.254/latest/meta-data"))
    assert (chips(app), len(errors(app))) == ([], 1)
    assert "169.254.169.254 is not the address of a public web page." in errors(app)[0]
    attach_page(app, " ")
    assert len(errors(app)) == 1
