"""Metrics with bounded labels, and log fields of requests."""

from __future__ import annotations

import logging
import platform
import re
import sqlite3
import tomllib
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lib.chat.turns import turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.chat.turns.summaries import UtilityModel, UtilityModelService
from lib.chat.usage import metrics
from lib.chat.usage.metrics import Metrics
from lib.chat.usage.recorder import RequestOutcome
from lib.core import errors
from lib.core.conversation import Outcome, Timing, Usage
from lib.core.errors import StoreError
from lib.core.events import Finish, ProviderMetadata, RetryScheduled, TextDelta, UsageReport
from lib.core.params import Params
from lib.core.target import Target
from lib.core.usage import UsageRecord
from lib.storage.store import Store
from tests.unit.chat.services import ScriptedGateway, wait_for_path, wait_until

ROOT = Path(__file__).parents[4]
TARGET = Target("claude-sonnet-4-5", "anthropic")
LABELS = {"purpose": "answer", "wire": "anthropic", "family": "Anthropic"}
DONE = Finish(Outcome.COMPLETE, "stop")


def parse_samples(collector: Metrics) -> dict[tuple, float]:
    """Return samples by name and sorted labels."""
    families = text_string_to_metric_families(collector.to_prometheus_text().decode())
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value for family in families for sample in family.samples
    }


def sample_value(collector: Metrics, name: str, **labels: str) -> float | None:
    return parse_samples(collector).get((name, *sorted(labels.items())))


def test_a_finished_answer_is_counted_and_logged(store, caplog):
    collector = Metrics()
    events = [
        RetryScheduled(0.0, 2, 3, "overloaded"),
        ProviderMetadata({"request_id": "req-7"}),
        TextDelta("Nobody may read this"),
        UsageReport(Usage(12, 90)),
        DONE,
    ]
    services = TurnServices(store, ScriptedGateway(events), GenerationRegistry(collector.record_request))
    with caplog.at_level(logging.INFO, "lib.chat.usage.metrics"):
        conversation_id = turn.ask(services, "ann", None, "Nor this", TARGET, Params()).conversation.id
        wait_for_path(services, conversation_id)
        wait_until(lambda: caplog.records)
    assert sample_value(collector, "antler_requests_total", **LABELS, outcome="complete", error="") == 1
    assert sample_value(collector, "antler_retries_total", **LABELS) == 1
    assert sample_value(collector, "antler_tokens_total", **LABELS, kind="output") == 90
    assert sample_value(collector, "antler_first_token_seconds_count", **LABELS) == 1
    assert sample_value(collector, "antler_request_seconds_count", **LABELS) == 1
    (record,) = caplog.records
    assert record.fields["request_id"] == "req-7" and record.fields["model"] == "claude-sonnet-4-5"
    assert record.fields["tries"] == 2 and record.fields["outcome"] == "complete"
    output = str(record.__dict__) + collector.to_prometheus_text().decode()
    assert not [word for word in ("Nobody", "Nor this", "'ann'", conversation_id) if word in output]


def test_a_failure_is_counted_by_error_code(store):
    collector = Metrics()
    services = TurnServices(
        store,
        ScriptedGateway([errors.Overloaded("Busy", status=529)]),
        GenerationRegistry(collector.record_request),
    )
    wait_for_path(services, turn.ask(services, "ann", None, "Why?", TARGET, Params()).conversation.id)
    labels = {**LABELS, "outcome": "failed", "error": "overloaded"}
    wait_until(lambda: sample_value(collector, "antler_requests_total", **labels) == 1)


def test_the_tokens_of_a_continued_answer_are_counted_once(store):
    collector = Metrics()
    parts = (
        [TextDelta("Half"), UsageReport(Usage(5, 30)), Finish(Outcome.LENGTH, "length")],
        [TextDelta(" done"), UsageReport(Usage(9, 20)), DONE],
    )
    services = TurnServices(store, ScriptedGateway(*parts), GenerationRegistry(collector.record_request))
    conversation_id = turn.ask(services, "ann", None, "Why?", TARGET, Params()).conversation.id
    answer = wait_for_path(services, conversation_id)[-1]
    wait_until(lambda: not len(services.generations))
    turn.continue_answer(services, "ann", conversation_id, answer.id, Params())
    wait_until(lambda: sample_value(collector, "antler_tokens_total", **LABELS, kind="input") == 14)
    assert sample_value(collector, "antler_tokens_total", **LABELS, kind="output") == 50


def test_title_requests_are_counted(store):
    collector = Metrics()
    gateway = ScriptedGateway([TextDelta("A title"), DONE])
    UtilityModelService(gateway, store, on_request_finished=collector.record_request).generate_title(
        "ann", "c", "Why?", UtilityModel(TARGET)
    )
    labels = {**LABELS, "purpose": "title", "outcome": "complete", "error": ""}
    wait_until(lambda: sample_value(collector, "antler_requests_total", **labels) == 1)


def test_gauges_are_read_at_scrape_time():
    collector = Metrics()
    running = [3]
    assert sample_value(collector, "antler_answers_running") is None
    collector.set_gauges(answers_running=lambda: running[0], closing=lambda: float(running[0] == 0))
    assert sample_value(collector, "antler_answers_running") == 3 and sample_value(collector, "antler_closing") == 0
    running[0] = 0
    assert sample_value(collector, "antler_answers_running") == 0 and sample_value(collector, "antler_closing") == 1
    assert (sample_value(collector, "process_resident_memory_bytes") or 0) > 1_000_000


def test_a_gauge_with_a_new_source_is_the_same_gauge():
    collector = Metrics()
    for count in (1.0, 2.0):
        collector.set_gauges(followers=lambda count=count: count)
        assert sample_value(collector, "antler_followers") == count


def test_transactions_lag_and_collections_are_histograms_in_seconds():
    collector = Metrics()
    collector.observe_transaction("write", 0.2)
    collector.observe_loop_lag(0.03)
    collector.observe_collection(0.04)
    assert sample_value(collector, "antler_database_seconds_sum", kind="write") == 0.2
    assert sample_value(collector, "antler_event_loop_lag_seconds_bucket", le="0.05") == 1
    assert sample_value(collector, "antler_full_collection_seconds_sum") == 0.04


def test_the_build_is_that_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    labels = {"version": project["version"], "python": platform.python_version()}
    assert sample_value(Metrics(), "antler_build_info", **labels) == 1


@pytest.mark.parametrize("name", ["grafana.json", "alerts.yaml"])
def test_the_dashboard_and_the_alerts_name_metrics_that_there_are(name):
    collector = Metrics()
    collector.set_gauges(**dict.fromkeys(metrics.GAUGES, lambda: 0.0))
    families = text_string_to_metric_families(collector.to_prometheus_text().decode())
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
    exported = {family.name + suffix for family in families for suffix in suffixes.get(family.type, ("",))}
    named = set(re.findall(r"\b(?:antler|process)_\w+", (ROOT / "deploy" / name).read_text(encoding="utf-8")))
    assert len(named) > 5
    assert named - exported == set()


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
def test_vendor_label_is_one_of_a_fixed_set(model, family):
    assert metrics.vendor_label(model) == family


def test_custom_model_names_add_no_samples():
    collector = Metrics()
    sizes = set()
    for number in range(50):
        target = Target(f"own-{number}/model-{number}", "openai")
        usage, timing, outcome = Usage(1, 1), Timing(1, 1, 1), Outcome.COMPLETE
        record = UsageRecord("u", f"c{number}", "answer", target, usage, timing, outcome, "", 1.0)
        collector.record_request(RequestOutcome(f"o{number}", (record,)))
        sizes.add(len(parse_samples(collector)))
    assert len(sizes) == 1


def test_database_errors_are_counted(tmp_path):
    collector = Metrics()
    store = Store(f"sqlite:///{tmp_path}/antler.db", on_refusal=collector.count_database_error)
    store.ping()
    assert sample_value(collector, "antler_database_errors_total") == 0
    with sqlite3.connect(tmp_path / "antler.db") as connection:
        connection.execute("ALTER TABLE conversation RENAME TO elsewhere")
    with pytest.raises(StoreError):
        store.conversations.page("ann", 10)
    store.close()
    assert sample_value(collector, "antler_database_errors_total") == 1
