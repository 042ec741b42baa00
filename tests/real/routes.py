"""The ways through the proxy: the wire that is asked over, and the one it asks over in turn."""

from __future__ import annotations

import pytest

from lib.config.settings import Settings
from lib.core.conversation import Message, TextPart
from lib.core.params import Params
from lib.core.target import WIRES, Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from tests.fake_gateway import FakeGateway
from tests.unit.gateway.recordings import CollectedAnswer, collect

QUESTION = [Message("user", (TextPart("What is it?"),))]
UNTOUCHED = Params()
# What the proxy calls the model behind it that answers as a test tells it to.
REPLAYED: dict[Wire, str] = {"openai": "gpt-replayed", "anthropic": "claude-replayed"}

each_wire = pytest.mark.parametrize("wire", WIRES)
each_route = pytest.mark.parametrize(
    ("wire", "behind"), [(wire, behind) for wire in WIRES for behind in WIRES]
)


def says(
    asked: Gateway, wire: Wire, model: str, question: str = "", params: Params = UNTOUCHED
) -> CollectedAnswer:
    """What comes of one question to this model of the proxy."""
    path = [Message("user", (TextPart(question),))] if question else QUESTION
    return collect(asked.stream(Target(model, wire), path, params, CancelToken()))


def straight(wire: Wire, model: str, question: str = "") -> CollectedAnswer:
    """What the demo gateway itself says to the question, without the proxy in between."""
    running = FakeGateway(pace=50)
    try:
        return says(Gateway(Settings(base_url=running.url, retries=0)), wire, model, question)
    finally:
        running.close()
