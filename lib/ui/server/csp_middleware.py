"""Content security policy and other security headers of every HTTP response."""

from __future__ import annotations

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.ui.server import streamlit_private
from lib.ui.server.page_head_middleware import SCRIPT_DIGESTS
from lib.ui.session import resources

# The page that holds the app of Streamlit Community Cloud in a frame.
_CLOUD_ANCESTORS = "'self' https://*.streamlit.app https://share.streamlit.io"
# The viewer of a browser shows a PDF as an embedded object in a page with inline styles.
_PDF_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
# A host name or address with an optional port. Anything else could add directives to the policy.
_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


class SecurityHeadersMiddleware:
    """ASGI middleware that adds the content security policy and two older headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                is_pdf = headers.get("content-type", "").startswith("application/pdf")
                policy = _PDF_POLICY if is_pdf else content_security_policy(Headers(scope=scope).get("host", ""))
                headers.setdefault("Content-Security-Policy", policy)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                # Not "no-referrer", with which forms have the Origin "null". Other sites get no referrer.
                headers.setdefault("Referrer-Policy", "same-origin")
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def content_security_policy(host: str) -> str:
    """Return the policy for a page of `host`, the request's Host header; an invalid host is left out.

    Nothing loads from another host: a URL in model text could carry the conversation out. Scripts are the files of
    this server, those in its page, and components, which Streamlit loads as blobs, as it does with recordings. No page
    of another site may hold this one in a frame, except for the host of Streamlit Community Cloud.
    """
    # Safari before 15.4 does not count websockets of the same host as 'self'.
    websockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    digests = (*streamlit_private.inline_script_digests(), *SCRIPT_DIGESTS)
    scripts = " ".join(f"'{digest}'" for digest in digests)
    ancestors = _CLOUD_ANCESTORS if resources.host().is_community_cloud else "'none'"
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' blob: {scripts}",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "font-src 'self' data:",
            "style-src 'self' 'unsafe-inline'",
            f"connect-src 'self' blob:{websockets}",
            "frame-src 'none'",
            f"frame-ancestors {ancestors}",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
        )
    )
