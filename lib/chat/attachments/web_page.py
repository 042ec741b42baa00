"""Web pages as attached files: fetched once, and read like any other file."""

from __future__ import annotations

import re
from functools import partial
from urllib.parse import unquote, urlsplit

from lib.chat.attachments.job import AttachmentJob
from lib.chat.attachments.names import sanitize_name
from lib.chat.attachments.reader import AttachmentReader
from lib.core.attachments import Attachment
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.web_page import MEDIA_TYPES, WebPage, fetch_page

# A scheme, and no port behind a host.
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?!\d)", re.IGNORECASE)


def read_page(reader: AttachmentReader, url: str, cancel: CancelToken | None = None) -> Attachment:
    """Return a public web page as a file that is named after its address; blocks for ten seconds at most, and reading.

    Raises AttachmentError, also after a cancel.
    """
    page = fetch_page(complete_url(url), cancel=cancel)
    return reader.read(page_name(page), page.data, is_page=True)


def start_page(reader: AttachmentReader, url: str) -> AttachmentJob:
    """Start to fetch and to read a web page."""
    return AttachmentJob("page", partial(read_page, reader, url))


def complete_url(url: str) -> str:
    """Return an address with a scheme: people leave it out."""
    url = url.strip()
    return url if _SCHEME.match(url) else f"https://{url}"


def page_name(page: WebPage) -> str:
    """Return the name of the file for a page: host and path, with the extension of its kind.

    The name is all that the tray and the model see of the address, so the path is part of it. What a path may hold and
    a name may not is replaced by `sanitize_name`.
    """
    parts = urlsplit(page.url)
    extension = MEDIA_TYPES[page.media_type]
    path = unquote(parts.path).strip("/").removesuffix(f".{extension}")
    place = re.sub(r"[\\/]+", " ", f"{parts.hostname or ''}/{path}").strip()
    return sanitize_name(f"{place}.{extension}")
