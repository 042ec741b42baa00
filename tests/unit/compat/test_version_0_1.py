"""Files written by version 0.1 open unchanged: the database, exports, secrets.toml, the environment."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib import transfer
from lib.config.settings import load_settings
from lib.core import tree
from lib.core.conversation import Conversation, Failure, Node, Part, ThinkingPart, Timing, Usage
from lib.core.params import changed_params
from lib.core.pricing import Price
from lib.core.target import Target
from lib.core.usage import ConversationFilter, UsageRecord, UsageTotal
from lib.core.user import User
from lib.storage.store import Store
from lib.transfer import share_links
from tests.support.usage_records import read_usage_records

FILES = Path(__file__).parent / "version_0_1"
EXPECTED = json.loads((FILES / "expected.json").read_text(encoding="utf-8"))
OWNERS = sorted(EXPECTED["owners"])
SETTINGS = EXPECTED["settings"]


@pytest.fixture(scope="module")
def migrated(tmp_path_factory) -> Path:
    """The file after its first start with this version, which migrates it."""
    path = tmp_path_factory.mktemp("version_0_1") / "antler.db"
    shutil.copyfile(FILES / "antler.db", path)
    Store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def store(tmp_path, migrated) -> Iterator[Store]:
    shutil.copyfile(migrated, tmp_path / "antler.db")
    store = Store(f"sqlite:///{tmp_path}/antler.db")
    yield store
    store.close()


def target_fields(target: Target | None) -> dict[str, str] | None:
    return {"model": target.model, "protocol": target.wire} if target else None


def token_fields(usage: Usage) -> dict[str, int | None]:
    names = ("sent", "received", "from_cache", "into_cache", "thinking")
    counts = (usage.input, usage.output, usage.cache_read, usage.cache_write, usage.reasoning)
    return dict(zip(names, counts, strict=True))


def timing_fields(timing: Timing) -> dict[str, float | None]:
    names = ("to_first_token", "to_first_text", "to_end")
    return dict(zip(names, (timing.first_token, timing.first_text, timing.total), strict=True))


def part_fields(part: Part) -> dict[str, str]:
    if isinstance(part, ThinkingPart):
        return {
            "kind": "thinking",
            "text": part.text,
            "signature": part.signature,
            "sealed": part.redacted_data,
        }
    return {"kind": "text", "text": part.text}


def failure_fields(failure: Failure | None) -> dict[str, Any] | None:
    return failure and {
        "code": failure.code,
        "gateway_text": failure.detail,
        "http_status": failure.status,
        "gateway_request": failure.request_id,
        "may_retry": failure.retryable,
        "blamed_fields": list(failure.rejected_params),
        "wait_seconds": failure.retry_after,
    }


def record_fields(record: UsageRecord) -> dict[str, Any]:
    price = record.price
    return {
        "id": record.id,
        "conversation": record.conversation_id,
        "message": record.node_id,
        "purpose": record.purpose,
        "model": target_fields(record.target),
        "tokens": token_fields(record.usage),
        "ended_as": record.outcome.value,
        "seconds": timing_fields(record.timing),
        "gateway_request": record.request_id,
        "sent_at": record.created_at,
        "price": price and price_fields(price),
        "price_from": record.price_source,
        "nano_dollars": record.cost,
    }


def price_fields(price: Price) -> dict[str, str | None]:
    return {
        "input": str(price.input),
        "output": str(price.output),
        "cached": price.cache_read and str(price.cache_read),
        "written": price.cache_write and str(price.cache_write),
        "request": str(price.per_request),
    }


def total_fields(total: UsageTotal) -> dict[str, Any]:
    return {
        "requests": total.request_count,
        "failed_or_cut": total.failed_count,
        "cost_unknown": total.unpriced_count,
        "nano_dollars": total.cost,
        "tokens": token_fields(total.usage),
    }


def message_fields(node: Node) -> dict[str, Any]:
    return {
        "id": node.id,
        "parent": node.parent_id,
        "side": node.message.role,
        "text": node.message.text,
        "thinking_text": node.message.thinking,
        "parts": list(map(part_fields, node.message.parts)),
        "created": node.created_at,
        "ended_as": node.outcome.value,
        "reason": node.finish_reason,
        "model": target_fields(node.target),
        "tokens": token_fields(node.usage),
        "seconds": timing_fields(node.timing),
        "failure": failure_fields(node.failure),
        "gateway_request": node.request_id,
        "gateway_facts": dict(node.provider_metadata),
        "hidden_at": node.deleted_at,
        "ledger_row": node.usage_record_id,
    }


def conversation_fields(conversation: Conversation) -> dict[str, Any]:
    truncation = conversation.truncation
    names = changed_params(conversation.params)
    return {
        "title": conversation.title,
        "title_from": conversation.title_source,
        "created": conversation.created_at,
        "updated": conversation.updated_at,
        "shown_message": conversation.head_id,
        "model": target_fields(conversation.target),
        "parameters_set": json.loads(json.dumps({name: getattr(conversation.params, name) for name in names})),
        "folder": conversation.folder,
        "pinned": conversation.pinned,
        "archived": conversation.archived,
        "unread": conversation.unread,
        "arriving": conversation.arriving,
        "revision": conversation.revision,
        "sent_from": {"message": truncation.start_id, "summary": truncation.summary} if truncation else None,
    }


def list_filter(name: str) -> ConversationFilter:
    kind, _, folder = name.partition(":")
    return ConversationFilter(kind, folder)  # type: ignore[arg-type]


@pytest.mark.parametrize("owner", OWNERS)
def test_lists_and_folders_hold_the_same_conversations(store, owner):
    expected = EXPECTED["owners"][owner]
    for name, ids in expected["lists"].items():
        page = store.conversations.page(owner, 99, list_filter(name))
        assert [conversation.id for conversation in page] == ids, name
    assert [list(folder) for folder in store.conversations.folders(owner)] == expected["folders"]


@pytest.mark.parametrize("owner", OWNERS)
def test_conversations_and_their_messages_are_unchanged(store, owner):
    for conversation_id, expected in EXPECTED["owners"][owner]["conversations"].items():
        conversation = store.conversations.get(owner, conversation_id)
        found = conversation_fields(conversation)
        assert found == {name: expected[name] for name in found}, conversation_id
        nodes = store.messages.nodes(owner, conversation_id)
        assert len(nodes) == len(expected["messages"])
        for node, message in zip(nodes, expected["messages"], strict=True):
            found = message_fields(node)
            assert found == {name: message[name] for name in found}, node.id


@pytest.mark.parametrize("owner", OWNERS)
def test_every_branch_has_the_same_path(store, owner):
    for conversation_id, expected in EXPECTED["owners"][owner]["conversations"].items():
        nodes = store.messages.nodes(owner, conversation_id)
        for path in expected["paths"]:
            found = tree.path(nodes, path[-1][0])
            assert [[node.id, node.message.role, node.message.text] for node in found] == path


@pytest.mark.parametrize("owner", OWNERS)
def test_search_finds_the_same_messages(store, owner):
    for query, ids in EXPECTED["owners"][owner]["searches"].items():
        conversations = EXPECTED["owners"][owner]["conversations"]
        results = store.search.find(owner, query, 99, expanded=conversations)
        hits = [hit for result in results for hit in result.hits]
        newest_first = sorted(hits, key=lambda hit: (hit.created_at, hit.node_id), reverse=True)
        assert [hit.node_id for hit in newest_first] == ids, query


@pytest.mark.parametrize("owner", OWNERS)
def test_preferences_and_revoked_sessions_are_unchanged(store, owner):
    expected, preferences = EXPECTED["owners"][owner], store.preferences.load(owner)
    assert list(preferences.favourites) == expected["favourite_models"]
    assert target_fields(preferences.default_target) == expected["usual_model"]
    assert store.users.revoked_before(owner) == expected["sign_ins_refused_before"]


@pytest.mark.parametrize("owner", OWNERS)
def test_usage_records_are_unchanged(store, owner):
    for conversation_id, expected in EXPECTED["owners"][owner]["conversations"].items():
        records = read_usage_records(store, owner, conversation_id)
        assert list(map(record_fields, records)) == expected["requests"]


def test_share_links_open_until_they_were_revoked(store):
    for link in EXPECTED["tokens"].values():
        shared = share_links.read_share_link(store.shares, link["token"])
        assert (shared is not None) == link["opens"]
    for owner in OWNERS:
        links = [[link.id, link.conversation_id, link.title] for link in store.shares.links(owner)]
        expected = EXPECTED["owners"][owner]["shares"]
        assert links == [[link["id"], link["conversation"], link["title"]] for link in expected]


def test_usage_adds_up_to_the_same_totals(store):
    assert total_fields(store.usage.total()) == EXPECTED["spent_by_all"]
    by_user = {owner: total_fields(total) for owner, total in store.usage.totals_by_user(0, 1e12).items()}
    assert by_user == EXPECTED["spent_by_each"]


def test_policy_decides_the_same(store):
    policy, expected = store.policy.load(), EXPECTED["policy"]
    assert set(policy.scopes) == set(expected["rules"])
    assert target_fields(policy.default_target) == expected["usual_model"]
    personas = [store.prompts.get("anyone", summary.id) for summary in store.prompts.summaries("anyone")]
    assert [[persona.name, persona.text] for persona in personas] == sorted(expected["prompts"])
    assert {(persona.kind, persona.is_team) for persona in personas} == {("persona", True)}
    for name, person in expected["persons"].items():
        user = User(EXPECTED["persons"][name]["id"], groups=tuple(person["groups"]))
        decisions = {model: policy.is_model_allowed(user, model) for model in person["may_use"]}
        assert decisions == person["may_use"]
        limits = {
            scope: {
                limit_name: {"warn_from": limit.soft, "stop_at": limit.hard}
                for limit_name, limit in limits.active_limits()
            }
            for scope, limits in policy.limits_for(user).items()
        }
        assert limits == person["limits"]


def test_audit_events_are_unchanged(store):
    events = [
        {
            "id": event.id,
            "at": event.occurred_at,
            "actor": event.actor_id,
            "actor_name": event.actor_name,
            "action": event.action,
            "object": event.resource,
            "detail": event.details,
        }
        for event in store.audit.page(999)
    ]
    assert events == EXPECTED["audit_newest_first"]


def test_rows_written_now_keep_the_stored_names(store, tmp_path):
    """Version 0.1 can still read the rows."""
    old_rows = node_rows(tmp_path / "antler.db")
    for owner in OWNERS:
        for conversation_id in EXPECTED["owners"][owner]["conversations"]:
            for node in store.messages.nodes(owner, conversation_id):
                store.messages.finish(owner, node)
    new_rows = node_rows(tmp_path / "antler.db")
    for node_id, columns in old_rows.items():
        for old, new in zip(columns, new_rows[node_id], strict=True):
            assert stored_keys(old) == stored_keys(new), node_id


def node_rows(path: Path) -> dict[str, list[Any]]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT id, parts, usage, timing, failure, served FROM node").fetchall()
    connection.close()
    return {row[0]: [value and json.loads(value) for value in row[1:]] for row in rows}


def stored_keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(stored_keys, value.values()))
    return set().union(*map(stored_keys, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("name", ["export.json", "conversation.json"])
def test_exports_are_read_and_written_again_byte_for_byte(name):
    data = (FILES / name).read_bytes()
    result = transfer.parse_export(data)
    assert b"".join(transfer.write_export(result.conversations)) == data


@pytest.mark.parametrize("case", SETTINGS["cases"])
def test_settings_are_read_the_same(case):
    inputs, expected = SETTINGS["case_inputs"][case], SETTINGS["cases"][case]
    environment = inputs["environment"]
    if environment == "all":
        environment = json.loads((FILES / "environment.json").read_text(encoding="utf-8"))
    secrets = tomllib.loads((FILES / "secrets.toml").read_text(encoding="utf-8")) if inputs["file"] else {}
    settings = load_settings(environment, secrets)
    timeouts, access = settings.timeouts, settings.access
    found = {
        "key": settings.api_key,
        "gateway_address": settings.base_url,
        "demo": settings.is_demo,
        "database_url": settings.database_url,
        "seconds": {
            "connect": timeouts.connect,
            "first_byte": timeouts.first_byte,
            "idle": timeouts.idle,
        },
        "retries": settings.retries,
        "small_model": settings.utility_model,
        "small_model_protocol": settings.utility_wire,
        "log": settings.server.log_format,
        "metrics_token": settings.server.metrics_token,
        "drain_seconds": settings.server.drain_seconds,
        "pseudonym_told": settings.caller_identity.sends_pseudonym,
        "own_key_addresses": list(settings.personal_key_urls),
        "admins": sorted(settings.roles.admins),
        "prices": [[override.pattern, price_fields(override.price)] for override in settings.price_overrides],
    }
    assert found == {name: expected[name] for name in found}
    assert {
        "mode": access.mode,
        "password": access.password,
        "allow": list(access.allowlist),
        "header": access.user_header,
        "proxy_secret": access.proxy_secret,
        "providers": list(access.providers),
    } == expected["access"]
