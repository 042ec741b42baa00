"""Jupyter notebooks as Markdown: text, code, and the text of outputs."""

from __future__ import annotations

import re
from typing import Any

from lib.chat.attachments.formats.text_limit import TextLimit
from lib.core.sanitize import get_list, get_object, get_objects

_MAX_OUTPUT_CHARS = 4_000
_COLORS = re.compile(r"\x1b\[[0-9;]*m")


def read(notebook: dict[str, Any], text: TextLimit) -> None:
    """Add the cells of a notebook to a text; images of outputs are named, not kept."""
    info = get_object(get_object(notebook, "metadata"), "language_info").get("name")
    language = info if isinstance(info, str) and info.isalnum() else "python"
    for cell in get_objects(notebook, "cells"):
        source = _joined(cell.get("source"))
        if cell.get("cell_type") == "code":
            text.add(_fenced(source, language))
        elif source.strip():
            text.add(f"{source}\n")
        for output in get_objects(cell, "outputs"):
            if rendered := _output_text(output):
                text.add(f"Output:\n\n{_fenced(rendered, 'text')}")


def _output_text(output: dict[str, Any]) -> str:
    data = get_object(output, "data")
    rendered = _joined(output.get("text")) or _joined(data.get("text/plain"))
    if get_list(output, "traceback"):
        rendered = "\n".join(str(line) for line in get_list(output, "traceback"))
    images = [key for key in data if key.startswith("image/")]
    if images and not rendered.strip():
        rendered = f"[{images[0]}]"
    rendered = _COLORS.sub("", rendered).strip("\n")
    return f"{rendered[:_MAX_OUTPUT_CHARS]}\n[…]" if len(rendered) > _MAX_OUTPUT_CHARS else rendered


def _joined(value: Any) -> str:
    """Return the text of a field that is a text or a list of lines."""
    return "".join(str(line) for line in value) if isinstance(value, list) else str(value or "")


def _fenced(code: str, language: str) -> str:
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{code.strip()}\n{fence}\n"
