"""Content of answers that is more than text: lists of parts, images, audio, tools, and what nobody knows yet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from lib.core.conversation import ImagePart, OtherPart, Part, TextPart, ThinkingPart
from lib.core.images import image_from_base64, image_from_url
from lib.core.sanitize import get_object, replace_surrogates, sanitize_json
from lib.gateway.wires.content.citations import CITATION_FIELDS, parse_source
from lib.gateway.wires.frames import DamagedValue

MAX_DETAILS_LENGTH = 4_000  # characters of JSON that are stored of content without a form of its own
MAX_LABEL_LENGTH = 200
_MAX_VALUE_LENGTH = 500  # of one text in it: encrypted content and base64 say nothing to a reader
_MAX_PARTS = 200  # of one list
_MAX_DEPTH = 4

# Where a part has its image: objects inside it, names of its type, and of its data or URL.
_IMAGE_HOLDERS = ("source", "image_url", "imageUrl", "image", "inline_data", "inlineData", "file", "result")
_MEDIA_TYPE_FIELDS = ("media_type", "mime_type", "mimeType", "mediaType")
_IMAGE_VALUES = ("b64_json", "data", "base64", "b64", "url", "image_url", "imageUrl", "image", "result", "file_data")
_IMAGE_MARKS = ("image_url", "imageUrl", "b64_json", "inline_data", "inlineData")
# Fields of a message that hold images (OpenRouter, LiteLLM; the body of /v1/images).
_IMAGE_FIELDS = ("images", "image", "image_url", "b64_json", "inline_data", "inlineData", "inline_image")
# Fields that hold other content of a message.
_EXTRA_FIELDS = {*_IMAGE_FIELDS, "video", "videos", "video_url", "file", "files", "document", "documents"}

_TEXT_TYPES = ("text", "output_text", "input_text", "text_delta", "markdown")
_THINKING_TYPES = ("thinking", "reasoning", "reasoning.text", "reasoning.summary", "summary_text", "thinking_delta")
# Fields of a delta with its thinking; the last two hold blocks, which repeat a text under another name.
_THINKING_FIELDS = (
    *("reasoning_content", "reasoning", "thinking", "reasoning_text", "thinking_content", "reasoning_summary"),
    *("thought", "thoughts", "reasoning_details", "thinking_blocks"),
)
_THINKING_NAME = re.compile(
    r"(?:\w+_)?(?:reason|reasoning|think|thinking|thoughts?|cot|chain_of_thought)(?:_(?:text|content|summary|process))?"
)
_NO_THINKING = {*_THINKING_FIELDS, "finish_reason", "stop_reason", "native_finish_reason"}
# Fields of a delta that say nothing to a reader, or that others read.
_TECHNICAL_FIELDS = {
    *("role", "content", "refusal", "tool_calls", "function_call", "audio", "text", "name", "id", "index", "type"),
    *("usage", "logprobs", "error", "delta", "message", "metadata", "context", "extra_content", "extra_fields"),
    *("provider_specific_fields", "token_ids", "prompt_token_ids", "tool_call", "tool_call_id", "tool_responses"),
}
_KNOWN_FIELDS = {*_TECHNICAL_FIELDS, *_EXTRA_FIELDS, *CITATION_FIELDS, *_THINKING_FIELDS}
_SOURCE_TYPES = ("tool_reference", "url_citation", "citation", "source")
_LABEL_FIELDS = (
    "name",
    "server_name",
    "mcp_server_name",
    "title",
    "filename",
    "file_name",
    "query",
    "url",
    "file_id",
    "error_code",
    "command",
    "code",
    "stdout",
    "stderr",
    "text",
)
_LABEL_OBJECTS = (
    *("input", "file", "source", "content", "document", "input_audio", "error", "to"),
    *("video_url", "video", "audio", "image_file"),
)


def parse_content(value: Any, depth: int = 0) -> Iterator[Part]:
    """Yield the parts of a content field, which is a text, a part, or a list of both, in order.

    Raises DamagedValue for a value that can be neither.
    """
    if value is None or value == "":
        return
    if isinstance(value, str):
        yield TextPart(value)
    elif isinstance(value, dict):
        yield from _parse_part(value, depth)
    elif isinstance(value, list) and depth < _MAX_DEPTH:
        for item in value[:_MAX_PARTS]:
            yield from parse_content(item, depth + 1)
        if len(value) > _MAX_PARTS:
            yield OtherPart("content", f"+{len(value) - _MAX_PARTS}")
    else:
        raise DamagedValue


def parse_block(block: Mapping[str, Any]) -> Iterator[ImagePart | OtherPart]:
    """Yield a block that is no text: an image, or its name with the images in it."""
    if image := _find_image(block):
        yield image
        return
    yield name_block(block)
    content = block.get("content")
    for item in content[:_MAX_PARTS] if isinstance(content, list) else ():
        if isinstance(item, dict) and isinstance(image := _find_image(item), ImagePart):
            yield image


def name_block(block: Mapping[str, Any], kind: str = "") -> OtherPart:
    """Return the part that says what a block was, with its JSON for the curious."""
    kind = kind or str(block.get("type") or "content")
    return OtherPart(replace_surrogates(kind)[:80], _label(block), _to_details(block))


def parse_extra_fields(message: Mapping[str, Any]) -> Iterator[ImagePart | OtherPart]:
    """Yield the images of a message or delta that stand beside its content, and the names of other content."""
    for name in (name for name in message if name in _EXTRA_FIELDS):
        if name in _IMAGE_FIELDS:
            yield from parse_images(message[name])
        elif value := message[name]:
            value = value[0] if isinstance(value, list) and len(value) == 1 else value
            yield name_block(value if isinstance(value, dict) else {name: value}, name.rstrip("s"))


def parse_images(value: Any) -> Iterator[ImagePart | OtherPart]:
    """Yield the images of a field that holds them: URLs, base64, objects with either, and lists of these."""
    if isinstance(value, list):
        for item in value[:_MAX_PARTS]:
            yield from parse_images(item)
    elif isinstance(value, str) and value:
        yield _image_from_text(value)
    elif isinstance(value, dict) and value:
        yield _find_image({"type": "image", **value}) or name_block(value, "image")


def parse_unknown_fields(message: Mapping[str, Any]) -> Iterator[tuple[str, ImagePart | OtherPart]]:
    """Yield what the fields of a message or delta hold that nobody knows, with their names.

    These are images in any form, or, for a field with words, what it is with its JSON.
    """
    for name in (name for name in message if name not in _KNOWN_FIELDS and not _THINKING_NAME.fullmatch(name)):
        value = message[name]
        is_image = "image" in name.lower()
        if images := list(_search_images(value, is_image=is_image)):
            yield from ((name, image) for image in images)
            continue
        is_named = is_image and isinstance(value, dict | list) and bool(value)
        value = value[0] if isinstance(value, list) and len(value) == 1 else value
        block = value if isinstance(value, dict) else {"content": value}
        if is_named or (isinstance(value, dict | list) and _label(block)):
            yield name, name_block(block, name)


def _search_images(value: Any, *, is_image: bool, depth: int = 0) -> Iterator[ImagePart]:
    """Yield the images in a value; texts count where `is_image`, by the name of their field, and as data URLs."""
    if isinstance(value, str):
        found = _image_from_text(value) if value and (is_image or _is_data_image(value)) else None
        if isinstance(found, ImagePart):
            yield found
    elif isinstance(value, dict) and isinstance(found := _find_image(value), ImagePart):
        yield found
    elif isinstance(value, dict | list) and depth < _MAX_DEPTH:
        items = value.items() if isinstance(value, dict) else (("", item) for item in value[:_MAX_PARTS])
        for name, item in items:
            yield from _search_images(item, is_image=is_image or "image" in str(name).lower(), depth=depth + 1)


def parse_thinking(delta: Mapping[str, Any]) -> str:
    """Return the thinking of an OpenAI delta, under the first of its names that has any: gateways send several.

    It is a text, or an object or a list with one. Texts under names of the same kind count, too.
    """
    others = [name for name in delta if name not in _NO_THINKING and _THINKING_NAME.fullmatch(name)]
    for name in (*_THINKING_FIELDS, *others):
        value = delta.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, dict | list) and (text := _text_of({"content": value})):
            return text
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise DamagedValue
    return ""


def _parse_part(part: Mapping[str, Any], depth: int) -> Iterator[Part]:
    kind = part.get("type")
    # The Assistants API has an object with a value in place of the text, and some gateways have a content.
    text = part.get("text", part.get("value"))
    text = part.get("content") if text is None and kind in _TEXT_TYPES else text
    is_thinking = kind in _THINKING_TYPES or part.get("thought") is True  # Gemini marks its thoughts
    if not is_thinking and (kind in _TEXT_TYPES or (kind is None and isinstance(text, str))):
        yield from parse_content(text, depth + 1)
    elif is_thinking:
        yield from _parse_thinking_part(part)
    elif kind == "refusal":
        yield from parse_content(part.get("refusal"), depth + 1)
    elif kind == "reference":  # Mistral's mark of its sources
        ids = part.get("reference_ids")
        yield TextPart("".join(f"[{id_}]" for id_ in ids if isinstance(id_, int)) if isinstance(ids, list) else "")
    elif kind in _SOURCE_TYPES and (source := parse_source(part)):
        yield source
    elif part:
        yield from parse_block(part)
    citations = part.get("citations") or part.get("annotations")
    for citation in citations if isinstance(citations, list) else ():
        if source := parse_source(citation):
            yield source


def _parse_thinking_part(part: Mapping[str, Any]) -> Iterator[Part]:
    if text := _text_of(part):
        signature = part.get("signature")
        yield ThinkingPart(text, signature if isinstance(signature, str) else "")


def _text_of(part: Mapping[str, Any]) -> str:
    """Return the text of a thinking part, which Mistral wraps in a list of parts."""
    for name in ("thinking", "text", "summary", "reasoning", "content", "value"):
        value = part.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, dict) and (text := _text_of(value)):
            return text
        if isinstance(value, list):
            return "".join(_text_of(item) if isinstance(item, dict) else str(item) for item in value)
    return ""


def _find_image(block: Mapping[str, Any]) -> ImagePart | OtherPart | None:
    """Return the image of a part in any vendor's form; None for another kind of part."""
    holders = (block, *(get_object(block, name) for name in _IMAGE_HOLDERS))
    types = [value for values in holders for name in _MEDIA_TYPE_FIELDS if isinstance(value := values.get(name), str)]
    media_type = types[0] if types else ""
    kind = str(block.get("type") or "")
    is_image = "image" in kind and not (kind.endswith(("_use", "_result", "_call")) and "result" not in block)
    is_image = is_image or media_type.startswith("image/") or any(block.get(name) for name in _IMAGE_MARKS)
    if not is_image and not any(_is_data_image(values.get(name)) for values in holders for name in _IMAGE_VALUES):
        return None
    if media_type and not media_type.startswith("image/"):
        return None
    for values in holders:
        for name in _IMAGE_VALUES:
            value = values.get(name)
            if isinstance(value, str) and value:
                return _image_from_text(value, media_type)
    return None


def _is_data_image(value: Any) -> bool:
    return isinstance(value, str) and value[:11].lower() == "data:image/"


def _image_from_text(value: str, media_type: str = "") -> ImagePart | OtherPart:
    is_url = value[:16].lower().startswith(("data:", "http:", "https:"))
    return image_from_url(value) if is_url else image_from_base64(value, media_type)


def _label(block: Mapping[str, Any]) -> str:
    """Return what a reader can recognize a block by: names, a query, a file, an error."""
    content = block.get("content")
    items = [item for item in content if isinstance(item, dict)] if isinstance(content, list) else []
    objects = [block, *(get_object(block, name) for name in _LABEL_OBJECTS), *items[:3]]
    texts = [
        " ".join(value.split())[:100]
        for values in objects
        for name in _LABEL_FIELDS
        if isinstance(value := values.get(name), str) and value.strip()
    ]
    return replace_surrogates(" · ".join(dict.fromkeys(texts)))[:MAX_LABEL_LENGTH]


def _to_details(block: Mapping[str, Any]) -> str:
    details = json.dumps(_shorten(sanitize_json(dict(block), 8)), ensure_ascii=False, indent=1)
    return details if len(details) <= MAX_DETAILS_LENGTH else details[:MAX_DETAILS_LENGTH] + " …"


def _shorten(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _MAX_VALUE_LENGTH else value[:_MAX_VALUE_LENGTH] + " …"
    if isinstance(value, dict):
        return {key: _shorten(item) for key, item in value.items()}
    return [_shorten(item) for item in value[:_MAX_PARTS]] if isinstance(value, list) else value
