"""Bodies of requests whose files are encoded while they are sent."""

from __future__ import annotations

import base64
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.file_content import FileContent, FileUnavailable
from lib.gateway.transport.json_body import JsonBody

TEXT = st.text(max_size=20)
# Of any size, and larger than what is written at once. To draw each byte takes most of the time.
FILES = st.builds(
    lambda data, count, end: data * count + end, st.binary(max_size=50), st.integers(0, 10_000), st.binary()
)


def content(data: bytes, media_type: str = "image/png", size: int | None = None) -> FileContent:
    return FileContent(f"digest of {len(data)}", media_type, len(data) if size is None else size, lambda: data)


@given(files=st.lists(FILES, max_size=3), texts=st.lists(TEXT, min_size=4, max_size=4))
def test_a_body_is_the_json_of_its_texts_and_files(files, texts):
    body = {"a": texts, "files": [{texts[3]: content(data).base64} for data in files], "end": texts[0]}
    encoded = JsonBody(body)
    sent = b"".join(encoded)
    assert len(sent) == len(encoded)
    expected = {**body, "files": [{texts[3]: base64.b64encode(data).decode()} for data in files]}
    assert json.loads(sent) == expected
    assert b"".join(encoded) == sent  # once more, for a retry
    assert all(len(chunk) <= 65_536 for chunk in encoded)


def test_a_data_url_names_its_media_type():
    sent = b"".join(JsonBody({"url": content(b"\x89PNG", "image/png").data_url}))
    assert json.loads(sent) == {"url": "data:image/png;base64,iVBORw=="}


def test_a_body_without_files_is_that_of_json():
    body = {
        "messages": [{"role": "user", "content": "什么？ “é” \U0001f600 \u2028"}],
        "n": 1.5,
        "stream": True,
        "x": None,
    }
    assert b"".join(JsonBody(body)) == json.dumps(body, ensure_ascii=False).encode()


def test_a_text_that_is_no_unicode_is_replaced():
    assert b"".join(JsonBody({"a": "\ud800"})) == b'{"a": "?"}'


def test_a_long_text_is_sent_in_pieces():
    chunks = list(JsonBody({"a": "x" * 200_000}))
    assert len(chunks) == 4 and len(b"".join(chunks)) == 200_009


def test_only_one_file_is_in_memory_at_a_time():
    def load() -> bytes:
        return bytes(6_000_000)

    files = [FileContent(f"{number}", "application/pdf", 6_000_000, load) for number in range(4)]
    body = JsonBody({"files": [file.data_url for file in files]})
    tracemalloc.start()
    try:
        sent = sum(map(len, body))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sent == len(body) > 4 * 8_000_000
    assert peak < 13_000_000


@pytest.mark.parametrize("size", [3, 5])
def test_a_file_of_another_size_than_stored_is_not_sent(size):
    with pytest.raises(FileUnavailable):
        b"".join(JsonBody({"a": content(b"four", size=size).base64}))


@pytest.mark.parametrize("value", [b"bytes", {1}, float("nan")])
def test_a_value_that_is_no_json_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        JsonBody({"a": value})
