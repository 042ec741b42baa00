"""Which models a group, a person or each person may use, as patterns."""

from __future__ import annotations

import streamlit as st

from lib.core.policy import PER_USER_SCOPE, ScopePolicy
from lib.core.user import User
from lib.ui.admin import scope as admin_scope
from lib.ui.session import resources, services
from lib.ui.session.state import session_state
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.widgets import table
from lib.ui.widgets.model_access import admin_action, match_patterns

_PREVIEW_SIZE = 12  # models named in the preview
_MAX_PATTERNS = 200  # in one scope, each of so many letters at most
_MAX_PATTERN_LENGTH = 200


def render(_: User) -> None:
    """The section: the patterns of one scope with what fits them, and those of all. Raises StoreError."""
    st.markdown(t("rights.about"))
    known = admin_scope.load_user_names()
    scope = admin_scope.select_scope(known, (PER_USER_SCOPE,))
    models = resources.policy().scopes.get(scope, ScopePolicy()).model_patterns
    if models == ():
        st.warning(t("rights.nothing"), icon=":material/info:")
    key = f"patterns-{scope}-{hash(models)}"
    typed = st.text_area(
        t("rights.patterns"),
        "\n".join(models or ()),
        key=key,
        height=140,
        placeholder=t("rights.example"),
        help=t("rights.patterns_help"),
    )
    _render_preview(_parse_patterns(typed))
    words, args = t("admin.save"), (scope, key)
    st.button(words, key="patterns-save", type="primary", on_click=_save_patterns, args=args)
    st.subheader(t("admin.in_force"), anchor=False)
    _render_current_patterns(known)


def _parse_patterns(text: str) -> tuple[str, ...] | None:
    """The patterns as they are kept; None where there are none."""
    lines = dict.fromkeys(line.strip()[:_MAX_PATTERN_LENGTH] for line in text.splitlines())
    return tuple(line for line in lines if line)[:_MAX_PATTERNS] or None


def _render_preview(patterns: tuple[str, ...] | None) -> None:
    listed = [model.id for model in services.model_list().models]
    if not listed:
        st.caption(t("rights.no_list"))
        return
    found = match_patterns(patterns, listed)
    named = t("list.comma").join(escape_markdown(model) for model in found[:_PREVIEW_SIZE])
    with st.container(key="patterns-fit", gap="small"):
        words = "rights.all" if patterns is None else "rights.fit" if found else "rights.none_fits"
        st.markdown(t(words, count=len(found), total=len(listed)))
        if patterns and found:
            more = len(found) - _PREVIEW_SIZE
            st.caption(named + (f" {t('rights.more', count=more)}" if more > 0 else ""))


@admin_action
def _save_patterns(admin: User, scope: str, patterns_key: str) -> None:
    resources.store().policy.set_allowed_models(
        admin, scope, _parse_patterns(session_state.widget(patterns_key))
    )
    st.toast(t("admin.saved"), icon=":material/check:")


def _render_current_patterns(user_names: dict[str, str]) -> None:
    rules = resources.policy().scopes
    rows = [
        [
            admin_scope.scope_markdown(scope, user_names),
            t("list.comma").join(map(escape_markdown, models)) or t("rights.not_one"),
        ]
        for scope in admin_scope.sort_scopes(rules)
        if (models := rules[scope].model_patterns) is not None
    ]
    if not rows:
        st.caption(t("rights.empty"))
        return
    table.render([t(f"admin.col_{name}") for name in ("scope", "patterns")], rows)
