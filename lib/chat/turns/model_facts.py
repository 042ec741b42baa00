"""Facts about a target for the page: the parameters that it takes, its limits, and thinking."""

from __future__ import annotations

from lib.core.models import UNKNOWN_CAPABILITIES, Capabilities
from lib.core.params import ParamAdjustment, Params
from lib.core.target import Target
from lib.gateway.wires import request_body
from lib.gateway.wires.models import claude_rules, efforts, image_rules
from lib.gateway.wires.models.web_search import SearchMode


def dropped_params(
    target: Target, params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES
) -> list[ParamAdjustment]:
    """Return the parameters that the target does not take unchanged."""
    return request_body.dropped_params(target, params, capabilities)


def unsupported_params(target: Target, capabilities: Capabilities = UNKNOWN_CAPABILITIES) -> frozenset[str]:
    """Return the names of the parameters that the target does not accept in any form."""
    return request_body.unsupported_params(target, capabilities)


def thinks(target: Target, params: Params, capabilities: Capabilities) -> bool:
    """Return True if the model is known to think before it answers with these parameters."""
    return request_body.thinks(target, params, capabilities)


def list_efforts(target: Target, capabilities: Capabilities) -> tuple[str, ...]:
    """Return the levels of effort that the model is known to have, the lowest first; () without a choice."""
    return efforts.list_efforts(target, capabilities)


def search_mode(target: Target, capabilities: Capabilities) -> SearchMode:
    """Return how the target searches the web: never, if it is asked to, or with every question."""
    return request_body.search_mode(target, capabilities)


def max_searches(target: Target, params: Params, capabilities: Capabilities) -> int:
    """Return the most web searches that a request with these parameters allows."""
    return request_body.max_searches(target, params, capabilities)


def image_choices(target: Target, name: str) -> tuple[str, ...]:
    """Return the values of a parameter of images that the model is known to take, the usual ones first."""
    return image_rules.rules_of(target.model).choices(name)


def edits_images(target: Target) -> bool:
    """Return True for a target that changes the images of a question."""
    return target.makes_images and image_rules.rules_of(target.model).edits


def output_limit(target: Target, params: Params, capabilities: Capabilities) -> int | None:
    """Return the output limit that a request is sent with, in tokens; None if it is left to the gateway."""
    return request_body.output_limit(target, params, capabilities)


def max_output_tokens(target: Target, capabilities: Capabilities) -> int | None:
    """Return the most output tokens that the model generates; None if unknown."""
    return claude_rules.max_output_tokens(target.model, capabilities)
