"""Model picker: the model, the wire to it, and details about the model."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from lib.core.errors import KeyRejected
from lib.core.models import group_by_vendor
from lib.core.preferences import Preferences
from lib.core.target import WIRES, Target, is_wire
from lib.core.user import User
from lib.ui.session import conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.settings import models
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import cost, model_access
from lib.ui.widgets.controls import render_button, render_choice
from lib.ui.widgets.errors import code_message, flash_warning, shows_errors

_MODEL_KEY, _WIRE_KEY = "composer.model", "composer.wire"
_MAX_ALTERNATIVES = 12  # models offered after a refusal
_FAVOURITE_PREFIX, _LABEL_SEPARATOR = "★ ", " · "


def sync_widgets(user: User) -> None:
    """Set the widgets when another conversation was opened or the URL names another target.

    A conversation's own target has priority. A new conversation starts with the target in the URL, else the
    user's default, else the team's, else the last selection.
    """
    conversation_id = conversation_view.current_view().conversation_id
    url_target = (st.query_params.get("model"), st.query_params.get("wire"))
    source = session_state.target_widgets_source
    if source != (conversation_id, url_target):
        is_other_conversation = source is None or source[0] != conversation_id
        is_other_url = source is None or source[1] != url_target
        _set_widgets(
            _default_target(user) if is_other_conversation else None,
            *(url_target if is_other_url else (None, None)),
        )
        session_state.target_widgets_source = (conversation_id, url_target)
    if not session_state.widget(_MODEL_KEY):
        listed = (model.id for model in services.model_list().models)
        candidates = (*services.preferences(user.id).favourites, *listed)
        allowed = (model for model in candidates if model_access.is_model_allowed(user, model))
        session_state.set_widget(_MODEL_KEY, next(allowed, None))
    if not is_wire(session_state.widget(_WIRE_KEY)):
        session_state.set_widget(_WIRE_KEY, services.model(_selected_model()).wires[0])


def _default_target(user: User) -> Target | None:
    """Return the user's default target, else the team's; None without permission for its model."""
    defaults = (services.preferences(user.id).default_target, resources.policy().default_target)
    return next((target for target in defaults if target and model_access.is_model_allowed(user, target.model)), None)


def _set_widgets(default: Target | None, model: str | None, wire: str | None) -> None:
    conversation = conversation_view.current_view().conversation
    if conversation and conversation.target:
        target: Target | None = conversation.target
    else:
        target = Target(model, services.model(model).wires[0]) if model else default
        if is_wire(wire):
            session_state.set_widget(_WIRE_KEY, wire)
            target = Target(target.model, wire) if target else None
    if target:
        session_state.set_widget(_MODEL_KEY, target.model)
        session_state.set_widget(_WIRE_KEY, target.wire)


def current_target() -> Target | None:
    """Return the selected target; None while no model is selected."""
    model, wire = _selected_model(), session_state.widget(_WIRE_KEY)
    return Target(model, wire) if model and is_wire(wire) else None


def select_target(target: Target) -> None:
    """Select a model and a wire; from a callback."""
    session_state.set_widget(_MODEL_KEY, target.model)
    session_state.set_widget(_WIRE_KEY, target.wire)


def list_alternatives(user: User, target: Target) -> list[Target]:
    """Return ways round a model that refuses a request: the model over its other wires, and other models."""
    other_wires = [Target(target.model, wire) for wire in services.model(target.model).wires if wire != target.wire]
    models = [model_id for model_id in _model_labels(user, services.preferences(user.id)) if model_id != target.model]
    others = [Target(model_id, services.model(model_id).wires[0]) for model_id in models[:_MAX_ALTERNATIVES]]
    return other_wires + others


def render_notice(user: User) -> None:
    """Explain the problem of the selection: no permission, no model list, or a wire that is not listed."""
    model_list, target = services.model_list(), current_target()
    if target and not model_access.is_model_allowed(user, target.model):
        reason = escape_markdown(model_access.model_not_allowed_message(target.model))
        st.caption(f":material/lock: {reason} {t('permissions.choose_another')}")
    elif model_list.error_code == KeyRejected.code:
        st.caption(f":material/key_off: {code_message(model_list.error_code)}")
    elif not model_list.models and model_list.error_code:
        st.caption(t("composer.no_list" if model_list.is_unsupported else "composer.no_models"))
    elif target and target.wire not in (wires := services.model(target.model).wires):
        st.caption(t("composer.wire_not_listed", wire=t(f"wire.{target.wire}"), other_wire=t(f"wire.{wires[0]}")))


def render_model(user: User) -> None:
    """Render the choice of the model."""
    preferences = services.preferences(user.id)
    labels = _model_labels(user, preferences)
    if model := _selected_model():
        labels = labels if model in labels else {model: model, **labels}
        _refresh_label(model, labels[model])
    st.selectbox(
        t("composer.model"),
        list(labels),
        index=None,
        format_func=lambda option: labels.get(option, option),
        key=_MODEL_KEY,
        required=True,
        accept_new_options=True,
        placeholder=t("composer.model_placeholder"),
        label_visibility="collapsed",
        on_change=_on_model_change,
        args=(user,),
        persist_state="session",
    )


def render_wire(user: User) -> None:
    """Render the choice of the wire, and a popover with details about the model."""
    preferences = services.preferences(user.id)
    render_choice(t("composer.wire"), _WIRE_KEY, WIRES, lambda wire: t(f"wire.{wire}"), persist_state="session")
    with st.popover(t("target.about"), icon=":material/info:", key="about"):
        _render_details(user, preferences)
        st.caption(t("wire.about"))


def _model_labels(user: User, preferences: Preferences) -> Mapping[str, str]:
    """Return the labels of all models that the user may use, by id: favourites, then the list by vendor."""
    grouped = (model for _, group in group_by_vendor(services.model_list().models) for model in group)
    listed = {model.id: model for model in grouped if model_access.is_model_allowed(user, model.id)}
    favourites = dict.fromkeys(model for model in preferences.favourites if model_access.is_model_allowed(user, model))
    labels = {}
    for model_id in (*favourites, *(model_id for model_id in listed if model_id not in favourites)):
        capabilities = (listed.get(model_id) or services.model(model_id)).capabilities
        prefix = _FAVOURITE_PREFIX if model_id in favourites else ""
        details = filter(None, (capabilities.vendor, model_access.retirement_text(capabilities)))
        labels[model_id] = _LABEL_SEPARATOR.join((prefix + model_id, *details))
    return labels


def _selected_model() -> str:
    """Return the selected model id. The widget may hold an outdated label, without a star or a vendor."""
    value = str(session_state.widget(_MODEL_KEY) or "")
    return value.removeprefix(_FAVOURITE_PREFIX).partition(_LABEL_SEPARATOR)[0].strip()


def _refresh_label(model_id: str, label: str) -> None:
    """Set the widget again when the label of the selected model changed: the browser keeps the old one."""
    old_model, old_label = session_state.target_label or (model_id, label)
    is_outdated = old_model == model_id and old_label != label
    if is_outdated or session_state.widget(_MODEL_KEY) != model_id:
        session_state.set_widget(_MODEL_KEY, model_id)
    session_state.target_label = (model_id, label)


@shows_errors
def _on_model_change(user: User) -> None:
    """Reject a model without permission; switch the wire if the model is not listed for it."""
    model = _selected_model()
    if model and not model_access.is_model_allowed(user, model):
        flash_warning(model_access.model_not_allowed_message(model))
        session_state.set_widget(_MODEL_KEY, session_state.target_label[0] if session_state.target_label else None)
        return
    wires = services.model(model).wires
    if session_state.widget(_WIRE_KEY) not in wires:
        session_state.set_widget(_WIRE_KEY, wires[0])


def _render_details(user: User, preferences: Preferences) -> None:
    target = current_target()
    if target is None:
        st.caption(t("target.none"))
        return
    model = services.model(target.model)
    st.markdown(f"**{escape_markdown(model.display_name or model.id)}**")
    if model.description:
        st.markdown(escape_markdown(model.description))
    st.caption(model_access.capabilities_text(model.capabilities))
    st.caption(escape_markdown(cost.price_text(model.id)))
    is_favourite = model.id in preferences.favourites
    label = t("target.unstar" if is_favourite else "target.star")
    render_button(label, "star", "star", models.set_favourite, user, model.id, not is_favourite)
    is_default = preferences.default_target == target
    label = t("target.undefault" if is_default else "target.default", wire=t(f"wire.{target.wire}"))
    render_button(label, "default", "push_pin", models.set_default, user, None if is_default else target)
