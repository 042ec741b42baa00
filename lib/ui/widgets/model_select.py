"""Choice of a model: a button, and the list of models that all buttons of a page open.

The list is a message of its own. Streamlit sends it once: in later runs, a reference of a few bytes stands for it.
The buttons carry what changes: the selected model, the favourites and the models used last.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from lib.core.models import Capabilities, Model, ModelList, group_by_vendor
from lib.core.user import User
from lib.ui.browser.component import declare
from lib.ui.session import resources, services
from lib.ui.session.state import session_state
from lib.ui.text import current_language, t
from lib.ui.widgets import cost, model_access
from lib.ui.widgets.errors import shows_errors

_LIST_KEY = "model-list"
_MAX_ID_LENGTH = 500  # characters of a typed model id
_CAPABILITY_LETTERS = (("v", "image"), ("t", "thinking"), ("f", "tools"))
_BUTTON_HTML = """
<button type="button" class="antler-model" aria-haspopup="dialog" aria-expanded="false">
  <bdi class="antler-model-name"></bdi> <span class="antler-model-note"></span>
  <span class="antler-icon" aria-hidden="true" translate="no">expand_more</span>
</button>
"""


_button = declare("model_select", __file__, "model_select", html=_BUTTON_HTML)
_list = declare("model_list", __file__, "model_ranking", "model_options", "model_list")


def render(
    key: str,
    user: User,
    model_id: str,
    on_choose: Callable[[], None],
    *,
    label: str,
    placeholder: str = "",
    empty: str = "",
    note: str = "",
    scope: str = "",
) -> None:
    """Render the button; `on_choose` is a callback that asks `apply_choice` or `take_choice` for the model.

    `model_id` is the selected model or "". `empty` is the label of the option for no model, "" for no such option.
    `note` is shown beside the model. A choice counts only for the `scope` that it was made in.
    """
    preferences = services.preferences(user.id)
    _button(
        key=key,
        width="content",
        data={
            "model": model_id,
            "label": label,
            "placeholder": placeholder,
            "empty": empty,
            "note": note,
            **_describe_list(services.model_list()),
            "scope": scope,
            "favourites": _filter_allowed(user, preferences.favourites),
            "recent": _filter_allowed(user, preferences.recent_models),
            # After a refused choice, this is all that differs.
            "applied": session_state.applied_model_choices.get(key, ""),
        },
        on_choice_change=on_choose,
    )


def _describe_list(model_list: ModelList) -> dict[str, Any]:
    """Return the notice in place of a list without models, and whether it may still arrive."""
    is_loading = model_list.fetched_at is None and not model_list.error_code
    reason = "models.loading" if is_loading else "composer.no_models"
    notice = t("composer.no_list" if model_list.is_unsupported else reason)
    return {"notice": "" if model_list.models else notice, "isLoading": is_loading}


@contextmanager
def apply_choice(key: str, scope: str = "") -> Iterator[str | None]:
    """Yield the model id that was chosen with a button since the last call, "" for no model; None for no choice.

    The browser repeats the last choice with every run, also to a server that does not know the session. Its next
    message may interrupt the block: then the choice is not applied yet, and the next call yields it again.
    """
    choice = _read_state(key, "choice")
    model_id, nonce = choice.get("model"), choice.get("nonce")
    if not isinstance(model_id, str) or nonce == session_state.applied_model_choices.get(key):
        yield None
        return
    yield model_id.strip()[:_MAX_ID_LENGTH] if choice.get("scope") == scope else None
    session_state.applied_model_choices[key] = str(nonce)


def take_choice(key: str, scope: str = "") -> str | None:
    """Return the choice that `apply_choice` yields, at most once: for what must not be done twice."""
    with apply_choice(key, scope) as model_id:
        return model_id


def render_list(user: User, *, is_restricted: bool = True) -> None:
    """Render the list that the buttons of a page open, hidden until then; call it once, and after what is urgent.

    If `is_restricted`, it has only the models that the user may use.
    """
    _list(
        key=_LIST_KEY,
        data=_encode_list(user, is_restricted=is_restricted),
        on_favourites_change=partial(_save_favourites, user),
        # Opening an empty list starts a run, which is all.
        on_refresh_change=lambda: None,
    )


@shows_errors
def set_favourite(user: User, model_id: str, is_favourite: bool) -> None:
    """Add a model to the user's favourites, or remove it; a callback."""
    resources.store().preferences.set_favourite(user.id, model_id, is_favourite)


@shows_errors
def _save_favourites(user: User) -> None:
    state = _read_state(_LIST_KEY, "favourites")
    changes = state.get("changes")
    if not isinstance(changes, Mapping):
        return
    favourites = resources.store().preferences.load(user.id).favourites
    for model_id, is_favourite in changes.items():
        if (model_id in favourites) != bool(is_favourite) and len(model_id) <= _MAX_ID_LENGTH:
            resources.store().preferences.set_favourite(user.id, model_id, bool(is_favourite))


def _read_state(key: str, name: str) -> Mapping[str, Any]:
    """Return a part of a component's state as the browser sent it."""
    state = session_state.widget(key)
    value = state.get(name) if isinstance(state, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _filter_allowed(user: User, model_ids: Iterable[str]) -> list[str]:
    return [model_id for model_id in dict.fromkeys(model_ids) if model_access.is_model_allowed(user, model_id)]


def _encode_list(user: User, *, is_restricted: bool) -> bytes:
    """Return the list as JSON, encoded again only when something in it has changed."""
    source = (
        services.model_list(),
        # Not the connection, which holds the key.
        (services.gateway_host(), session_state.personal_key is None),
        resources.library_updates().current(),
        resources.policy(),
        user,
        is_restricted,
        current_language(),
        datetime.now(UTC).date(),
    )
    if session_state.encoded_model_list is None or session_state.encoded_model_list[0] != source:
        session_state.encoded_model_list = (source, _encode(user, source[0], is_restricted=is_restricted))
    return session_state.encoded_model_list[1]


def _encode(user: User, model_list: ModelList, *, is_restricted: bool) -> bytes:
    models = [model for _, group in group_by_vendor(model_list.models) for model in group]
    models.sort(key=lambda model: model.makes_images)  # their group is the last one
    rows = [
        _list_values(model) for model in models if not is_restricted or model_access.is_model_allowed(user, model.id)
    ]
    return json.dumps({"texts": _texts(), "models": rows}, ensure_ascii=False, separators=(",", ":")).encode()


def _list_values(model: Model) -> list[str]:
    """Return the fields of a model in the order of FIELDS in model_list.js, without empty ones at the end."""
    capabilities = model.capabilities
    values = [
        model.id,
        model.display_name,
        t("picker.image_models") if model.makes_images else capabilities.vendor,
        *cost.short_prices(model.id),
        model_access.format_context_size(capabilities.context_window) if capabilities.context_window else "",
        "i" if model.makes_images else _capability_letters(capabilities),
        model_access.retirement_text(capabilities),
    ]
    while not values[-1]:
        values.pop()
    return values


def _capability_letters(capabilities: Capabilities) -> str:
    return "".join(letter for letter, name in _CAPABILITY_LETTERS if getattr(capabilities, name))


def _texts() -> dict[str, str]:
    own = (
        *("list", "close", "exact", "none", "count", "favourites", "recent", "current"),
        *("vision", "thinking", "tools", "images"),
    )
    return {
        **{name: t(f"picker.{name}", text="{text}", count="{count}") for name in own},
        "search": t("models.search"),
        "other": t("models.other"),
        "star": t("models.star", model="{model}"),
        "unstar": t("models.unstar", model="{model}"),
        "context": t("capabilities.context", size="{size}"),
        "price": t("picker.price", input="{input}", output="{output}"),
    }
