"""Example files of all formats, and checks of what is imported from them."""

import io
import json
import math
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lib.core.conversation import FilePart, Outcome
from lib.core.errors import TransferError
from lib.transfer import ImportResult, parse_export

ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
EXPORTS = Path(__file__).parent / "exports"
FILE = FilePart(
    digest="ab" * 32,
    name="tides 潮.pdf",
    media_type="application/pdf",
    size=1200,
    kind="pdf",
    width=600,
    height=800,
    pages=12,
    selection="1-3, 7",
    notes=("Scanned.",),
)
EXAMPLES = {path.stem: path.read_bytes() for path in sorted(EXPORTS.glob("*.json"))}


def make_zip(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Build a ZIP archive of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def is_valid(result: ImportResult) -> bool:
    """Assert that all ids are unique, and that questions and answers take turns in every tree."""
    conversation_ids = [conversation.id for conversation, _ in result.conversations]
    node_ids = [node.id for _, nodes in result.conversations for node in nodes]
    assert len(set(conversation_ids)) == len(conversation_ids)
    assert len(set(node_ids)) == len(node_ids)
    assert all(map(ID.fullmatch, [*conversation_ids, *node_ids]))
    for conversation, nodes in result.conversations:
        nodes_by_id = {}
        for node in nodes:  # parents come first, so there is no cycle
            parent_role = nodes_by_id[node.parent_id].message.role if node.parent_id is not None else "assistant"
            assert {parent_role, node.message.role} == {"user", "assistant"}
            assert node.outcome is not Outcome.ARRIVING
            assert math.isfinite(node.created_at)
            assert node.deleted_at is None
            nodes_by_id[node.id] = node
        assert conversation.head_id is None or conversation.head_id in nodes_by_id
        assert len(conversation.title) <= 200
        assert not {"\n", "\r", "\0", "\u2028"} & set(conversation.title)
        assert math.isfinite(conversation.created_at + conversation.updated_at)
    return True


def get_refusal(data: bytes | Any) -> tuple[str, str]:
    """Assert that a file is refused; return the reason and the location."""
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    with pytest.raises(TransferError) as error:
        parse_export(data)
    assert error.value.code == "import"
    return error.value.reason, error.value.location
