"""The key in recorded exchanges: in none of its spellings, wherever and however a gateway or a user puts it."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lib.config.settings import Settings, load_settings
from lib.core.conversation import Message, TextPart
from lib.core.errors import AnswerError
from lib.core.exchanges import KEY_PLACEHOLDER, Attempt, Chunk, Exchange
from lib.core.target import Target, Wire
from lib.core.user import User
from lib.gateway import exchange_redactor
from lib.gateway.client import Gateway
from lib.gateway.exchange_redactor import ExchangeRedactor
from lib.gateway.key_redactor import REDACTED, KeyRedactor
from lib.gateway.replay import replay_events
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.support.replay import JSON, Canned, Replay
from tests.unit.gateway.recordings import PATHS, received, record

KEY = "sk-9f3b/7c1d+5e8a2046bb7e"
TARGET = Target("tiny", "openai")


def percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def json_codes(text: str) -> str:
    return "".join(f"\\u{ord(char):04X}" for char in text)


SPELLINGS: dict[str, str] = {
    "plain": KEY,
    "percent-encoded": percent(KEY),
    "partly percent-encoded": KEY[:4] + percent(KEY[4:9]).lower() + KEY[9:],
    "percent-encoded twice": quote(percent(KEY)),
    "hexadecimal": KEY.encode().hex(),
    "hexadecimal in upper case": KEY.encode().hex().upper(),
    "base64 of a header": b64encode(f"Bearer {KEY}".encode()).decode(),
    "base64 of a text": b64encode(f"a {KEY} z".encode()).decode(),
    "base64 for URLs": urlsafe_b64encode(f"user:{KEY}".encode()).decode(),
    "percent-encoded base64": percent(b64encode(KEY.encode()).decode()),
}
# The spellings that only the bytes of JSON can have.
ESCAPED: dict[str, str] = {
    "first character as a code": "\\u0073" + KEY[1:],
    "all characters as codes": json_codes(KEY),
    "codes in lower case": json_codes(KEY).lower(),
    "escaped slash": KEY.replace("/", "\\/"),
    "base64 with escaped slashes": b64encode(f"??>{KEY}".encode()).decode().replace("/", "\\/"),
    "JSON within JSON": json.dumps(json_codes(KEY))[1:-1],
    "JSON within JSON within JSON": json.dumps(json.dumps(KEY.replace("/", "\\/")))[1:-1],
}
# Escapes in escapes of another kind: found, and not replaced.
WITHHELD = json_codes(percent(KEY))
each_wire = pytest.mark.parametrize("wire", WIRE_MODULES)
each_spelling = pytest.mark.parametrize("spelling", SPELLINGS)


@pytest.fixture
def gateway(replay: Replay) -> Iterator[Gateway]:
    client = Gateway(Settings(api_key=KEY, base_url=replay.url, retries=0))
    yield client
    client.close()


def ask(text: str) -> list[Message]:
    return [Message("user", (TextPart(text),))]


def decode(text: str) -> str:
    """Undo all escapes of JSON and of URLs."""
    for _ in range(6):
        text = re.sub(r"\\+u00([0-9a-fA-F]{2})|%([0-9a-fA-F]{2})", lambda m: chr(int(m[1] or m[2], 16)), text)
        text = re.sub(r"\\+/", "/", text)
    return text


def leaks(exchange: Exchange) -> list[str]:
    """Return the spellings of which a long part is in any field, in the bytes, or in the joined text of the events."""
    events = []
    try:
        events += replay_events(exchange, CancelToken(), speed=1e9)
    except AnswerError as error:
        events.append(error.detail)
    texts = "".join(getattr(event, "text", "") or getattr(event, "signature", "") for event in events)
    data = b"|".join(map(received, exchange.attempts)).decode("utf-8", "replace")
    shown = decode("|".join((repr(exchange), data, texts, repr(events))))
    cores = {name: decode(text)[6:-6] for name, text in SPELLINGS.items()}  # without what depends on neighbours
    return [
        name
        for name, core in cores.items()
        if any(core[i : i + 12] in text for i in range(len(core) - 11) for text in (shown, shown.lower()))
    ]


def deltas(wire: Wire, *texts: str, escape: bool = False) -> bytes:
    """Return the stream of an answer in these pieces, which are JSON already with `escape`."""
    pieces = [text if escape else json.dumps(text)[1:-1] for text in texts]
    if wire == "openai":
        events = [f'data: {{"choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}' for text in pieces]
        events += ['data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}', "data: [DONE]"]
    else:
        delta = 'event: content_block_delta\ndata: {{"type":"content_block_delta","index":0,"delta":{{{}}}}}'
        events = ['event: message_start\ndata: {"type":"message_start","message":{"id":"m"}}']
        events += [delta.format(f'"type":"text_delta","text":"{text}"') for text in pieces]
        events += ['event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}']
        events += ['event: message_stop\ndata: {"type":"message_stop"}']
    return "".join(f"{event}\n\n" for event in events).encode()


@each_wire
@each_spelling
def test_a_key_in_one_event_is_replaced_and_the_rest_is_kept(replay, gateway, wire, spelling):
    body = deltas(wire, "The key is ", SPELLINGS[spelling], ".")
    for piece in (None, 7):  # in one chunk, and over many
        replay.serve(PATHS[wire], Canned(body, piece=piece))
        exchange = record(gateway, wire)
        (attempt,) = exchange.attempts
        assert leaks(exchange) == [] and not attempt.withholds_key
        assert REDACTED.encode() in received(attempt) and b"The key is " in received(attempt)
        assert received(attempt).endswith(body[-20:])


@each_wire
@each_spelling
def test_a_key_that_is_split_over_events_withholds_the_response(replay, gateway, wire, spelling):
    text = SPELLINGS[spelling]
    middle = len(text) // 2
    for pieces in ((text[:middle], text[middle:]), tuple(text)):
        body = deltas(wire, "The key is ", *pieces, ".")
        replay.serve(PATHS[wire], Canned(body))
        exchange = record(gateway, wire)
        (attempt,) = exchange.attempts
        assert leaks(exchange) == []
        assert (attempt.withholds_key, attempt.chunks, attempt.omitted_bytes) == (True, (), len(body))
        assert attempt.status == 200 and attempt.body


@each_wire
def test_a_key_that_is_whole_and_split_in_one_response_withholds_it(replay, gateway, wire):
    replay.serve(PATHS[wire], Canned(deltas(wire, KEY, " and ", KEY[:9], KEY[9:])))
    exchange = record(gateway, wire)
    assert leaks(exchange) == [] and exchange.attempts[0].withholds_key


@each_wire
@pytest.mark.parametrize("spelling", ESCAPED)
def test_a_key_behind_escapes_of_json_is_not_recorded(replay, gateway, wire, spelling):
    for body in (
        deltas(wire, "The key is ", ESCAPED[spelling], ".", escape=True),
        b": " + ESCAPED[spelling].encode() + b"\n\n" + deltas(wire, "No key."),  # nothing that has events
    ):
        replay.serve(PATHS[wire], Canned(body))
        assert leaks(record(gateway, wire)) == []


def test_a_key_behind_escapes_of_several_kinds_withholds_the_response(replay, gateway):
    replay.serve(PATHS["openai"], Canned(b": " + WITHHELD.encode() + b"\n\n" + deltas("openai", "No key.")))
    exchange = record(gateway)
    assert leaks(exchange) == [] and exchange.attempts[0].withholds_key


@each_wire
@pytest.mark.parametrize("status", [200, 401, 503])
def test_a_key_in_an_error_and_in_headers_is_not_recorded(replay, gateway, wire, status):
    for spelling in (*SPELLINGS.values(), *ESCAPED.values()):
        message = spelling if "\\" in spelling else json.dumps(spelling)[1:-1]
        headers = {**JSON, "X-Request-Id": spelling, f"X-{KEY.replace('/', '_')}": "1", "Location": f"/{spelling}"}
        body = b'{"type":"error","error":{"type":"api_error","message":"bad key %s"}}' % message.encode()
        replay.serve(PATHS[wire], Canned(body, status, headers, framing="length"))
        exchange = record(gateway, wire)
        assert leaks(exchange) == []
        assert b"bad key" in received(exchange.attempts[0])


def test_a_key_in_the_headers_alone_withholds_no_byte(replay, gateway):
    body = deltas("openai", "Because.")
    replay.serve(PATHS["openai"], Canned(body, headers={"X-Request-Id": f"r-{KEY}"}))
    (attempt,) = record(gateway).attempts
    assert (attempt.response_headers["X-Request-Id"], received(attempt)) == (f"r-{REDACTED}", body)


@each_wire
def test_a_credential_in_a_header_of_the_operator_is_treated_as_the_key(replay, wire):
    headers = {"X-Tenant-Secret": f"Basic {KEY}", "X-Team": "design"}
    gateway_values = {"DEERAPI_API_KEY": "sk-another-key", "DEERAPI_BASE_URL": replay.url}
    settings = load_settings(gateway_values, {"team": {"headers": headers}})
    client = Gateway(settings).with_caller(settings.caller_identity.build_caller(User("ann")))
    echo = {"X-Tenant-Secret": f"Basic {KEY}", "X-Team": "design", "X-Seen": KEY}
    replay.serve(PATHS[wire], Canned(deltas(wire, f"By design: {KEY}!"), headers=echo))
    exchange = record(client, wire)
    client.close()
    assert replay.requests[-1].headers["x-tenant-secret"] == f"Basic {KEY}"
    assert leaks(exchange) == []
    (attempt,) = exchange.attempts
    assert b"By design: \xe2\x80\xa6!" in received(attempt)
    assert {name: attempt.response_headers[name] for name in echo} == dict.fromkeys(echo, REDACTED)


def test_cookies_are_not_recorded(replay, gateway):
    replay.serve(PATHS["openai"], Canned(deltas("openai", "A"), headers={"Set-Cookie": "session=1234; Path=/"}))
    assert "1234" not in repr(record(gateway))


@each_wire
@each_spelling
def test_a_key_that_a_user_has_pasted_is_a_placeholder(replay, gateway, wire, spelling):
    replay.serve(PATHS[wire], Canned(deltas(wire, "Because.")))
    exchange = record(gateway, wire, messages=ask(f"My key is {SPELLINGS[spelling]} — why?"))
    assert leaks(exchange) == []
    (attempt,) = exchange.attempts
    body = json.loads(attempt.body)
    assert KEY_PLACEHOLDER in json.dumps(body) and "— why?" in body["messages"][0]["content"]
    assert received(attempt) == deltas(wire, "Because.")


def test_a_key_that_the_answer_repeats_piece_by_piece_is_not_recorded(replay, gateway):
    replay.serve(PATHS["openai"], Canned(deltas("openai", "You wrote ", *KEY)))
    assert leaks(record(gateway, messages=ask(f"Repeat {KEY}"))) == []


def test_a_key_at_the_edge_of_what_is_left_out_is_not_recorded(replay, gateway):
    body = deltas("openai", *[f"{KEY[:12]} and {KEY} " for _ in range(300)])
    replay.serve(PATHS["openai"], Canned(body, piece=33))
    for limit in range(12_000, 12_100, 7):
        exchange = record(gateway, limit=limit)
        assert leaks(exchange) == []


def test_a_key_of_which_a_part_was_left_out_withholds_the_response(replay, gateway):
    pieces = ["word "] * 400
    pieces[200:200] = list(KEY)
    replay.serve(PATHS["openai"], Canned(deltas("openai", *pieces), piece=50))
    (attempt,) = record(gateway, limit=15_000).attempts
    assert attempt.withholds_key


def test_a_response_without_the_key_is_recorded_byte_by_byte(replay, gateway):
    texts = ["100 %", "%73k-", "\\u0073", "sk-9f3b", b64encode(b"sk-9f3b").decode(), "\\/", "…"]
    body = deltas("openai", *texts) + b'data: {"a":"\\u0073\\u006b \\/ %25"}\n\n'
    replay.serve(PATHS["openai"], Canned(body, piece=11))
    assert received(record(gateway).attempts[0]) == body


def test_the_demo_without_a_key_is_recorded_as_it_is(replay):
    body = deltas("openai", "Because ", "\\u0073 % of it.")
    replay.serve(PATHS["openai"], Canned(body))
    client = Gateway(Settings(api_key="", base_url=replay.url))
    (attempt,) = record(client).attempts
    assert received(attempt) == body
    client.close()


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["\\", "%25", "25", "s\\\\", "\\u00"])
def test_a_long_run_of_escapes_before_a_key_is_read_once(unit):
    # A pattern that begins anew at each of them would take minutes.
    text = "%" + unit * 40_000 + "X" + KEY
    attempt = Attempt(0.0, "POST", "http://a", {}, text, status=200, chunks=(Chunk(0.5, text.encode()),))
    redacted = ExchangeRedactor(KEY).redact(attempt, TARGET, {}, KeyRedactor(KEY))
    assert redacted.body == text.replace(KEY, KEY_PLACEHOLDER)
    assert redacted.chunks[0].data.decode() == text.replace(KEY, REDACTED)


@given(
    before=some.binary(max_size=30),
    after=some.binary(max_size=30),
    spelling=some.sampled_from([*SPELLINGS.values(), *ESCAPED.values()]),
    size=some.integers(1, 40),
)
def test_bytes_around_a_key_stay_in_their_chunks(before, after, spelling, size):
    data = before + b"<" + spelling.encode() + b">" + after
    chunks = tuple(Chunk(n / 10, data[n : n + size]) for n in range(0, len(data), size))
    attempt = Attempt(1.0, "POST", "http://gateway", {}, status=200, chunks=chunks)
    redacted = ExchangeRedactor(KEY).redact(attempt, TARGET, {}, KeyRedactor(KEY))
    assert received(redacted).startswith(before + b"<") and received(redacted).endswith(b">" + after)
    assert leaks(Exchange("x", TARGET, (redacted,))) == []
    offsets = {chunk.offset: chunk.data for chunk in chunks}
    assert all(chunk.data and chunk.offset in offsets for chunk in redacted.chunks)
    assert redacted.chunks[0].offset == 0.0


@pytest.mark.parametrize("spelling", [*SPELLINGS.values(), *ESCAPED.values()])
def test_a_key_anywhere_in_a_large_response_is_replaced(spelling: str, monkeypatch: pytest.MonkeyPatch):
    # A response is searched in pieces of this size, which overlap.
    size = 8192
    monkeypatch.setattr(exchange_redactor, "_SEARCH_BYTES", size)
    redactor, filler = ExchangeRedactor(KEY), b"data: word\n\n" * 200
    for position in range(size - len(spelling) - 2, size + 2, 9 + len(spelling) // 5):
        data = (filler * 6)[:position] + spelling.encode() + filler
        chunks = tuple(Chunk(n / 1e6, data[n : n + 128]) for n in range(0, len(data), 128))
        attempt = Attempt(1.0, "POST", "http://gateway", {}, status=200, chunks=chunks)
        redacted = redactor.redact(attempt, TARGET, {}, KeyRedactor(KEY))
        assert REDACTED.encode() in received(redacted)
        assert received(redacted).startswith(data[: position - 2]) and received(redacted).endswith(filler)
        assert redactor.redact(redacted, TARGET, {}, KeyRedactor(KEY)) == redacted


@pytest.mark.parametrize("key", ["abc", "", "x" * 300, "k-()[]{}|^$.*+?\"'\\"])
def test_keys_of_any_characters_are_replaced_and_too_short_ones_stay(key: str):
    for text in (f"<{key}>", json.dumps(f"<{key}>")):
        attempt = Attempt(1.0, "POST", "http://gateway", {}, text, chunks=(Chunk(0.0, text.encode()),))
        redacted = ExchangeRedactor(key).redact(attempt, TARGET, {}, KeyRedactor(key))
        outer = '"' if text.startswith('"') else ""
        shown = f"{outer}<{{}}>{outer}".format
        assert redacted.body == (shown(KEY_PLACEHOLDER) if len(key) >= 4 else text)
        assert received(redacted).decode() == (shown(REDACTED) if len(key) >= 4 else text)
