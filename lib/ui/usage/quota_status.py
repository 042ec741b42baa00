"""What is left of the limits: a line above the box when one is nearly used up, and all of them in full."""

from __future__ import annotations

import contextlib
from itertools import groupby

import streamlit as st

from lib.chat.usage.limits import Left
from lib.core.errors import StoreError
from lib.ui.session import resources
from lib.ui.text.i18n import literal, t
from lib.ui.text.limit_text import amount, until


def paint_warning() -> None:
    """One quiet line where a soft bound is reached: the one that is used most."""
    with contextlib.suppress(StoreError):  # a warning is not worth the page
        if found := resources.guard().warnings():
            worst = max(found, key=lambda one: one.share)
            st.caption(f":material/hourglass_bottom: {literal(_warning(worst))}")


def paint() -> None:
    """Each bound that holds for the person: how far it is used, when it begins anew. Raises StoreError."""
    found = resources.guard().left()
    if not found:
        return
    with st.container(key="left"):
        st.subheader(t("left.title"), anchor=False, help=t("left.about"))
        for scope, bounds in groupby(found, key=lambda one: one.counter.scope):
            _scope(scope, list(bounds))


def _scope(scope: str, bounds: list[Left]) -> None:
    first = bounds[0]
    st.markdown(f"**{t(f'left.{first.kind}', group=literal(first.group))}**")
    # Side by side where there is room, one below the other on a phone.
    with st.container(key=f"left-{scope}", horizontal=True, gap="medium"):
        for one in bounds:
            with st.container(width=320):
                _bound(one)


def _bound(one: Left) -> None:
    used = t("left.used", **_sums(one))
    st.progress(
        min(1.0, max(0.0, one.share)),
        text=f"{t(f'left.{one.counter.name}')}  \n{literal(used)}",
        width="stretch",
    )
    about, unit = [], one.counter.unit
    if one.bound.hard is not None:
        about.append(t("left.free", left=amount(unit, max(0, one.bound.hard - one.used))))
    if one.bound.soft is not None:
        about.append(t("left.warned", soft=amount(unit, one.bound.soft)))
    about.append(t("left.resets", **until(one.counter.resets)))
    st.caption(literal(" · ".join(about)))


def _warning(one: Left) -> str:
    what = t(f"limit.now_{one.counter.name}")
    return t(f"limit.warn_{one.kind}", group=one.group, share=int(100 * one.share), what=what, **_sums(one))


def _sums(one: Left) -> dict[str, str]:
    """What is `used`, and the `whole` that it is used of."""
    whole = one.bound.soft if one.bound.hard is None else one.bound.hard
    return {"used": amount(one.counter.unit, one.used), "whole": amount(one.counter.unit, whole or 0)}
