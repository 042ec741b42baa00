"""Details of the selected model in the panel of parameters: API format, capabilities, price, default."""

from __future__ import annotations

import streamlit as st

from lib.core.target import Target, selectable_wires
from lib.core.user import User
from lib.ui.composer import model_picker
from lib.ui.session import services
from lib.ui.session.state import session_state
from lib.ui.settings import models
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import cost, model_access
from lib.ui.widgets.controls import render_button, render_choice

_WIRE_KEY = "composer.wire"


def render_wire(target: Target) -> None:
    """Render the choice of the wire."""
    # The widget only shows the selection: while the panel is closed, the browser repeats an old value of it.
    session_state.set_widget(_WIRE_KEY, target.wire)
    wires = selectable_wires(services.model(target.model).wires)
    options = wires if target.wire in wires else (target.wire, *wires)
    render_choice(t("composer.wire"), _WIRE_KEY, options, lambda wire: t(f"wire.{wire}"), on_change=_select_wire)


def _select_wire() -> None:
    target, wire = model_picker.current_target(), session_state.widget(_WIRE_KEY)
    if target and wire:
        model_picker.select_target(Target(target.model, wire))


def render(user: User, target: Target) -> None:
    """Render description, capabilities, price, wire, and the button for the default of new chats."""
    model = services.model(target.model)
    with st.container(key="model-details", gap="xsmall"):
        if model.display_name and model.display_name != model.id:
            st.markdown(f"**{escape_markdown(model.display_name)}**")
        if description := model_access.description_text(model):
            st.caption(escape_markdown(description))
        st.caption(model_access.capabilities_text(model.capabilities, makes_images=target.makes_images))
        st.caption(escape_markdown(cost.price_text(model.id)))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="model-wire"):
        render_wire(target)
        # As read for the button of the model picker.
        is_default = session_state.preferences.default_target == target
        label = t("target.undefault" if is_default else "target.default", wire=t(f"wire.{target.wire}"))
        render_button(label, "default", "push_pin", models.set_default, user, None if is_default else target)
    st.caption(t("wire.about_images" if target.makes_images else "wire.about"))
