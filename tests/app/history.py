"""Conversations that a user has already: saved, which takes a fraction of the time of asking."""

from __future__ import annotations

import time
from typing import Any

from lib.core.conversation import Conversation, Message, Node, TextPart, new_id
from lib.core.target import Target
from lib.ui.session import resources

OWNER = "browser:0123"
TARGET = Target("demo-echo", "openai")


def save_chat(
    *texts: str, title: str = "", target: Target = TARGET, days: float = 0.0, owner: str = OWNER, **fields: Any
) -> Conversation:
    """Save and return a conversation of these questions and answers in turn, changed so many days ago.

    Its title is the first question where there is no other.
    """
    now = time.time() - days * 86_400
    nodes: list[Node] = []
    for position, text in enumerate(texts):
        is_answer = position % 2 == 1
        message = Message("assistant" if is_answer else "user", (TextPart(text),))
        parent = nodes[-1].id if nodes else None
        nodes.append(Node(new_id(), parent, message, now - len(texts) + position, target=target if is_answer else None))
    conversation = Conversation(new_id(), title or texts[0], now, nodes[-1].id, target, **fields)
    resources.store().messages.save_turn(owner, conversation, nodes)
    return conversation
