"""Parameters as values of widgets, and back, for the panel of a chat and the editor of prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from lib.core.params import ParamField, Params, parse_stop_sequences
from lib.core.target import IMAGES, Wire
from lib.ui.session.state import session_state
from lib.ui.text import has_message, t

# Below this, a range is short enough to show in the label.
_MAX_SHOWN_RANGE = 1000


def to_widget_value(field: ParamField, params: Params) -> Any:
    """Convert a parameter to its widget's value; the inverse of `to_param_value`."""
    value = getattr(params, field.name)
    if field.kind == "lines":
        return "\n".join(stop.replace("\n", "\\n").replace("\t", "\\t") for stop in value)
    return value or None if field.kind == "choice" else value


def to_param_value(field: ParamField, value: Any) -> Any:
    """Convert a widget's value to that of a parameter."""
    if field.kind == "lines":
        return parse_stop_sequences(value or "")
    if field.kind in ("area", "text", "json", "choice"):
        return (value or "").strip()
    return value


def render_field(
    field: ParamField, key: str, wire: Wire | None = None, choices: Sequence[str] | None = None, **widget_args: Any
) -> None:
    """Render a field for a wire, with its range, or for any; `widget_args` are the widget's, such as `on_change`.

    `choices` are those of a model, in place of all of the field.
    """
    name = "image_count" if field.name == "n" and wire == IMAGES else field.name
    label = t(f"param.{name}")
    widget_args |= {"key": key, "help": t(f"param.{name}_help"), "persist_state": "session"}
    placeholder = t("composer.default")
    match field.kind:
        case "number" | "integer":
            _render_number(label, field, wire, {**widget_args, "placeholder": placeholder})
        case "choice":
            options = list(field.choices if choices is None else choices)
            value = session_state.widget(key)
            st.selectbox(
                label,
                options if value in (None, "", *options) else [value, *options],
                index=None,
                format_func=lambda value: choice_label(field, value),
                placeholder=placeholder,
                accept_new_options=field.accepts_others,
                **widget_args,
            )
        case "switch":
            st.toggle(label, **widget_args)
        case "text":
            st.text_input(label, placeholder=placeholder, **widget_args)
        case _:
            height = 100 if field.name == "system" else 70
            st.text_area(label, placeholder=t(f"param.{field.name}_example"), height=height, **widget_args)


def choice_label(field: ParamField, value: str) -> str:
    """Return the label of a choice; a value that was typed is its own."""
    key = f"{field.name}.{value}"
    if has_message(key):
        return t(key)
    return value.replace("x", " × ") if field.name == "size" else value


def _render_number(label: str, field: ParamField, wire: Wire | None, widget_args: dict[str, Any]) -> None:
    """Render a number field, empty for the default; a value outside the range of the wire stays."""
    assert field.ranges is not None
    ranges = [field.range_for(wire)] if wire else field.ranges
    convert: Callable[[float], float] = int if field.kind == "integer" else float
    value = session_state.widget(widget_args["key"])
    minimum = convert(min(limits.minimum for limits in ranges))
    maximum = convert(max(limits.maximum for limits in ranges))
    if wire and abs(maximum) < _MAX_SHOWN_RANGE:
        label = t("params.range", field=label, minimum=f"{minimum:g}", maximum=f"{maximum:g}")
    st.number_input(
        label,
        min_value=minimum if value is None else min(minimum, value),
        max_value=maximum if value is None else max(maximum, value),
        value=None,
        step=convert(field.step),
        **widget_args,
    )
