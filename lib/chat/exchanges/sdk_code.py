"""A recorded request as a call of the vendor's official Python SDK."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib.chat.exchanges.python_code import FileVariables, key_expression
from lib.chat.exchanges.python_literal import format_items, format_text, format_value
from lib.chat.exchanges.request_parts import FileContents, has_web_address, list_form_parts, list_headers, load_body
from lib.core.exchanges import KEY_PLACEHOLDER, Attempt

_TIMEOUT = "600.0"  # seconds
# Headers that the SDKs set themselves.
_SDK_HEADERS = frozenset({"accept", "accept-encoding", "authorization", "content-type", "user-agent", "x-api-key"})
_CHAT_PARAMS = frozenset(
    {
        *("messages", "model", "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs"),
        *("max_completion_tokens", "max_tokens", "metadata", "modalities", "n", "parallel_tool_calls", "prediction"),
        *("presence_penalty", "prompt_cache_key", "prompt_cache_retention", "reasoning_effort", "response_format"),
        *("safety_identifier", "seed", "service_tier", "stop", "store", "stream", "stream_options", "temperature"),
        *("tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity", "web_search_options"),
    }
)
_MESSAGES_PARAMS = frozenset(
    {
        *("max_tokens", "messages", "model", "cache_control", "container", "inference_geo", "metadata"),
        *("output_config", "service_tier", "speed", "stop_sequences", "stream", "system", "thinking", "tool_choice"),
        *("tools",),
    }
)
_IMAGE_PARAMS = frozenset(
    {
        *("prompt", "background", "model", "n", "output_compression", "output_format", "partial_images", "quality"),
        *("response_format", "safety_identifier", "size", "stream", "user"),
    }
)


@dataclass(frozen=True)
class SdkCall:
    """A method of an SDK: the end of its path, its name, and the names of its parameters."""

    path: str
    package: str
    client: str
    method: str
    params: frozenset[str]
    required: frozenset[str]


SDK_CALLS = (
    SdkCall(
        "/chat/completions",
        "openai",
        "OpenAI",
        "chat.completions.create",
        _CHAT_PARAMS,
        frozenset({"messages", "model"}),
    ),
    SdkCall(
        "/v1/messages",
        "anthropic",
        "Anthropic",
        "messages.create",
        _MESSAGES_PARAMS,
        frozenset({"max_tokens", "messages", "model"}),
    ),
    SdkCall(
        "/images/generations",
        "openai",
        "OpenAI",
        "images.generate",
        _IMAGE_PARAMS | {"moderation", "style"},
        frozenset({"prompt"}),
    ),
    SdkCall(
        "/images/edits",
        "openai",
        "OpenAI",
        "images.edit",
        _IMAGE_PARAMS | {"image", "mask", "input_fidelity"},
        frozenset({"image", "prompt"}),
    ),
)


def sdk_code(attempt: Attempt, contents: FileContents) -> str:
    """Return a program that sends the same JSON by the SDK, with the key in the variable API_KEY.

    "" for a request that the SDK has no method for. `contents` are the files of the request.
    """
    call = find_sdk_call(attempt)
    fields = load_body(attempt)
    if not has_web_address(attempt) or call is None or fields is None or not call.required <= fields.keys():
        return ""
    files = FileVariables(attempt, contents)
    try:
        arguments = _arguments(call, attempt, contents, files, fields)
        code = f"client.{call.method}{format_items('(', arguments, ')')}"
    except ValueError:
        return ""
    modules = ["base64"] * ("base64." in code) + ["os"] * _has_key(attempt)
    client = f"client = {call.client}{format_items('(', _client_options(call, attempt), ')')}"
    lines = [*(f"import {name}" for name in modules), *([""] if modules else [])]
    lines += [f"from {call.package} import {call.client}", "", *files.definitions(code), client]
    if fields.get("stream") is True:
        lines += [f"stream = {code}", "for event in stream:", "    print(event.to_json(indent=None))"]
    else:
        lines += [f"response = {code}", "print(response.to_json())"]
    return "\n".join(lines) + "\n"


def find_sdk_call(attempt: Attempt) -> SdkCall | None:
    """Return the method of an SDK that sends requests to the same address; None without one."""
    matches = (call for call in SDK_CALLS if attempt.method == "POST" and attempt.url.endswith(call.path))
    return next(matches, None)


def _arguments(
    call: SdkCall, attempt: Attempt, contents: FileContents, files: FileVariables, fields: Mapping[str, Any]
) -> list[str]:
    """Return the arguments of the method; a field that it has no parameter for is in `extra_body`."""
    uploads = _uploads(attempt, contents, files)
    expressions = {} if attempt.is_form else files.expressions
    arguments, extra = [], {}
    for name, value in fields.items():
        is_flag = name != "stream" or isinstance(value, bool)
        if name in uploads:
            arguments.append(f"{name}={uploads[name]}")
        elif name in call.params and value is not None and is_flag:
            arguments.append(f"{name}={format_value(value, expressions, 1)}")
        else:
            extra[name] = value
    if extra:
        arguments.append(f"extra_body={format_value(extra, expressions, 1)}")
    if headers := _extra_headers(attempt):
        arguments.append(f"extra_headers={format_items('{', headers, '}', 1)}")
    return arguments


def _uploads(attempt: Attempt, contents: FileContents, files: FileVariables) -> dict[str, str]:
    """Return the files of a form by the name of their field, as name, content and type."""
    found: dict[str, list[str]] = {}
    lists = set()
    for part in list_form_parts(attempt, contents) if attempt.is_form else ():
        if part.file:
            name = part.name.removesuffix("[]")
            values = [format_text(part.file_name), files.data_of(part), format_text(part.file.media_type)]
            found.setdefault(name, []).append(f"({', '.join(values)})")
            lists |= {name} if part.name.endswith("[]") else set()
    return {name: format_items("[", each, "]", 1) if name in lists else each[0] for name, each in found.items()}


def _client_options(call: SdkCall, attempt: Attempt) -> list[str]:
    suffix = call.path if call.package == "openai" else "/v1/messages"
    key = 'os.environ["API_KEY"]' if _has_key(attempt) else '"none"'
    # The gateway takes the key as a bearer token, over both formats.
    key_name = "api_key" if call.package == "openai" else "auth_token"
    base_url = format_text(attempt.url.removesuffix(suffix))
    return [f"base_url={base_url}", f"{key_name}={key}", "max_retries=0", f"timeout={_TIMEOUT}"]


def _extra_headers(attempt: Attempt) -> list[str]:
    """Return the headers beside those of the SDK, also the format's version: that of the SDK may be another one."""
    return [
        f"{format_text(name)}: {key_expression(value)}"
        for name, value in list_headers(attempt)
        if name.lower() not in _SDK_HEADERS
    ]


def _has_key(attempt: Attempt) -> bool:
    return any(KEY_PLACEHOLDER in value for _, value in list_headers(attempt))
