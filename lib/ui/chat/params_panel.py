"""The parameters: one panel for both wires, which shows what the target takes and what it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from lib.chat.turns import turn
from lib.core.params import BY_NAME, FIELDS, Field, Loss, Params, json_object, stops, touched
from lib.core.policy import Prompt
from lib.core.target import Target
from lib.core.user import Person
from lib.ui.session import conversation_view, resources
from lib.ui.text.i18n import literal, t
from lib.ui.widgets.errors import tried

_WIDGETS = {field.name: f"param.{field.name}" for field in FIELDS}
_SHARED = "params.shared"
_GROUPS = ("thinking", "sampling", "output", "request")


def preset() -> None:
    """Fill the widgets where the conversation is not the one that they were filled for.

    The browser keeps a value that the server sets only where the panel has been open since; else the
    next run takes it off the screen. So each run sets it again, but for one that a field of the panel
    began: there, the next field may be in the middle of being typed in.
    """
    shown, typing = conversation_view.view(), st.session_state.pop("params.typing", False)
    # The last value of each widget, kept here: Streamlit forgets a widget's own when its page is left.
    kept = st.session_state.get("params.kept", {})
    for field in FIELDS:
        # Only where it is gone: a value that the server sets replaces what is being typed there.
        if _WIDGETS[field.name] not in st.session_state:
            st.session_state[_WIDGETS[field.name]] = kept.get(field.name, _typed(field, Params()))
        elif not typing:
            st.session_state[_WIDGETS[field.name]] = st.session_state[_WIDGETS[field.name]]
    if st.session_state.get("params.preset", "") != shown.id:
        saved = shown.conversation.params if shown.conversation else Params()
        for field in FIELDS:
            st.session_state[_WIDGETS[field.name]] = _typed(field, saved)
        st.session_state["params.preset"] = shown.id


def _typed(field: Field, params: Params) -> Any:
    """A parameter as its widget holds it."""
    value = getattr(params, field.name)
    if field.kind == "lines":
        return "\n".join(stop.replace("\n", "\\n").replace("\t", "\\t") for stop in value)
    return value or None if field.kind == "choice" else value


def current() -> Params:
    """What is set. A text that is not the JSON it should be is left out: `unreadable` names it."""
    blank: dict[str, Any] = dict.fromkeys(unreadable(), "")
    return replace(_as_typed(), **blank)


def _as_typed() -> Params:
    found: dict[str, Any] = {}
    for field in FIELDS:
        value = st.session_state.get(_WIDGETS[field.name], _typed(field, Params()))
        if field.kind == "lines":
            value = stops(value or "")
        elif field.kind in ("area", "text", "json", "choice"):
            value = (value or "").strip()
        found[field.name] = value
    return Params(**found)


def unreadable() -> list[str]:
    """The names of the parameters whose text is not a JSON object."""
    return [field.name for field in FIELDS if field.kind == "json" and not _is_object(field.name)]


def _is_object(name: str) -> bool:
    try:
        json_object(st.session_state.get(_WIDGETS[name]) or "")
    except ValueError:
        return False
    return True


def change(person: Person, **values: Any) -> None:
    """Set parameters from a callback, as if a person had."""
    for name, value in values.items():
        st.session_state[_WIDGETS[name]] = value
    save(person)


def _typed_in(person: Person) -> None:
    st.session_state["params.typing"] = True
    save(person)


@tried
def save(person: Person) -> None:
    """Keep what is set with the conversation, where one has begun; a callback.

    A text that cannot be read (yet) is kept as it was typed.
    """
    shown = conversation_view.view()
    if shown.id is not None:
        resources.keeper().set_params(person.id, shown.id, _as_typed())


def paint(person: Person, target: Target | None, lost: Sequence[str]) -> None:
    """The button of the panel, and the panel, with the `notes` on what is set."""
    set_ = touched(_as_typed())
    label = t("composer.params_set", count=len(set_)) if set_ else t("composer.params")
    with st.popover(label, icon=":material/tune:", key="params", width="content"):
        for words in lost:
            st.caption(f":material/info: {words}")
        _shared(person)
        refused = turn.not_taken(target) if target else frozenset()
        for group in ("basic", *_GROUPS):
            fields = [f for f in FIELDS if f.group == group and (f.name not in refused or f.name in set_)]
            _group(group, fields, person, target)
        if left := [t(f"param.{f.name}") for f in FIELDS if f.name in refused and f.name not in set_]:
            st.caption(t("params.not_taken", fields=t("list.comma").join(left)))
        if set_:
            st.button(t("params.clear"), key="params-clear", type="tertiary", on_click=_clear, args=(person,))
    st.session_state["params.kept"] = {name: st.session_state[key] for name, key in _WIDGETS.items()}


def _shared(person: Person) -> None:
    """The team's prompts, of which one can take the place of the system prompt."""
    prompts = resources.policy().prompts
    if prompts:
        st.menu_button(
            t("prompts.use"),
            range(len(prompts)),
            key=_SHARED,
            icon=":material/library_books:",
            type="tertiary",
            format_func=lambda place: literal(prompts[place].name),
            on_click=_use,
            args=(person, prompts),
        )


def _use(person: Person, prompts: Sequence[Prompt]) -> None:
    change(person, system=prompts[st.session_state[_SHARED]].text)


def _clear(person: Person) -> None:
    change(person, **{field.name: _typed(field, Params()) for field in FIELDS})


def notes(target: Target | None) -> list[str]:
    """What the target does not take as it is set, in words, and what cannot be read."""
    wrong = [t("params.not_json", field=t(f"param.{name}")) for name in unreadable()]
    if target is None:
        return wrong
    lost = turn.losses(conversation_view.view().nodes, target, current())
    lost += resources.settings().team.overruled(current())
    return wrong + [_words(loss, target) for loss in lost]


def _words(loss: Loss, target: Target) -> str:
    fields = t("list.comma").join(t(f"param.{name}") for name in loss.field.split(",") if name)
    return t(f"loss.{loss.rule}", field=fields, value=loss.value, wire=t(f"wire.{target.wire}"))


def _group(group: str, fields: Sequence[Field], person: Person, target: Target | None) -> None:
    if group == "basic":
        for field in fields:
            _widget(field, person, target)
    elif fields:
        with st.expander(t(f"params.{group}"), key=f"params-{group}"):
            for field in fields:
                _widget(field, person, target)


def _widget(field: Field, person: Person, target: Target | None) -> None:
    label, about = t(f"param.{field.name}"), t(f"param.{field.name}_help")
    same: dict[str, Any] = {
        "key": _WIDGETS[field.name],
        "on_change": _typed_in,
        "args": (person,),
        "help": about,
    }
    default = t("composer.default")
    match field.kind:
        case "number" | "integer":
            _number(label, field, target, {**same, "placeholder": default})
        case "choice":
            names: Callable[[str], str] = lambda value: t(f"{field.name}.{value}")  # noqa: E731
            st.selectbox(label, field.choices, index=None, format_func=names, placeholder=default, **same)
        case "switch":
            st.toggle(label, **same)
        case "text":
            st.text_input(label, placeholder=default, **same)
        case _:
            height = 100 if field.name == "system" else 70
            st.text_area(label, placeholder=t(f"param.{field.name}_example"), height=height, **same)
            if field.name in unreadable():
                st.caption(f":red[{t('params.not_json', field=label)}]")


def _number(label: str, field: Field, target: Target | None, more: dict[str, Any]) -> None:
    """A number, empty while it is untouched. What was set for another wire stays, and is told apart."""
    limits = field.range(target.wire if target else "openai")
    exact: Callable[[float], float] = int if field.kind == "integer" else float
    value = st.session_state[_WIDGETS[field.name]]
    least, most = exact(limits.least), exact(limits.most)
    if abs(limits.most) < 1000:
        label = t("params.range", field=label, least=f"{least:g}", most=f"{most:g}")
    st.number_input(
        label,
        min_value=least if value is None else min(least, value),
        max_value=most if value is None else max(most, value),
        value=None,
        step=exact(field.step),
        **more,
    )


def known(names: Sequence[str]) -> list[str]:
    """Those of the names that are parameters, and set."""
    return [name for name in names if name in touched(current())]


def without(person: Person, names: Sequence[str]) -> None:
    """Set parameters back to what they are untouched."""
    change(person, **{name: _typed(BY_NAME[name], Params()) for name in names})
