"""Titles and summaries from a cheap model: what is asked, kept and counted, and what goes wrong quietly."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lib.chat.turns import summaries
from lib.chat.turns.summaries import SummaryJob, UtilityModel, UtilityModelService
from lib.core import errors, tokens
from lib.core.conversation import Message, Node, Outcome, TextPart, Usage
from lib.core.events import (
    Finish,
    ProviderMetadata,
    Restart,
    RetryScheduled,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from lib.core.target import Target
from lib.core.usage import UsageRecord
from tests.unit.chat.services import Scripted, until

CHEAP = UtilityModel(Target("small", "openai"))
USED = UsageReport(Usage(input=40, output=6))
DONE = Finish(Outcome.COMPLETE, "stop")
TITLE = [
    ProviderMetadata({"request_id": "r-1"}),
    TextDelta("Title: “Blue "),
    TextDelta("skies”\n"),
    USED,
    DONE,
]
PATH = [
    Node("q", None, Message("user", (TextPart("Why is the sky blue?"),)), 1.0),
    Node("a", "q", Message("assistant", (TextPart("Because of the air."),)), 2.0),
]


class Book:
    """A ledger that remembers; `refuses` makes it a database that is away."""

    def __init__(self, refuses: bool = False) -> None:
        self.titles: list[tuple[str, str, str]] = []
        self.spends: list[tuple[str, UsageRecord]] = []
        self._refuses = refuses
        self.conversations = self.usage = self

    def set_generated_title(self, owner: str, conversation: str, title: str) -> None:
        if self._refuses:
            raise errors.StoreError("away")
        self.titles.append((owner, conversation, title))

    def record(self, owner: str, *spends: UsageRecord) -> None:
        self.spends.extend((owner, spend) for spend in spends)
        if self._refuses:
            raise errors.StoreError("away")


def at_rest() -> bool:
    return not any(thread.name in ("title", "summary") for thread in threading.enumerate())


@pytest.fixture(autouse=True)
def no_worker_left() -> Iterator[None]:
    yield
    until(at_rest)


def entitled(gateway: Scripted, book: Book, question: str = "Why is the sky blue?") -> None:
    UtilityModelService(gateway, book).generate_title("ann", "c1", question, CHEAP)
    until(at_rest)


def summed(
    gateway: Scripted, book: Book, finish=lambda _: "", cheap=CHEAP, before="", path=PATH
) -> SummaryJob:
    job = UtilityModelService(gateway, book).start_summary("ann", "c1", path, before, cheap, finish)
    until(lambda: job.state != "running")
    return job


def test_a_title_is_asked_for_kept_and_counted_once() -> None:
    gateway, book = Scripted(TITLE), Book()
    entitled(gateway, book, "x" * 5000)
    assert book.titles == [("ann", "c1", "Blue skies")]
    ((owner, spend),) = book.spends
    assert (owner, spend.conversation_id, spend.purpose) == ("ann", "c1", "title")
    assert (spend.target, spend.usage, spend.outcome) == (CHEAP.target, USED.usage, Outcome.COMPLETE)
    assert spend.request_id == "r-1"
    assert 0 <= spend.timing.first_token <= spend.timing.total
    ((target, (message,), params),) = gateway.sent
    assert target == CHEAP.target
    assert message.role == "user"
    assert summaries.MAX_QUESTION_LENGTH <= len(message.text) < summaries.MAX_QUESTION_LENGTH + 50
    assert (params.system, params.max_tokens) == (summaries.TITLE_PROMPT, summaries.TITLE_MAX_TOKENS)
    assert (params.temperature, params.top_p, params.effort, params.thinking) == (None, None, "", "")


FAILURES = {
    "refused": ([errors.KeyRejected("the question, said back")], Usage()),
    "cut after a count": ([TextDelta("Blue"), USED, errors.StreamInterrupted()], USED.usage),
    "no last word": ([TextDelta("Blue"), USED], USED.usage),
    "cut by its limit": ([TextDelta("Blue"), USED, Finish(Outcome.LENGTH, "length")], USED.usage),
    "only thought": ([ThinkingDelta("Blue?"), USED, DONE], USED.usage),
    "nothing usable": ([TextDelta("***\n---"), USED, DONE], USED.usage),
    "another try would follow": ([Restart(), RetryScheduled(9.0, 2, 3, "rate_limited"), *TITLE], Usage()),
    "counted, and another try would follow": (
        [USED, Restart(), RetryScheduled(9.0, 2, 3, "cut"), *TITLE],
        USED.usage,
    ),
    "a fault of ours": ([RuntimeError("the question, said back")], Usage()),
}


@pytest.mark.parametrize("said", FAILURES)
def test_where_no_title_comes_nothing_is_said_but_the_request_is_counted_once(said: str, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    events, counted = FAILURES[said]
    gateway, book = Scripted(events), Book()
    entitled(gateway, book)
    assert book.titles == []
    assert [spend.usage for _, spend in book.spends] == [counted]
    assert len(gateway.sent) == 1
    assert "sky" not in caplog.text
    assert "said back" not in caplog.text
    assert "no title" in caplog.text


def test_an_answer_without_a_count_is_counted_as_unknown() -> None:
    book = Book()
    entitled(Scripted([TextDelta("Blue skies"), DONE]), book)
    assert [spend.usage for _, spend in book.spends] == [Usage()]
    assert book.titles == [("ann", "c1", "Blue skies")]


def test_what_was_begun_in_vain_is_counted_with_the_rest() -> None:
    book = Book()
    entitled(Scripted([TextDelta("Red"), USED, Restart(), *TITLE]), book)
    assert [spend.usage for _, spend in book.spends] == [USED.usage + USED.usage]
    assert book.titles == [("ann", "c1", "Blue skies")]


def test_a_database_that_is_away_breaks_nothing() -> None:
    book = Book(refuses=True)
    entitled(Scripted(TITLE), book)
    assert len(book.spends) == 1
    assert book.titles == []


def test_only_a_few_titles_are_asked_for_at_once_and_then_again() -> None:
    held = threading.Event()
    many = summaries.MAX_CONCURRENT_TITLES + 3
    gateway, book = Scripted(*[[held, *TITLE]] * many), Book()
    asked = UtilityModelService(gateway, book)
    for number in range(many):
        asked.generate_title("ann", f"c{number}", "Why?", CHEAP)
    until(lambda: len(gateway.sent) == summaries.MAX_CONCURRENT_TITLES)
    held.set()
    until(at_rest)
    assert len(book.titles) == len(gateway.sent) == summaries.MAX_CONCURRENT_TITLES
    asked.generate_title("ann", "later", "Why?", CHEAP)
    until(lambda: len(book.titles) == summaries.MAX_CONCURRENT_TITLES + 1)


SUMMARY = [TextDelta(" They spoke of the sky. "), USED, DONE]


def test_a_summary_is_made_of_what_was_said_kept_and_counted() -> None:
    kept: list[str] = []
    gateway, book = Scripted(SUMMARY), Book()
    job = summed(gateway, book, lambda text: kept.append(text) or "next", before="Ships.")
    assert (job.state, job.error_code, job.next_conversation_id) == ("done", "", "next")
    assert kept == ["They spoke of the sky."]
    ((_, (message,), params),) = gateway.sent
    assert message.text == (
        "<summary>\nShips.\n</summary>\n\n<question>\nWhy is the sky blue?\n</question>\n\n"
        "<answer>\nBecause of the air.\n</answer>"
    )
    assert (params.system, params.max_tokens) == (summaries.SUMMARY_PROMPT, summaries.SUMMARY_MAX_TOKENS)
    assert [(spend.purpose, spend.usage) for _, spend in book.spends] == [("summary", USED.usage)]


def test_what_is_longer_than_the_cheap_models_own_window_is_folded_in_pieces() -> None:
    path = [Node(str(n), None, Message("user", (TextPart(f"{n} " * 900),)), float(n)) for n in range(4)]
    kept: list[str] = []
    gateway = Scripted(*[[TextDelta(f"Sum {n}."), USED, DONE] for n in range(9)])
    book = Book()
    job = summed(
        gateway, book, lambda text: kept.append(text) or "", UtilityModel(CHEAP.target, 2000), path=path
    )
    assert job.state == "done"
    assert job.step_count == len(gateway.sent) == len(book.spends) > 2
    for number, (_, (message,), params) in enumerate(gateway.sent):
        assert tokens.estimate(summaries.SUMMARY_PROMPT + message.text) + params.max_tokens <= 2000
        assert ("<summary>" in message.text) == bool(number)
        assert number == 0 or f"Sum {number - 1}." in message.text
    assert kept == [f"Sum {job.step_count - 1}."]


def refuse(_: str) -> str:
    raise errors.StoreError("away")


@pytest.mark.parametrize(
    ("said", "finish", "code"),
    [
        ([errors.RateLimited("busy")], None, "rate_limited"),
        ([TextDelta("They"), USED, errors.StreamInterrupted()], None, "cut"),
        ([USED, DONE], None, "no_summary"),
        ([TextDelta("No."), USED, Finish(Outcome.REFUSED, "refusal")], None, "no_summary"),
        ([RuntimeError("a fault of ours")], None, "unexpected"),
        (SUMMARY, refuse, "store"),
    ],
)
def test_a_summary_that_fails_says_why_and_changes_nothing(said, finish, code) -> None:
    kept: list[str] = []
    book = Book()
    job = summed(Scripted(said), book, finish or (lambda text: kept.append(text) or ""))
    assert (job.state, job.error_code) == ("failed", code)
    assert kept == []
    assert [spend.usage for _, spend in book.spends] == [USED.usage if USED in said else Usage()]


def test_a_summary_is_tried_again_where_its_answer_has_not_begun() -> None:
    book = Book()
    job = summed(Scripted([Restart(), RetryScheduled(0.0, 2, 3, "cut"), *SUMMARY]), book)
    assert job.state == "done"
    assert [(one.outcome, one.usage) for _, one in book.spends] == [
        (Outcome.FAILED, Usage()),
        (Outcome.COMPLETE, USED.usage),
    ]


def test_a_summary_can_be_cancelled_and_is_not_kept() -> None:
    never = threading.Event()
    kept: list[str] = []
    asked = UtilityModelService(Scripted([TextDelta("They"), USED, never], SUMMARY), book := Book())
    job = asked.start_summary("ann", "c1", PATH, "", CHEAP, lambda text: kept.append(text) or "")
    assert asked.start_summary("ann", "c1", PATH, "", CHEAP, lambda _: "") is job
    assert asked.find_summary("ann", "c1") is job
    assert asked.find_summary("bob", "c1") is None
    job.cancel()
    until(at_rest)
    assert (job.state, kept) == ("cancelled", [])
    assert [spend.outcome for _, spend in book.spends] in ([], [Outcome.STOPPED])
    again = asked.start_summary("ann", "c1", PATH, "", CHEAP, lambda text: kept.append(text) or "")
    until(at_rest)
    assert (again.state, kept) == ("done", ["They spoke of the sky."])
    again.cancel()
    assert again.state == "done"
    asked.forget_summary(again)
    assert asked.find_summary("ann", "c1") is None


def test_summaries_wait_for_their_turn_and_can_be_cancelled_meanwhile() -> None:
    held = threading.Event()
    asked = UtilityModelService(gateway := Scripted(*[[held, *SUMMARY]] * 9), Book())
    jobs = [
        asked.start_summary("ann", f"c{n}", PATH, "", CHEAP, lambda _: "")
        for n in range(summaries.MAX_CONCURRENT_SUMMARIES + 2)
    ]
    until(lambda: len(gateway.sent) == summaries.MAX_CONCURRENT_SUMMARIES)
    waiting = [job for job in jobs if job.state == "running"][-1]
    waiting.cancel()
    held.set()
    until(at_rest)
    assert sorted(job.state for job in jobs) == ["cancelled", *["done"] * (len(jobs) - 1)]


@given(some.lists(some.text(max_size=3000), max_size=6), some.integers(50, 500))
def test_pieces_hold_all_that_was_said_and_are_small(said, most) -> None:
    path = [Node(str(n), None, Message("user", (TextPart(text),)), float(n)) for n, text in enumerate(said)]
    found = list(summaries.split_into_chunks(path, most))
    assert all(tokens.estimate(piece) <= most + 20 for piece in found)
    bare = "".join(found).replace("<question>\n", "").replace("\n</question>", "").replace("\n\n", "")
    for text in said:
        assert all(sign in bare for sign in text.strip().replace("\n", ""))
