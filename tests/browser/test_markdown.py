"""Hostile Markdown in the renderer of Streamlit: nothing foreign loads, and formulas are rendered."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chat_page import wait_until
from tests.support.app_server import ROOT, AppServer
from tests.support.hostile_markdown import HOSTILE_TEXTS, IMAGE

# Each hostile text is rendered as it came and sanitized, whole and growing. Streamlit completes unfinished
# Markdown in the frames of st.write_stream; the pause lets the browser render each.
SCRIPT = """
import json, sys, time
import streamlit as st
sys.path.insert(0, {root!r})
from starlette.middleware import Middleware
from lib.ui.markdown.sanitize import sanitize
from lib.ui.server.csp_middleware import SecurityHeadersMiddleware
texts = json.loads({texts!r})

def grow(text):
    shown = ""
    for part in range(1, 7):
        now = sanitize(text[: len(text) * part // 6])
        if now.startswith(shown):
            yield now[len(shown):]
            shown = now
            time.sleep(0.02)

class Policy:
    def __init__(self, app):
        self.app, self.app_with_policy = app, SecurityHeadersMiddleware(app)

    async def __call__(self, scope, receive, send):
        has_policy = b"without-policy" not in scope.get("query_string", b"")
        await (self.app_with_policy if has_policy else self.app)(scope, receive, send)

def run():
    if "without-policy" in st.query_params:
        st.markdown({image!r})
        return
    for key, text in texts["shown"].items():
        st.container(key=key).markdown(sanitize(text))
    slot = st.empty()
    for text in texts["hostile"]:
        st.markdown(text)
        st.markdown(sanitize(text))
        slot.write_stream(iter([text[:-1], text[-1:]]))
        slot.write_stream(grow(text))
    st.markdown("finished")

if __name__ == "__main__":
    run()
else:
    app = st.App(__file__, middleware=[Middleware(Policy)])
"""
SHOWN_TEXTS = {
    "directives": ":red[c] :material/home: :streamlit: a:b[c]\n\n::d[e]",
    "schemes": "[a](javascript:x) [b](data:text/html,x) [c](https://x.y/) <mailto:a@b.c>",
    "multiline": "\\[\na\n\n+ b\n\\]\n\n\\begin{align}\nx &= y\n\\end{align}\n\nso \\(c\nd\\)",
    "maths": "\\(a^2\\) and\n\\[\nb^2\n\\]\n1. \\[c\\]\n\n> \\[ d \\]\n\n| a |\n|---|\n| $e$ |",
    "prices": "It costs $5 and you get $x^2$ for $10, in $HOME.",
    "html": "<b>bold</b> and <img src='http://stranger/'> and a<b",
    "code": f"`{IMAGE} $x` and\n\n```md\n{IMAGE} \\(y\\)\n```",
    "diagram": "```mermaid\nflowchart TD\n  A[The image] --> B\n```",
    "data": "![a](data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=)",
    "link": "![alt](http://stranger/) ![](http://stranger/)",
    "cjk": "**重点：**内容，他说**“你好”**。***注意！***请看~~旧价：~~新价 **Note:**これは **용어(term)**는",
    "signs": "npm test -- --watch, x -> y <- z <-> a >= b <= c ~= d, **e**-> f, 3~5天，100~200元 :material_home:",
    "addresses": "https://e.com/docs（说明），见https://e.com/b，**链接：https://e.com/c**，，www.e.com/d。",
    "relative": "[a](/signout) [b](signout) [c](//e.com) [d](https:signout) [e](#x)\n\n[f]\n\n[f]: /signout",
    "breaks": "Roses<br>are\nred\n\n- a\n  b\n\n<div>\n*c*\n</div>",
    "cells": "a\n| 步骤 | 一<br>二 |\n|---|---|\n| x -> y | **三：**四 |",
    "chemistry": "$\\ce{2H2 + O2 -> 2H2O}$, $\\ce{C#C}$\n\n\\begin{eqnarray}\na &=& b\n\\end{eqnarray}",
    "fences": "````\na\n````\n\n```markdown\n# b\n```bash\nc\n```\nd\n```\n\ne",
    "costly": "\n\n".join(
        [
            "|" + "a|" * 10_000 + "\n|" + "-|" * 10_000 + "\n|b|",
            "- " * 200 + "c",
            "> " * 200 + "d",
            "$$\n\\def\\a{" + "x" * 1500 + "}" + "\\a" * 500 + "\n$$",
            "$$\n\\begin{matrix}" + "&" * 1900 + "\\end{matrix}\n$$",
            ":material/" + "e" * 500 + ":",
            "# f\n" * 2000,
        ]
    ),
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
    """A page of Streamlit with all texts; with a parameter of its address, only an image without the policy."""
    texts = json.dumps({"shown": SHOWN_TEXTS, "hostile": HOSTILE_TEXTS}).replace("http://stranger/", foreign_server.url)
    image = IMAGE.replace("http://stranger/", foreign_server.url)
    script = SCRIPT.format(root=str(ROOT), texts=texts, image=image)
    (tmp_path / "app.py").write_text(script, encoding="utf-8")
    server = AppServer(tmp_path, {}, program=tmp_path)
    yield server
    server.close()


def test_hostile_texts_load_nothing_and_all_texts_are_shown(app, foreign_server, new_page):
    page = new_page()
    loaded: list[str] = []
    blocked: list[str] = []
    page.on("response", lambda response: loaded.append(response.url))
    page.on("console", lambda message: blocked.append(message.text))
    page.goto(app.url)
    page.get_by_text("finished").wait_for(timeout=90_000)
    page.locator(".st-key-diagram [data-testid=stMermaidChart] img").wait_for()
    page.wait_for_load_state("networkidle")
    assert foreign_server.paths == []
    wait_until(page, lambda: any("violates the following Content Security Policy" in text for text in blocked))
    assert [url for url in loaded if not url.startswith((app.url, "data:", "blob:"))] == []
    check_formulas(page)  # the last to be rendered
    check_text(page, foreign_server.url)
    check_signs(page)
    check_limits(page)
    # What the policy blocks is requested without it.
    with page.expect_request(foreign_server.url):
        page.goto(f"{app.url}/?without-policy=on")


def check_formulas(page: Page) -> None:
    expect(page.locator(".st-key-maths .katex")).to_have_count(5)
    expect(page.locator(".st-key-maths .katex-display")).to_have_count(3)
    expect(page.locator(".st-key-multiline .katex")).to_have_count(3)
    expect(page.locator(".st-key-multiline .katex-display")).to_have_count(2)
    expect(page.locator("[class*=st-key-] .katex-error")).to_have_count(0)
    prices = page.locator(".st-key-prices")
    expect(prices.locator(".katex")).to_have_count(1)
    for text in ("costs $5 and", "for $10, in $HOME."):
        expect(prices).to_contain_text(text)


def check_text(page: Page, foreign_url: str) -> None:
    markup = page.locator(".st-key-html")
    expect(markup).to_contain_text("<b>bold</b> and <img src=")
    expect(markup.locator("b, img")).to_have_count(0)
    image = IMAGE.replace("http://stranger/", foreign_url)
    assert f"{image} $x" in page.locator(".st-key-code p code").inner_text()
    assert f"{image} \\(y\\)" in page.locator(".st-key-code pre").inner_text()
    expect(page.locator(".st-key-data img")).to_have_count(1)
    links = page.locator(".st-key-link a")
    assert links.all_inner_texts() == ["alt", "image"]
    assert links.first.get_attribute("href") == foreign_url
    directives = page.locator(".st-key-directives")
    for text in (":red[c]", ":material/home:", ":streamlit:", "a:b[c]", "::d[e]"):
        assert text in directives.inner_text()
    expect(directives.locator("img, [role=img]")).to_have_count(0)
    schemes = page.locator(".st-key-schemes a")
    assert [link.get_attribute("href") for link in schemes.all()] == ["https://x.y/", "mailto:a@b.c"]


def check_signs(page: Page) -> None:
    cjk = page.locator(".st-key-cjk")
    assert cjk.locator("strong").all_inner_texts() == ["重点：", "“你好”", "注意！", "Note:", "용어(term)"]
    assert cjk.locator("del").all_inner_texts() == ["旧价："]
    assert "*" not in cjk.inner_text()
    signs = page.locator(".st-key-signs")
    expect(signs.locator("del")).to_have_count(0)
    assert signs.inner_text() == SHOWN_TEXTS["signs"].replace("**", "")
    addresses = page.locator(".st-key-addresses")
    assert addresses.inner_text() == SHOWN_TEXTS["addresses"].replace("**", "")
    hrefs = [link.get_attribute("href") for link in addresses.locator("a").all()]
    assert hrefs == ["https://e.com/docs", "https://e.com/b", "https://e.com/c", "http://www.e.com/d"]
    assert [link.get_attribute("href") for link in page.locator(".st-key-relative a").all()] == ["#x"]
    assert page.locator(".st-key-breaks").inner_text().split() == [
        "Roses",
        "are",
        "red",
        "a",
        "b",
        "<div>",
        "c",
        "</div>",
    ]
    expect(page.locator(".st-key-breaks br")).to_have_count(5)
    cells = page.locator(".st-key-cells :is(th, td)")
    assert [cell.evaluate("cell => cell.textContent") for cell in cells.all()] == ["步骤", "一\n二", "x -> y", "三：四"]
    chemistry = page.locator(".st-key-chemistry")
    expect(chemistry.locator(".katex")).to_have_count(2)
    assert chemistry.locator("code").all_inner_texts() == ["$\\ce{C#C}$"]
    assert page.locator(".st-key-fences pre").all_inner_texts() == ["a", "# b\n```bash\nc\n```\nd"]


def check_limits(page: Page) -> None:
    costly = page.locator(".st-key-costly")
    expect(costly.locator("table, ul, blockquote, .katex, [role=img]")).to_have_count(0)
    assert costly.locator("*").count() < 4000
    assert costly.evaluate("element => element.textContent.match(/# f/g).length") > 1000
