"""The target: a model picked or typed, the wire to it, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from lib.core.models import group_by_vendor
from lib.core.preferences import Preferences
from lib.core.target import WIRES, Target, Wire, is_wire
from lib.core.user import User
from lib.ui.session import conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.settings import default_model_fields, models
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.widgets import cost, model_access
from lib.ui.widgets.errors import flash_warning, shows_errors

_MODEL_KEY, _WIRE_KEY = "composer.model", "composer.wire"
_WIDGET_KEYS = (_MODEL_KEY, _WIRE_KEY)
# What stands around an id in the picker.
_FAVOURITE_PREFIX, _LABEL_SEPARATOR = "★ ", " · "


def sync_widgets(user: User) -> None:
    """Fill the widgets where the conversation, or what the URL asks for, is not the one they were filled for.

    A conversation's own target goes first. A new one begins with what the URL names, else with the person's
    default, else with the team's, else with what was chosen before.
    """
    shown = conversation_view.current_view()
    asked = (st.query_params.get("model"), st.query_params.get("wire"))
    # The last value of each widget, kept here: Streamlit forgets a widget's own when its page is left.
    for key in _WIDGET_KEYS:
        # Only where it is gone: a value that the server sets replaces what is being typed there.
        if not session_state.has_widget(key):
            session_state.set_widget(key, session_state.target_widget_values.get(key))
    before = session_state.target_widgets_source
    if before != (shown.conversation_id, asked):
        begun = before is None or before[0] != shown.conversation_id
        news = asked if before is None or before[1] != asked else (None, None)
        _set_widgets(_default_target(user) if begun else None, *news)
        session_state.target_widgets_source = (shown.conversation_id, asked)
    if not session_state.widget(_MODEL_KEY):
        liked = services.preferences(user.id).favourites
        every = (*liked, *(model.id for model in services.model_list().models))
        allowed = (model for model in every if model_access.is_model_allowed(user, model))
        session_state.set_widget(_MODEL_KEY, next(allowed, None))
    if not is_wire(session_state.widget(_WIRE_KEY)):
        session_state.set_widget(_WIRE_KEY, services.model(_selected_model()).wires[0])


def _default_target(user: User) -> Target | None:
    """The default of the person, else of the team, of those with a model that the person may use."""
    both = (services.preferences(user.id).default_target, resources.policy().default_target)
    return next((one for one in both if one and model_access.is_model_allowed(user, one.model)), None)


def _set_widgets(default: Target | None, model: str | None, wire: str | None) -> None:
    conversation = conversation_view.current_view().conversation
    if conversation and conversation.target:
        found: Target | None = conversation.target
    else:
        found = Target(model, services.model(model).wires[0]) if model else default
        if is_wire(wire):
            session_state.set_widget(_WIRE_KEY, wire)
            found = Target(found.model, wire) if found else None
    if found:
        session_state.set_widget(_MODEL_KEY, found.model)
        session_state.set_widget(_WIRE_KEY, found.wire)


def current_target() -> Target | None:
    """The target that is chosen; None while no model is."""
    model, chosen = _selected_model(), session_state.widget(_WIRE_KEY)
    return Target(model, chosen) if model and is_wire(chosen) else None


def current_wire() -> Wire:
    """The wire that is chosen, also while no model is."""
    chosen = session_state.widget(_WIRE_KEY)
    return chosen if is_wire(chosen) else WIRES[0]


def render_notice(user: User) -> None:
    """What stands in the way of a choice: no right to the model, no list, or a wire that is not listed."""
    listing, chosen = services.model_list(), current_target()
    if chosen and not model_access.is_model_allowed(user, chosen.model):
        reason = escape_markdown(model_access.model_not_allowed_message(chosen.model))
        st.caption(f":material/lock: {reason} {t('rights.other')}")
    elif not listing.models and listing.error_code:
        st.caption(t("composer.no_list" if listing.is_unsupported else "composer.no_models"))
    elif chosen and chosen.wire not in services.model(chosen.model).wires:
        other, name = services.model(chosen.model).wires[0], t(f"wire.{chosen.wire}")
        st.caption(t("composer.wire_not_listed", wire=name, other=t(f"wire.{other}")))


def render(user: User) -> None:
    """The picker of the model, the choice of the wire, and what is known of the model."""
    liked = services.preferences(user.id)
    labels = _model_options(user, liked)
    chosen = _selected_model()
    if chosen:
        labels = labels if chosen in labels else {chosen: chosen, **labels}
        _refresh_label(chosen, labels[chosen])
    st.selectbox(
        t("composer.model"),
        list(labels),
        index=None,
        format_func=lambda model: labels.get(model, model),
        key=_MODEL_KEY,
        required=True,
        accept_new_options=True,
        placeholder=t("composer.model_placeholder"),
        label_visibility="collapsed",
        on_change=_on_model_change,
        args=(user,),
    )
    default_model_fields.render_wire_picker(_WIRE_KEY)
    session_state.target_widget_values = {
        _MODEL_KEY: _selected_model(),
        _WIRE_KEY: session_state.widget(_WIRE_KEY),
    }
    with st.popover(t("target.about"), icon=":material/info:", key="about"):
        _render_model_details(user, liked)


def _model_options(user: User, preferences: Preferences) -> Mapping[str, str]:
    """The ids that the person may pick, with labels: favourites first, then the others maker by maker."""
    every = (model for _, group in group_by_vendor(services.model_list().models) for model in group)
    listed = {model.id: model for model in every if model_access.is_model_allowed(user, model.id)}
    favourites = dict.fromkeys(
        name for name in preferences.favourites if model_access.is_model_allowed(user, name)
    )
    makers = {name: services.model(name).capabilities.vendor for name in favourites if name not in listed}
    makers |= {name: model.capabilities.vendor for name, model in listed.items()}
    return {
        name: (_FAVOURITE_PREFIX if name in favourites else "")
        + name
        + (_LABEL_SEPARATOR + makers[name] if makers[name] else "")
        for name in (*favourites, *(name for name in listed if name not in favourites))
    }


def _selected_model() -> str:
    """The id in the picker. It may hold a label of before, when the id had no star or no maker yet."""
    shown = str(session_state.widget(_MODEL_KEY) or "")
    return shown.removeprefix(_FAVOURITE_PREFIX).partition(_LABEL_SEPARATOR)[0].strip()


def _refresh_label(model_id: str, label: str) -> None:
    """Have the browser show the id by its label of now; it would go on showing the one it was picked by."""
    before = session_state.target_label or (model_id, label)
    if session_state.widget(_MODEL_KEY) != model_id or (before[0] == model_id and before[1] != label):
        session_state.set_widget(_MODEL_KEY, model_id)
    session_state.target_label = (model_id, label)


@shows_errors
def _on_model_change(user: User) -> None:
    """Another model comes with its own better wire, where the chosen one is not offered.

    One that the person may not use is not taken.
    """
    if (chosen := _selected_model()) and not model_access.is_model_allowed(user, chosen):
        flash_warning(model_access.model_not_allowed_message(chosen))
        session_state.set_widget(_MODEL_KEY, session_state.target_widget_values.get(_MODEL_KEY))
        return
    offered = services.model(_selected_model()).wires
    if session_state.widget(_WIRE_KEY) not in offered:
        session_state.set_widget(_WIRE_KEY, offered[0])


def _render_model_details(user: User, preferences: Preferences) -> None:
    chosen = current_target()
    if chosen is None:
        st.caption(t("target.none"))
        return
    model = services.model(chosen.model)
    st.markdown(f"**{escape_markdown(model.display_name or model.id)}**")
    if model.description:
        st.markdown(escape_markdown(model.description))
    st.caption(models.capabilities_text(model.capabilities))
    st.caption(escape_markdown(cost.price_text(model.id)))
    starred = model.id in preferences.favourites
    st.button(
        t("target.unstar" if starred else "target.star"),
        key="star",
        icon=":material/star:",
        type="tertiary",
        on_click=models.set_favourite,
        args=(user, model.id, not starred),
    )
    usual = preferences.default_target == chosen
    st.button(
        t("target.undefault" if usual else "target.default", wire=t(f"wire.{chosen.wire}")),
        key="default",
        icon=":material/push_pin:",
        type="tertiary",
        on_click=models.set_default,
        args=(user, None if usual else chosen),
    )
