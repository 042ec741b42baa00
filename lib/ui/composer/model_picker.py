"""Model picker: the target of the next question, the button that shows it, and what it says about problems."""

from __future__ import annotations

import contextlib

import streamlit as st

from lib.core.conversation import ImagePart
from lib.core.errors import InvalidResponse, KeyRejected, StoreError
from lib.core.target import Target, is_wire
from lib.core.user import User
from lib.ui import gateway_check
from lib.ui.files import tray
from lib.ui.session import conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import model_access, model_select
from lib.ui.widgets.errors import code_message, flash_warning

_KEY = "composer-model"
_MAX_ALTERNATIVES = 12  # models offered after a refusal


def sync_target(user: User) -> None:
    """Select the target when another conversation was opened or the URL names another one.

    A conversation's own target has priority. A new conversation starts with the target in the URL, else that of
    its project, else the user's default, else the team's, else the last selection, else the model used last.
    """
    place = conversation_view.current_view().source
    url_target = (st.query_params.get("model"), st.query_params.get("wire"))
    source = session_state.target_source
    if source != (place, url_target):
        is_other_conversation = source is None or source[0] != place
        is_other_url = source is None or source[1] != url_target
        default = _default_target(user) if is_other_conversation else None
        _select_first(user, default, *(url_target if is_other_url else (None, None)))
        session_state.target_source = (place, url_target)
    elif session_state.selected_target is None:
        _select_first(user, None, None, None)
    _apply_choice(user)


def _select_first(user: User, default: Target | None, model: str | None, wire: str | None) -> None:
    """Select the target that a conversation starts with."""
    conversation = conversation_view.current_view().conversation
    target: Target | None
    if conversation and conversation.target:
        target = conversation.target
    else:
        target = _first_target(model) if model else default or session_state.selected_target or _first_allowed(user)
        if is_wire(wire) and target:
            target = Target(target.model, wire)
    if target:
        session_state.selected_target = target


def _first_target(model_id: str) -> Target:
    return Target(model_id, services.model(model_id).wires[0])


def _first_allowed(user: User) -> Target | None:
    """Return the model used last, else the first favourite, else the first in the gateway's list that chats."""
    preferences = services.preferences(user.id)
    listed = (model.id for model in sorted(services.model_list().models, key=lambda model: model.makes_images))
    candidates = (*preferences.recent_models, *preferences.favourites, *listed)
    allowed = (model_id for model_id in candidates if model_access.is_model_allowed(user, model_id))
    return next((_first_target(model_id) for model_id in allowed), None)


def _default_target(user: User) -> Target | None:
    """Return the target of a new conversation's project, else the user's default, else the team's.

    A target without permission for its model is passed over, that of a project with a note.
    """
    view = conversation_view.current_view()
    wanted = view.project.target if view.project and view.new_folder else None
    if wanted and not model_access.is_model_allowed(user, wanted.model):
        flash_warning(t("project.model_not_allowed", name=view.new_folder, model=wanted.model))
    defaults = (wanted, services.preferences(user.id).default_target, resources.policy().default_target)
    return next((target for target in defaults if target and model_access.is_model_allowed(user, target.model)), None)


def current_target() -> Target | None:
    """Return the selected target; None while no model is selected."""
    # A question can arrive together with the choice of a model, and its callback run first.
    if session_state.user:
        _apply_choice(session_state.user)
    return session_state.selected_target


def select_target(target: Target) -> None:
    """Select a model and a wire; from a callback."""
    session_state.selected_target = target


def record_use(user: User, target: Target) -> None:
    """Add a model to those used last, except in a temporary chat."""
    if session_state.temporary_store or session_state.preferences.recent_models[:1] == (target.model,):
        return
    # The answer does not depend on it.
    with contextlib.suppress(StoreError):
        resources.store().preferences.add_recent_model(user.id, target.model)


def list_alternatives(user: User, target: Target) -> list[Target]:
    """Return ways round a model that refuses a request: the model over its other wires, and other models."""
    other_wires = [Target(target.model, wire) for wire in services.model(target.model).wires if wire != target.wire]
    models = [model_id for model_id in _list_model_ids(user) if model_id != target.model]
    return other_wires + [_first_target(model_id) for model_id in models[:_MAX_ALTERNATIVES]]


def render_notice(user: User) -> None:
    """Explain the problem of the selection: no permission, no model list, or a wire that is not listed."""
    model_list, target = services.model_list(), current_target()
    if target and not model_access.is_model_allowed(user, target.model):
        reason = escape_markdown(model_access.model_not_allowed_message(target.model))
        st.caption(f":material/lock: {reason} {t('permissions.choose_another')}")
    elif model_list.error_code == KeyRejected.code:
        st.caption(f":material/key_off: {code_message(model_list.error_code)}")
    elif model_list.error_code == InvalidResponse.code:
        st.caption(f":material/cloud_off: {t('composer.not_a_gateway')}")
    elif model_list.is_unsupported:
        st.caption(t("composer.no_list"))
    elif not model_list.models and model_list.error_code:
        st.caption(f":material/cloud_off: {t('composer.no_models')} {code_message(model_list.error_code)}")
    elif target and _is_behind_image(target):
        st.caption(f":material/brush: {t('image.new_notice')}")
    elif target and target.wire not in (wires := services.model(target.model).wires):
        st.caption(t("composer.wire_not_listed", wire=t(f"wire.{target.wire}"), other_wire=t(f"wire.{wires[0]}")))


def _is_behind_image(target: Target) -> bool:
    """Tell if the next question, without an image, follows one: users may expect it to change that."""
    view = conversation_view.current_view()
    has_image = bool(view.nodes) and any(isinstance(part, ImagePart) for part in view.nodes[-1].message.parts)
    return target.makes_images and has_image and not tray.list_parts(conversation_view.draft_slot())


def render(user: User) -> None:
    """Render the button with the selected model, its wire where that is not the usual one, and failed checks."""
    target = current_target()
    notes = []
    if target:
        is_usual = target.wire == services.model(target.model).wires[0]
        notes = ["" if is_usual else t(f"wire.{target.wire}"), gateway_check.picker_note(target)]
    model_select.render(
        _KEY,
        user,
        target.model if target else "",
        lambda: _apply_choice(user),
        label=t("composer.model"),
        placeholder=t("composer.model_placeholder"),
        note=" · ".join(filter(None, notes)),
        scope=_scope(),
    )


def _list_model_ids(user: User) -> list[str]:
    """Return the ids of the models that the user may use: favourites, those used last, then the list by vendor."""
    preferences = services.preferences(user.id)
    listed = services.model_list().ids_by_vendor
    model_ids = dict.fromkeys((*preferences.favourites, *preferences.recent_models, *listed))
    return [model_id for model_id in model_ids if model_access.is_model_allowed(user, model_id)]


def _scope() -> str:
    """Name the place that a choice is made for: the browser repeats it in other conversations."""
    return conversation_view.current_view().source or "new"


def _apply_choice(user: User) -> None:
    """Select the model that was chosen in the browser, over its first wire if it is not listed for the selected one.

    A model without permission is rejected.
    """
    with model_select.apply_choice(_KEY, _scope()) as model_id:
        if not model_id:
            return
        if not model_access.is_model_allowed(user, model_id):
            flash_warning(model_access.model_not_allowed_message(model_id))
            return
        wires, selected = services.model(model_id).wires, session_state.selected_target
        wire = selected.wire if selected and selected.wire in wires else wires[0]
        session_state.selected_target = Target(model_id, wire)
