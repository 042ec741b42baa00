"""Metrics with bounded labels, and log fields of requests."""

from __future__ import annotations

import logging
import sqlite3

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lib.chat.turns import turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.summaries import UtilityModel, UtilityModelService
from lib.chat.turns.turn import TurnServices
from lib.chat.usage import metrics
from lib.chat.usage.metrics import Metrics
from lib.chat.usage.recorder import RequestOutcome
from lib.core import errors
from lib.core.conversation import Outcome, Timing, Usage
from lib.core.errors import StoreError
from lib.core.events import Finish, ProviderMetadata, RetryScheduled, TextDelta, UsageReport
from lib.core.params import Params
from lib.core.target import Target
from lib.storage.store import Store
from tests.unit.chat.services import Scripted, settled, until

TARGET = Target("claude-sonnet-4-5", "anthropic")
BY = {"purpose": "answer", "wire": "anthropic", "family": "Anthropic"}
DONE = Finish(Outcome.COMPLETE, "stop")


def figures(counted: Metrics) -> dict[tuple, float]:
    """Each sample by its name and labels."""
    families = text_string_to_metric_families(counted.to_prometheus_text().decode())
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for one in families
        for sample in one.samples
    }


def value(counted: Metrics, name: str, **labels: str) -> float | None:
    return figures(counted).get((name, *sorted(labels.items())))


def test_an_answer_is_counted_when_it_has_ended(store, caplog):
    counted = Metrics()
    said = [
        RetryScheduled(0.0, 2, 3, "overloaded"),
        ProviderMetadata({"request_id": "req-7"}),
        TextDelta("Nobody may read this"),
        UsageReport(Usage(12, 90)),
        DONE,
    ]
    desk = TurnServices(store, Scripted(said), GenerationRegistry(counted.record_request))
    with caplog.at_level(logging.INFO, "lib.chat.usage.metrics"):
        conversation = turn.ask(desk, "ann", None, "Nor this", TARGET, Params()).conversation.id
        settled(desk, conversation)
        until(lambda: caplog.records)
    assert value(counted, "antler_requests_total", **BY, outcome="complete", error="") == 1
    assert value(counted, "antler_retries_total", **BY) == 1
    assert value(counted, "antler_tokens_total", **BY, kind="output") == 90
    assert value(counted, "antler_first_token_seconds_count", **BY) == 1
    assert value(counted, "antler_request_seconds_count", **BY) == 1
    (record,) = caplog.records
    assert record.fields["request_id"] == "req-7" and record.fields["model"] == "claude-sonnet-4-5"
    assert record.fields["tries"] == 2 and record.fields["outcome"] == "complete"
    line = str(record.__dict__) + counted.to_prometheus_text().decode()
    assert not [word for word in ("Nobody", "Nor this", "'ann'", conversation) if word in line]


def test_a_failure_is_counted_under_its_code(store):
    counted = Metrics()
    desk = TurnServices(
        store,
        Scripted([errors.Overloaded("Busy", status=529)]),
        GenerationRegistry(counted.record_request),
    )
    settled(desk, turn.ask(desk, "ann", None, "Why?", TARGET, Params()).conversation.id)
    labels = {**BY, "outcome": "failed", "error": "overloaded"}
    until(lambda: value(counted, "antler_requests_total", **labels) == 1)


def test_titles_are_requests_too(store):
    counted = Metrics()
    gateway = Scripted([TextDelta("A title"), DONE])
    UtilityModelService(gateway, store, on_request_finished=counted.record_request).generate_title(
        "ann", "c", "Why?", UtilityModel(TARGET)
    )
    labels = {**BY, "purpose": "title", "outcome": "complete", "error": ""}
    until(lambda: value(counted, "antler_requests_total", **labels) == 1)


def test_what_runs_is_asked_for_when_the_figures_are():
    counted = Metrics()
    running = [3]
    counted.set_gauge_sources(lambda: running[0], lambda: running[0] == 0)
    assert value(counted, "antler_answers_running") == 3 and value(counted, "antler_closing") == 0
    running[0] = 0
    assert value(counted, "antler_answers_running") == 0 and value(counted, "antler_closing") == 1
    assert (value(counted, "process_resident_memory_bytes") or 0) > 1_000_000


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("claude-sonnet-4-5", "Anthropic"),
        ("gpt-5-mini", "OpenAI"),
        ("someone/qwen3-8b", "Qwen"),
        ("demo-tour", "demo"),
        ("mine/own-model", "other"),
        ('x"} 1\nevil', "other"),
        ("", "other"),
    ],
)
def test_a_models_family_is_one_of_a_closed_set(model, family):
    assert metrics.vendor_label(model) == family


def test_whatever_people_type_there_are_no_more_samples():
    counted = Metrics()
    sizes = set()
    for n in range(50):
        target = Target(f"own-{n}/model-{n}", "openai")
        counted.record_request(
            RequestOutcome("answer", f"o{n}", f"c{n}", target, Outcome.COMPLETE, Usage(1, 1), Timing(1, 1, 1))
        )
        sizes.add(len(figures(counted)))
    assert len(sizes) == 1


def test_a_database_that_refuses_is_counted(tmp_path):
    counted = Metrics()
    store = Store(f"sqlite:///{tmp_path}/antler.db", on_refusal=counted.count_database_error)
    store.ping()
    assert value(counted, "antler_database_errors_total") == 0
    with sqlite3.connect(tmp_path / "antler.db") as other:
        other.execute("ALTER TABLE conversation RENAME TO elsewhere")
    with pytest.raises(StoreError):
        store.conversations.page("ann", 10)
    store.close()
    assert value(counted, "antler_database_errors_total") == 1
