"""Files of prompts: Antler's own, Open WebUI's prompts and models, and plain text."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from lib.core.conversation import new_id
from lib.core.errors import TransferError
from lib.core.prompts import MAX_PROMPTS, Prompt, build_prompt
from lib.core.sanitize import get_list, get_object, get_objects
from lib.transfer import antler_reader
from lib.transfer.archive import read_documents
from lib.transfer.values import clean_text, get_text, parse_target

MAX_FILE_BYTES = 8 * 1024 * 1024
_TEXT_SUFFIXES = (".txt", ".md")
_EMPTY = "\ufeff"  # the mark at the start of a text file of Windows

# Open WebUI's variables: a name, and after a bar a type with properties.
_VARIABLE = re.compile(r"\{\{\s*([\w-]{1,40})\s*(?:\|\s*([a-z-]{1,20})\s*(?::([^{}]*))?)?\}\}")
_OPTIONS = re.compile(r"options=(\[[^\]{}]*\])")
_DEFAULT = re.compile(r'default="([^"{}]*)"')
_AUTOMATIC_NAMES = {"CURRENT_DATE": "date", "CURRENT_TIME": "time"}


def parse_prompt_file(data: bytes, filename: str) -> list[Prompt]:
    """Return the entries of a file, with new ids where it has none.

    Raises TransferError for an unreadable file, and for one without any entry.
    """
    if len(data) > MAX_FILE_BYTES:
        raise TransferError("size")
    path = PurePath(filename)
    if path.suffix.lower() in _TEXT_SUFFIXES:
        prompts = _parse_text(data, path.stem)
    else:
        prompts = [prompt for document in read_documents(data) for prompt in parse_prompts(document)]
    if not prompts:
        raise TransferError("no_prompts")
    if len(prompts) > MAX_PROMPTS:
        raise TransferError("many_prompts")
    return prompts


def parse_prompts(document: Any) -> list[Prompt]:
    """Return the entries of a JSON document; those that are not valid are left out. Raises TransferError."""
    if antler_reader.can_parse(document):
        issues: Counter[str] = Counter()
        antler_reader.check_version(document)
        return antler_reader.parse_prompts(document, issues)
    items = document if isinstance(document, list) else [document]
    entries = (_parse_item(item) for item in items[: MAX_PROMPTS + 1] if isinstance(item, dict))
    return [entry for entry in entries if entry]


def _parse_text(data: bytes, name: str) -> list[Prompt]:
    try:
        text = data.decode().removeprefix(_EMPTY)
    except UnicodeDecodeError:
        raise TransferError("text") from None
    prompt = build_prompt("prompt", name, clean_text(text), id=new_id())
    return [prompt] if prompt else []


def _parse_item(item: dict[str, Any]) -> Prompt | None:
    """Parse a prompt of Open WebUI, or one of its models, which is a persona."""
    if isinstance(item.get("content"), str) and "command" in item:
        name = get_text(item, "title", "name") or get_text(item, "command").lstrip("/")
        return build_prompt("prompt", name, _convert_variables(get_text(item, "content")), id=new_id())
    params, meta = get_object(item, "params"), get_object(item, "meta")
    if "base_model_id" not in item or not get_text(params, "system"):
        return None
    questions = [get_text(question, "content") for question in get_objects(meta, "suggestion_prompts")]
    persona = build_prompt(
        "persona",
        get_text(item, "name", "id"),
        # Two braces are no variable there.
        get_text(params, "system").replace("{{", "\\{{"),
        get_text(meta, "description"),
        id=new_id(),
        suggestions=tuple(filter(None, questions)),
    )
    target = parse_target(get_text(item, "base_model_id"), "openai")
    return replace(persona, target=target) if persona else None


def _convert_variables(text: str) -> str:
    return _VARIABLE.sub(_convert_variable, text)


def _convert_variable(match: re.Match[str]) -> str:
    name, kind, properties = match[1], match[2], match[3] or ""
    if name in _AUTOMATIC_NAMES and not kind:
        return f"{{{{{_AUTOMATIC_NAMES[name]}}}}}"
    default = _DEFAULT.search(properties)
    value = default[1].replace(";", "\\;") if default else ""
    if kind == "select":
        options = _parse_options(properties)
        value = ";".join(dict.fromkeys([value, *options] if value in options else options)) or value
    more = "..." if kind == "textarea" else ""
    return f"{{{{{name}{more}|{value}}}}}" if value else f"{{{{{name}{more}}}}}"


def _parse_options(properties: str) -> list[str]:
    match = _OPTIONS.search(properties)
    try:
        options = get_list({"options": json.loads(match[1])}, "options") if match else []
    except ValueError:
        return []
    return [clean_text(option).replace(";", "\\;").replace("|", "/") for option in options if isinstance(option, str)]
