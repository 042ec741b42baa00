"""Models: what the gateway lists, and the wires each is reached over."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lib.core.errors import AnswerError, Unreadable
from lib.core.types import WIRES, Wire, whole

log = logging.getLogger(__name__)

AGE = 300.0  # seconds for which a list is good
AGE_OF_FAILURE = 20.0  # seconds after which a list that could not be had is asked for again

# Endpoint types of models that hold no chat.
_OTHER_USES = {"image-generation", "embeddings", "jina-rerank", "openai-video"}


@dataclass(frozen=True)
class Model:
    """A model that the key may use, and the wires it is offered over, the better one first."""

    id: str
    wires: tuple[Wire, ...]


class Catalog:
    """The gateway's models, asked for in the background: no page waits for a gateway that is slow.

    Methods may be called from any thread.
    """

    def __init__(self, fetch: Callable[[], list[Model]]) -> None:
        self._fetch = fetch
        self._changed = threading.Condition()
        self._models: list[Model] = []
        self._good_until = 0.0
        self._asking = False
        self._waited = False
        self.failed = False

    def models(self, patience: float) -> list[Model]:
        """The models as known now. Only the very first call waits for them, for `patience` seconds."""
        with self._changed:
            if time.monotonic() > self._good_until and not self._asking:
                self._asking = True
                threading.Thread(target=self._ask, name="models", daemon=True).start()
            if not self._waited:
                self._changed.wait_for(lambda: not self._asking, patience)
                self._waited = True
            return self._models

    def forget(self) -> None:
        """Have the list asked for again at the next look."""
        with self._changed:
            self._good_until, self._waited = 0.0, False

    def _ask(self) -> None:
        found, age = None, AGE_OF_FAILURE
        try:
            found, age = self._fetch(), AGE
        except AnswerError as error:
            log.info("no list of models: %s %s", error.code, error.status or "")
        finally:
            with self._changed:
                self._models = self._models if found is None else found
                self.failed = found is None
                self._good_until = time.monotonic() + age
                self._asking = False
                self._changed.notify_all()


def read(body: str) -> list[Model]:
    """The chat models of a `/v1/models` answer, in the gateway's order, each once.

    Raises Unreadable where the body is no such list.
    """
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable(body[:200]) from None
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, list):
        raise Unreadable(body[:200])
    found: dict[str, Model] = {}
    for entry in data:
        name = entry.get("id") if isinstance(entry, dict) else None
        if isinstance(name, str) and name and _chats(entry):
            name = whole(name)
            found.setdefault(name, Model(name, wires(name, entry.get("supported_endpoint_types"))))
    return list(found.values())


def wires(name: str, types: Any = None) -> tuple[Wire, ...]:
    """The wires of a model by the endpoint types that the gateway lists for it.

    Where it lists none of ours, both are offered: nothing says that one would be refused. Claude's own
    format comes first for Claude, OpenAI's for all others.
    """
    offered = [wire for wire in WIRES if isinstance(types, list) and wire in types] or list(WIRES)
    claude = name.rsplit("/", 1)[-1].lower().startswith("claude")
    return tuple(sorted(offered, key=lambda wire: (wire == "anthropic") != claude))


def _chats(entry: dict[str, Any]) -> bool:
    types = entry.get("supported_endpoint_types")
    return not (isinstance(types, list) and types and set(map(str, types)) <= _OTHER_USES)
