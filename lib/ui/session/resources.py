"""Wiring: shared resources, and typed names for what a session remembers."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from lib import demo
from lib.chat.own_key import PersonalKey
from lib.chat.turns.generation import STALE_AFTER
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.summaries import UtilityModel, UtilityModelService
from lib.chat.turns.temporary import TemporaryStore
from lib.chat.turns.turn import TurnServices
from lib.chat.usage.limits import LimitEnforcer
from lib.chat.usage.metrics import Metrics
from lib.config import settings as config
from lib.config.caller import Caller
from lib.config.settings import Settings
from lib.core import audit
from lib.core.errors import StoreError
from lib.core.models import Model, ModelList
from lib.core.policy import Policy
from lib.core.preferences import Preferences
from lib.core.target import Target
from lib.core.user import User
from lib.gateway.catalog.cache import Catalog
from lib.gateway.catalog.models import unlisted_model
from lib.gateway.catalog.prices import Prices
from lib.gateway.client import Gateway
from lib.storage.store import Store
from lib.ui.session.state import session_state

LOGO = str(Path(__file__).parents[1] / "widgets/antler.svg")
PURGE_AFTER = 24 * 3600.0  # seconds for which a deleted conversation can be taken back
PURGE_INTERVAL = 3600.0
POLICY_TTL = 5.0  # seconds for which a policy that was read holds: what another server settled is soon seen
MODEL_LIST_TIMEOUT = 1.5  # seconds that a page waits for the first list of models
LEGACY_OWNER = "local"  # who owned every row before each browser had a history of its own
log = logging.getLogger(__name__)


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """The settings. Raises SettingError, on every run until they are mended."""
    return config.load_settings(os.environ, _load_secrets())


def _load_secrets() -> dict[str, Any]:
    if st.secrets.load_if_toml_exists():
        return st.secrets.to_dict()
    # Streamlit takes a file that it cannot parse for none at all; that would quietly start the demo.
    for path in st.get_option("secrets.files"):
        config.read_secrets(Path(path))
    return {}


@st.cache_resource(show_spinner=False, validate=lambda server: server.alive(), on_release=lambda s: s.close())
def _demo_server() -> demo.Demo:
    return demo.start()


@st.cache_resource(show_spinner=False)
def store() -> Store:
    """The database, opened once per process. Raises StoreError, on every run until it opens."""
    opened = Store(settings().database_url, on_refusal=metrics().count_database_error)
    opened.messages.mark_stale(STALE_AFTER)
    # What is loaded by now lives as long as the process: the collection after each run can pass it over.
    gc.collect()
    gc.freeze()
    return opened


@st.cache_resource(show_spinner=False, ttl=PURGE_INTERVAL)
def purge_expired() -> None:
    """Remove what was deleted long ago, now and then: a server may run for months."""
    with contextlib.suppress(StoreError):
        store().purge_deleted(PURGE_AFTER)
        store().audit.purge(audit.RETENTION_SECONDS)


@st.cache_resource(show_spinner=False)
def _last_policy() -> dict[str, Policy]:
    """The policy as it was last read, if it was: with the database away, what was closed stays so."""
    return {}


@st.cache_resource(show_spinner=False, ttl=POLICY_TTL)
def policy() -> Policy:
    """What the team has settled, as of the last seconds. Raises StoreError where it was never read."""
    known = _last_policy()
    try:
        known["policy"] = store().policy.load()
    except StoreError:
        if not known:
            raise
        log.warning("what the team has settled could not be read again", exc_info=True)
    return known["policy"]


@st.cache_resource(show_spinner=False)
def generations() -> GenerationRegistry:
    """The registry of running answers: the process's own, whatever sessions come and go."""
    registry = GenerationRegistry(metrics().record_generation)
    metrics().set_gauge_sources(lambda: len(registry), lambda: registry.is_shutting_down)
    return registry


@st.cache_resource(show_spinner=False)
def metrics() -> Metrics:
    """What is counted of this process."""
    return Metrics()


@st.cache_resource(show_spinner=False)
def _gateway(base_url: str) -> Gateway:
    return Gateway(replace(settings(), base_url=base_url))


def shared_gateway() -> Gateway:
    """The gateway of the settings; without a key the demo, which is reached in just the same way."""
    return _gateway(_demo_server().url if settings().is_demo else settings().base_url)


def personal_key() -> PersonalKey | None:
    """What this session reaches with the person's own key; None where the team's is used."""
    return session_state.personal_key


def use_personal_key(new_key: PersonalKey) -> None:
    """From now on, have this session's requests go with the person's own key."""
    forget_personal_key()
    session_state.personal_key = new_key


def forget_personal_key() -> None:
    """Forget the person's own key. Answers that are running go on with what they began with."""
    if used := personal_key():
        del session_state.personal_key
        used.gateway.close()


def gateway() -> Gateway:
    """The gateway that this session asks."""
    return used.gateway if (used := personal_key()) else shared_gateway()


def is_demo() -> bool:
    """Whether this session reaches no gateway but the demo."""
    return settings().is_demo and personal_key() is None


def user_gateway() -> Gateway:
    """The gateway that this session asks, as the person of this session."""
    team, who = settings().caller_identity, user()
    if gateway().base_url not in (settings().base_url, shared_gateway().base_url):
        # They are meant for the team's own gateway, and may be what lets a request through there.
        team = replace(team, header_templates=())
    return gateway().with_caller(team.build_caller(who) if who else Caller())


@st.cache_resource(show_spinner=False)
def _claim_legacy_rows_once(_user_id: str) -> None:
    store().users.transfer_data(LEGACY_OWNER, _user_id)


def claim_legacy_rows(user_id: str) -> None:
    """Give the history of before browsers were told apart to the first who comes, once a process."""
    try:
        _claim_legacy_rows_once(user_id)
    except StoreError:
        log.warning("the history of before could not be handed over", exc_info=True)


def temporary() -> TemporaryStore | None:
    """What keeps this session's temporary chat; None while the session is not in one."""
    return session_state.temporary_store


def current_store() -> Store | TemporaryStore:
    """Where the shown conversation is kept: in the database, or in this session alone."""
    return temporary() or store()


def start_temporary(user_id: str) -> None:
    session_state.temporary_store = TemporaryStore(user_id, store().usage)


def end_temporary() -> None:
    """Forget the temporary chat, where there is one; an answer that is arriving there ends with it."""
    if kept := temporary():
        kept.clear()
        del session_state.temporary_store


@st.cache_resource(show_spinner=False)
def _utility_models(base_url: str) -> UtilityModelService:
    return UtilityModelService(
        _gateway(base_url), store(), _prices(base_url).price_of, metrics().record_request
    )


def utility_models() -> UtilityModelService:
    """The requests to the cheap model, whose workers are the process's own, as the running answers are."""
    return _utility_models(shared_gateway().base_url).with_gateway(user_gateway(), prices().price_of)


def utility_model() -> UtilityModel | None:
    """The model for titles and summaries; None where none is set, and in a temporary chat."""
    name, wire = settings().utility_model, settings().utility_wire
    if not name or temporary():
        return None
    listed = next((known.wires[0] for known in model_list().models if known.id == name), None)
    return UtilityModel(Target(name, wire or listed or "openai"), model(name).capabilities.context_window)


def user() -> User | None:
    """Who is asking in this session, as access.require() found it; None before that."""
    return session_state.user


def limit_enforcer() -> LimitEnforcer:
    """What holds the person of this session to that; access.require() has to come before it."""
    who = user()
    assert who is not None
    # What goes on a person's own key takes nothing of what the team has set.
    return LimitEnforcer(
        who, policy().without_limits() if personal_key() else policy(), store().quotas, prices().price_of
    )


def services() -> TurnServices:
    return TurnServices(
        current_store(),
        user_gateway(),
        generations(),
        utility_models(),
        utility_model(),
        prices().price_of,
        limit_enforcer(),
        lambda model_id: model(model_id).capabilities.context_window,
    )


def gateway_host() -> str:
    return urlsplit(used.gateway.base_url if (used := personal_key()) else settings().base_url).netloc


@st.cache_resource(show_spinner=False)
def _catalog(base_url: str) -> Catalog:
    return Catalog(_gateway(base_url).fetch_models, _gateway(base_url).fetch_prices)


@st.cache_resource(show_spinner=False)
def _prices(base_url: str) -> Prices:
    known = _catalog(base_url)
    return Prices(lambda: known.cached_model_list, settings().price_overrides)


def prices() -> Prices:
    """What the models cost, as far as that is known."""
    return used.prices if (used := personal_key()) else _prices(shared_gateway().base_url)


def catalog() -> Catalog:
    """The gateway's models, as far as they are known; to an own key, those that it may use."""
    return used.catalog if (used := personal_key()) else _catalog(shared_gateway().base_url)


def model_list(timeout: float = MODEL_LIST_TIMEOUT) -> ModelList:
    """The gateway's models, as far as they are known; an id can be typed all the same."""
    return catalog().model_list(timeout)


def model(model_id: str) -> Model:
    """The model of that id; where the gateway does not list it, what its name tells."""
    return next((known for known in model_list().models if known.id == model_id), None) or unlisted_model(
        model_id
    )


def preferences(owner: str) -> Preferences:
    """What the person likes; where the database refuses, what was last read of it in this session."""
    with contextlib.suppress(StoreError):
        session_state.preferences = store().preferences.load(owner)
    return session_state.preferences
