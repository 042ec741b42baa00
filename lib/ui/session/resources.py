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
from lib.chat.own_key import Own
from lib.chat.turns.generation import STALE_AFTER
from lib.chat.turns.registry import Answers
from lib.chat.turns.summaries import Aside, Cheap
from lib.chat.turns.temporary import Scratch
from lib.chat.turns.turn import Desk
from lib.chat.usage.limits import Guard
from lib.chat.usage.metrics import Meter
from lib.config import settings as config
from lib.config.caller import Caller
from lib.config.settings import Settings
from lib.core import audit
from lib.core.errors import StoreError
from lib.core.models import Listing, Model
from lib.core.policy import Policy
from lib.core.preferences import Preferences
from lib.core.target import Target
from lib.core.user import Person
from lib.gateway.catalog.models import Catalog, typed
from lib.gateway.catalog.prices import Prices
from lib.gateway.client import Gateway
from lib.storage.store import Store

LOGO = str(Path(__file__).parents[1] / "widgets/antler.svg")
PURGE_AFTER = 24 * 3600.0  # seconds for which a deleted conversation can be taken back
PURGE_EVERY = 3600.0
POLICY_FOR = 5.0  # seconds for which a policy that was read holds: what another server settled is soon seen
MODELS_PATIENCE = 1.5  # seconds that a page waits for the first list of models
NOBODY = "local"  # who owned every row before each browser had a history of its own
log = logging.getLogger(__name__)


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """The settings. Raises SettingError, on every run until they are mended."""
    return config.load(os.environ, _secrets())


def _secrets() -> dict[str, Any]:
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
    opened = Store(settings().database_url, refused=meter().refused)
    opened.sweep(STALE_AFTER)
    # What is loaded by now lives as long as the process: the collection after each run can pass it over.
    gc.collect()
    gc.freeze()
    return opened


@st.cache_resource(show_spinner=False, ttl=PURGE_EVERY)
def purged() -> None:
    """Remove what was deleted long ago, now and then: a server may run for months."""
    with contextlib.suppress(StoreError):
        store().purge(PURGE_AFTER)
        store().purge_acts(audit.KEPT)


@st.cache_resource(show_spinner=False)
def _known_policy() -> dict[str, Policy]:
    """The policy as it was last read, if it was: with the database away, what was closed stays so."""
    return {}


@st.cache_resource(show_spinner=False, ttl=POLICY_FOR)
def policy() -> Policy:
    """What the team has settled, as of the last seconds. Raises StoreError where it was never read."""
    known = _known_policy()
    try:
        known["policy"] = store().policy()
    except StoreError:
        if not known:
            raise
        log.warning("what the team has settled could not be read again", exc_info=True)
    return known["policy"]


@st.cache_resource(show_spinner=False)
def answers() -> Answers:
    """The registry of running answers: the process's own, whatever sessions come and go."""
    registry = Answers(meter().answered)
    meter().watch(lambda: len(registry), lambda: registry.closing)
    return registry


@st.cache_resource(show_spinner=False)
def meter() -> Meter:
    """What is counted of this process."""
    return Meter()


@st.cache_resource(show_spinner=False)
def _gateway(base_url: str) -> Gateway:
    return Gateway(replace(settings(), base_url=base_url))


def shared_gateway() -> Gateway:
    """The gateway of the settings; without a key the demo, which is reached in just the same way."""
    return _gateway(_demo_server().url if settings().demo else settings().base_url)


def own() -> Own | None:
    """What this session reaches with the person's own key; None where the team's is used."""
    found: Own | None = st.session_state.get("own")
    return found


def use_own(found: Own) -> None:
    """From now on, have this session's requests go with the person's own key."""
    forget_own()
    st.session_state["own"] = found


def forget_own() -> None:
    """Forget the person's own key. Answers that are running go on with what they began with."""
    if used := own():
        del st.session_state["own"]
        used.gateway.close()


def gateway() -> Gateway:
    """The gateway that this session asks."""
    return used.gateway if (used := own()) else shared_gateway()


def demo_only() -> bool:
    """Whether this session reaches no gateway but the demo."""
    return settings().demo and own() is None


def asked() -> Gateway:
    """The gateway that this session asks, as the person of this session."""
    team, who = settings().team, person()
    if gateway().base_url not in (settings().base_url, shared_gateway().base_url):
        # They are meant for the team's own gateway, and may be what lets a request through there.
        team = replace(team, templates=())
    return gateway().asked_by(team.caller(who) if who else Caller())


@st.cache_resource(show_spinner=False)
def _handed_over(_person: str) -> None:
    store().adopt(NOBODY, _person)


def hand_over(person: str) -> None:
    """Give the history of before browsers were told apart to the first who comes, once a process."""
    try:
        _handed_over(person)
    except StoreError:
        log.warning("the history of before could not be handed over", exc_info=True)


def scratch() -> Scratch | None:
    """What keeps this session's temporary chat; None while the session is not in one."""
    found: Scratch | None = st.session_state.get("scratch")
    return found


def keeper() -> Store | Scratch:
    """Where the shown conversation is kept: in the database, or in this session alone."""
    return scratch() or store()


def begin_temporary(person: str) -> None:
    st.session_state["scratch"] = Scratch(person, store())


def end_temporary() -> None:
    """Forget the temporary chat, where there is one; an answer that is arriving there ends with it."""
    if kept := scratch():
        kept.forget()
        del st.session_state["scratch"]


@st.cache_resource(show_spinner=False)
def _aside(base_url: str) -> Aside:
    return Aside(_gateway(base_url), store(), _prices(base_url).of, meter().ended)


def aside() -> Aside:
    """The requests to the cheap model, whose workers are the process's own, as the running answers are."""
    return _aside(shared_gateway().base_url).through(asked(), prices().of)


def cheap() -> Cheap | None:
    """The model for titles and summaries; None where none is set, and in a temporary chat."""
    name, wire = settings().cheap_model, settings().cheap_wire
    if not name or scratch():
        return None
    listed = next((known.wires[0] for known in listing().models if known.id == name), None)
    return Cheap(Target(name, wire or listed or "openai"), model(name).abilities.context)


def person() -> Person | None:
    """Who is asking in this session, as access.require() found it; None before that."""
    found: Person | None = st.session_state.get("person")
    return found


def guard() -> Guard:
    """What holds the person of this session to that; access.require() has to come before it."""
    who = person()
    assert who is not None
    # What goes on a person's own key takes nothing of what the team has set.
    return Guard(who, policy().unlimited() if own() else policy(), store(), prices().of)


def desk() -> Desk:
    return Desk(keeper(), asked(), answers(), aside(), cheap(), prices().of, guard())


def gateway_host() -> str:
    return urlsplit(used.gateway.base_url if (used := own()) else settings().base_url).netloc


@st.cache_resource(show_spinner=False)
def _catalog(base_url: str) -> Catalog:
    return Catalog(_gateway(base_url).models, _gateway(base_url).prices)


@st.cache_resource(show_spinner=False)
def _prices(base_url: str) -> Prices:
    known = _catalog(base_url)
    return Prices(lambda: known.known, settings().prices)


def prices() -> Prices:
    """What the models cost, as far as that is known."""
    return used.prices if (used := own()) else _prices(shared_gateway().base_url)


def catalog() -> Catalog:
    """The gateway's models, as far as they are known; to an own key, those that it may use."""
    return used.catalog if (used := own()) else _catalog(shared_gateway().base_url)


def listing(patience: float = MODELS_PATIENCE) -> Listing:
    """The gateway's models, as far as they are known; an id can be typed all the same."""
    return catalog().listing(patience)


def model(name: str) -> Model:
    """The model of that id; where the gateway does not list it, what its name tells."""
    return next((known for known in listing().models if known.id == name), None) or typed(name)


def preferences(owner: str) -> Preferences:
    """What the person likes; where the database refuses, what was last read of it in this session."""
    try:
        st.session_state["preferences"] = store().preferences(owner)
    except StoreError:
        st.session_state.setdefault("preferences", Preferences())
    found: Preferences = st.session_state["preferences"]
    return found
