"""Hostile text in Streamlit's own renderer, whole and growing: nothing is fetched, and formulas are drawn."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from lib.ui.markdown.sanitize import sanitize
from tests.browser.chromium import launch

ROOT = Path(__file__).parents[2]
IMAGE = "![x](http://stranger/)"
# Every frame is one that st.write_stream shows, so remend sees it; the pause lets the browser paint it.
SCRIPT = """
import json, sys, time
import streamlit as st
sys.path.insert(0, {root!r})
from lib.ui.markdown import safe
texts = json.loads({texts!r})
if "raw" in st.query_params:
    st.markdown(texts["raw"])
    st.write_stream(iter([texts["raw"]]))
else:
    for key, text in texts["shown"].items():
        st.container(key=key).markdown(safe(text))
    for text in texts["hostile"]:
        st.markdown(safe(text))
    slot = st.empty()
    def grown(text):
        shown = ""
        for part in range(1, 7):
            now = safe(text[: len(text) * part // 6])
            if now.startswith(shown):
                yield now[len(shown):]
                shown = now
                time.sleep(0.02)
    for text in texts["hostile"]:
        slot.write_stream(grown(text))
        slot.write_stream(iter([safe(text[:-1])]))
    st.markdown("finished")
"""
# Each of these shows a picture in the real renderer, whole or on the way, where a naive filter sees code.
HOSTILE = [
    IMAGE,
    f"$ ` $ {IMAGE} `",
    f"$$\n```\n$$\n{IMAGE}",
    f":::x\n```\n:::\n{IMAGE}\n```",
    f":red[`]{IMAGE}`",
    f':a{{b="`"}}{IMAGE}`',
    f"::a[`]\n{IMAGE}`",
    f"[a](`){IMAGE}`",
    f'[b](c "\n`"){IMAGE}`',
    f"[a][`]{IMAGE}`\n\n[`]: /u",
    f"[^`]{IMAGE}`\n\n[^`]: a",
    f'<a title="`">{IMAGE}`',
    f"<!-- ` -->{IMAGE}`",
    f"http://x.com/` {IMAGE} `",
    f"| `a | {IMAGE} ` |\n|---|---|\n| `a | {IMAGE} ` |",
    f"a ``\n:-\n{IMAGE} ``",
    f"a `\n===\n` {IMAGE} `",
    f"[a]: /u\n    {IMAGE}",
    f"[^1]: a\n\n    {IMAGE}\n\n[^1]",
    f"2) |a\n|-|-|\nb|c\n\n    {IMAGE}",
    f"- > 1. ```a\n```{IMAGE}```",
    f"a\n- 2. b\n\n      {IMAGE}",
    f"a\n- -\nb\n\n    {IMAGE}",
    f"$$\n- a\n$$\n\n    {IMAGE}",
    f"    {IMAGE}",
    f"\ufeff```\na\n```\n{IMAGE}",
    f"\\\\` {IMAGE} `` b `",
    f"- > 1. ```\n  >    {IMAGE}",
    f"<div>\n\n{IMAGE}\n\n</div>",
    f"<pre>\n```\n</pre>\n{IMAGE}",
    f"\\`{IMAGE}`",
    f"# {IMAGE}\n\n> {IMAGE}\n\n- {IMAGE}\n\n:red[{IMAGE}] **{IMAGE}** [^1]\n\n[^1]: {IMAGE}",
    "![\nx\n](\nhttp://stranger/\n) ![x](<http://stranger/>) ![x] [x]\n\n[x]: http://stranger/",
    f"a\r```\rb\r```\r{IMAGE}\x00",
    f"![{IMAGE}]({IMAGE})",
]
HOSTILE += [
    f"```{word}\nflowchart TD\n  {source}\n```"
    for word in ("mermaid", "Mermaid x", "m&#101;rmaid", "-language-mermaid")
    for source in ('A@{ img: "http://stranger/", w: 9, h: 9 }', "A[\"<img src='http://stranger/'>\"]")
]
SHOWN = {
    "maths": "\\(a^2\\) and\n\\[\nb^2\n\\]\n1. \\[c\\]\n\n> \\[ d \\]\n\n| a |\n|---|\n| $e$ |",
    "prices": "It costs $5 and you get $x^2$ for $10, in $HOME.",
    "html": "<b>bold</b> and <img src='http://stranger/'> and a<b",
    "code": f"`{IMAGE} $x` and\n\n```md\n{IMAGE} \\(y\\)\n```",
    "diagram": "```mermaid\nflowchart TD\n  A[The image] --> B\n```",
    "data": "![a](data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=)",
    "link": "![alt](http://stranger/) ![](http://stranger/)",
}


@pytest.fixture
def stranger() -> Iterator[tuple[str, list[str]]]:
    seen: list[str] = []

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", seen
    server.shutdown()
    server.server_close()


@pytest.fixture
def app(tmp_path: Path, stranger: tuple[str, list[str]]) -> Iterator[str]:
    texts = json.dumps({"raw": IMAGE, "shown": SHOWN, "hostile": HOSTILE}).replace(
        "http://stranger/", stranger[0]
    )
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(root=str(ROOT), texts=texts), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"server.port": port, "server.address": "127.0.0.1", "server.headless": "true"}
    options |= {"browser.gatherUsageStats": "false", "server.fileWatcherType": "none"}
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    command += [f"--{name}={value}" for name, value in options.items()]
    process = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "HOME": str(tmp_path)})
    yield f"http://127.0.0.1:{port}/"
    process.terminate()
    process.wait(10)


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser.new_page()
        browser.close()


def opened(page: Page, url: str) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(url.rsplit(":")[-1].split("/")[0]))) == 0:
                break
        page.wait_for_timeout(100)
    page.goto(url)


def test_nothing_is_fetched_and_everything_is_shown(
    page: Page, app: str, stranger: tuple[str, list[str]]
) -> None:
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    opened(page, app)
    page.get_by_text("finished").wait_for(timeout=40_000)
    page.locator(".st-key-diagram [data-testid=stMermaidChart] img").wait_for()
    page.wait_for_timeout(500)
    assert stranger[1] == []
    assert [url for url in fetched if not url.startswith((app, "data:", "blob:"))] == []
    assert page.locator(".st-key-maths .katex").count() == 5
    assert page.locator(".st-key-maths .katex-display").count() == 3
    assert page.locator(".katex-error").count() == 0
    prices = page.locator(".st-key-prices")
    assert prices.locator(".katex").count() == 1
    assert "costs $5 and" in prices.inner_text() and "for $10, in $HOME." in prices.inner_text()
    markup = page.locator(".st-key-html")
    assert "<b>bold</b> and <img src=" in markup.inner_text() and markup.locator("b, img").count() == 0
    picture = IMAGE.replace("http://stranger/", stranger[0])
    assert f"{picture} $x" in page.locator(".st-key-code p code").inner_text()
    assert f"{picture} \\(y\\)" in page.locator(".st-key-code pre").inner_text()
    assert page.locator(".st-key-data img").count() == 1
    links = page.locator(".st-key-link a")
    assert links.all_inner_texts() == ["alt", "image"] and links.first.get_attribute("href") == stranger[0]


def test_the_stranger_is_reached_without_it(page: Page, app: str, stranger: tuple[str, list[str]]) -> None:
    opened(page, app + "?raw=1")
    page.locator("img[alt=x]").first.wait_for(state="attached", timeout=20_000)
    page.wait_for_timeout(300)
    assert stranger[1]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_not_handed_on_as_it_came(text: str) -> None:
    assert sanitize(text) != text
