"""Which models a group, a person or each person may use, as patterns."""

from __future__ import annotations

import streamlit as st

from lib.core.policy import EACH, Rule
from lib.core.user import Person
from lib.ui.admin import scope as admin_scope
from lib.ui.session import resources
from lib.ui.text.i18n import literal, t
from lib.ui.widgets import table
from lib.ui.widgets.model_access import fitting, settling

_SHOWN = 12  # models named in the preview
_PATTERNS = 200  # in one scope, each of so many letters at most
_LETTERS = 200


def paint(_: Person) -> None:
    """The section: the patterns of one scope with what fits them, and those of all. Raises StoreError."""
    st.markdown(t("rights.about"))
    known = admin_scope.people()
    scope = admin_scope.choose(known, (EACH,))
    models = resources.policy().rules.get(scope, Rule()).models
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
    _preview(_patterns(typed))
    words, args = t("admin.save"), (scope, key)
    st.button(words, key="patterns-save", type="primary", on_click=_save, args=args)
    st.subheader(t("admin.in_force"), anchor=False)
    _in_force(known)


def _patterns(typed: str) -> tuple[str, ...] | None:
    """The patterns as they are kept; None where there are none."""
    lines = dict.fromkeys(line.strip()[:_LETTERS] for line in typed.splitlines())
    return tuple(line for line in lines if line)[:_PATTERNS] or None


def _preview(patterns: tuple[str, ...] | None) -> None:
    listed = [model.id for model in resources.listing().models]
    if not listed:
        st.caption(t("rights.no_list"))
        return
    found = fitting(patterns, listed)
    named = t("list.comma").join(literal(model) for model in found[:_SHOWN])
    with st.container(key="patterns-fit", gap="small"):
        words = "rights.all" if patterns is None else "rights.fit" if found else "rights.none_fits"
        st.markdown(t(words, count=len(found), of=len(listed)))
        if patterns and found:
            more = len(found) - _SHOWN
            st.caption(named + (f" {t('rights.more', count=more)}" if more > 0 else ""))


@settling
def _save(admin: Person, scope: str, key: str) -> None:
    resources.store().settle_models(admin, scope, _patterns(st.session_state[key]))
    st.toast(t("admin.saved"), icon=":material/check:")


def _in_force(known: dict[str, str]) -> None:
    rules = resources.policy().rules
    rows = [
        [
            admin_scope.cell(scope, known),
            t("list.comma").join(map(literal, models)) or t("rights.not_one"),
        ]
        for scope in admin_scope.in_order(rules)
        if (models := rules[scope].models) is not None
    ]
    if not rows:
        st.caption(t("rights.empty"))
        return
    table.paint([t(f"admin.col_{name}") for name in ("scope", "patterns")], rows)
