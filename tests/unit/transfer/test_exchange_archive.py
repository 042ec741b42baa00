"""Bug reports: a round trip without secrets, and archives that are hostile, damaged or of a later version."""

import json
import zipfile
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.core.errors import TransferError
from lib.core.exchanges import HIDDEN_HEADER, KEY_PLACEHOLDER, Attempt, Chunk, Exchange, SentFile
from lib.core.file_storage import StoredFile, digest_of
from lib.core.params import ParamAdjustment
from lib.core.target import Target
from lib.transfer import exchange_archive
from lib.transfer.exchange_archive import is_exchange_archive, read_exchange, write_exchange
from tests.support.exchanges import STARTED_AT, build_attempt, build_exchange
from tests.unit.transfer.examples import EXAMPLES, make_zip

IMAGE = b"\x89PNG\r\n\x1a\n" + b"0" * 40
VERSIONS = {"antler": "0.3.0", "python": "3.13"}
MARK = "0123456789abcdef" * 2
FILE = SentFile(MARK, digest_of(IMAGE), "image/png", len(IMAGE), "data:image/png;base64,")
EXCHANGE = build_exchange(
    "anthropic",
    [
        build_attempt("anthropic", b'{"type":"error"}', 529, {"Retry-After": "2"}, error="overloaded", files=(FILE,)),
        build_attempt(
            "anthropic",
            b"data: {}\n\n" * 9,
            started_after=2.0,
            reason="retry",
            size=7,
            omitted_bytes=3,
            omitted_before=2,
        ),
    ],
    adjustments=(ParamAdjustment("clamped", "temperature", "1.0"),),
)


def members_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def refusal_of(data: bytes) -> tuple[str, str]:
    with pytest.raises(TransferError) as raised:
        read_exchange(data)
    return raised.value.reason, raised.value.location


def change(name: str, content: bytes | None) -> bytes:
    """Return the archive with another member, or without it."""
    members = {**members_of(write_exchange(EXCHANGE, VERSIONS)), name: content}
    return make_zip({name: content for name, content in members.items() if content is not None})


def change_field(name: str, field: str, value: object) -> bytes:
    members = members_of(write_exchange(EXCHANGE, VERSIONS))
    return change(name, json.dumps({**json.loads(members[name]), field: value}).encode())


def test_an_exchange_comes_back_as_it_was():
    data = write_exchange(EXCHANGE, VERSIONS, {FILE.digest: IMAGE, "other": b"not of this exchange"})
    assert data == write_exchange(EXCHANGE, VERSIONS, {FILE.digest: IMAGE})
    report = read_exchange(data)
    assert replace(report.exchange, id=EXCHANGE.id) == EXCHANGE
    assert (report.versions, report.files) == (VERSIONS, {FILE.digest: StoredFile("image/png", IMAGE)})
    assert read_exchange(write_exchange(EXCHANGE, VERSIONS)).files == {}
    assert is_exchange_archive(data)
    assert not is_exchange_archive(make_zip({"conversations.json": EXAMPLES["claude"]}))
    assert not is_exchange_archive(EXAMPLES["claude"])


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
lines = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)
marks = st.from_regex(r"[0-9a-z]{32,40}", fullmatch=True)
offsets = st.none() | st.floats(0, exchange_archive.MAX_OFFSET)
attempts = st.builds(
    Attempt,
    started_at=st.just(0.0) | st.floats(1.0, 1e10),
    method=st.sampled_from(["POST", "GET"]),
    url=st.just("https://gateway.example/v1/messages"),
    headers=st.dictionaries(st.sampled_from(["Accept", "Host", "X-Api-Key"]), st.just(KEY_PLACEHOLDER)),
    body=texts,
    is_form=st.booleans(),
    files=st.lists(
        st.builds(
            SentFile, st.from_regex(r"[0-9a-z]{32,40}", fullmatch=True), texts, lines, st.integers(0, 2**40), texts
        ),
        max_size=2,
    ).map(tuple),
    reason=st.sampled_from(["first", "retry", "repair", "continuation"]),
    connected=offsets,
    responded=offsets,
    ended=offsets,
    status=st.none() | st.integers(100, 999),
    response_headers=st.dictionaries(st.sampled_from(["content-type", "request-id"]), lines),
    chunks=st.lists(st.builds(Chunk, st.floats(0, 86400), st.binary(min_size=1)), max_size=5).map(
        lambda chunks: tuple(sorted(chunks, key=lambda chunk: chunk.offset))
    ),
    error=st.sampled_from(["", "cut"]),
    omits_body=st.booleans(),
    omitted_bytes=st.integers(0, 2**40),
    omitted_before=st.none() | st.integers(0, 5),
    withholds_key=st.booleans(),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(attempts, min_size=1, max_size=3).map(tuple), st.sampled_from(["answer", "probe", "replay"]))
def test_any_exchange_comes_back_as_it_was(recorded, purpose):
    exchange = Exchange("id", Target("tiny", "openai"), recorded, purpose)
    assert replace(read_exchange(write_exchange(exchange, VERSIONS)).exchange, id="id") == exchange


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(sorted(members_of(write_exchange(EXCHANGE, VERSIONS)))))
def test_any_member_is_read_or_refused(content, name):
    try:
        read_exchange(change(name, content))
    except TransferError as error:
        assert error.reason


def test_headers_that_may_be_credentials_are_removed():
    sent = {
        "Authorization": f"Bearer {KEY_PLACEHOLDER}",
        "x-api-key": KEY_PLACEHOLDER,
        "Proxy-Authorization": "Basic c2VjcmV0",
        "X-Team-Token": "secret-1",
        "X-User": "ada@example.org secret-2",
        "Cookie": "secret-3",
        "anthropic-version": "2023-06-01",
        "Content-Type": "application/json",
    }
    received = {
        "Set-Cookie": "session=secret-4",
        "X-Auth-Token": "secret-5",
        "x-ratelimit-remaining-tokens": "1000",
        "request-id": "req_1",
    }
    attempt = replace(
        build_attempt("openai", b"x", headers=received),
        headers=sent,
        url="https://user:secret-6@gateway.example:8443/v1/messages?key=secret-7",
    )
    data = write_exchange(build_exchange("openai", [attempt]), {})
    assert all(b"secret" not in content and b"ada@" not in content for content in members_of(data).values())
    read = read_exchange(data).exchange.attempts[0]
    assert {name for name, value in read.headers.items() if value == HIDDEN_HEADER} == {
        *("Proxy-Authorization", "X-Team-Token", "X-User", "Cookie")
    }
    assert read.headers["Authorization"] == sent["Authorization"]
    assert {name: v for name, v in read.response_headers.items() if v != HIDDEN_HEADER} == {
        name: received[name] for name in ("x-ratelimit-remaining-tokens", "request-id")
    }
    assert read.url == f"https://gateway.example:8443/v1/messages?key={HIDDEN_HEADER}"


def test_archives_that_are_refused():
    chunks = "attempts/2/chunks.jsonl"
    assert refusal_of(b"no archive") == ("unknown", "")
    assert refusal_of(make_zip({"manifest.json": b"[]"})) == ("unknown", "")
    assert refusal_of(change_field("manifest.json", "version", 2)) == ("newer", "2")
    assert refusal_of(change("attempts/2/request.json", None)) == ("member", "attempts/2/request.json")
    assert refusal_of(change("attempts/1/response.json", b"{")) == ("json", "attempts/1/response.json:1:2")
    assert refusal_of(change("attempts/1/response.json", b'{"status": 7}')) == (
        "shape",
        "attempts/1/response.json.status",
    )
    assert refusal_of(change("attempts/1/request-body.json", b"\xff")) == ("text", "attempts/1/request-body.json")
    assert refusal_of(change(chunks, b'{"offset": 1, "length": 5}')) == ("shape", chunks)
    assert refusal_of(change(chunks, b'{"offset": 2, "length": 45}\n{"offset": 1, "length": 45}')) == ("shape", chunks)
    assert refusal_of(change(chunks, b'{"offset": 1e9, "length": 90}')) == ("shape", chunks)
    assert refusal_of(change_field("manifest.json", "target", {"model": "m", "wire": "smoke"})) == ("shape", "target")
    assert refusal_of(change_field("manifest.json", "attempts", 101))[0] == "shape"
    assert refusal_of(write_exchange(EXCHANGE, VERSIONS)[:-40])[0] == "zip"


def test_requests_that_would_be_options_of_a_command_are_refused():
    request = "attempts/1/request.json"
    for field, values in {
        "url": ["-o/etc/passwd", "file:///etc/passwd", "https://a.example/\nb", "https://a.example/ b", "javascript:1"],
        "method": ["-X", "POST\n", "post", "@file"],
        "headers": [{"@/etc/passwd": ""}, {"A b": ""}, {"A\nB": ""}, {"": ""}, {"a:b": ""}],
    }.items():
        for value in values:
            assert refusal_of(change_field(request, field, value)) == ("shape", f"{request}.{field}"), value
    assert read_exchange(change_field(request, "headers", {"X-A": "b\r\nc"})).exchange.attempts[0].headers == {
        "X-A": "b c"
    }


def test_bombs_are_refused(monkeypatch):
    monkeypatch.setattr(exchange_archive, "MAX_EXCHANGE_BYTES", 1_000_000)
    bomb = change("attempts/1/response-body.txt", b"0" * 2_000_000)
    assert len(bomb) < 20_000
    assert refusal_of(bomb) == ("unpacked", "attempts/1/response-body.txt")
    many = make_zip({f"{number}.txt": b"" for number in range(exchange_archive._MAX_MEMBERS + 1)})
    assert refusal_of(many) == ("many", "")
    # Of both attempts together.
    chunk_counts = [len(attempt.chunks) for attempt in EXCHANGE.attempts]
    monkeypatch.setattr(exchange_archive, "MAX_CHUNKS", max(chunk_counts))
    assert refusal_of(write_exchange(EXCHANGE, VERSIONS)) == ("many", "")


def test_a_mark_stands_for_one_short_text():
    request = "attempts/1/request.json"
    entry = {"mark": MARK, "digest": FILE.digest, "media_type": "image/png", "size": 1, "prefix": ""}
    read_exchange(change_field(request, "files", [entry]))
    # Each would let a short body become one that fills the memory.
    for files in (
        [{**entry, "mark": ""}],
        [{**entry, "mark": "a"}],
        [{**entry, "media_type": "x" * 301}],
        [{**entry, "prefix": MARK * 2}],
        [{**entry, "mark": f"{number:032}"} for number in range(exchange_archive.MAX_FILES + 1)],
    ):
        assert refusal_of(change_field(request, "files", files))[0] == "shape"
    assert refusal_of(change("attempts/1/request-body.json", f'["{MARK}", "{MARK}"]'.encode()))[0] == "shape"


def test_a_member_that_occurs_twice_is_refused():
    stream = BytesIO(write_exchange(EXCHANGE, VERSIONS))
    with pytest.warns(UserWarning), zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("manifest.json", b"{}")
    assert refusal_of(stream.getvalue()) == ("twice", "manifest.json")


def test_paths_of_an_archive_are_not_followed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_exchange(change("../attempts/1/request.json", b"x")).exchange.target == EXCHANGE.target
    wrong = read_exchange(change(f"files/{FILE.digest}", b"another content"))
    assert wrong.files == {}
    assert list(tmp_path.iterdir()) == []


def test_times_are_those_of_this_millennium():
    exchange = read_exchange(change_field("attempts/1/request.json", "started", 1e300)).exchange
    assert exchange.attempts[0].started_at == 0.0
    assert exchange.attempts[1].started_at == STARTED_AT + 2.0
