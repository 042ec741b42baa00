"""The models in the settings: searched, grouped by maker, starred; the default; how old the list is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import groupby

import streamlit as st

from lib.core.models import Capabilities, Model, ModelList, filter_models, group_by_vendor
from lib.core.preferences import Preferences
from lib.core.target import Target
from lib.core.user import User
from lib.ui.session import resources, services
from lib.ui.session.state import session_state
from lib.ui.settings import default_model_fields
from lib.ui.text import dates, escape_markdown, t
from lib.ui.widgets import model_access, paging
from lib.ui.widgets.errors import code_message, flash_warning, shows_errors

PAGE_SIZE = 25
_SEARCH_KEY, _VENDOR_KEY, _PAGER = "models.search", "models.maker", "models"
_DEFAULT_FIELD_KEYS = default_model_fields.FieldKeys("models-usual", "models.default", "models.default_wire")
_FAVOURITES_OPTION = "★"


def render(user: User) -> None:
    """The section of the settings: what the list is like, the default, and every model with its star."""
    with st.container(key="models"):
        st.subheader(t("settings.models"), anchor=False)
        with st.spinner(t("models.reading"), show_time=False):
            listing = services.model_list(services.MODEL_LIST_TIMEOUT)
        liked = services.preferences(user.id)
        _render_list_status(listing)
        known = {model.id: model for model in listing.models}
        every = [*listing.models, *(services.model(name) for name in liked.favourites if name not in known)]
        every = [model for model in every if model_access.is_model_allowed(user, model.id)]
        _render_default(user, liked, every)
        if every:
            _render_list(user, liked, every)


@shows_errors
def set_favourite(user: User, model_id: str, is_favourite: bool) -> None:
    """Put a model among the person's favourites, or take it out; a callback."""
    resources.store().preferences.set_favourite(user.id, model_id, is_favourite)


@shows_errors
def set_default(user: User, target: Target | None) -> None:
    """Keep the target that the person's new conversations begin with, None for none; a callback.

    One that the person may not use is not taken.
    """
    if target and not model_access.is_model_allowed(user, target.model):
        flash_warning(model_access.model_not_allowed_message(target.model))
        # Not the stored default: the fields then show that again.
        session_state.default_target_shown[_DEFAULT_FIELD_KEYS.container] = target
        return
    resources.store().preferences.set_default_target(user.id, target)


def capabilities_text(capabilities: Capabilities) -> str:
    """What is known of a model in one line, and what is not known."""
    facts = {name: getattr(capabilities, name) for name in ("image", "pdf", "thinking")}
    unknown = [t(f"abilities.{name}") for name, known in facts.items() if known is None]
    if capabilities.context_window is None and len(unknown) == len(facts):
        return t("abilities.unknown")
    if capabilities.context_window is None:
        unknown.insert(0, t("abilities.window"))
    parts = (
        [t("abilities.context", size=_format_context_size(capabilities.context_window))]
        if capabilities.context_window
        else []
    )
    parts += [t(f"abilities.{name}") for name, known in facts.items() if known]
    if all(known is False for known in facts.values()):
        parts.append(t("abilities.text"))
    if unknown:
        parts.append(t("abilities.not_known", what=t("list.comma").join(unknown)))
    return " · ".join(parts)


def _format_context_size(tokens: int) -> str:
    return f"{tokens // 100_000 / 10:g}M" if tokens >= 1_000_000 else f"{tokens // 1000}k"


def _render_list_status(model_list: ModelList) -> None:
    """How many, how old, and a button to read the list again; why it is missing or old."""
    parts = [t("models.no_list")] if model_list.is_unsupported else []
    if model_list.models:
        parts.append(t("settings.models_count", count=len(model_list.models)))
    if model_list.hidden_count:
        parts.append(t("models.hidden", count=model_list.hidden_count))
    if model_list.fetched_at:
        parts.append(format_age(time.time() - model_list.fetched_at))
    with st.container(horizontal=True, vertical_alignment="center", key="models-state", gap="small"):
        st.markdown(" · ".join(parts) or t("models.never"))
        st.button(
            t("settings.refresh"),
            key="refresh",
            icon=":material/refresh:",
            type="tertiary",
            on_click=services.catalog().invalidate,
        )
    if model_list.is_unsupported:
        st.info(t("models.none"), icon=":material/keyboard:")
    elif model_list.error_code:
        why = code_message(model_list.error_code)
        st.warning(
            t("models.old" if model_list.models else "settings.models_none", why=why),
            icon=":material/cloud_off:",
        )


def format_age(seconds: float) -> str:
    """How old a list is."""
    if seconds < 60:
        return t("models.now")
    return t("models.updated", age=dates.format_age(seconds))


def _render_default(user: User, preferences: Preferences, models: Sequence[Model]) -> None:
    """The target that new conversations begin with, to choose or to clear."""
    words = t("models.default"), t("models.no_default")
    default_model_fields.render(
        _DEFAULT_FIELD_KEYS, preferences.default_target, models, words, _on_default_change, (user,)
    )


def _on_default_change(user: User) -> None:
    set_default(user, default_model_fields.selected_target(_DEFAULT_FIELD_KEYS))


def _render_list(user: User, preferences: Preferences, models: Sequence[Model]) -> None:
    st.text_input(
        t("models.search"),
        key=_SEARCH_KEY,
        icon=":material/search:",
        placeholder=t("models.search"),
        label_visibility="collapsed",
        on_change=paging.reset,
        args=(_PAGER,),
    )
    found = filter_models(models, session_state.widget(_SEARCH_KEY) or "")
    maker = _select_vendor(preferences, found)
    if maker == _FAVOURITES_OPTION:
        found = [model for model in found if model.id in preferences.favourites]
    elif maker is not None:
        found = [model for model in found if model.capabilities.vendor == maker]
    if not found:
        st.caption(t("models.not_found"))

    def render_models(page: list[Model]) -> None:
        for vendor, group in groupby(page, lambda model: model.capabilities.vendor):
            st.markdown(f"#### {escape_markdown(vendor) or t('models.other')}")
            for model in group:
                _render_row(user, model, is_favourite=model.id in preferences.favourites)

    in_order = [model for _, group in group_by_vendor(found) for model in group]
    paging.render(_PAGER, paging.fetch_from(in_order), render_models, PAGE_SIZE)


def _select_vendor(preferences: Preferences, models: Sequence[Model]) -> str | None:
    """The maker to whom the list is narrowed, "★" for the favourites, None for all."""
    counts = {name: len(group) for name, group in group_by_vendor(models)}
    stars = sum(model.id in preferences.favourites for model in models)
    if len(counts) < 2 and not stars:
        return None
    options = [*([_FAVOURITES_OPTION] if stars else []), *counts]
    if session_state.widget(_VENDOR_KEY) not in options:
        session_state.set_widget(_VENDOR_KEY, None)
    return st.pills(
        t("models.maker"),
        options,
        key=_VENDOR_KEY,
        format_func=lambda name: (
            f"{_FAVOURITES_OPTION} {stars}"
            if name == _FAVOURITES_OPTION
            else f"{escape_markdown(name) or t('models.other')} {counts.get(name, 0)}"
        ),
        label_visibility="collapsed",
        on_change=paging.reset,
        args=(_PAGER,),
    )


def _render_row(user: User, model: Model, *, is_favourite: bool) -> None:
    kind = "starred" if is_favourite else "unstarred"
    with st.container(
        key=f"{kind}-{model.id}", horizontal=True, vertical_alignment="center", gap="small", wrap=False
    ):
        st.button(
            t("models.unstar" if is_favourite else "models.star", model=escape_markdown(model.id)),
            key=f"star-{model.id}",
            icon=":material/star:",
            type="tertiary",
            on_click=set_favourite,
            args=(user, model.id, not is_favourite),
        )
        wires = t("list.comma").join(t(f"wire.{wire}") for wire in model.wires)
        known = f"{capabilities_text(model.capabilities)} · {t('models.over', wires=wires)}"
        title = f"**{escape_markdown(model.id)}**" + (
            f"  {escape_markdown(model.display_name)}" if model.display_name else ""
        )
        about = f"  \n:small[{escape_markdown(model.description)}]" if model.description else ""
        st.markdown(f"{title}{about}  \n:small[:gray[{escape_markdown(known)}]]")
