"""Parsing of a browser's identity response: an id without the secret, or None."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.ui.auth import browser_id
from lib.ui.session.values import BrowserIdentity

SECRET = "0123456789abcdef" * 3
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([SECRET, "tab"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["secret", "persistence", "identity"]), inner),
)


@pytest.mark.parametrize("place", ["browser", "tab", "page"])
def test_the_user_id_is_a_hash_of_the_secret(place):
    identity = browser_id.parse_identity({"secret": SECRET, "persistence": place})
    assert identity == BrowserIdentity(f"browser:{hashlib.sha256(SECRET.encode()).hexdigest()[:32]}", place)
    assert SECRET not in repr(identity)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        None,
        7,
        True,
        [SECRET],
        {"secret": SECRET},
        SECRET[:-1],
        SECRET + "0",
        SECRET + "\n",
        SECRET.upper(),
        "g" + SECRET[1:],
        "٣" + SECRET[1:],
        "0" * 10_000_000,
    ],
    ids=lambda secret: repr(secret)[:60],
)
def test_a_malformed_secret_is_refused(secret):
    assert browser_id.parse_identity({"secret": secret, "persistence": "browser"}) is None


@pytest.mark.parametrize("place", ["", None, 1, True, [], ["browser"], "elsewhere", {"browser": 1}])
def test_an_unknown_persistence_is_refused(place):
    assert browser_id.parse_identity({"secret": SECRET, "persistence": place}) is None


@given(ANYTHING)
def test_any_response_is_parsed_or_refused(answer):
    identity = browser_id.parse_identity(answer)
    assert identity is None or (len(identity.id) == len("browser:") + 32 and answer["secret"] == SECRET)
