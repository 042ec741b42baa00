"""Scripts of components as files: the browser keeps them, and a page of another version gets one too."""

from __future__ import annotations

import gzip

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.components.v2.component_registry import BidiComponentDefinition

from lib.ui.browser import component, scripts
from lib.ui.server import component_scripts
from tests.support.original_streamlit import keep_streamlit

KEYS = "antler.keys"
FOLDER = "/_stcore/bidi-components"


@pytest.fixture
def client() -> TestClient:
    routes = [Route("/{path:path}", lambda request: PlainTextResponse(f"other {request.url.path}"))]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(component_scripts.ComponentScriptsMiddleware)]))


def test_a_script_is_kept_by_the_browser_under_a_name_that_changes_with_it(client):
    path = component_scripts.find_path(KEYS)
    assert path == f".{FOLDER}/{KEYS}/{component_scripts.find_file_name(KEYS)}"
    for encoding in ("gzip, deflate", "identity"):
        response = client.get(path.removeprefix("."), headers={"accept-encoding": encoding})
        assert response.text == component.scripts_by_component[KEYS]
        assert response.headers["content-type"].startswith("text/javascript")
        assert "immutable" in response.headers["cache-control"]
        assert response.headers.get("content-encoding", "identity") in encoding
    names = {component_scripts.find_file_name(name) for name in component.scripts_by_component}
    assert len(names) == len(component.scripts_by_component)


def test_a_name_of_another_version_gets_the_script_of_this_one_for_now(client):
    response = client.get(f"{FOLDER}/{KEYS}/0123456789abcdef.js")
    assert response.text == component.scripts_by_component[KEYS]
    assert response.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", f"{FOLDER}/other.component/a.js", f"{FOLDER}/", "/settings"])
def test_other_requests_are_passed_on(client, path):
    assert client.get(path).text == f"other {path}"
    assert client.post(path).status_code == 405


def test_streamlit_names_the_file_and_sends_no_script(monkeypatch):
    keep_streamlit(monkeypatch)
    component_scripts.link_scripts()
    assert scripts.SHORTCUTS  # its components are declared
    own = BidiComponentDefinition(KEYS, js=component.scripts_by_component[KEYS])
    assert (own.js_content, own.js_url) == (None, component_scripts.find_file_name(KEYS))
    other = BidiComponentDefinition("other", js="export default () => {}")
    assert (other.js_content, other.js_url) == (other.js, None)


def test_compressed_scripts_are_less_than_half_of_their_size():
    bodies = [component_scripts._build_file(name) for name in component.scripts_by_component]
    assert sum(len(file.compressed) for file in bodies) < sum(len(file.body) for file in bodies) / 2
    assert all(gzip.decompress(file.compressed) == file.body for file in bodies)
