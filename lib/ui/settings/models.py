"""Models section of the settings: search, vendors, favourites, default target, and the list's age."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from itertools import groupby

import streamlit as st

from lib.core.models import Model, ModelList, filter_models, group_by_vendor
from lib.core.preferences import Preferences
from lib.core.target import Target
from lib.core.user import User
from lib.ui.session import resources, services
from lib.ui.session.state import session_state
from lib.ui.settings import default_model_fields
from lib.ui.text import dates, escape_markdown, t
from lib.ui.widgets import model_access, model_select, paging
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import code_message, flash_warning, shows_errors

PAGE_SIZE = 25
_VENDOR_KEY, _PAGER = "models.maker", "models"
_FAVOURITES_OPTION = "★"


def render(user: User) -> None:
    """Render the section, waiting for a first model list."""
    with st.container(key="models"):
        with st.spinner(t("models.loading"), show_time=False):
            model_list = services.model_list(services.MODEL_LIST_TIMEOUT)
        preferences = services.preferences(user.id)
        _render_list_status(model_list)
        listed_ids = {model.id for model in model_list.models}
        unlisted = (services.model(name) for name in preferences.favourites if name not in listed_ids)
        models = [model for model in (*model_list.models, *unlisted) if model_access.is_model_allowed(user, model.id)]
        default_model_fields.render(
            "models-default",
            user,
            preferences.default_target,
            t("models.default"),
            t("models.no_default"),
            partial(set_default, user),
        )
        if models:
            _render_list(user, preferences, models)


@shows_errors
def set_default(user: User, target: Target | None) -> None:
    """Save the target of the user's new conversations, or None; a callback.

    A model that the user may not use is refused.
    """
    if target and not model_access.is_model_allowed(user, target.model):
        flash_warning(model_access.model_not_allowed_message(target.model))
        return
    resources.store().preferences.set_default_target(user.id, target)


def _render_list_status(model_list: ModelList) -> None:
    """Render the list's size and age, a refresh button, and the reason if it is missing or stale."""
    parts = [t("models.no_list")] if model_list.is_unsupported else []
    image_count = sum(model.makes_images for model in model_list.models)
    if model_list.models:
        parts.append(t("settings.models_count", count=len(model_list.models) - image_count))
    if image_count:
        parts.append(t("models.images", count=image_count))
    if model_list.hidden_count:
        parts.append(t("models.hidden", count=model_list.hidden_count))
    if model_list.fetched_at:
        parts.append(format_age(time.time() - model_list.fetched_at))
    with st.container(horizontal=True, vertical_alignment="center", key="models-state", gap="small"):
        st.markdown(" · ".join(parts) or t("models.not_loaded"))
        render_button(t("settings.refresh"), "refresh", "refresh", services.connection().catalog.invalidate)
    if model_list.is_unsupported:
        st.info(t("models.unsupported"), icon=":material/keyboard:")
    elif model_list.error_code:
        reason = code_message(model_list.error_code)
        st.warning(
            t("models.stale" if model_list.models else "settings.models_none", reason=reason),
            icon=":material/cloud_off:",
        )


def format_age(seconds: float) -> str:
    """Return the age of the model list in words."""
    if seconds < 60:
        return t("models.updated_now")
    return t("models.updated", age=dates.format_age(seconds))


def _render_list(user: User, preferences: Preferences, models: Sequence[Model]) -> None:
    matches = filter_models(models, paging.render_search_field(_PAGER, t("models.search")))
    vendor = _select_vendor(preferences, matches)
    if vendor == _FAVOURITES_OPTION:
        matches = [model for model in matches if model.id in preferences.favourites]
    elif vendor is not None:
        matches = [model for model in matches if model.capabilities.vendor == vendor]
    if not matches:
        st.caption(t("models.not_found"))

    def render_models(page: list[Model]) -> None:
        for name, group in groupby(page, lambda model: model.capabilities.vendor):
            st.markdown(f"## {escape_markdown(name) or t('models.other')}")
            for model in group:
                _render_row(user, model, is_favourite=model.id in preferences.favourites)

    ordered = [model for _, group in group_by_vendor(matches) for model in group]
    paging.render(_PAGER, paging.fetch_from(ordered), render_models, PAGE_SIZE)


def _select_vendor(preferences: Preferences, models: Sequence[Model]) -> str | None:
    """Return the vendor by which the list is filtered, "★" for favourites, None for all."""
    counts = {name: len(group) for name, group in group_by_vendor(models)}
    favourite_count = sum(model.id in preferences.favourites for model in models)
    if len(counts) < 2 and not favourite_count:
        return None
    options = [*([_FAVOURITES_OPTION] if favourite_count else []), *counts]
    if session_state.widget(_VENDOR_KEY) not in options:
        session_state.set_widget(_VENDOR_KEY, None)
    return st.pills(
        t("models.vendor"),
        options,
        key=_VENDOR_KEY,
        format_func=lambda name: (
            f"{_FAVOURITES_OPTION} {favourite_count}"
            if name == _FAVOURITES_OPTION
            else f"{escape_markdown(name) or t('models.other')} {counts.get(name, 0)}"
        ),
        label_visibility="collapsed",
        on_change=paging.reset,
        args=(_PAGER,),
    )


def _render_row(user: User, model: Model, *, is_favourite: bool) -> None:
    key_prefix = "starred" if is_favourite else "unstarred"
    with st.container(
        key=f"{key_prefix}-{model.id}", horizontal=True, vertical_alignment="center", gap="small", wrap=False
    ):
        label = t("models.unstar" if is_favourite else "models.star", model=escape_markdown(model.id))
        render_button(label, f"star-{model.id}", "star", model_select.set_favourite, user, model.id, not is_favourite)
        wires = t("list.separator").join(t(f"wire.{wire}") for wire in model.wires)
        capabilities = model_access.capabilities_text(model.capabilities, makes_images=model.makes_images)
        facts = f"{capabilities} · {t('models.formats', wires=wires)}"
        title = f"**{escape_markdown(model.id)}**" + (
            f"  {escape_markdown(model.display_name)}" if model.display_name else ""
        )
        text = model_access.description_text(model)
        description = f"  \n:small[{escape_markdown(text)}]" if text else ""
        st.markdown(f"{title}{description}  \n:small[:gray[{escape_markdown(facts)}]]")
