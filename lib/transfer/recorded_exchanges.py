"""Recorded exchanges in an archive of conversations, each as a bug report in the folder of its answer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from lib.core.errors import TransferError
from lib.core.exchanges import Exchange
from lib.transfer.archive import read_members
from lib.transfer.exchange_archive import MAX_EXCHANGE_BYTES, read_exchange, write_exchange
from lib.transfer.result import ImportResult

MAX_BYTES = 64 * 1024 * 1024  # of all exchanges in an archive, which is built in memory
MAX_EXCHANGES = 20_000  # of one import
# Without a folder for an exchange that is for no answer, such as that of a check.
_MEMBER = re.compile(r"exchanges/(?:(?P<answer>[\w-]{1,32})/)?\d{1,8}\.zip", re.ASCII)


def list_members(exchanges: Iterable[Exchange], versions: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of members for exchanges, in their order until MAX_BYTES are reached."""
    numbers: Counter[str] = Counter()
    rest = MAX_BYTES
    for exchange in exchanges:
        data = write_exchange(exchange, versions)
        rest -= len(data)
        if rest < 0:
            return
        numbers[exchange.node_id] += 1
        folder = f"{exchange.node_id}/" if exchange.node_id else ""
        yield f"exchanges/{folder}{numbers[exchange.node_id]}.zip", data


class RecordedExchanges:
    """The exchanges of an archive whose answers are among those of an import; `left_out` counts the others."""

    def __init__(self, data: bytes, result: ImportResult) -> None:
        self._data = data
        self._node_ids = result.new_node_ids
        self._answers: Collection[str] = {node.id for _, nodes in result.conversations for node in nodes}
        self.count = self.left_out = 0

    def __iter__(self) -> Iterator[Exchange]:
        """Yield the exchanges with the ids of their answers, the last ones of an archive first."""
        for name, content in read_members(self._data, self._is_wanted, MAX_EXCHANGE_BYTES):
            exchange = self._read(name, content) if self.count < MAX_EXCHANGES else None
            if exchange is None:
                self.left_out += 1
                continue
            self.count += 1
            yield exchange

    @staticmethod
    def _is_wanted(name: str) -> bool:
        return _MEMBER.fullmatch(name) is not None

    def _read(self, name: str, content: bytes | None) -> Exchange | None:
        match = _MEMBER.fullmatch(name)
        assert match
        answer = match["answer"] or ""
        node_id = self._node_ids.get(answer, answer)
        if content is None or (node_id and node_id not in self._answers):
            return None
        try:
            return replace(read_exchange(content).exchange, node_id=node_id)
        except TransferError:
            return None
