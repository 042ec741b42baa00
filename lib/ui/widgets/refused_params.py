"""Texts about parameters that a target does not take, or that models refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib.core.params import ParamAdjustment
from lib.core.refused_params import MAX_WORDS_LENGTH, RefusedParam, param_of_field
from lib.core.target import Target, Wire
from lib.ui.text import dates, escape_markdown, has_message, t


def adjustment_message(adjustment: ParamAdjustment, target: Target) -> str:
    """Explain how a parameter is sent to a target, as plain text; of another version's rule by its name."""
    if not has_message(f"param_adjustment.{adjustment.code}"):
        return " ".join(filter(None, (adjustment.code, adjustment.param_names, adjustment.value)))
    names = filter(None, adjustment.param_names.split(","))
    fields = t("list.separator").join(t(f"param.{name}") if has_message(f"param.{name}") else name for name in names)
    return t(
        f"param_adjustment.{adjustment.code}",
        field=fields,
        value=adjustment.value,
        wire=t(f"wire.{target.wire}"),
    )


def refused_param_message(refused: RefusedParam) -> str:
    """Say as Markdown which parameter a model refused, when, and that it is left out."""
    return t(
        "params.refused_beside" if refused.beside else "params.refused",
        field=field_label(refused.target.wire, refused.field),
        beside=field_label(refused.target.wire, refused.beside),
        model=escape_markdown(refused.target.model),
        date=dates.format_date(refused.refused_at),
    )


def refused_param_label(refused: RefusedParam) -> str:
    """Return the label of a refused parameter as Markdown, with the one that it is refused beside."""
    label = field_label(refused.target.wire, refused.field)
    if not refused.beside:
        return label
    return t("refused_params.beside", field=label, beside=field_label(refused.target.wire, refused.beside))


def field_label(wire: Wire, field: str) -> str:
    """Return the label of a field's parameter as Markdown, or the name of a field without one."""
    name = param_of_field(wire, field)
    return t(f"param.{name}") if name else escape_markdown(field)


def sent_again_text(target: Target | None, note: Mapping[str, Any]) -> str:
    """Say how a request was changed before it was sent again, and quote the gateway; plain text."""
    words, field = (str(note.get(name, ""))[:MAX_WORDS_LENGTH] for name in ("words", "field"))
    if note.get("reason") == "thinking":
        return t("answer_details.sent_again_thinking", words=words)
    if note.get("reason") == "limit":
        return t("answer_details.sent_again_limit", limit=note.get("limit"), words=words)
    name = param_of_field(target.wire, field) if target else ""
    return t("answer_details.sent_again_refused", field=t(f"param.{name}") if name else field, words=words)
