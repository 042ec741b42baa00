"""Administration of models: access by patterns for each scope, and the team's default target."""

from __future__ import annotations

import streamlit as st

from lib.core.policy import PER_USER_SCOPE, Policy, ScopePolicy
from lib.core.target import Target
from lib.core.user import User
from lib.ui.admin import scope as admin_scope
from lib.ui.auth import admin_action
from lib.ui.session import resources, services
from lib.ui.session.state import session_state
from lib.ui.settings import default_model_fields
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.user_names import load_user_names

_PREVIEW_SIZE = 12  # models named in the preview
_MAX_PATTERNS, _MAX_PATTERN_LENGTH = 200, 200  # in one scope
_PREVIEW_USER = User("")


def render_access(_: User) -> None:
    """Render one scope's patterns with the matching models, and the patterns of all scopes.

    Raises StoreError.
    """
    st.markdown(t("permissions.about"))
    user_names = load_user_names()
    scope = admin_scope.select_scope(user_names, (PER_USER_SCOPE,))
    patterns = resources.policy().scopes.get(scope, ScopePolicy()).model_patterns
    if patterns == ():
        st.warning(t("permissions.no_model_allowed"), icon=":material/info:")
    key = f"patterns-{scope}-{hash(patterns)}"
    text = st.text_area(
        t("permissions.patterns"),
        "\n".join(patterns or ()),
        key=key,
        height=140,
        placeholder=t("permissions.example"),
        help=t("permissions.patterns_help"),
    )
    _render_preview(_parse_patterns(text))
    st.button(t("admin.save"), key="patterns-save", type="primary", on_click=_save_patterns, args=(scope, key))
    admin_scope.render_policies(user_names, ("patterns",), _policy_rows, t("permissions.empty"))


def render_default(admin: User) -> None:
    """Render the default target of users who have set none. Raises StoreError."""
    st.markdown(t("default.about"))
    default_model_fields.render(
        "admin-default-model",
        admin,
        resources.policy().default_target,
        t("default.model"),
        t("default.none"),
        _save_default,
        is_restricted=False,
    )
    st.caption(t("default.at_once"))


def _parse_patterns(text: str) -> tuple[str, ...] | None:
    """Return the patterns of a text, one a line; None for no restriction."""
    lines = dict.fromkeys(line.strip()[:_MAX_PATTERN_LENGTH] for line in text.splitlines())
    return tuple(line for line in lines if line)[:_MAX_PATTERNS] or None


def _match_patterns(patterns: tuple[str, ...] | None, model_ids: list[str]) -> list[str]:
    preview = Policy({f"person:{_PREVIEW_USER.id}": ScopePolicy(model_patterns=patterns)})
    return [model_id for model_id in model_ids if preview.is_model_allowed(_PREVIEW_USER, model_id)]


def _render_preview(patterns: tuple[str, ...] | None) -> None:
    model_ids = [model.id for model in services.model_list().models]
    if not model_ids:
        st.caption(t("permissions.no_list"))
        return
    matches = _match_patterns(patterns, model_ids)
    names = t("list.separator").join(escape_markdown(model_id) for model_id in matches[:_PREVIEW_SIZE])
    with st.container(key="patterns-fit", gap="small"):
        key = "permissions.all" if patterns is None else "permissions.matches" if matches else "permissions.no_matches"
        st.markdown(t(key, count=len(matches), total=len(model_ids)))
        if patterns and matches:
            hidden_count = len(matches) - _PREVIEW_SIZE
            st.caption(names + (f" {t('permissions.more', count=hidden_count)}" if hidden_count > 0 else ""))


@admin_action
def _save_patterns(admin: User, scope: str, patterns_key: str) -> None:
    patterns = _parse_patterns(session_state.widget(patterns_key))
    resources.store().policy.set_allowed_models(admin, scope, patterns)
    st.toast(t("admin.saved"), icon=":material/check:")


@admin_action
def _save_default(admin: User, target: Target | None) -> None:
    resources.store().policy.set_default_target(admin, target)
    st.toast(t("admin.saved"), icon=":material/check:")


def _policy_rows(policy: ScopePolicy) -> list[list[str]]:
    if policy.model_patterns is None:
        return []
    return [[t("list.separator").join(map(escape_markdown, policy.model_patterns)) or t("permissions.none")]]
