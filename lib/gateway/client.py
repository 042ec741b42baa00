"""The one face: stream(target, messages, params), models()."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from types import ModuleType

from lib.core import errors
from lib.core.config import Settings
from lib.core.reply import Event, Finish, Restart
from lib.core.types import Message, Params, Target, Text, Wire
from lib.gateway import catalog, faults, wire_anthropic, wire_openai
from lib.gateway.frames import Frame, frames
from lib.gateway.transport import MAX_WHOLE_BODY, Cancel, Response, Transport

WIRES: dict[Wire, ModuleType] = {"openai": wire_openai, "anthropic": wire_anthropic}

# Blanks before the first byte that tells a stream from JSON; with more of them it is taken for a stream.
_BLANK_MAX = 4096


class Gateway:
    """One gateway and one key. Its methods may be called from any thread."""

    def __init__(self, settings: Settings) -> None:
        self.base_url = settings.base_url
        self._key = settings.api_key
        self._transport = Transport(settings.base_url, settings.timeouts)

    def stream(
        self, target: Target, messages: Sequence[Message], params: Params, cancel: Cancel
    ) -> Iterator[Event]:
        """Send the path and yield what comes, until the answer's last event.

        Raises the AnswerError that fits: before the first event where the gateway refuses or is not
        reached, later where the stream fails or is cut. After `cancel` it ends, or raises any of them.
        """
        wire = WIRES[target.wire]
        body = wire.body(target.model, cleaned(messages), params)
        response = self._transport.post(wire.PATH, wire.headers(self._key), body, cancel)
        try:
            if response.status != 200:
                raise wire.error(response.status, response.headers, response.text())
            yield from _until_cut(wire.events(_frames(response)))
        except errors.AnswerError as error:
            # Some gateways say the key that they refuse.
            raise error.without(self._key) from None
        finally:
            response.close()

    def models(self) -> list[catalog.Model]:
        """The models that the key may use, as the gateway lists them. Raises the AnswerError that fits."""
        response = self._transport.get("/v1/models", wire_openai.headers(self._key))
        try:
            body = response.text(MAX_WHOLE_BODY)
            if response.status != 200:
                raise faults.refusal(response.status, response.headers, body)
            return catalog.read(body)
        except errors.AnswerError as error:
            raise error.without(self._key) from None
        finally:
            response.close()

    def close(self) -> None:
        self._transport.close()


def cleaned(messages: Sequence[Message]) -> list[Message]:
    """The path as both wires take it: no empty message, no two neighbours of one side, a question first."""
    path: list[Message] = []
    for message in messages:
        if not message.text.strip():
            continue
        if path and path[-1].role == message.role:
            path[-1] = Message(message.role, (*path[-1].parts, Text("\n\n"), *message.parts))
        elif path or message.role == "user":
            path.append(message)
    return path


def _until_cut(events: Iterator[Event]) -> Iterator[Event]:
    """The events; a connection that breaks after the model's last word takes nothing from the answer."""
    finished = False
    try:
        for event in events:
            finished = isinstance(event, Finish) or (finished and not isinstance(event, Restart))
            yield event
    except errors.NetworkError:
        if not finished:
            raise


def _frames(response: Response) -> Iterator[Frame]:
    """The frames of an answer by what arrives, not by its label: a stream, or one whole JSON object."""
    chunks = response.chunks()
    start = b""
    for chunk in chunks:
        start += chunk
        head = start.removeprefix(BOM_UTF8).lstrip()
        if (head and not BOM_UTF8.startswith(start)) or len(start) > _BLANK_MAX:
            break
    else:
        return
    if head.startswith(b"{"):
        text = _joined(start, chunks).decode("utf-8-sig", "replace")
        yield Frame("message", text.strip())
    elif head.startswith((b"<", b"[")):
        text = _joined(start, chunks).decode("utf-8-sig", "replace")
        raise errors.Unreadable(faults.said(text)[1])
    else:
        yield from frames(_again(start, chunks))


def _again(start: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield start
    yield from chunks


def _joined(start: bytes, chunks: Iterator[bytes]) -> bytes:
    body = bytearray(start)
    for chunk in chunks:
        body += chunk
        if len(body) > MAX_WHOLE_BODY:
            raise errors.Unreadable(f"an answer of more than {MAX_WHOLE_BODY:,} bytes")
    return bytes(body)
