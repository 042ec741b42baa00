"""Table of recorded exchanges, and their rows: facts for lists, and what was sent and received in one value."""

from __future__ import annotations

import json
import logging
import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from lib.core.exchanges import Attempt, Chunk, Exchange, ExchangeSummary, SentFile, summarize
from lib.core.params import ParamAdjustment
from lib.core.target import Target
from lib.storage.schema.tables import metadata, owner_column, row_id_column, seconds_column, text_column

log = logging.getLogger(__name__)

_FORMAT = b"1"
_LENGTH = struct.Struct("<I")
_COMPRESSION = 1  # of zlib: frames repeat themselves so much that more effort saves little
# Fields of an attempt that are encoded apart from the others.
_APART = ("body", "chunks", "files", "headers", "response_headers")

exchange = sa.Table(
    "exchange",
    metadata,
    row_id_column(),
    owner_column(),
    # The answer that it is for; none for a probe.
    sa.Column("node", sa.String(32), sa.ForeignKey("node.id", ondelete="CASCADE")),
    sa.Column("purpose", sa.String(16), nullable=False),
    text_column("model"),
    sa.Column("wire", sa.String(16), nullable=False),
    seconds_column("started"),
    # Of the last attempt.
    sa.Column("status", sa.Integer),
    text_column("error"),
    # Seconds from the start to the end, and to the first byte.
    sa.Column("duration", sa.Double),
    sa.Column("first", sa.Double),
    # Bytes of all responses.
    sa.Column("received", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    # The attempts, as `_encode` describes it; last, so that the other columns are read without it.
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Index("exchange_owner", "owner", "started", "id"),
    sa.Index("exchange_node", "node", "started", "id"),
    sa.Index("exchange_started", "started"),
)


def exchange_to_row(owner: str, exchange: Exchange) -> dict[str, Any]:
    """Return the row of an exchange."""
    summary = summarize(exchange)
    return {
        "id": exchange.id,
        "owner": owner,
        "node": exchange.node_id or None,
        "purpose": exchange.purpose,
        "model": exchange.target.model,
        "wire": exchange.target.wire,
        "started": summary.started_at,
        "status": summary.status,
        "error": summary.error,
        "duration": summary.duration,
        "first": summary.first_byte,
        "received": summary.response_bytes,
        "attempts": summary.attempt_count,
        "data": _encode(exchange),
    }


def encode_for_answer(owner: str, exchange: Exchange) -> dict[str, Any] | None:
    """Return the row of an exchange; None for one that cannot be encoded: its answer must be saved all the same."""
    try:
        return exchange_to_row(owner, exchange)
    except Exception:  # noqa: BLE001  whatever a gateway has sent; the log has the details
        log.exception("an exchange could not be encoded")
        return None


def summary_from_row(row: sa.Row[Any]) -> ExchangeSummary:
    """Return the summary of an exchange; `conversation` comes from its answer."""
    return ExchangeSummary(
        row.id,
        Target(row.model, row.wire),
        row.started,
        row.status,
        row.error,
        row.duration,
        row.first,
        row.received,
        row.attempts,
        row.purpose,
        row.conversation or "",
        row.node or "",
    )


def exchange_from_row(row: sa.Row[Any]) -> Exchange:
    """Return an exchange; `conversation` comes from its answer."""
    attempts, adjustments = _decode(row.data)
    target = Target(row.model, row.wire)
    return Exchange(row.id, target, attempts, row.purpose, row.conversation or "", row.node or "", adjustments)


def _encode(exchange: Exchange) -> bytes:
    """Encode the attempts: "1", then compressed the length of a head, the head as JSON, and what was received.

    That is for each attempt the offsets of its chunks in microseconds and their lengths, as arrays of 64 bits in little
    endian, and the bytes of the chunks. Equal bodies of several attempts are stored once.
    """
    bodies = list(dict.fromkeys(attempt.body for attempt in exchange.attempts))
    head = {
        "adjustments": [asdict(adjustment) for adjustment in exchange.adjustments],
        "bodies": bodies,
        "attempts": [
            {
                **{name: value for name, value in vars(attempt).items() if name not in _APART},
                "headers": dict(attempt.headers),
                "response_headers": dict(attempt.response_headers),
                "files": [asdict(file) for file in attempt.files],
                "body": bodies.index(attempt.body),
                "chunks": len(attempt.chunks),
            }
            for attempt in exchange.attempts
        ],
    }
    encoded_head = json.dumps(head, ensure_ascii=False).encode("utf-8", "surrogatepass")
    parts = [_LENGTH.pack(len(encoded_head)), encoded_head]
    for attempt in exchange.attempts:
        parts.append(_encode_numbers([round(chunk.offset * 1e6) for chunk in attempt.chunks]))
        parts.append(_encode_numbers([len(chunk.data) for chunk in attempt.chunks]))
        parts += [chunk.data for chunk in attempt.chunks]
    return _FORMAT + zlib.compress(b"".join(parts), _COMPRESSION)


def _decode(data: bytes) -> tuple[tuple[Attempt, ...], tuple[ParamAdjustment, ...]]:
    """Decode what `_encode` returns."""
    content = memoryview(zlib.decompress(data[len(_FORMAT) :]))
    position = _LENGTH.size + _LENGTH.unpack_from(content)[0]
    head = json.loads(bytes(content[_LENGTH.size : position]).decode("utf-8", "surrogatepass"))
    attempts = []
    for fields in head["attempts"]:
        count = fields["chunks"]
        offsets, position = _decode_numbers(content, position, count)
        lengths, position = _decode_numbers(content, position, count)
        chunks = []
        for offset, length in zip(offsets, lengths, strict=True):
            chunks.append(Chunk(offset / 1e6, bytes(content[position : position + length])))
            position += length
        files = tuple(SentFile(**file) for file in fields["files"])
        body = head["bodies"][fields["body"]]
        attempts.append(Attempt(**{**fields, "body": body, "files": files, "chunks": tuple(chunks)}))
    return tuple(attempts), tuple(ParamAdjustment(**adjustment) for adjustment in head["adjustments"])


def _encode_numbers(numbers: Sequence[int]) -> bytes:
    encoded = array("Q", numbers)
    if sys.byteorder == "big":
        encoded.byteswap()
    return encoded.tobytes()


def _decode_numbers(content: memoryview, position: int, count: int) -> tuple[Sequence[int], int]:
    """Return the numbers at a position, and the position after them."""
    numbers = array("Q")
    end = position + count * numbers.itemsize
    numbers.frombytes(content[position:end])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers, end
