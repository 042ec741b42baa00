"""Files of a request: the plan of their forms, their tokens, and the messages with their contents."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from lib.chat.attachments.plan import NO_FILES, FilePlan, PlannedFile, plan_files
from lib.chat.attachments.text_form import format_name, format_text
from lib.chat.context.titles import describe_names
from lib.chat.context.window import NO_FILE_TOKENS, FileTokens, first_sent_index
from lib.chat.turns.ports import AttachmentStore
from lib.chat.turns.summaries import MAX_QUESTION_LENGTH
from lib.core import tokens
from lib.core.attachment_errors import FileNotSendable
from lib.core.attachments import Attachment
from lib.core.conversation import FilePart, Message, Node, OtherPart, Part, TextPart, Truncation
from lib.core.errors import InputUnsupported, StoreError
from lib.core.file_content import FileContent, FileUnavailable
from lib.core.models import Capabilities
from lib.core.target import Target
from lib.gateway.wires.content.request_content import FileContents

log = logging.getLogger(__name__)
_SEPARATOR = TextPart("\n\n")
# Inputs by the words of an error that refuses them.
_INPUT_NAMES = {
    "image": r"image|vision|visual|multi-?modal|图|视觉|多模态",
    "pdf": r"pdf|\bfiles?\b|document|multi-?modal|文件|文档|多模态",
    "audio": r"audio|multi-?modal|音频|多模态",
}


def plan_request(
    store: AttachmentStore,
    owner: str,
    path: Sequence[Node],
    truncation: Truncation | None,
    target: Target,
    capabilities: Capabilities,
    question: Sequence[FilePart] | None = None,
    nodes: Sequence[Node] | None = None,
) -> FilePlan:
    """Plan the files of a request that continues the sent part of `path`, with those of a new question.

    Without one, the question is the last message of the path. An input that the target has refused in one of `nodes`,
    by default those of the path, is not sent again. Only facts are read, and none where there are no files. Raises
    StoreError.
    """
    *messages, last = [_files_of(node) for node in path[first_sent_index(path, truncation) :]] or [()]
    if question is not None or not path or path[-1].message.role != "user":
        messages, last = [*messages, last], tuple(question or ())
    earlier = [part for files in messages for part in files]
    if not earlier and not last:
        return NO_FILES
    facts = store.facts(owner, list(dict.fromkeys(part.digest for part in (*earlier, *last))))
    return plan_files(
        last, facts, target, _without_refused(capabilities, path if nodes is None else nodes, target), earlier
    )


def _without_refused(capabilities: Capabilities, nodes: Sequence[Node], target: Target) -> Capabilities:
    """Return the capabilities without the inputs that the target has refused in this conversation.

    Else its files would be sent again with each question, and each would be refused.
    """
    refused: set[str] = set()
    for node in nodes:
        is_refusal = node.failure is not None and node.failure.code == InputUnsupported.code
        if is_refusal and node.failure and node.target == target and node.deleted_at is None:
            words = node.failure.detail.casefold()
            named = {name for name, pattern in _INPUT_NAMES.items() if re.search(pattern, words)}
            refused |= named or set(_INPUT_NAMES)
    if not refused:
        return capabilities
    return replace(
        capabilities,
        image=capabilities.image if "image" not in refused else False,
        pdf=capabilities.pdf if "pdf" not in refused else False,
        audio=capabilities.audio if "audio" not in refused else False,
    )


def ensure_sendable(plan: FilePlan) -> None:
    """Raise FileNotSendable for the first file of the question that the target takes in no form."""
    for planned in plan.refused:
        raise FileNotSendable(planned.part.name, reason=planned.reason, **dict(planned.values))


def count_tokens(
    plan: FilePlan, path: Sequence[Node], truncation: Truncation | None, text: str | None = None
) -> FileTokens:
    """Return the tokens of planned files by message; `text` is that of a new question, None without one."""
    if plan is NO_FILES:
        return NO_FILE_TOKENS
    planned = iter((*plan.earlier, *plan.files))
    sent = path[first_sent_index(path, truncation) :]
    by_node = {
        node.id: _sum_tokens(planned, len(files), node.message.text) for node in sent if (files := _files_of(node))
    }
    return FileTokens(by_node, 0 if text is None else _sum_tokens(planned, len(plan.files), text))


def describe_files(messages: Sequence[Message], plan: FilePlan) -> list[Message]:
    """Return the messages with digests and forms in place of their files, to compare requests by."""
    planned = iter((*plan.earlier, *plan.files))
    return [
        replace(message, parts=tuple(_describe(part, planned) for part in message.parts))
        if _sends_files(message)
        else message
        for message in messages
    ]


def describe_question(store: AttachmentStore, owner: str, text: str, files: Sequence[FilePart]) -> str:
    """Return a question with the names of its files; without a text, with the beginning of that of the first file.

    Raises StoreError.
    """
    texts = {} if text.strip() or not files else store.texts(owner, [files[0].digest])
    begins = (file_text[:MAX_QUESTION_LENGTH] for file_text in texts.values())
    return "\n\n".join(filter(None, (text.strip(), describe_names(files), *begins)))


def load_files(
    store: AttachmentStore, owner: str, messages: Sequence[Message], plan: FilePlan
) -> tuple[list[Message], FileContents]:
    """Return the messages as they are sent, and the contents that are read while they are sent, by digest.

    Texts and names of files become texts before that of their question. Raises FileUnavailable.
    """
    planned = iter((*plan.earlier, *plan.files))
    everything = (*plan.earlier, *plan.files)
    texts = _load_texts(store, owner, [each.part for each in everything if each.form == "text"])
    sent = [
        replace(message, parts=tuple(_place_files(message, planned, texts))) if _names_files(message) else message
        for message in messages
    ]
    native = (each for each in everything if each.form == "native")
    return sent, {each.part.digest: _content_of(store, owner, each) for each in native}


def _files_of(node: Node) -> tuple[FilePart, ...]:
    return node.message.files if _sends_files(node.message) else ()


def _sends_files(message: Message) -> bool:
    """Return True for a question with files: answers are sent as text."""
    return message.role == "user" and bool(message.files)


def _names_files(message: Message) -> bool:
    """Return True for a question with files, also those of a shared chat, of which only the names were copied."""
    return message.role == "user" and any(isinstance(part, FilePart) or _is_name(part) for part in message.parts)


def _is_name(part: Part) -> bool:
    return isinstance(part, OtherPart) and part.kind == "file"


def _sum_tokens(planned: Iterator[PlannedFile], count: int, text: str) -> int:
    """Return the tokens of the next `count` files, with those of a message that has no text beside them."""
    size = sum(next(planned).tokens for _ in range(count))
    return size + tokens.MESSAGE_OVERHEAD if count and not text.strip() else size


def _describe(part: Part, planned: Iterator[PlannedFile]) -> Part:
    if not isinstance(part, FilePart):
        return part
    form = each.form if (each := next(planned, None)) else ""
    return TextPart(f"[{form} {part.digest} {part.name}]")


def _place_files(message: Message, planned: Iterator[PlannedFile], texts: Mapping[str, str]) -> Iterator[Part]:
    """Yield the parts of a question, with blocks in place of the files that are not sent as they are."""
    is_behind_text = False
    for part in message.parts:
        if isinstance(part, TextPart) and not part.text.strip():
            continue
        if isinstance(part, FilePart):
            part = _form_of(part, next(planned), texts)
        elif isinstance(part, OtherPart) and _is_name(part):
            part = TextPart(format_name(FilePart(name=part.label)))
        is_text = isinstance(part, TextPart)
        if is_text and is_behind_text:
            yield _SEPARATOR
        is_behind_text = is_text
        yield part


def _form_of(part: FilePart, planned: PlannedFile, texts: Mapping[str, str]) -> FilePart | TextPart:
    if planned.form == "native" and planned.facts:
        return replace(part, name=Attachment(part.kind, planned.facts.media_type, part.name, b"").file_name)
    if planned.form == "name":
        return TextPart(format_name(part))
    is_truncated = planned.facts is not None and planned.facts.facts.get("is_truncated") is True
    return TextPart(format_text(part, texts[part.digest], is_truncated=is_truncated))


def _load_texts(store: AttachmentStore, owner: str, files: Sequence[FilePart]) -> Mapping[str, str]:
    digests = list(dict.fromkeys(part.digest for part in files))
    try:
        texts = store.texts(owner, digests) if digests else {}
    except StoreError as error:
        log.warning("texts of files could not be read: %s", error)
        raise FileUnavailable from error
    if len(texts) < len(digests):
        raise FileUnavailable
    return texts


def _content_of(store: AttachmentStore, owner: str, planned: PlannedFile) -> FileContent:
    assert planned.facts is not None
    load = partial(load_content, store, owner, planned.part.digest)
    role = str(planned.facts.facts.get("role") or "")
    return FileContent(planned.part.digest, planned.facts.media_type, planned.facts.size, load, role)


def load_content(store: AttachmentStore, owner: str, digest: str) -> bytes:
    """Return the bytes of a file of a request. Raises FileUnavailable."""
    try:
        data = store.contents(owner, [digest]).get(digest)
    except StoreError as error:
        log.warning("a file could not be read: %s", error)
        raise FileUnavailable from error
    if data is None:
        raise FileUnavailable
    return data
