"""Resources of the process, shared by all sessions: settings, store, gateway, running answers, metrics."""

from __future__ import annotations

import contextlib
import importlib
import logging
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import streamlit as st

from lib import transfer
from lib.chat.attachments import AttachmentReader
from lib.chat.connection import Connection, ModelFacts, connect
from lib.chat.gateway_check.runner import CheckRegistry
from lib.chat.refused_params import TeamMemory
from lib.chat.turns.frame_pace import FramePace
from lib.chat.turns.generation import STALE_AFTER
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.summaries import UtilityModelService
from lib.chat.usage.metrics import Metrics
from lib.chat.usage.tracing import Tracer, open_tracer
from lib.config import settings as config
from lib.config.hosting import Host
from lib.config.settings import Settings
from lib.core import audit
from lib.core.errors import StoreError
from lib.core.gateway_checks import CheckRun
from lib.core.policy import Policy
from lib.core.pricing import TeamPrice
from lib.gateway.catalog.library_updates import LibraryUpdates
from lib.storage.database.engine import MAX_CONNECTIONS
from lib.storage.store import Store
from lib.ui.session.run_queue import run_queue
from lib.ui.session.shared_resource import SharedResource
from lib.ui.session.timed_cache import TimedCache

if TYPE_CHECKING:
    from lib.demo import DemoGateway

_APP_FOLDER = str(Path(__file__).resolve().parents[3])
LOGO = str(Path(__file__).parents[1] / "widgets/antler.svg")
UNDO_SECONDS = 24 * 3600.0  # after which a soft-deleted conversation is purged
PURGE_INTERVAL = 3600.0
POLICY_TTL = 5.0  # cache lifetime in seconds: bounds the delay until changes on another replica apply
LEGACY_OWNER = "local"  # the owner of all rows before browsers had identities
log = logging.getLogger(__name__)


def _load_settings() -> Settings:
    return config.load_settings(os.environ, _load_secrets())


# The settings of this process. Raises SettingError, in every run until they are valid.
settings = TimedCache(_load_settings, math.inf)


def _load_secrets() -> dict[str, Any]:
    if st.secrets.load_if_toml_exists():
        return st.secrets.to_dict()
    # Streamlit treats a file that it cannot parse as missing, which would start the demo without a word.
    for path in st.get_option("secrets.files"):
        config.read_secrets(Path(path))
    return {}


def host() -> Host:
    """Return the host that this server runs on."""
    return Host(_APP_FOLDER, os.environ)


@SharedResource
def store() -> Store:
    """Return the database, opened once per process. Raises StoreError, in every run until it opens."""
    opened = Store(
        settings().database_url,
        on_refusal=metrics().count_database_error,
        file_storage=settings().file_storage,
        on_transaction=metrics().observe_transaction,
    )
    metrics().set_gauges(
        database_connections=opened.count_connections, database_connections_limit=lambda: MAX_CONNECTIONS
    )
    opened.messages.mark_stale(STALE_AFTER)
    return opened


@SharedResource
def draft_secret() -> bytes:
    """Return the secret for the names of users in their browsers. Raises StoreError until it was read."""
    return bytes.fromhex(store().server_secrets.load("drafts"))


def _purge() -> None:
    """Purge soft-deleted conversations, and old audit events and exchanges."""
    with contextlib.suppress(StoreError):
        store().purge_deleted(UNDO_SECONDS)
        store().audit.purge(audit.RETENTION_SECONDS)
        store().exchanges.purge(settings().recording.days * 24 * 3600.0)


purge_expired = TimedCache(_purge, PURGE_INTERVAL)


@st.cache_resource(show_spinner=False)
def _claim_legacy_rows_once(_user_id: str) -> None:
    store().users.transfer_data(LEGACY_OWNER, _user_id)


def claim_legacy_rows(user_id: str) -> None:
    """Give the rows of LEGACY_OWNER to the first browser, once per process."""
    try:
        _claim_legacy_rows_once(user_id)
    except StoreError as error:
        log.warning("the rows of the legacy owner could not be transferred: %s", error)


@SharedResource
def _last_policy() -> dict[str, Policy]:
    """Return the policy as last read: while the database is away, its restrictions stay."""
    return {}


def current_policy() -> Policy:
    """Return the team's policy as it is now, also if another server has changed it: for decisions.

    While the database is away, it is the one that was read last. Raises StoreError if it was never read.
    """
    last = _last_policy()
    try:
        last["policy"] = store().policy.load()
    except StoreError as error:
        if not last:
            raise
        log.info("the policy could not be read again: %s", error)
    return last["policy"]


# The team's policy for display. Raises as `current_policy`.
policy = TimedCache(current_policy, POLICY_TTL)


@SharedResource
def generations() -> GenerationRegistry:
    """Return the registry of running answers, which outlives every session."""
    registry = GenerationRegistry(metrics().record_request)
    metrics().set_gauges(
        answers_running=lambda: len(registry),
        answers_unsaved=registry.count_unsaved,
        followers=registry.count_followers,
        closing=lambda: float(registry.is_shutting_down),
    )
    run_queue.observe_followers(registry.count_followers)
    return registry


@SharedResource
def gateway_checks() -> CheckRegistry:
    """Return the running checks of gateways, which outlive every session."""
    return CheckRegistry()


def _load_team_checks() -> Sequence[CheckRun]:
    return store().gateway_checks.list_team_results()


# The newest checks of the team's gateway, for notes beside its models.
team_checks = TimedCache(_load_team_checks, POLICY_TTL)


@SharedResource
def frame_pace() -> FramePace:
    """Return the pace of the answers of this process."""
    return FramePace(generations().count_followers)


@partial(SharedResource, release=AttachmentReader.close)
def attachment_reader() -> AttachmentReader:
    """Return the reader of attached files, which starts a process for the first of them."""
    files = settings().files
    return AttachmentReader(files.reader_limits, files.processes)


@SharedResource
def released_uploads() -> set[str]:
    """Return the ids of uploads that were read, and that count for no session any more."""
    return set()


@SharedResource
def tracer() -> Tracer | None:
    """Return the exporter of traces, None where none is configured."""
    return open_tracer(os.environ)


@SharedResource
def metrics() -> Metrics:
    """Return the counters of this process."""
    current = tracer()
    return Metrics(current.record_request) if current else Metrics()


def _load_demo() -> ModuleType:
    """Return the package of the demo, which a server with a gateway does not import."""
    return importlib.import_module("lib.demo")


@partial(SharedResource, is_valid=lambda server: server.is_running(), release=lambda server: server.close())
def _demo_server() -> DemoGateway:
    server: DemoGateway = _load_demo().DemoGateway()
    return server


def find_recording(name: str) -> transfer.ExchangeReport | None:
    """Return a recording of the demo or of the operator's folder, None without one. Raises TransferError."""
    folder = settings().server.recordings
    return transfer.find_recording(name, [_load_demo().RECORDINGS, *([Path(folder)] if folder else [])])


def describe_demo_model(name: str, language: str) -> str:
    """Return the demo's description of a model in a language; "" for an unknown model."""
    description: str = _load_demo().describe_model(name, is_chinese=language == "zh")
    return description


@SharedResource
def library_updates() -> LibraryUpdates:
    """Return the facts about models, which are fetched in the background and kept beside a SQLite database."""
    database = settings().database
    if database.kind == "sqlite":
        return LibraryUpdates(settings().models_dev_url, Path(database.location).parent)
    # Unlike Path.home(), this fails for no user id of a container.
    cache_home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    return LibraryUpdates(settings().models_dev_url, Path(cache_home, "antler"))


def model_facts() -> ModelFacts:
    """Return the sources of facts about models besides the gateway."""
    return ModelFacts(library_updates().current, _team_prices, refused_params())


@SharedResource
def refused_params() -> TeamMemory:
    """Return the parameters that models have refused to the team's key."""
    return TeamMemory(lambda: store().refused_params)


def _team_prices() -> Mapping[str, TeamPrice]:
    try:
        return policy().prices
    except StoreError:
        return {}


@SharedResource
def connection_at(base_url: str) -> Connection:
    """Return the connection to the gateway at that address, with the team's key."""
    return connect(replace(settings(), base_url=base_url), model_facts(), frame_pace().get_interval)


def shared_connection() -> Connection:
    """Return the connection to the gateway of the settings; without a key, to the demo."""
    current = settings()
    return connection_at(_demo_server().url if current.is_demo else current.base_url)


@SharedResource
def utility_models_at(base_url: str) -> UtilityModelService:
    """Return the worker of titles and summaries for a gateway."""
    connection = connection_at(base_url)
    return UtilityModelService(connection.gateway, store(), connection.prices.price_of, metrics().record_request)
