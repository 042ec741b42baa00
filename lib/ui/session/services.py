"""Services of one session: store, gateway, prices and limits as its user has them."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from lib.chat.connection import Connection
from lib.chat.gateway_check.runner import CheckServices
from lib.chat.turns import queue
from lib.chat.turns.services import TurnServices
from lib.chat.turns.summaries import UtilityModel, UtilityModelService
from lib.chat.turns.temporary import TemporaryStore
from lib.chat.usage.limits import LimitEnforcer
from lib.chat.voice.requests import VoiceServices
from lib.config.caller import Caller
from lib.core.errors import StoreError
from lib.core.models import Capabilities, Model, ModelList
from lib.core.policy import Policy
from lib.core.preferences import Preferences
from lib.core.pricing import ModelPrice
from lib.core.target import WIRES, Target
from lib.core.user import User
from lib.core.voice import VoiceModels, default_voices
from lib.gateway.catalog.audio_models import select_default
from lib.gateway.catalog.models import unlisted_model
from lib.gateway.client import Gateway
from lib.storage.store import Store
from lib.ui.session import resources
from lib.ui.session.state import session_state

MODEL_LIST_WAIT = 1.5  # seconds that a page waits for the first model list
TEMPORARY_SLOT = "temporary"  # of the draft and the files of a temporary chat
MODEL_LIST_TIMEOUT = 15.0  # seconds that a page waits for a model list that the user requested


def use_personal_key(personal_key: Connection) -> None:
    """Send this session's requests with the user's own key from now on."""
    forget_personal_key()
    session_state.personal_key = personal_key


def forget_personal_key() -> None:
    """Forget the user's own key. Running answers keep the gateway that they began with."""
    if personal_key := session_state.personal_key:
        del session_state.personal_key
        del session_state.speech_source  # its requests have the key
        personal_key.gateway.close()


def connection() -> Connection:
    """Return this session's connection to a gateway: with the personal key, else with the team's."""
    return session_state.personal_key or resources.shared_connection()


def user_gateway() -> Gateway:
    """Return this session's gateway with the user as the caller."""
    return _identify_caller(connection().gateway, session_state.user)


def _identify_caller(gateway: Gateway, user: User | None) -> Gateway:
    """Return a gateway with a user as the caller."""
    settings = resources.settings()
    identity = settings.caller_identity
    if gateway.base_url not in (settings.base_url, resources.shared_connection().gateway.base_url):
        # The team's headers are for the team's gateway, and may be credentials there.
        identity = replace(identity, header_templates=())
    return gateway.with_caller(identity.build_caller(user) if user else Caller())


def gateway_host() -> str:
    personal_key = session_state.personal_key
    return urlsplit(personal_key.gateway.base_url if personal_key else resources.settings().base_url).netloc


def user_tag(user: User) -> str:
    """Return a name for the user that says nothing about them: who knows a user's id cannot tell it, either."""
    user_id = user.id.encode("utf-8", "surrogatepass")
    return hmac.new(resources.draft_secret(), user_id, hashlib.sha256).hexdigest()[:16]


def is_demo() -> bool:
    """Tell if this session reaches only the demo."""
    return resources.settings().is_demo and session_state.personal_key is None


def current_store() -> Store | TemporaryStore:
    """Return the store of the open conversation: the database, or the temporary chat of this session."""
    return session_state.temporary_store or resources.store()


def start_temporary(user_id: str) -> None:
    """Start a temporary chat, which is stored in this session only."""
    session_state.temporary_store = TemporaryStore(user_id, resources.store().usage)


def end_temporary() -> None:
    """Forget the temporary chat, if there is one, and stop its running answer."""
    if temporary_store := session_state.temporary_store:
        temporary_store.clear()
        del session_state.temporary_store
        del session_state.speech_source
        for file in session_state.trays.get(TEMPORARY_SLOT, ()):
            if file.job:
                file.job.cancel()
        session_state.trays = {slot: files for slot, files in session_state.trays.items() if slot != TEMPORARY_SLOT}


def model_list(timeout: float = MODEL_LIST_WAIT) -> ModelList:
    """Return the models of this session's gateway, waiting at most `timeout` seconds for the first list."""
    return connection().catalog.model_list(timeout)


def model_list_with_prices() -> ModelList:
    """Return the models of this session's gateway once their prices were requested too."""
    return connection().catalog.model_list_with_prices(MODEL_LIST_TIMEOUT)


def model(model_id: str) -> Model:
    """Return the model with that id; one that is not listed has the capabilities that its name implies."""
    return _find_model(connection(), model_id)


def _find_model(connection: Connection, model_id: str) -> Model:
    listed = connection.catalog.model_list(MODEL_LIST_WAIT).by_id.get(model_id)
    model = listed or unlisted_model(model_id, resources.library_updates().current())
    if resources.settings().allows_web_search:
        return model
    return replace(model, capabilities=replace(model.capabilities, web_search=False))


def preferences(user_id: str) -> Preferences:
    """Return the user's preferences; while the database is away, as last read in this session."""
    with contextlib.suppress(StoreError):
        session_state.preferences = resources.store().preferences.load(user_id)
    return session_state.preferences


def limit_enforcer() -> LimitEnforcer:
    """Return the limits of the session's user as they are now; require() must have run."""
    return _session_limits(resources.current_policy())


def shown_limits() -> LimitEnforcer:
    """Return the limits of the session's user by the policy for display; require() must have run."""
    return _session_limits(resources.policy())


def _session_limits(policy: Policy) -> LimitEnforcer:
    user = session_state.user
    assert user is not None
    return _limits_of(policy, user, connection(), uses_personal_key=bool(session_state.personal_key))


def _build_limit_enforcer(user: User, connection: Connection, *, uses_personal_key: bool) -> LimitEnforcer:
    """Build the limits of a user as they are now, on any thread."""
    return _limits_of(resources.current_policy(), user, connection, uses_personal_key=uses_personal_key)


def _limits_of(policy: Policy, user: User, connection: Connection, *, uses_personal_key: bool) -> LimitEnforcer:
    # Requests with a personal key use nothing of the team's budget.
    policy = policy.without_limits() if uses_personal_key else policy
    price_lookup = partial(_wait_for_price, connection) if policy.has_hard_cost_limit() else connection.prices.price_of
    return LimitEnforcer(user, policy, resources.store().quotas, price_lookup)


def _wait_for_price(connection: Connection, model_id: str) -> ModelPrice | None:
    """Return a price as soon as the gateway's list was requested: right after a start, it is on its way."""
    if price := connection.prices.price_of(model_id):
        return price
    connection.catalog.model_list_with_prices(MODEL_LIST_TIMEOUT)
    return connection.prices.price_of(model_id)


def utility_models() -> UtilityModelService:
    """Return the worker of titles and summaries, which outlives the session."""
    shared = resources.utility_models_at(resources.shared_connection().gateway.base_url)
    uses_personal_key = bool(session_state.personal_key)
    return shared.with_gateway(user_gateway(), connection().prices.price_of, uses_personal_key=uses_personal_key)


def utility_model() -> UtilityModel | None:
    """Return the model for titles and summaries; None if none is set, and in a temporary chat."""
    name, wire = resources.settings().utility_model, resources.settings().utility_wire
    if not name or session_state.temporary_store:
        return None
    listed_wires = (wire for model in model_list().models if model.id == name for wire in model.wires)
    listed_wire = next((wire for wire in listed_wires if wire in WIRES), None)
    return UtilityModel(Target(name, wire or listed_wire or "openai"), model(name).capabilities.context_window)


def check_connection(*, is_team: bool) -> Connection:
    """Return the connection that is checked: the team's, whatever key the session has, or the session's."""
    return resources.shared_connection() if is_team else connection()


def check_host(*, is_team: bool) -> str:
    """Return the host of the gateway that is checked."""
    return urlsplit(check_connection(is_team=is_team).gateway.base_url).netloc


def capabilities_at(connection: Connection, model_id: str) -> Capabilities:
    """Return the capabilities of a model of any gateway."""
    return _find_model(connection, model_id).capabilities


def check_services(*, is_team: bool) -> CheckServices:
    """Return the dependencies of a check by this session's user."""
    user, current = session_state.user, check_connection(is_team=is_team)
    assert user is not None
    return build_check_services(user, current, uses_personal_key=bool(session_state.personal_key) and not is_team)


def build_check_services(
    user: User, current: Connection, *, uses_personal_key: bool = False, is_user_choice: bool = True
) -> CheckServices:
    """Return the dependencies of a check of a gateway, with the limits at the time of each request; on any thread."""
    return CheckServices(
        user.id,
        _identify_caller(current.gateway, user),
        resources.store().gateway_checks,
        resources.store().usage,
        resources.store().exchanges,
        current.prices.price_of,
        lambda model_id: _find_model(current, model_id).capabilities,
        lambda: _build_limit_enforcer(user, current, uses_personal_key=uses_personal_key),
        uses_personal_key,
        is_user_choice,
        resources.settings().recording.max_bytes,
        resources.metrics().record_request,
    )


def voice_models() -> VoiceModels:
    """Return the models for dictation and for reading aloud: those of the settings, else the first listed ones."""
    settings, listed = resources.settings().voice, model_list()
    speech, transcription = settings.speech_model, settings.transcription_model
    speech = select_default(listed.speech_models) if speech == "" else speech or ""
    transcription = select_default(listed.transcription_models) if transcription == "" else transcription or ""
    return VoiceModels(speech, transcription, settings.voices or default_voices(speech))


def voice_services() -> VoiceServices:
    """Return the dependencies of audio requests in this session; the limits are those at the time of a request."""
    user, current, uses_personal_key = session_state.user, connection(), bool(session_state.personal_key)
    assert user is not None

    def current_limits() -> LimitEnforcer:
        return _build_limit_enforcer(user, current, uses_personal_key=uses_personal_key)

    return VoiceServices(
        user.id,
        user_gateway().audio,
        current_store().usage,
        voice_models(),
        current.prices.price_of,
        current_limits,
        uses_personal_key,
        resources.metrics().record_request,
    )


def turn_services() -> TurnServices:
    """Return the dependencies of a turn in this session, and of the queued questions that are sent after it."""
    user, current, personal_key = session_state.user, connection(), session_state.personal_key
    assert user is not None

    def renew_limits() -> LimitEnforcer | None:
        # On the thread of an answer, which has no session.
        if personal_key and personal_key.gateway.is_closed:
            return None
        return _build_limit_enforcer(user, current, uses_personal_key=bool(personal_key))

    return TurnServices(
        current_store(),
        user_gateway(),
        resources.generations(),
        utility_models(),
        utility_model(),
        current.prices.price_of,
        limit_enforcer(),
        lambda model_id: _find_model(current, model_id).capabilities,
        current.gateway.refused_params,
        resources.settings().server.max_running_answers,
        bool(personal_key),
        renew_limits,
        queue.send_next,
        resources.settings().recording.max_bytes,
        resources.settings().server.max_answer_chars,
    )
