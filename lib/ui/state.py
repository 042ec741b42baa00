"""Wiring: shared resources, and typed names for what a session remembers."""

from __future__ import annotations

import gc
import logging
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from lib.chat import tree
from lib.chat.answer import STALE_AFTER, Answer, Answers, Elsewhere
from lib.chat.turn import Desk
from lib.core import config
from lib.core.config import Settings
from lib.core.errors import AnswerError, SettingError
from lib.core.types import Conversation, Node, Outcome
from lib.gateway import demo
from lib.gateway.catalog import Model
from lib.gateway.client import Gateway
from lib.storage.store import Store

log = logging.getLogger(__name__)

LOGO = str(Path(__file__).parent / "antler.svg")
WINDOW = 30  # messages painted when a conversation is opened, and more with each "show earlier"
PURGE_AFTER = 24 * 3600.0  # seconds for which a deleted conversation can be taken back
MODELS_AGE = 300.0  # seconds for which a list of models is good


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """The settings. Raises SettingError, on every run until they are mended."""
    return config.load(os.environ, _secrets())


def _secrets() -> dict[str, Any]:
    try:
        return st.secrets.to_dict() if st.secrets.load_if_toml_exists() else {}
    except Exception:  # noqa: BLE001  Streamlit raises several kinds, and their words can hold the key
        raise SettingError("secrets.toml cannot be read as TOML; write every value in quotes.") from None


@st.cache_resource(show_spinner=False, validate=lambda server: server.alive(), on_release=lambda s: s.close())
def _demo_server() -> demo.Demo:
    return demo.start()


@st.cache_resource(show_spinner=False)
def store() -> Store:
    """The database, opened once per process. Raises StoreError, on every run until it opens."""
    opened = Store(settings().database_url)
    opened.sweep(STALE_AFTER)
    opened.purge(PURGE_AFTER)
    # What is loaded by now lives as long as the process: the collection after each run can pass it over.
    gc.collect()
    gc.freeze()
    return opened


@st.cache_resource(show_spinner=False)
def answers() -> Answers:
    """The registry of running answers: the process's own, whatever sessions come and go."""
    return Answers()


@st.cache_resource(show_spinner=False)
def _gateway(base_url: str) -> Gateway:
    return Gateway(replace(settings(), base_url=base_url))


def gateway() -> Gateway:
    """The gateway of the settings; without a key the demo, which is reached in just the same way."""
    return _gateway(_demo_server().url if settings().demo else settings().base_url)


def desk() -> Desk:
    return Desk(store(), gateway(), answers())


def gateway_host() -> str:
    return urlsplit(settings().base_url).netloc


@st.cache_data(ttl=MODELS_AGE, show_spinner=False)
def _models(base_url: str) -> list[Model]:
    return _gateway(base_url).models()


def models() -> list[Model]:
    """The gateway's models; [] where the list cannot be had: an id can be typed all the same."""
    try:
        return _models(_demo_server().url if settings().demo else settings().base_url)
    except AnswerError as error:
        log.info("no list of models: %s %s", error.code, error.status)
        return []


def forget_models() -> None:
    _models.clear()


@dataclass
class View:
    """What a session remembers of the conversation it shows: None is a new one, not yet begun.

    `nodes` is the shown path, read from the store when the conversation is opened, and kept up by the
    session while it works with it. `first` pins the window: a sliding one would repaint every message.
    """

    conversation: Conversation | None = None
    nodes: list[Node] = field(default_factory=list)
    first: int = 0

    @property
    def id(self) -> str | None:
        return self.conversation.id if self.conversation else None


def view() -> View:
    """This session's view."""
    found: View = st.session_state.setdefault("view", View())
    return found


def opened(owner: str) -> View:
    """The view of the conversation that the URL names, read from the store where it is not shown yet.

    What is not there, or not the owner's, opens as a new conversation.
    """
    wanted = st.query_params.get("c")
    shown = view()
    if wanted is None:
        return show(owner, None) if shown.conversation else shown
    fresh = store().conversation(owner, wanted)
    if fresh is None:
        st.query_params.pop("c", None)
        return show(owner, None)
    if shown.conversation != fresh:
        return show(owner, fresh)
    if shown.nodes and shown.nodes[-1].outcome is Outcome.ARRIVING and arriving(owner) is None:
        return show(owner, fresh)  # it ended while this session looked elsewhere
    return shown


def show(owner: str, conversation: Conversation | None) -> View:
    """Make `conversation` the one that this session shows, with its path as it stands in the store."""
    before = view()
    nodes = tree.path(store().nodes(owner, conversation.id), conversation.head) if conversation else []
    first = max(0, len(nodes) - WINDOW)
    if conversation and before.id == conversation.id:
        first = min(before.first, first)
    st.session_state["view"] = now = View(conversation, nodes, first)
    return now


def arriving(owner: str) -> Answer | Elsewhere | None:
    """The answer now arriving in the shown conversation, in this process or another."""
    shown = view()
    if shown.id is None:
        return None
    if here := answers().find(owner, shown.id):
        return here
    last = shown.nodes[-1] if shown.nodes else None
    if last is None or last.outcome is not Outcome.ARRIVING:
        return None
    saved = store().node(owner, last.id)
    if saved is None or saved.outcome is not Outcome.ARRIVING:
        return None
    return Elsewhere(owner, shown.id, saved, store())
