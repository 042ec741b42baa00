"""The target: a model picked or typed, the wire to it, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from lib.core.models import by_maker
from lib.core.preferences import Preferences
from lib.core.target import WIRES, Target, Wire, is_wire
from lib.core.user import Person
from lib.ui.session import conversation_view, resources
from lib.ui.settings import default_model_fields, models
from lib.ui.text.i18n import literal, t
from lib.ui.widgets import cost, model_access
from lib.ui.widgets.errors import refuse, tried

_MODEL, _WIRE = "composer.model", "composer.wire"
_WIDGETS = (_MODEL, _WIRE)
# What stands around an id in the picker.
_STAR, _BETWEEN = "★ ", " · "


def preset(person: Person) -> None:
    """Fill the widgets where the conversation, or what the URL asks for, is not the one they were filled for.

    A conversation's own target goes first. A new one begins with what the URL names, else with the person's
    default, else with the team's, else with what was chosen before.
    """
    shown = conversation_view.view()
    asked = (st.query_params.get("model"), st.query_params.get("wire"))
    # The last value of each widget, kept here: Streamlit forgets a widget's own when its page is left.
    kept = st.session_state.setdefault("target.kept", dict.fromkeys(_WIDGETS))
    for key in _WIDGETS:
        # Only where it is gone: a value that the server sets replaces what is being typed there.
        if key not in st.session_state:
            st.session_state[key] = kept[key]
    before = st.session_state.get("target.preset")
    if before != (shown.id, asked):
        begun = before is None or before[0] != shown.id
        news = asked if before is None or before[1] != asked else (None, None)
        _fill(_usual(person) if begun else None, *news)
        st.session_state["target.preset"] = (shown.id, asked)
    if not st.session_state[_MODEL]:
        liked = resources.preferences(person.id).favourites
        every = (*liked, *(model.id for model in resources.listing().models))
        st.session_state[_MODEL] = next((model for model in every if model_access.may(person, model)), None)
    if not is_wire(st.session_state[_WIRE]):
        st.session_state[_WIRE] = resources.model(_chosen()).wires[0]


def _usual(person: Person) -> Target | None:
    """The default of the person, else of the team, of those with a model that the person may use."""
    both = (resources.preferences(person.id).default, resources.policy().default)
    return next((one for one in both if one and model_access.may(person, one.model)), None)


def _fill(default: Target | None, model: str | None, wire: str | None) -> None:
    conversation = conversation_view.view().conversation
    if conversation and conversation.target:
        found: Target | None = conversation.target
    else:
        found = Target(model, resources.model(model).wires[0]) if model else default
        if is_wire(wire):
            st.session_state[_WIRE] = wire
            found = Target(found.model, wire) if found else None
    if found:
        st.session_state[_MODEL], st.session_state[_WIRE] = found.model, found.wire


def current() -> Target | None:
    """The target that is chosen; None while no model is."""
    model, chosen = _chosen(), st.session_state.get(_WIRE)
    return Target(model, chosen) if model and is_wire(chosen) else None


def wire() -> Wire:
    """The wire that is chosen, also while no model is."""
    chosen = st.session_state.get(_WIRE)
    return chosen if is_wire(chosen) else WIRES[0]


def paint_note(person: Person) -> None:
    """What stands in the way of a choice: no right to the model, no list, or a wire that is not listed."""
    listing, chosen = resources.listing(), current()
    if chosen and not model_access.may(person, chosen.model):
        st.caption(f":material/lock: {literal(model_access.why_not(chosen.model))} {t('rights.other')}")
    elif not listing.models and listing.fault:
        st.caption(t("composer.no_list" if listing.none else "composer.no_models"))
    elif chosen and chosen.wire not in resources.model(chosen.model).wires:
        other, name = resources.model(chosen.model).wires[0], t(f"wire.{chosen.wire}")
        st.caption(t("composer.wire_not_listed", wire=name, other=t(f"wire.{other}")))


def paint(person: Person) -> None:
    """The picker of the model, the choice of the wire, and what is known of the model."""
    liked = resources.preferences(person.id)
    labels = _options(person, liked)
    chosen = _chosen()
    if chosen:
        labels = labels if chosen in labels else {chosen: chosen, **labels}
        _show(chosen, labels[chosen])
    st.selectbox(
        t("composer.model"),
        list(labels),
        index=None,
        format_func=lambda model: labels.get(model, model),
        key=_MODEL,
        required=True,
        accept_new_options=True,
        placeholder=t("composer.model_placeholder"),
        label_visibility="collapsed",
        on_change=_model_changed,
        args=(person,),
    )
    default_model_fields.choose_wire(_WIRE)
    st.session_state["target.kept"] = {_MODEL: _chosen(), _WIRE: st.session_state[_WIRE]}
    with st.popover(t("target.about"), icon=":material/info:", key="about"):
        _about(person, liked)


def _options(person: Person, liked: Preferences) -> Mapping[str, str]:
    """The ids that the person may pick, with labels: favourites first, then the others maker by maker."""
    every = (model for _, group in by_maker(resources.listing().models) for model in group)
    listed = {model.id: model for model in every if model_access.may(person, model.id)}
    favourites = dict.fromkeys(name for name in liked.favourites if model_access.may(person, name))
    makers = {name: resources.model(name).abilities.maker for name in favourites if name not in listed}
    makers |= {name: model.abilities.maker for name, model in listed.items()}
    return {
        name: (_STAR if name in favourites else "") + name + (_BETWEEN + makers[name] if makers[name] else "")
        for name in (*favourites, *(name for name in listed if name not in favourites))
    }


def _chosen() -> str:
    """The id in the picker. It may hold a label of before, when the id had no star or no maker yet."""
    shown = str(st.session_state.get(_MODEL) or "")
    return shown.removeprefix(_STAR).partition(_BETWEEN)[0].strip()


def _show(chosen: str, label: str) -> None:
    """Have the browser show the id by its label of now; it would go on showing the one it was picked by."""
    before = st.session_state.get("target.label", (chosen, label))
    if st.session_state[_MODEL] != chosen or (before[0] == chosen and before[1] != label):
        st.session_state[_MODEL] = chosen
    st.session_state["target.label"] = (chosen, label)


@tried
def _model_changed(person: Person) -> None:
    """Another model comes with its own better wire, where the chosen one is not offered.

    One that the person may not use is not taken.
    """
    if (chosen := _chosen()) and not model_access.may(person, chosen):
        refuse(model_access.why_not(chosen))
        st.session_state[_MODEL] = st.session_state["target.kept"][_MODEL]
        return
    offered = resources.model(_chosen()).wires
    if st.session_state[_WIRE] not in offered:
        st.session_state[_WIRE] = offered[0]


def _about(person: Person, liked: Preferences) -> None:
    chosen = current()
    if chosen is None:
        st.caption(t("target.none"))
        return
    model = resources.model(chosen.model)
    st.markdown(f"**{literal(model.name or model.id)}**")
    if model.about:
        st.markdown(literal(model.about))
    st.caption(models.words(model.abilities))
    st.caption(literal(cost.price(model.id)))
    starred = model.id in liked.favourites
    st.button(
        t("target.unstar" if starred else "target.star"),
        key="star",
        icon=":material/star:",
        type="tertiary",
        on_click=models.favour,
        args=(person, model.id, not starred),
    )
    usual = liked.default == chosen
    st.button(
        t("target.undefault" if usual else "target.default", wire=t(f"wire.{chosen.wire}")),
        key="default",
        icon=":material/push_pin:",
        type="tertiary",
        on_click=models.set_default,
        args=(person, None if usual else chosen),
    )
