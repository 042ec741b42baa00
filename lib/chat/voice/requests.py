"""Audio requests as rows of the ledger: reserved before they are sent, settled after them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from lib.chat.usage.limits import NO_LIMITS, NoLimits
from lib.chat.usage.recorder import PriceLookup, RequestInfo, RequestOutcome, UsageRecorder, unknown_price
from lib.core import errors
from lib.core.conversation import OtherPart, Outcome, Usage, new_id
from lib.core.events import ContentPart
from lib.core.target import Target
from lib.core.usage import UsageRecord
from lib.core.voice import VoiceModels
from lib.gateway.audio import AudioRoutes, SpeechItem
from lib.gateway.transport.cancel import CancelToken

log = logging.getLogger(__name__)


class UsageStore(Protocol):
    """Storage of usage records."""

    def record(self, owner: str, *usage_records: UsageRecord) -> None:
        """Save the records of one request and settle its reservation. Raises StoreError."""


@dataclass(frozen=True)
class VoiceServices:
    """Dependencies of audio requests, as the session's user has them now."""

    owner: str
    audio: AudioRoutes
    usage: UsageStore
    models: VoiceModels
    price_lookup: PriceLookup = unknown_price
    get_limits: Callable[[], NoLimits] = lambda: NO_LIMITS
    uses_personal_key: bool = False
    on_request_finished: Callable[[RequestOutcome], object] = lambda _: None


@dataclass(frozen=True)
class AudioRequest:
    """A request before it is sent; `expected_usage` is reserved. `conversation_id` is None without a stored one."""

    purpose: Literal["speech", "transcription"]
    model: str
    expected_usage: Usage
    conversation_id: str | None = None


def send_request(
    services: VoiceServices,
    request: AudioRequest,
    send: Callable[[], Iterator[SpeechItem]],
    cancel: CancelToken,
) -> Iterator[SpeechItem]:
    """Yield the events and the bytes of a request, retries included, and record its usage when it ends.

    Raises LimitExceededError, PriceUnknown and StoreError before anything is sent, and an AnswerError of the gateway.
    """
    id_ = new_id()
    # Operators choose these models, so the users' permissions for models do not apply.
    services.get_limits().reserve(id_, request.model, request.expected_usage, is_user_choice=False)
    info = RequestInfo(
        id_,
        request.conversation_id,
        request.purpose,
        Target(request.model, "openai"),
        None,
        services.uses_personal_key,
    )
    recorder = UsageRecorder(info, services.price_lookup)
    outcome, code, request_id = Outcome.STOPPED, "", ""
    try:
        for item in send():
            recorder.add_event(ContentPart(OtherPart("audio")) if isinstance(item, bytes) else item)
            yield item
        outcome = Outcome.STOPPED if cancel.cancelled else Outcome.COMPLETE
    except errors.AnswerError as error:
        request_id = error.request_id
        if not cancel.cancelled:
            outcome, code = Outcome.FAILED, error.code
        raise
    finally:
        records = recorder.finish(outcome, request_id)
        _record(services, request.purpose, records)
        services.on_request_finished(RequestOutcome(services.owner, records, code))


def _record(services: VoiceServices, purpose: str, records: tuple[UsageRecord, ...]) -> None:
    try:
        services.usage.record(services.owner, *records)
    except errors.StoreError:
        log.warning("a request for a %s could not be counted", purpose)
