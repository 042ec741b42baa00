"""Requests of readers of public links, who are not signed in, to a running server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg

from tests.app.http_client import FILE_PATHS, ask
from tests.app.websocket_client import open_websocket, receive_run, rerun_message
from tests.support.app_server import AppServer


@pytest.fixture(scope="module")
def public_app(tmp_path_factory) -> Iterator[AppServer]:
    """A server with links that anybody may open."""
    settings = {"ANTLER_ACCESS": "password", "ANTLER_PASSWORD": "correct horse", "ANTLER_PUBLIC_LINKS": "on"}
    app = AppServer(tmp_path_factory.mktemp("public"), settings)
    yield app
    app.close()


def test_a_reader_of_public_links_reaches_their_page_and_no_other_request(public_app):
    assert ask(public_app, "/shared?s=abc", Accept="text/html").status == 200
    assert ask(public_app, "/_stcore/host-config").status == 200
    assert ask(public_app, "/media/0a1b.png").status == 404
    # The sign-in, and back to the link.
    sign_in = ask(public_app, "/shared?s=abc&signin=1", Accept="text/html")
    assert (sign_in.status, 'value="shared?s=abc&amp;signin=1"' in sign_in.text) == (401, True)
    refused = [path for path in FILE_PATHS if not path[1].startswith("/media/")]
    pages = [("GET", "/"), ("GET", "/settings"), ("POST", "/shared"), ("GET", "/shared/more"), ("GET", "/sharedx")]
    for method, path in [*refused, *pages, ("GET", "//media/0a1b.png"), ("GET", "/_stcore/metrics")]:
        assert ask(public_app, path, method).status in (401, 403) or path.endswith("metrics"), path


def test_a_reader_of_public_links_gets_a_page_without_data(public_app):
    with open_websocket(public_app) as websocket:
        clear = BackMsg()
        clear.clear_cache = True
        websocket.send(clear.SerializeToString())
        websocket.send(rerun_message())
        texts = receive_run(websocket)
    assert "Sign in" in texts and "Ask anything" not in texts
