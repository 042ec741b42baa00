"""HTML pages that the middleware sends in place of Streamlit: password form and access denied."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from pathlib import Path

import streamlit as st
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse
from starlette.types import Scope

from lib.config.auth import Refusal
from lib.ui.auth.password import error_text
from lib.ui.session.values import PasswordCheck
from lib.ui.text.i18n import language_from_header, translate

_LOGO = b64encode((Path(__file__).parents[1] / "widgets/antler.svg").read_bytes()).decode()
_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; font: 1rem/1.5 system-ui, sans-serif;
  background: light-dark(#fcfbf8, #141815); color: light-dark(#22261f, #e6e8e2); }
main { width: min(22rem, 100% - 3rem); }
h1 { font: 600 1.4rem/1.3 Georgia, serif; margin: 1rem 0; }
label { display: block; font-weight: 600; }
input, button { box-sizing: border-box; width: 100%; font: inherit; padding: 0.6rem 0.8rem; }
input, button { margin: 0.35rem 0 0.8rem; border-radius: 0.75rem; color: inherit; background: transparent; }
input { border: 1px solid light-dark(#8a8778, #6b756e); }
button { border: 0; background: #2f6b4f; color: #fff; font-weight: 600; cursor: pointer; }
small { opacity: 0.8; }
[role=alert] { color: light-dark(#a02020, #ffa8a0); }
"""


def sign_in_page(connection: HTTPConnection, return_path: str, last_check: PasswordCheck | None = None) -> HTMLResponse:
    """Return the password form as a response, with the last attempt's error; it leads on to `return_path`."""
    language = language_from_header(connection.headers.get("accept-language", ""))
    error = error_text(language, last_check)
    alert = f'<p role="alert">{escape(error)}</p>' if error else ""
    body = f"""<form method="post" action="{escape(base_path())}signin">
<label for="password">{escape(translate(language, "sign_in.password"))}</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<input name="wanted" type="hidden" value="{escape(return_path)}">
{alert}<button>{escape(translate(language, "sign_in.submit"))}</button>
</form>
<small>{escape(translate(language, "sign_in.shared_password"))}</small>"""
    status = 429 if last_check and last_check.retry_after else 401
    return _html_page(language, translate(language, "sign_in.title"), body, status)


def access_denied_page(connection: HTTPConnection, reason: Refusal) -> HTMLResponse:
    """Return the reason for a refusal as a response."""
    language = language_from_header(connection.headers.get("accept-language", ""))
    body = f"<p>{escape(translate(language, f'access_denied.{reason}'))}</p>"
    return _html_page(language, translate(language, "access_denied.title"), body, 403)


def _html_page(language: str, title: str, body: str, status: int) -> HTMLResponse:
    return HTMLResponse(
        f"""<!doctype html><html lang="{language}"><meta charset="utf-8">
<title>{escape(title)} · Antler</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style>
<main><img src="data:image/svg+xml;base64,{_LOGO}" width="48" height="48" alt="">
<h1>{escape(title)}</h1>{body}</main></html>""",
        status,
    )


def base_path() -> str:
    """Return the path at which the app is served, with a slash at its end."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}/" if base else "/"


def path_below_base(scope: Scope) -> str:
    """Return the path of a request below the path at which the app is served."""
    path = str(scope["path"])
    base = base_path().rstrip("/")
    return path.removeprefix(base) if base and path.startswith(f"{base}/") else path
