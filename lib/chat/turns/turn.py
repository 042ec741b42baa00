"""One turn: path, send, save what came."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from lib.chat.context import window
from lib.chat.context.titles import title
from lib.chat.turns.continuation import seamless
from lib.chat.turns.generation import STALE_AFTER, Answer
from lib.chat.turns.ports import Store
from lib.chat.turns.registry import Answers
from lib.chat.turns.summaries import Aside, Cheap
from lib.chat.usage import cost
from lib.chat.usage.limits import FREE, Free
from lib.chat.usage.recorder import Tariffs, unpriced
from lib.core import errors, tree
from lib.core.conversation import Conversation, Message, Node, Outcome, Text, Thinking, Usage, Window, new_id
from lib.core.params import Loss, Params
from lib.core.reply import Event
from lib.core.sanitize import whole
from lib.core.target import Target
from lib.gateway import client
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import Cancel

_OPEN = (Outcome.LENGTH, Outcome.STOPPED, Outcome.INTERRUPTED, Outcome.FAILED)
HEAD = "head"  # in place of a node's id: wherever the conversation's shown branch ends
DEFAULT_LIMIT = 8192  # tokens, where nothing tells which limit an answer was cut by
# Makers refuse a request that ends with the model's own words, so going on takes a question of its own.
CONTINUE = (
    "Continue your last message from exactly where it stopped, in the middle of a word if need be. "
    "Do not repeat anything and do not comment: both parts are joined without a gap."
)


@dataclass(frozen=True)
class Desk:
    """The parts that a turn works with; `cheap` is None where no model is set for titles and summaries.

    `tariffs` tell what a model costs, and `guard` whether a request may be sent.
    """

    store: Store
    gateway: Gateway
    answers: Answers
    aside: Aside | None = None
    cheap: Cheap | None = None
    tariffs: Tariffs = unpriced
    guard: Free = FREE


@dataclass(frozen=True)
class Asked:
    """A question on its way; `beside` where somebody else had gone on from the same answer meanwhile."""

    conversation: Conversation
    beside: bool


def ask(
    desk: Desk,
    owner: str,
    conversation: str | None,
    text: str,
    target: Target,
    params: Params,
    after: str | None = HEAD,
) -> Asked:
    """Send a question, in a new conversation where that is None.

    It follows the answer `after`, which the asker sees as the last one; None begins at the root. Where
    others have gone on from there meanwhile, the question begins a branch beside theirs. An earlier
    question's parent makes an edited version of that question.

    The question and its arriving answer are committed before anything is sent. Raises StaleTurn while an
    answer is arriving there, Gone where the conversation is not there (any more), StoreError where
    nothing could be kept, ModelNotAllowed, OverLimit or PriceUnknown where the team does not allow it:
    then nothing is kept, and nothing sent.
    """
    now = time.time()
    with desk.answers.turn(conversation or (new := new_id())):
        if conversation:
            base = _known(desk, owner, conversation)
        else:
            base = Conversation(new, title(text), now, created=now)
        end = base.head if after == HEAD else after
        nodes = _nodes(desk, owner, base.id, base.head, end)
        shown, path = tree.path(nodes, base.head), tree.path(nodes, end)
        parent = path[-1].id if path else None
        question = Node(new_id(), parent, Message("user", (Text(whole(text)),)), now)
        base = replace(base, target=target, params=params)
        begun = _answer(desk, owner, base, [*path, question], [question])
    if conversation is None:
        _entitle(desk, owner, begun, text)
    return Asked(begun, any(node.parent == parent for node in shown))


def retry(
    desk: Desk, owner: str, conversation: str, target: Target, params: Params, question: str | None = None
) -> Conversation:
    """Ask for another answer to a question; the earlier ones stay as its siblings. Raises as ask.

    Without a `question` it is the last one that is shown.
    """
    with desk.answers.turn(conversation):
        base = _known(desk, owner, conversation)
        path = _path(desk, owner, replace(base, head=question or base.head))
        while path and path[-1].message.role != "user":
            path.pop()
        if not path or (question and path[-1].id != question):
            raise errors.Gone
        return _answer(desk, owner, replace(base, target=target, params=params), path, [])


def go_on(desk: Desk, owner: str, conversation: str, answer: str, params: Params) -> None:
    """Have an answer continued by the target that gave it; both parts are one text. Raises as ask.

    Where it is not the last one any more, or has meanwhile been continued to its end, nothing is done.
    """
    with desk.answers.turn(conversation):
        base = _known(desk, owner, conversation)
        path = _path(desk, owner, base)
        last = path[-1] if path else None
        if last is None or last.id != answer or not open_(last):
            return
        target = last.target or base.target
        assert target is not None
        base = replace(base, params=params, updated=time.time())
        node = replace(
            last, outcome=Outcome.ARRIVING, failure=None, reason="", target=target, request=new_id()
        )
        messages = [*sent(path, target, base.window), Message("user", (Text(CONTINUE),))]
        one = replace(params, n=None)
        _produce(
            desk,
            owner,
            base,
            node,
            cost.most(window.need(path, CONTINUE, one, target, None, base.window), one),
            lambda: desk.store.reopen(owner, base, node),
            lambda cancel: seamless(
                last.message.text, desk.gateway.stream(target, messages, one, cancel, conversation)
            ),
        )


def open_(node: Node) -> bool:
    """Whether an answer can be gone on with: it has a beginning, and not its end."""
    return node.outcome in _OPEN and bool(node.message.text.strip())


def losses(path: Sequence[Node], target: Target, params: Params) -> list[Loss]:
    """What the target does not take as it stands: of the parameters, and of what was said before."""
    found = client.losses(target, params)
    if target.wire == "anthropic" and any(_signed(node) and node.target != target for node in path):
        found.append(Loss("thinking_stays"))
    return found


def not_taken(target: Target) -> frozenset[str]:
    """The names of the parameters that the target takes in no form."""
    return client.not_taken(target)


def sent(path: Sequence[Node], target: Target, kept: Window | None = None) -> list[Message]:
    """What a target is sent of a path, from its window on.

    Signed thinking goes back only to the model that signed it.
    """
    return window.opening(path, kept) + [
        node.message
        if node.target == target and target.wire == "anthropic"
        else replace(
            node.message, parts=tuple(part for part in node.message.parts if not isinstance(part, Thinking))
        )
        for node in path[window.begin(path, kept) :]
    ]


def _entitle(desk: Desk, owner: str, conversation: Conversation, question: str) -> None:
    """Have the cheap model, where there is one, give a new conversation its title."""
    if desk.aside and desk.cheap:
        desk.aside.entitle(owner, conversation.id, question, desk.cheap, desk.guard)


def _signed(node: Node) -> bool:
    return any(isinstance(part, Thinking) and part.signed for part in node.message.parts)


def _known(desk: Desk, owner: str, conversation: str) -> Conversation:
    known = desk.store.conversation(owner, conversation)
    if known is None:
        raise errors.Gone
    return known


def _path(desk: Desk, owner: str, conversation: Conversation) -> list[Node]:
    """The path to the head. Raises StaleTurn where another process's answer is still arriving at its end."""
    return tree.path(_nodes(desk, owner, conversation.id, conversation.head), conversation.head)


def _nodes(desk: Desk, owner: str, conversation: str, *ends: str | None) -> list[Node]:
    """All nodes. Raises StaleTurn where another process's answer is still arriving at one of these ends."""
    nodes = desk.store.nodes(owner, conversation)
    if _arriving(nodes, ends):
        desk.store.sweep(STALE_AFTER)
        nodes = desk.store.nodes(owner, conversation)
        if _arriving(nodes, ends):
            raise errors.StaleTurn
    return nodes


def _arriving(nodes: Sequence[Node], ends: Sequence[str | None]) -> bool:
    return any(node.arriving for end in ends for node in tree.path(nodes, end)[-1:])


def _answer(
    desk: Desk, owner: str, conversation: Conversation, path: list[Node], new: list[Node]
) -> Conversation:
    """Commit `new` and the arriving answer to the last node of `path`, then have it produced."""
    target, params, now = conversation.target, conversation.params, time.time()
    assert target is not None
    silent = Message("assistant", ())
    node = Node(new_id(), path[-1].id, silent, now, Outcome.ARRIVING, target=target, request=new_id())
    conversation = replace(conversation, head=node.id, updated=now)
    messages = sent(path, target, conversation.window)
    _produce(
        desk,
        owner,
        conversation,
        node,
        cost.most(window.need(path, "", params, target, None, conversation.window), params),
        lambda: desk.store.begin(owner, conversation, [*new, node]),
        lambda cancel: desk.gateway.stream(target, messages, params, cancel, conversation.id),
    )
    return conversation


def _produce(
    desk: Desk,
    owner: str,
    conversation: Conversation,
    node: Node,
    about: Usage,
    commit: Callable[[], None],
    events: Callable[[Cancel], Iterator[Event]],
) -> None:
    """Have an answer produced from these events, once it is reserved and `commit` has written its rows."""
    assert node.target is not None
    desk.guard.reserve(node.request, node.target.model, about)
    cancel = Cancel()
    answer = Answer(owner, conversation.id, node, cancel, desk.store, desk.tariffs)
    desk.answers.put(answer)
    try:
        with answer.given_up_on_error():
            commit()
    except BaseException:
        desk.guard.release(node.request)
        raise
    answer.start(lambda: events(cancel), desk.answers.leave)
