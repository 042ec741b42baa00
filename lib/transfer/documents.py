"""Documents that a model wrote for the user with a tool: canvas documents, artifacts, files and research reports."""

from __future__ import annotations

import json
import re
from typing import Any

from lib.core.conversation import TextPart
from lib.core.sanitize import get_object, get_objects
from lib.transfer.values import clean_line, fence_code, get_text

# Kinds of documents that are Markdown; any other is code in the language of its name.
_TEXT_KINDS = ("document", "markdown", "md", "text", "plain", "txt", "")
_LANGUAGES = {"react": "jsx", "svg+xml": "xml", "svg": "xml", "htm": "html", "vnd.ant.code": "", "code": ""}
_FILE_SUFFIX = re.compile(r"\.([A-Za-z0-9]{1,10})$")
_RESEARCH_NAMES = re.compile(r"research", re.IGNORECASE)
_WIDGET_KEYS = ("chatgpt_sdk", "tool_response_metadata", "venus_widget_state", "widget_state", "report_message")
_MAX_WIDGET_DEPTH = 6


def format_document(name: str, content: str, kind: str) -> TextPart | None:
    """Write a document with its name, as Markdown or in a fence; None without content.

    `kind` is a language, a MIME type or a type of a canvas, such as "code/python".
    """
    if not content.strip():
        return None
    language = kind.strip().lower().rpartition("/")[2].removeprefix("vnd.ant.")
    title = clean_line(name).strip()
    if language in _TEXT_KINDS and not kind.startswith("code/"):
        return TextPart("\n\n".join(filter(None, (title, content))))
    language = _LANGUAGES.get(language, language)
    code = fence_code(content, language if re.fullmatch(r"[\w+#-]{1,20}", language) else "")
    return TextPart("\n\n".join(filter(None, (title, code))))


def parse_canvas(call: str, arguments: str) -> TextPart | None:
    """Parse the arguments of a call of ChatGPT's canvas; None for one that shows nothing."""
    values = _parse_object(arguments)
    if call.endswith("create_textdoc"):
        if not values:
            return TextPart(fence_code(arguments)) if arguments.strip() else None
        return format_document(get_text(values, "name"), get_text(values, "content"), get_text(values, "type"))
    if call.endswith("update_textdoc"):
        texts = [get_text(update, "replacement") for update in get_objects(values, "updates")]
        return format_document("", "\n\n".join(filter(None, texts)), "document")
    comments = [get_text(comment, "comment") for comment in get_objects(values, "comments")]
    return format_document("", "\n".join(f"- {clean_line(comment, 2000)}" for comment in comments if comment), "")


def parse_artifact(name: str, arguments: dict[str, Any]) -> TextPart | None:
    """Parse the input of Claude's tools for artifacts and files; None for another tool or without content."""
    if name == "artifacts":
        content = get_text(arguments, "content") or get_text(arguments, "new_str")
        kind = get_text(arguments, "language") or get_text(arguments, "type")
        return format_document(get_text(arguments, "title"), content, kind)
    if name == "create_file":
        path = get_text(arguments, "path", "file_path", "filename")
        suffix = _FILE_SUFFIX.search(path)
        title = path.replace("\\", "/").rpartition("/")[2]
        return format_document(title, get_text(arguments, "file_text", "content"), suffix[1] if suffix else "code/")
    return None


def find_report(message: dict[str, Any]) -> dict[str, Any]:
    """Find the content of a research report in a tool's message of ChatGPT; {} without one.

    Older reports are the message itself; newer ones are in the state of a widget, as an object or its JSON.
    """
    metadata, author = get_object(message, "metadata"), get_object(message, "author")
    if report := _find_report_message(metadata, _MAX_WIDGET_DEPTH):
        return report
    names = (get_text(author, "name"), get_text(metadata, "async_task_type"))
    is_report = metadata.get("is_async_task_result_message") is True or any(map(_RESEARCH_NAMES.search, names))
    content = get_object(message, "content")
    return content if is_report and get_text(content, "content_type") in ("text", "multimodal_text") else {}


def _find_report_message(values: dict[str, Any], depth: int) -> dict[str, Any]:
    for key in _WIDGET_KEYS if depth else ():
        value = values.get(key)
        found = _parse_object(value) if isinstance(value, str) else value
        if not isinstance(found, dict):
            continue
        if key == "report_message":
            return get_object(found, "content")
        if report := _find_report_message(found, depth - 1):
            return report
    return {}


def _parse_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
