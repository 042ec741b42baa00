"""The ways through the proxy: the wire that is asked over, and the one it asks over in turn."""

from __future__ import annotations

import pytest

from lib.core.types import WIRES, Message, Params, Target, Text, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport import Cancel
from tests.gateway.recordings import Heard, hear

QUESTION = [Message("user", (Text("What is it?"),))]
UNTOUCHED = Params()
# What the proxy calls the model behind it that answers as a test tells it to.
REPLAYED: dict[Wire, str] = {"openai": "gpt-replayed", "anthropic": "claude-replayed"}

each_wire = pytest.mark.parametrize("wire", WIRES)
each_route = pytest.mark.parametrize(
    ("wire", "behind"), [(wire, behind) for wire in WIRES for behind in WIRES]
)


def says(asked: Gateway, wire: Wire, model: str, question: str = "", params: Params = UNTOUCHED) -> Heard:
    """What comes of one question to this model of the proxy."""
    path = [Message("user", (Text(question),))] if question else QUESTION
    return hear(asked.stream(Target(model, wire), path, params, Cancel()))
