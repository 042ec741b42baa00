"""Hostile Markdown in Streamlit's own renderer: no request to a foreign server, and formulas are drawn."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.app_server import ROOT, AppServer
from tests.support.hostile_markdown import HOSTILE_TEXTS, IMAGE

# Each frame is one that st.write_stream shows, so that Streamlit completes unfinished Markdown in it;
# the pause lets the browser render it.
SCRIPT = """
import json, sys, time
import streamlit as st
sys.path.insert(0, {root!r})
from lib.ui.markdown.sanitize import sanitize
texts = json.loads({texts!r})
if "raw" in st.query_params:
    st.markdown(texts["raw"])
    st.write_stream(iter([texts["raw"]]))
else:
    for key, text in texts["shown"].items():
        st.container(key=key).markdown(sanitize(text))
    for text in texts["hostile"]:
        st.markdown(sanitize(text))
    slot = st.empty()
    def grow(text):
        shown = ""
        for part in range(1, 7):
            now = sanitize(text[: len(text) * part // 6])
            if now.startswith(shown):
                yield now[len(shown):]
                shown = now
                time.sleep(0.02)
    for text in texts["hostile"]:
        slot.write_stream(grow(text))
        slot.write_stream(iter([sanitize(text[:-1])]))
    st.markdown("finished")
"""
SHOWN_TEXTS = {
    "maths": "\\(a^2\\) and\n\\[\nb^2\n\\]\n1. \\[c\\]\n\n> \\[ d \\]\n\n| a |\n|---|\n| $e$ |",
    "prices": "It costs $5 and you get $x^2$ for $10, in $HOME.",
    "html": "<b>bold</b> and <img src='http://stranger/'> and a<b",
    "code": f"`{IMAGE} $x` and\n\n```md\n{IMAGE} \\(y\\)\n```",
    "diagram": "```mermaid\nflowchart TD\n  A[The image] --> B\n```",
    "data": "![a](data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=)",
    "link": "![alt](http://stranger/) ![](http://stranger/)",
}


class ForeignServer(ThreadingHTTPServer):
    """A server that no page may ask for an image; `paths` are those of the requests that came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ForeignHandler)
        self.paths: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}/"


class ForeignHandler(BaseHTTPRequestHandler):
    server: ForeignServer

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def foreign_server() -> Iterator[ForeignServer]:
    with ForeignServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def app(tmp_path, foreign_server) -> Iterator[AppServer]:
    """A page of Streamlit with all texts."""
    texts = json.dumps({"raw": IMAGE, "shown": SHOWN_TEXTS, "hostile": HOSTILE_TEXTS})
    texts = texts.replace("http://stranger/", foreign_server.url)
    script = SCRIPT.format(root=str(ROOT), texts=texts)
    (tmp_path / "app.py").write_text(script, encoding="utf-8")
    server = AppServer(tmp_path, {}, program=tmp_path)
    yield server
    server.close()


def test_sanitized_texts_request_nothing_and_are_shown(app, foreign_server, new_page):
    page = new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(app.url)
    page.get_by_text("finished").wait_for()
    page.locator(".st-key-diagram [data-testid=stMermaidChart] img").wait_for()
    page.wait_for_load_state("networkidle")
    assert foreign_server.paths == []
    assert [url for url in requested if not url.startswith((app.url, "data:", "blob:"))] == []
    assert page.locator(".st-key-maths .katex").count() == 5
    assert page.locator(".st-key-maths .katex-display").count() == 3
    assert page.locator(".katex-error").count() == 0
    prices = page.locator(".st-key-prices")
    assert prices.locator(".katex").count() == 1
    assert "costs $5 and" in prices.inner_text() and "for $10, in $HOME." in prices.inner_text()
    markup = page.locator(".st-key-html")
    assert "<b>bold</b> and <img src=" in markup.inner_text() and markup.locator("b, img").count() == 0
    image = IMAGE.replace("http://stranger/", foreign_server.url)
    assert f"{image} $x" in page.locator(".st-key-code p code").inner_text()
    assert f"{image} \\(y\\)" in page.locator(".st-key-code pre").inner_text()
    assert page.locator(".st-key-data img").count() == 1
    links = page.locator(".st-key-link a")
    assert links.all_inner_texts() == ["alt", "image"]
    assert links.first.get_attribute("href") == foreign_server.url


def test_without_sanitizing_the_image_is_requested(app, foreign_server, new_page):
    page = new_page()
    with page.expect_request(foreign_server.url):
        page.goto(f"{app.url}/?raw=1")
