"""The models in the settings: searched, grouped by maker, starred; the default; how old the list is."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from lib.core.models import Abilities, Listing, Model, by_maker, matching
from lib.core.preferences import Preferences
from lib.core.target import Target
from lib.core.user import Person
from lib.ui.session import resources
from lib.ui.settings import default_model_fields
from lib.ui.text.i18n import literal, t
from lib.ui.widgets import model_access
from lib.ui.widgets.errors import refuse, sentence, tried

PAGE = 25  # models shown at first, and more with each "show more"
PATIENCE = 15.0  # seconds that the page waits for a list that was asked for
_SEARCH, _MAKER, _SHOWN = "models.search", "models.maker", "models.shown"
_USUAL = default_model_fields.Keys("models-usual", "models.default", "models.default_wire", "models.told")
_FAVOURITES = "★"


def paint(person: Person) -> None:
    """The section of the settings: what the list is like, the default, and every model with its star."""
    with st.container(key="models"):
        st.subheader(t("settings.models"), anchor=False)
        with st.spinner(t("models.reading"), show_time=False):
            listing = resources.listing(PATIENCE)
        liked = resources.preferences(person.id)
        _state(listing)
        known = {model.id: model for model in listing.models}
        every = [*listing.models, *(resources.model(name) for name in liked.favourites if name not in known)]
        every = [model for model in every if model_access.may(person, model.id)]
        _default(person, liked, every)
        if every:
            _list(person, liked, every)


@tried
def favour(person: Person, model: str, wanted: bool) -> None:
    """Put a model among the person's favourites, or take it out; a callback."""
    resources.store().favour(person.id, model, wanted)


@tried
def set_default(person: Person, target: Target | None) -> None:
    """Keep the target that the person's new conversations begin with, None for none; a callback.

    One that the person may not use is not taken.
    """
    if target and not model_access.may(person, target.model):
        refuse(model_access.why_not(target.model))
        st.session_state[_USUAL.told] = target  # not what is kept: the fields show that again
        return
    resources.store().set_default(person.id, target)


def words(abilities: Abilities) -> str:
    """What is known of a model in one line, and what is not known."""
    facts = {name: getattr(abilities, name) for name in ("image", "pdf", "thinking")}
    unknown = [t(f"abilities.{name}") for name, known in facts.items() if known is None]
    if abilities.context is None and len(unknown) == len(facts):
        return t("abilities.unknown")
    if abilities.context is None:
        unknown.insert(0, t("abilities.window"))
    parts = [t("abilities.context", size=_size(abilities.context))] if abilities.context else []
    parts += [t(f"abilities.{name}") for name, known in facts.items() if known]
    if all(known is False for known in facts.values()):
        parts.append(t("abilities.text"))
    if unknown:
        parts.append(t("abilities.not_known", what=t("abilities.between").join(unknown)))
    return " · ".join(parts)


def _size(tokens: int) -> str:
    return f"{tokens // 100_000 / 10:g}M" if tokens >= 1_000_000 else f"{tokens // 1000}k"


def _state(listing: Listing) -> None:
    """How many, how old, and a button to read the list again; why it is missing or old."""
    parts = [t("models.no_list")] if listing.none else []
    if listing.models:
        parts.append(t("settings.models_count", count=len(listing.models)))
    if listing.hidden:
        parts.append(t("models.hidden", count=listing.hidden))
    if listing.read:
        parts.append(age(time.time() - listing.read))
    with st.container(horizontal=True, vertical_alignment="center", key="models-state", gap="small"):
        st.markdown(" · ".join(parts) or t("models.never"))
        st.button(
            t("settings.refresh"),
            key="refresh",
            icon=":material/refresh:",
            type="tertiary",
            on_click=resources.catalog().forget,
        )
    if listing.none:
        st.info(t("models.none"), icon=":material/keyboard:")
    elif listing.fault:
        why = sentence(listing.fault)
        st.warning(
            t("models.old" if listing.models else "settings.models_none", why=why),
            icon=":material/cloud_off:",
        )


def age(seconds: float) -> str:
    """How old a list is."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return t("models.now")
    if minutes < 60:
        return t("models.minute" if minutes == 1 else "models.minutes", count=minutes)
    return t("models.hour" if minutes < 120 else "models.hours", count=minutes // 60)


def _default(person: Person, liked: Preferences, every: Sequence[Model]) -> None:
    """The target that new conversations begin with, to choose or to clear."""
    words = t("models.default"), t("models.no_default")
    default_model_fields.paint(_USUAL, liked.default, every, words, _set_default, (person,))


def _set_default(person: Person) -> None:
    set_default(person, default_model_fields.chosen(_USUAL))


def _list(person: Person, liked: Preferences, every: Sequence[Model]) -> None:
    st.text_input(
        t("models.search"),
        key=_SEARCH,
        icon=":material/search:",
        placeholder=t("models.search"),
        label_visibility="collapsed",
        on_change=_first_page,
    )
    found = matching(every, st.session_state[_SEARCH] or "")
    maker = _makers(liked, found)
    if maker == _FAVOURITES:
        found = [model for model in found if model.id in liked.favourites]
    elif maker is not None:
        found = [model for model in found if model.abilities.maker == maker]
    if not found:
        st.caption(t("models.not_found"))
    most = st.session_state.setdefault(_SHOWN, PAGE)
    for name, group in by_maker(found):
        if most <= 0:
            break
        st.markdown(f"#### {literal(name) or t('models.other')}")
        for model in group[:most]:
            _row(person, model, starred=model.id in liked.favourites)
        most -= len(group)
    if most < 0:
        st.button(t("sidebar.more"), key="models-more", type="tertiary", on_click=_more)


def _makers(liked: Preferences, found: Sequence[Model]) -> str | None:
    """The maker to whom the list is narrowed, "★" for the favourites, None for all."""
    counts = {name: len(group) for name, group in by_maker(found)}
    stars = sum(model.id in liked.favourites for model in found)
    if len(counts) < 2 and not stars:
        return None
    options = [*([_FAVOURITES] if stars else []), *counts]
    if st.session_state.get(_MAKER) not in options:
        st.session_state[_MAKER] = None
    return st.pills(
        t("models.maker"),
        options,
        key=_MAKER,
        format_func=lambda name: (
            f"{_FAVOURITES} {stars}"
            if name == _FAVOURITES
            else f"{literal(name) or t('models.other')} {counts.get(name, 0)}"
        ),
        label_visibility="collapsed",
        on_change=_first_page,
    )


def _row(person: Person, model: Model, *, starred: bool) -> None:
    kind = "starred" if starred else "unstarred"
    with st.container(
        key=f"{kind}-{model.id}", horizontal=True, vertical_alignment="center", gap="small", wrap=False
    ):
        st.button(
            t("models.unstar" if starred else "models.star", model=literal(model.id)),
            key=f"star-{model.id}",
            icon=":material/star:",
            type="tertiary",
            on_click=favour,
            args=(person, model.id, not starred),
        )
        wires = t("abilities.between").join(t(f"wire.{wire}") for wire in model.wires)
        known = f"{words(model.abilities)} · {t('models.over', wires=wires)}"
        title = f"**{literal(model.id)}**" + (f"  {literal(model.name)}" if model.name else "")
        about = f"  \n:small[{literal(model.about)}]" if model.about else ""
        st.markdown(f"{title}{about}  \n:small[:gray[{literal(known)}]]")


def _first_page() -> None:
    st.session_state[_SHOWN] = PAGE


def _more() -> None:
    st.session_state[_SHOWN] += PAGE
