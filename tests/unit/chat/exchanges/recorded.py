"""Attempts as they are recorded, with hostile texts, parameters and files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from lib.core.exchanges import KEY_PLACEHOLDER, Attempt, SentFile

KEY = "sk-9f3b'7c\"1d$5e`8a20"
HOSTILE = 'It\'s "$HOME" $(id) `id` \\n \\ !! %s %n @file \'\'\' """ </s>\nline 2\t\u202eRTL\u2028 é 它 😀 \x7f \\'
PICTURE = b"\x89PNG\r\n\x1a\n" + b"'$(id)\\\r\n\x00\xff" * 40
PHOTO = b"\xff\xd8\xff" + bytes(range(256))
BIG = bytes(range(256)) * 700  # of a body that is too long for an argument
HEADERS = {
    "User-Agent": "antler",
    "Accept-Encoding": "identity",
    "Accept": "text/event-stream",
    "Connection": "keep-alive",
    "Content-Type": "application/json",
    "X-Team": 'a "b" $c `d` \\e %f\'g',
    "Authorization": f"Bearer {KEY_PLACEHOLDER}",
    "Content-Length": "1",
}
ANTHROPIC_HEADERS = {**HEADERS, "anthropic-version": "2023-06-01", "anthropic-beta": "a-1,b-2"}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
QUESTION = {"role": "user", "content": HOSTILE}
CHAT: dict[str, Any] = {
    "model": "tiny",
    "messages": [{"role": "system", "content": "Be brief."}, QUESTION],
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.1,
    "max_tokens": 4096,
    "stop": ["\n", "'"],
    "logit_bias": {"50256": -100},
    "tools": TOOLS,
    "x-vendor field": {"a": [1.0, -0.0, 1e-7, True, False, None, ""], "$b": {}},
}
CLAUDE: dict[str, Any] = {
    "model": "claude-tiny",
    "max_tokens": 64,
    "messages": [QUESTION, {"role": "assistant", "content": [{"type": "text", "text": HOSTILE}]}, QUESTION],
    "stream": True,
    "system": HOSTILE,
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "metadata": {"user_id": "u'1"},
    "cache_control": {"type": "ephemeral"},
    "own": None,
}
IMAGE = {"model": "gpt-image-2", "prompt": HOSTILE, "n": 2, "size": "1024x1024", "odd": "yes"}


def sent_file(data: bytes, media_type: str = "image/png", prefix: str = "") -> SentFile:
    digest = hashlib.sha256(data).hexdigest()
    return SentFile(f"mark{digest[:28]}", digest, media_type, len(data), prefix)


def contents_of(*data: bytes) -> dict[str, bytes]:
    return {hashlib.sha256(each).hexdigest(): each for each in data}


def attempt_of(
    url: str, body: Mapping[str, Any], *files: SentFile, headers: Mapping[str, str] = HEADERS, is_form: bool = False
) -> Attempt:
    text = json.dumps(body, ensure_ascii=False)
    headers = {**headers, "Content-Type": "multipart/form-data; boundary=x"} if is_form else headers
    return Attempt(0.0, "POST", url, headers, text, is_form, files)


def chat_with_file(data: bytes) -> tuple[dict[str, Any], SentFile]:
    """Return a question about an image, over OpenAI's wire."""
    file = sent_file(data, prefix="data:image/png;base64,")
    content = [{"type": "text", "text": "What's this?"}, {"type": "image_url", "image_url": {"url": file.mark}}]
    return {**CHAT, "messages": [{"role": "user", "content": content}]}, file


def claude_with_file(data: bytes) -> tuple[dict[str, Any], SentFile]:
    file = sent_file(data)
    source = {"type": "base64", "media_type": "image/png", "data": file.mark}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What's this?"}]
    return {**CLAUDE, "messages": [{"role": "user", "content": content}]}, file


def edit_form(*pictures: bytes, mask: bytes = b"") -> tuple[dict[str, Any], list[SentFile]]:
    """Return the fields of a form with images to edit."""
    files = [sent_file(each, "image/jpeg" if each == PHOTO else "image/png") for each in pictures]
    marks = [file.mark for file in files]
    body: dict[str, Any] = {**IMAGE, "prompt": f"@{HOSTILE}", "image": marks if len(marks) > 1 else marks[0]}
    if mask:
        files.append(sent_file(mask))
        body["mask"] = files[-1].mark
    return body, files
