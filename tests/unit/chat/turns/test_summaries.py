"""Titles and summaries of a utility model: requests, results, usage records and failures."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from tests.unit.chat.services import ScriptedGateway, wait_until

UTILITY_MODEL = UtilityModel(Target("small", "openai"))
USAGE_REPORT = UsageReport(Usage(input=40, output=6))
DONE = Finish(Outcome.COMPLETE, "stop")
TITLE = [
    ProviderMetadata({"request_id": "r-1"}),
    TextDelta("Title: “Blue "),
    TextDelta("skies”\n"),
    USAGE_REPORT,
    DONE,
]
PATH = [
    Node("q", None, Message("user", (TextPart("Why is the sky blue?"),)), 1.0),
    Node("a", "q", Message("assistant", (TextPart("Because of the air."),)), 2.0),
]


class FakeStore:
    """A store in memory; `is_unavailable` makes every write raise StoreError."""

    def __init__(self, is_unavailable: bool = False) -> None:
        self.titles: list[tuple[str, str, str]] = []
        self.records: list[tuple[str, UsageRecord]] = []
        self._is_unavailable = is_unavailable
        self.conversations = self.usage = self

    def set_generated_title(self, owner: str, conversation: str, title: str) -> None:
        if self._is_unavailable:
            raise errors.StoreError("unavailable")
        self.titles.append((owner, conversation, title))

    def record(self, owner: str, *records: UsageRecord) -> None:
        self.records.extend((owner, record) for record in records)
        if self._is_unavailable:
            raise errors.StoreError("unavailable")


def has_no_workers() -> bool:
    return not any(thread.name in ("title", "summary") for thread in threading.enumerate())


@pytest.fixture(autouse=True)
def wait_for_workers() -> Iterator[None]:
    yield
    wait_until(has_no_workers)


def generate_title(gateway: ScriptedGateway, store: FakeStore, question: str = "Why is the sky blue?") -> None:
    UtilityModelService(gateway, store).generate_title("ann", "c1", question, UTILITY_MODEL)
    wait_until(has_no_workers)


def start_summary(
    gateway: ScriptedGateway,
    store: FakeStore,
    finish=lambda _: "",
    utility_model=UTILITY_MODEL,
    before="",
    path=PATH,
) -> SummaryJob:
    job = UtilityModelService(gateway, store).start_summary("ann", "c1", path, before, utility_model, finish)
    wait_until(lambda: job.state != "running")
    return job


def test_a_title_is_requested_saved_and_counted_once() -> None:
    gateway, store = ScriptedGateway(TITLE), FakeStore()
    generate_title(gateway, store, "x" * 5000)
    assert store.titles == [("ann", "c1", "Blue skies")]
    ((owner, record),) = store.records
    assert (owner, record.conversation_id, record.purpose) == ("ann", "c1", "title")
    assert (record.target, record.usage, record.outcome) == (
        UTILITY_MODEL.target,
        USAGE_REPORT.usage,
        Outcome.COMPLETE,
    )
    assert record.request_id == "r-1"
    assert 0 <= record.timing.first_token <= record.timing.total
    ((target, (message,), params),) = gateway.sent
    assert target == UTILITY_MODEL.target
    assert message.role == "user"
    assert summaries.MAX_QUESTION_LENGTH <= len(message.text) < summaries.MAX_QUESTION_LENGTH + 50
    assert (params.system, params.max_tokens) == (summaries.TITLE_PROMPT, summaries.TITLE_MAX_TOKENS)
    assert (params.temperature, params.top_p, params.effort, params.thinking) == (None, None, "", "")


FAILURES = {
    "key rejected": ([errors.KeyRejected("the question, echoed")], Usage()),
    "interrupted after usage": (
        [TextDelta("Blue"), USAGE_REPORT, errors.StreamInterrupted()],
        USAGE_REPORT.usage,
    ),
    "no finish event": ([TextDelta("Blue"), USAGE_REPORT], USAGE_REPORT.usage),
    "token limit": ([TextDelta("Blue"), USAGE_REPORT, Finish(Outcome.LENGTH, "length")], USAGE_REPORT.usage),
    "only thinking": ([ThinkingDelta("Blue?"), USAGE_REPORT, DONE], USAGE_REPORT.usage),
    "no usable text": ([TextDelta("***\n---"), USAGE_REPORT, DONE], USAGE_REPORT.usage),
    "retry scheduled": ([Restart(), RetryScheduled(9.0, 2, 3, "rate_limited"), *TITLE], Usage()),
    "retry scheduled after usage": (
        [USAGE_REPORT, Restart(), RetryScheduled(9.0, 2, 3, "cut"), *TITLE],
        USAGE_REPORT.usage,
    ),
    "internal error": ([RuntimeError("the question, echoed")], Usage()),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failed_title_is_logged_without_content_and_counted_once(case: str, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    events, expected = FAILURES[case]
    gateway, store = ScriptedGateway(events), FakeStore()
    generate_title(gateway, store)
    assert store.titles == []
    assert [record.usage for _, record in store.records] == [expected]
    assert len(gateway.sent) == 1
    assert "sky" not in caplog.text
    assert "echoed" not in caplog.text
    assert "no title" in caplog.text


def test_a_title_without_usage_report_is_counted_as_unknown() -> None:
    store = FakeStore()
    generate_title(ScriptedGateway([TextDelta("Blue skies"), DONE]), store)
    assert [record.usage for _, record in store.records] == [Usage()]
    assert store.titles == [("ann", "c1", "Blue skies")]


def test_usage_before_a_restart_is_included() -> None:
    store = FakeStore()
    generate_title(ScriptedGateway([TextDelta("Red"), USAGE_REPORT, Restart(), *TITLE]), store)
    assert [record.usage for _, record in store.records] == [USAGE_REPORT.usage + USAGE_REPORT.usage]
    assert store.titles == [("ann", "c1", "Blue skies")]


def test_an_unavailable_database_is_tolerated() -> None:
    store = FakeStore(is_unavailable=True)
    generate_title(ScriptedGateway(TITLE), store)
    assert len(store.records) == 1
    assert store.titles == []


def test_concurrent_title_requests_are_limited() -> None:
    release = threading.Event()
    title_count = summaries.MAX_CONCURRENT_TITLES + 3
    gateway, store = ScriptedGateway(*[[release, *TITLE]] * title_count), FakeStore()
    service = UtilityModelService(gateway, store)
    for number in range(title_count):
        service.generate_title("ann", f"c{number}", "Why?", UTILITY_MODEL)
    wait_until(lambda: len(gateway.sent) == summaries.MAX_CONCURRENT_TITLES)
    release.set()
    wait_until(has_no_workers)
    assert len(store.titles) == len(gateway.sent) == summaries.MAX_CONCURRENT_TITLES
    service.generate_title("ann", "later", "Why?", UTILITY_MODEL)
    wait_until(lambda: len(store.titles) == summaries.MAX_CONCURRENT_TITLES + 1)


SUMMARY = [TextDelta(" They spoke of the sky. "), USAGE_REPORT, DONE]


def test_a_summary_covers_the_path_and_is_saved_and_counted() -> None:
    saved: list[str] = []
    gateway, store = ScriptedGateway(SUMMARY), FakeStore()
    job = start_summary(gateway, store, lambda text: saved.append(text) or "next", before="Ships.")
    assert (job.state, job.error_code, job.next_conversation_id) == ("done", "", "next")
    assert saved == ["They spoke of the sky."]
    ((_, (message,), params),) = gateway.sent
    assert message.text == (
        "<summary>\nShips.\n</summary>\n\n<question>\nWhy is the sky blue?\n</question>\n\n"
        "<answer>\nBecause of the air.\n</answer>"
    )
    assert (params.system, params.max_tokens) == (summaries.SUMMARY_PROMPT, summaries.SUMMARY_MAX_TOKENS)
    assert [(record.purpose, record.usage) for _, record in store.records] == [("summary", USAGE_REPORT.usage)]


def test_text_beyond_the_context_window_is_summarised_in_chunks() -> None:
    path = [Node(str(n), None, Message("user", (TextPart(f"{n} " * 900),)), float(n)) for n in range(4)]
    saved: list[str] = []
    gateway = ScriptedGateway(*[[TextDelta(f"Sum {n}."), USAGE_REPORT, DONE] for n in range(9)])
    store = FakeStore()
    job = start_summary(
        gateway,
        store,
        lambda text: saved.append(text) or "",
        UtilityModel(UTILITY_MODEL.target, 2000),
        path=path,
    )
    assert job.state == "done"
    assert job.step_count == len(gateway.sent) == len(store.records) > 2
    for number, (_, (message,), params) in enumerate(gateway.sent):
        assert tokens.estimate(summaries.SUMMARY_PROMPT + message.text) + params.max_tokens <= 2000
        assert ("<summary>" in message.text) == bool(number)
        assert number == 0 or f"Sum {number - 1}." in message.text
    assert saved == [f"Sum {job.step_count - 1}."]


def refuse(_: str) -> str:
    raise errors.StoreError("unavailable")


@pytest.mark.parametrize(
    ("script", "finish", "code"),
    [
        ([errors.RateLimited("busy")], None, "rate_limited"),
        ([TextDelta("They"), USAGE_REPORT, errors.StreamInterrupted()], None, "cut"),
        ([USAGE_REPORT, DONE], None, "no_summary"),
        ([TextDelta("No."), USAGE_REPORT, Finish(Outcome.REFUSED, "refusal")], None, "no_summary"),
        ([RuntimeError("internal error")], None, "unexpected"),
        (SUMMARY, refuse, "store"),
    ],
)
def test_a_failed_summary_has_an_error_code_and_saves_nothing(script, finish, code) -> None:
    saved: list[str] = []
    store = FakeStore()
    job = start_summary(ScriptedGateway(script), store, finish or (lambda text: saved.append(text) or ""))
    assert (job.state, job.error_code) == ("failed", code)
    assert saved == []
    assert [record.usage for _, record in store.records] == [USAGE_REPORT.usage if USAGE_REPORT in script else Usage()]


def test_a_summary_is_retried_before_its_answer_starts() -> None:
    store = FakeStore()
    job = start_summary(ScriptedGateway([Restart(), RetryScheduled(0.0, 2, 3, "cut"), *SUMMARY]), store)
    assert job.state == "done"
    assert [(record.outcome, record.usage) for _, record in store.records] == [
        (Outcome.FAILED, Usage()),
        (Outcome.COMPLETE, USAGE_REPORT.usage),
    ]


def test_a_cancelled_summary_is_not_saved() -> None:
    endless = threading.Event()
    saved: list[str] = []
    service = UtilityModelService(
        ScriptedGateway([TextDelta("They"), USAGE_REPORT, endless], SUMMARY), store := FakeStore()
    )
    job = service.start_summary("ann", "c1", PATH, "", UTILITY_MODEL, lambda text: saved.append(text) or "")
    assert service.start_summary("ann", "c1", PATH, "", UTILITY_MODEL, lambda _: "") is job
    assert service.find_summary("ann", "c1") is job
    assert service.find_summary("bob", "c1") is None
    job.cancel()
    wait_until(has_no_workers)
    assert (job.state, saved) == ("cancelled", [])
    assert [record.outcome for _, record in store.records] in ([], [Outcome.STOPPED])
    next_job = service.start_summary("ann", "c1", PATH, "", UTILITY_MODEL, lambda text: saved.append(text) or "")
    wait_until(has_no_workers)
    assert (next_job.state, saved) == ("done", ["They spoke of the sky."])
    next_job.cancel()
    assert next_job.state == "done"
    service.forget_summary(next_job)
    assert service.find_summary("ann", "c1") is None


def test_queued_summaries_can_be_cancelled() -> None:
    release = threading.Event()
    service = UtilityModelService(gateway := ScriptedGateway(*[[release, *SUMMARY]] * 9), FakeStore())
    jobs = [
        service.start_summary("ann", f"c{n}", PATH, "", UTILITY_MODEL, lambda _: "")
        for n in range(summaries.MAX_CONCURRENT_SUMMARIES + 2)
    ]
    wait_until(lambda: len(gateway.sent) == summaries.MAX_CONCURRENT_SUMMARIES)
    waiting = [job for job in jobs if job.state == "running"][-1]
    waiting.cancel()
    release.set()
    wait_until(has_no_workers)
    assert sorted(job.state for job in jobs) == ["cancelled", *["done"] * (len(jobs) - 1)]


@given(st.lists(st.text(max_size=3000), max_size=6), st.integers(50, 500))
def test_chunks_are_limited_in_size_and_lose_no_text(texts, max_tokens) -> None:
    path = [Node(str(n), None, Message("user", (TextPart(text),)), float(n)) for n, text in enumerate(texts)]
    chunks = list(summaries.split_into_chunks(path, max_tokens))
    assert all(tokens.estimate(chunk) <= max_tokens + 20 for chunk in chunks)
    content = "".join(chunks).replace("<question>\n", "").replace("\n</question>", "").replace("\n\n", "")
    for text in texts:
        assert all(character in content for character in text.strip().replace("\n", ""))
