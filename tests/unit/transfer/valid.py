"""Files to import, and what holds of everything that is read from any of them."""

import io
import json
import math
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lib.core.conversation import Outcome
from lib.core.errors import TransferError
from lib.transfer import ImportResult, parse_export

ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
EXPORTS = Path(__file__).parent / "exports"
FILES = {path.stem: path.read_bytes() for path in sorted(EXPORTS.glob("*.json"))}


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive of these files."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return into.getvalue()


def valid(loaded: ImportResult) -> bool:
    """Assert that every id is its own, and every tree one in which questions and answers take turns."""
    conversations = [conversation.id for conversation, _ in loaded.conversations]
    every = [node.id for _, nodes in loaded.conversations for node in nodes]
    assert len(set(conversations)) == len(conversations)
    assert len(set(every)) == len(every)
    assert all(map(ID.fullmatch, [*conversations, *every]))
    for conversation, nodes in loaded.conversations:
        known = {}
        for node in nodes:  # parents come first, so there is no circle
            above = known[node.parent_id].message.role if node.parent_id is not None else "assistant"
            assert {above, node.message.role} == {"user", "assistant"}
            assert node.outcome is not Outcome.ARRIVING
            assert math.isfinite(node.created_at)
            assert node.deleted_at is None
            known[node.id] = node
        assert conversation.head_id is None or conversation.head_id in known
        assert len(conversation.title) <= 200
        assert not {"\n", "\r", "\0", "\u2028"} & set(conversation.title)
        assert math.isfinite(conversation.created_at + conversation.updated_at)
    return True


def refused(data: bytes | Any) -> tuple[str, str]:
    """Why a file is refused, and the place."""
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    with pytest.raises(TransferError) as error:
        parse_export(data)
    assert error.value.code == "import"
    return error.value.reason, error.value.location
