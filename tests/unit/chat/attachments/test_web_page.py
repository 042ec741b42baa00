"""Web pages as files: the name by the address, the text by the kind."""

from __future__ import annotations

import pytest

from lib.chat.attachments import AttachmentReader, read_page
from lib.chat.attachments import web_page as pages
from lib.core import attachment_errors as errors
from lib.core.attachments import Attachment
from lib.gateway.transport.web_page import WebPage

HTML = b"""<!doctype html><html><head><title>Tides</title><meta charset="utf-8"><script>steal()</script></head>
<body><h1>Tides of today</h1><p>High at <b>noon</b>.</p><table><tr><td>a</td><td>b</td></tr></table></body></html>"""


def read(reader: AttachmentReader, monkeypatch: pytest.MonkeyPatch, page: WebPage, url: str = "") -> Attachment:
    asked: list[str] = []
    monkeypatch.setattr(pages, "fetch_page", lambda address, cancel: asked.append(address) or page)
    attachment = read_page(reader, url or page.url)
    assert asked == [pages.complete_url(url or page.url)]
    return attachment


def test_a_page_is_read_as_its_text(reader: AttachmentReader, monkeypatch: pytest.MonkeyPatch) -> None:
    page = WebPage("https://tides.example/ports/kiel.html?day=1", "text/html", HTML)
    attachment = read(reader, monkeypatch, page, "tides.example/ports/kiel.html?day=1")
    assert attachment.name == "tides.example ports kiel.html"
    assert "# Tides of today" in attachment.text and "High at **noon**." in attachment.text
    assert "steal" not in attachment.text


@pytest.mark.parametrize(
    ("url", "media_type", "name"),
    [
        ("https://a.example/", "text/html", "a.example.html"),
        ("https://a.example/x/y.pdf", "application/pdf", "a.example x y.pdf"),
        ("https://a.example/api/v1", "application/json", "a.example api v1.json"),
        ("https://a.example/%E6%BD%AE%2F..%2F..%5C..%00", "text/plain", "a.example 潮 .. .. ...txt"),
    ],
)
def test_name_of_a_page(url: str, media_type: str, name: str) -> None:
    assert pages.page_name(WebPage(url, media_type, b"")) == name


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        (" example.com/a ", "https://example.com/a"),
        ("example.com:8080/a", "https://example.com:8080/a"),
        ("http://example.com", "http://example.com"),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("javascript:alert(1)", "javascript:alert(1)"),
    ],
)
def test_an_address_gets_a_scheme(typed: str, url: str) -> None:
    assert pages.complete_url(typed) == url


def test_a_private_address_is_refused_with_a_sentence_about_its_host(reader: AttachmentReader) -> None:
    for url in ("http://127.0.0.1/", "http://[::1]/", "localhost/admin", "file:///etc/passwd"):
        with pytest.raises(errors.PageAddressRefused):
            read_page(reader, url)
