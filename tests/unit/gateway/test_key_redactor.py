"""Redaction of the key from events, in each spelling and at each point where a gateway can split it."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lib.core import errors
from lib.core.conversation import Outcome, Usage
from lib.core.events import (
    Event,
    Finish,
    Heartbeat,
    ProviderMetadata,
    RedactedThinking,
    Restart,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from lib.gateway.key_redactor import KeyRedactor

KEY = "sk-9f3b7c1d5e8a2046bb7e"
REDACTOR = KeyRedactor(KEY)


def percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


SPELLINGS: dict[str, str] = {
    "plain": KEY,
    "percent-encoded": percent(KEY),
    "percent-encoded in lower case": percent(KEY).lower(),
    "partly percent-encoded": KEY[:4] + percent(KEY[4:9]) + KEY[9:],
    "percent-encoded twice": quote(percent(KEY)),
    "hexadecimal": KEY.encode().hex(),
    "hexadecimal in upper case": KEY.encode().hex().upper(),
    **{
        f"base64 after {offset} bytes": base64.b64encode(b"Bearer "[:offset] + KEY.encode()).decode()
        for offset in range(8)
    },
    "base64 before a text": base64.b64encode(f"{KEY}: wrong".encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(f"user:{KEY}".encode()).decode().rstrip("="),
    "percent-encoded base64": percent(base64.b64encode(f"{KEY}".encode()).decode()),
}


def leaks(text: str, spelling: str) -> bool:
    """Tell if a text holds a long part of a spelling: only what it shares with its surroundings may stay."""
    length = 12
    return any(spelling[i : i + length] in text for i in range(len(spelling) - length + 1))


def joined(events: Iterable[Event], kind: type = TextDelta) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_a_spelling_is_redacted_from_a_text(spelling):
    redacted = REDACTOR.redact(f"key={spelling}; and on")
    assert not leaks(redacted, spelling)
    assert redacted.startswith("key=") and redacted.endswith("; and on") and "…" in redacted


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("make", [TextDelta, ThinkingDelta], ids=["text", "thinking"])
def test_a_spelling_is_redacted_wherever_it_is_split(spelling, make):
    whole = f"ask {spelling} ok"
    for cut in range(1, len(whole)):
        events = list(REDACTOR.redact_events([make(whole[:cut]), make(whole[cut:])]))
        text = joined(events, make)
        assert not leaks(text, spelling), (cut, text)
        assert text.startswith("ask ") and text.endswith(" ok")
    one_by_one = list(REDACTOR.redact_events([make(char) for char in whole]))
    assert joined(one_by_one, make) == REDACTOR.redact(whole)


def test_a_key_in_three_deltas_of_two_blocks_is_redacted():
    pieces = [TextDelta(KEY[:9], 0), TextDelta(KEY[9:15], 1), TextDelta(KEY[15:] + "!", 1)]
    assert joined(REDACTOR.redact_events(pieces)) == "…!"


def test_the_alternatives_of_a_request_are_redacted_apart():
    pieces = [TextDelta(f"{KEY[:9]}", 0, 0), TextDelta("plain", 0, 1), TextDelta(KEY[9:], 0, 0)]
    events = list(REDACTOR.redact_events([*pieces, Finish(Outcome.COMPLETE, "stop", 0)]))
    assert [event.text for event in events if isinstance(event, TextDelta) and event.choice == 1] == ["plain"]
    assert joined(event for event in events if getattr(event, "choice", 0) == 0) == "…"


def test_a_start_that_goes_on_differently_is_yielded_in_its_own_blocks():
    pieces = [TextDelta("sk-9f", 0), TextDelta("3b", 1), TextDelta("x and sk", 1), Heartbeat(), TextDelta("y", 2)]
    events = list(REDACTOR.redact_events([*pieces, Finish(Outcome.COMPLETE, "stop")]))
    by_block = {block: joined(e for e in events if getattr(e, "block", None) == block) for block in range(3)}
    assert by_block == {0: "sk-9f", 1: "3bx and sk", 2: "y"}
    assert isinstance(events[-1], Finish)


def test_what_is_held_back_is_yielded_before_the_end_in_any_ending():
    pieces = [TextDelta("a task"), ThinkingDelta("sk-9"), SignatureDelta("s")]
    finished = list(REDACTOR.redact_events([*pieces, Finish(Outcome.COMPLETE, "stop"), UsageReport(Usage())]))
    assert (len(finished), joined(finished)) == (6, "a task")
    # Some gateways send a finish reason with every chunk.
    finish = Finish(Outcome.COMPLETE, "stop")
    every_chunk = [event for char in f"a {KEY}." for event in (TextDelta(char), finish)]
    assert joined(REDACTOR.redact_events(every_chunk)) == "a …."
    assert joined(REDACTOR.redact_events(pieces)) == "a task"
    assert joined(REDACTOR.redact_events(pieces), ThinkingDelta) == "sk-9"

    def fail() -> Iterable[Event]:
        yield from pieces
        raise errors.StreamInterrupted

    received: list[Event] = []
    with pytest.raises(errors.StreamInterrupted):
        for event in REDACTOR.redact_events(fail()):
            received.append(event)  # noqa: PERF402  the events before the error count
    assert (joined(received), joined(received, ThinkingDelta)) == ("a task", "sk-9")
    # After a restart, nothing of the first attempt follows.
    assert joined(REDACTOR.redact_events([TextDelta("ask"), Restart(), TextDelta("b")])) == "ab"


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_other_events_and_errors_are_redacted(spelling):
    events: list[Event] = [
        ProviderMetadata({"request_id": f"r-{spelling}", "tool": [{spelling: {"a": (spelling,)}}]}),
        UsageReport(Usage(input=3), {f"tokens {spelling}": 7}),
        Finish(Outcome.COMPLETE, spelling),
        RedactedThinking(spelling),
    ]
    redacted = list(REDACTOR.redact_events(events))
    assert [type(event) for event in redacted] == [type(event) for event in events]
    assert not leaks(repr(redacted), spelling)
    assert redacted[1].usage == Usage(input=3)
    error = REDACTOR.redact_error(errors.KeyRejected(f"wrong: {spelling}", status=401, request_id=spelling))
    assert not leaks(str(error) + repr(error.to_failure()) + repr(vars(error)), spelling)
    assert (type(error), error.status) == (errors.KeyRejected, 401)


@pytest.mark.parametrize(
    "text",
    [
        "sk-9f3b7c1d5e8a2046bb7",
        "Ask for 50% of the sky: %73%6b-, %",
        KEY.upper(),
        KEY[1:],
        base64.b64encode(b"sk-9f3b7c1d5e8a").decode(),
        "c2st",
        "",
    ],
)
def test_other_texts_are_unchanged(text):
    assert REDACTOR.redact(text) == text
    assert joined(REDACTOR.redact_events([TextDelta(char) for char in text])) == text


@pytest.mark.parametrize("key", ["", "abc", " \n"])
def test_a_key_that_is_no_secret_changes_nothing(key):
    events = [TextDelta(f"abc {key}"), ProviderMetadata({"id": key})]
    assert list(KeyRedactor(key).redact_events(events)) == events


@pytest.mark.parametrize("key", ["sk-a+b/c=d?e&f", "a.b*c(d)[e]{f}|g^h$", "ssssssss"])
def test_a_key_of_any_characters_is_redacted(key):
    redactor = KeyRedactor(key)
    for spelling in (key, quote(key, safe=""), base64.b64encode(key.encode()).decode().rstrip("=")):
        text = joined(
            redactor.redact_events([TextDelta(f"<{char}" if not i else char) for i, char in enumerate(spelling)])
        )
        assert "…" in text and spelling not in text, (spelling, text)


@given(some.text(alphabet="sk-9f3b%7c2ABYT=", max_size=60), some.lists(some.integers(0, 60), max_size=6))
def test_splitting_changes_nothing_but_the_deltas(text, cuts):
    text = text[:20] + (KEY if len(cuts) % 2 else "") + text[20:]
    borders = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [TextDelta(text[a:b]) for a, b in zip(borders, borders[1:], strict=False)]
    streamed = joined(REDACTOR.redact_events(pieces))
    assert KEY not in streamed
    if KEY not in text:
        assert streamed == text


def test_plain_deltas_are_not_copied():
    events: list[Event] = [TextDelta("Hello"), TextDelta(", world: "), ThinkingDelta("hm"), Heartbeat()]
    received = list(REDACTOR.redact_events(events))
    assert all(one is other for one, other in zip(received, events, strict=True))
