"""Counts of the tokens of a prompt by the gateway, in Anthropic's format.

Source: platform.claude.com, "Token counting". Many open gateways do not have the endpoint.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from lib.core.errors import AnswerError
from lib.core.sanitize import parse_token_count
from lib.gateway.json_values import parse_object
from lib.gateway.transport.body import MAX_BODY_BYTES
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.request import Transport

COUNT_PATH = "/v1/messages/count_tokens"
# The fields of a request that count. Others, such as an output limit, are refused.
_COUNTED_FIELDS = ("model", "messages", "system", "tools", "tool_choice", "thinking")
log = logging.getLogger(__name__)


def count_tokens(
    transport: Transport, headers: Mapping[str, str], body: Mapping[str, Any], cancel: CancelToken
) -> int | None:
    """Return the number of tokens in the prompt of a request; None where the gateway counts none, or not now.

    `headers` and `body` are those of the request. Counting is free of charge.
    """
    counted = {name: body[name] for name in _COUNTED_FIELDS if name in body}
    try:
        response = transport.post(COUNT_PATH, headers, counted, cancel)
        try:
            text = response.read_text(MAX_BODY_BYTES)
        finally:
            response.close()
        return parse_token_count(parse_object(text).get("input_tokens")) if response.status == 200 else None
    except AnswerError as error:
        log.info("tokens not counted: %s %s", error.code, error.status or "")
        return None
