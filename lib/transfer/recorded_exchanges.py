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
# Of one import in all, also of exchanges that cannot be read: an archive of zip bombs ends soon.
MAX_UNPACKED_BYTES = 2 * 1024 * 1024 * 1024
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
        self._rest = MAX_UNPACKED_BYTES

    def __iter__(self) -> Iterator[Exchange]:
        """Yield the exchanges with the ids of their answers, in the order of the archive."""
        for name, content in read_members(self._data, self._is_wanted, MAX_EXCHANGE_BYTES):
            try:
                if content is None:
                    raise TransferError("zip", name)
                exchange = replace(read_exchange(content).exchange, node_id=self._find_answer(name) or "")
            except TransferError:
                self.left_out += 1
                self._rest -= MAX_EXCHANGE_BYTES
                continue
            self.count += 1
            self._rest -= len(content) + _unpacked_size(exchange)
            yield exchange

    def _is_wanted(self, name: str) -> bool:
        """Tell if a member is to be unpacked; called once for each."""
        if not _MEMBER.fullmatch(name):
            return False
        is_wanted = self._rest > 0 and self.count < MAX_EXCHANGES and self._find_answer(name) is not None
        self.left_out += not is_wanted
        return is_wanted

    def _find_answer(self, name: str) -> str | None:
        """Return the id of the answer of a member, "" for one without; None for an answer that is not imported."""
        match = _MEMBER.fullmatch(name)
        answer = (match and match["answer"]) or ""
        node_id = self._node_ids.get(answer, answer)
        return node_id if not node_id or node_id in self._answers else None


def _unpacked_size(exchange: Exchange) -> int:
    return sum(len(attempt.body) + attempt.response_bytes - attempt.omitted_bytes for attempt in exchange.attempts)
