"""Attach page: a web page as a file of the tray, only where the operator allows it, or the reason why not."""

from __future__ import annotations

import pytest

from lib.chat.attachments import web_page
from lib.gateway.transport.web_page import Network, fetch_page
from lib.ui.session import resources
from tests.app.chat_app import ChatApp
from tests.app.test_attachments import chips, errors, sent_files
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


def test_no_page_is_fetched_without_permission(environ):
    assert not has_button(ChatApp(model="demo-echo"))


def test_a_page_is_attached_and_sent_as_its_text(app, monkeypatch):
    assert has_button(app)
    with Replay() as server:
        server.serve("/tides", PAGE)
        port = int(server.url.rpartition(":")[2])
        loopback = Network(lambda *_: ["127.0.0.1"], lambda address: address == "127.0.0.1", frozenset((port,)))
        monkeypatch.setattr(web_page, "fetch_page", lambda url: fetch_page(url, network=loopback))
        attach_page(app, f"http://harbour.example:{port}/tides")
    assert (chips(app), errors(app)) == (["harbour.example tides.html"], [])
    app.ask("When?")
    (part,) = sent_files(app)
    assert part.notes[-1] == f"Fetched from http://harbour.example:{port}/tides."
    assert "High at noon." in app.answers[-1]
    assert chips(app) == []


def test_a_refused_address_is_explained_in_the_tray(app):
    attach_page(app, "http://169.254.169.254/latest/meta-data")
    assert (chips(app), len(errors(app))) == ([], 1)
    assert "169.254.169.254 is not the address of a public web page." in errors(app)[0]
    attach_page(app, " ")
    assert len(errors(app)) == 1
