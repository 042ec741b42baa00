"""All errors, as one tree with codes.

AntlerError
├── SettingError            a setting is malformed                             you
├── StoreError              the database refused or is not reachable           server
│   ├── FileStoreError      the storage of files refused or is not reachable   server
│   └── FileStorageFull     there is no space left for files                   server
├── AttachmentNotFound      a file of a question is not stored any more        you
├── AttachmentTooLarge      a file is larger than the database takes           you
├── FileQuotaExceeded       the files of a user take more than they may        you
├── TurnInProgress          an answer is still arriving in the conversation    you
├── ConversationNotFound    the conversation does not exist for this user      you
├── FolderNotFound          the folder of a new conversation does not exist    you
├── ShuttingDown            the process is stopping                            server
├── DuplicateSubmission     the same submission of a question is stored        nobody
├── QuestionNotQueued       a queued question was sent, changed or removed     nobody
├── QueueFull               a conversation has too many queued questions       you
├── TooManyAnswers          the user has too many answers running              you
├── TooManyPrompts          the user has as many prompts as they may have      you
├── TransferError           a file cannot be imported                          you
├── AttachmentError         a file cannot be attached: lib.core.attachment_errors  you
├── LimitExceededError      a hard limit of the team would be exceeded         you
├── PriceUnknown            a cost limit applies and the price is unknown      server
├── ModelNotAllowed         the user has no permission for the model           you
├── RequestUnchanged        the gateway has just refused the same request      you
└── AnswerError             no answer, or not all of it
    ├── GatewayError        the gateway refused, in its own words
    │   ├── KeyRejected           401, 403                                     key
    │   ├── QuotaExhausted        403 by code, 402                             key
    │   ├── ModelNotFound         404 or 503 by code                           you
    │   ├── EndpointNotFound      404, 405, 501: no such path                  gateway
    │   ├── InvalidRequest        400, 409, 422, 500 by code                   you
    │   ├── PromptBlocked         400 by code, of image routes                 you
    │   ├── ContextTooLong        400 by type                                  you
    │   ├── InputUnsupported      400 by wording: images, files, audio         you
    │   ├── RequestTooLarge       413                                          you
    │   ├── RateLimited           429                                          gateway
    │   ├── Overloaded            503, 529                                     maker
    │   ├── GatewayUnavailable    500, 502, 504, 52x, HTML                     gateway
    │   ├── UnexpectedRedirect    3xx, never followed with a key               gateway
    │   ├── InvalidResponse       200 without an answer in it                  gateway
    │   └── StreamError           an error event inside the stream             maker
    ├── NetworkError        the gateway was not reached, or went silent
    │   ├── GatewayUnreachable    no address, refused, reset                   network
    │   ├── TlsError              the certificate is not trusted               network
    │   ├── RequestTimeout        no byte within the timeout                   network
    │   └── StreamInterrupted     the stream ended without its last event      network
    │       └── MissingFinishReason    an end marker without a finish reason   gateway
    └── UnexpectedError     a bug of this program; details are in the log      server

The last column is the party at fault. Each has a `code`, which is also its translation key; those of answers have
`retryable`, true where another attempt makes sense, and `max_retries`, the number of automatic retries.
"""

from __future__ import annotations

from typing import ClassVar

from lib.core.conversation import Failure
from lib.core.refused_params import FieldRefusal
from lib.core.sanitize import replace_surrogates

MAX_RETRIES = 2  # automatic retries of a request, before any part of an answer has arrived


class AntlerError(Exception):
    """The root; not raised itself."""

    code: ClassVar[str] = "unexpected"


class SettingError(AntlerError):
    """A malformed setting; the message is one sentence with its name, and never holds a secret."""

    code = "setting"


class StoreError(AntlerError):
    """The database refused or is not reachable; the message is its own."""

    code = "store"


class FileStoreError(StoreError):
    """The storage of files refused or is not reachable; nothing was changed."""

    code = "file_store"


class FileStorageFull(StoreError):
    """There is no space left for files; nothing was changed."""

    code = "file_storage_full"


class AttachmentNotFound(AntlerError):
    """A file of a question, by its name, is not stored for its owner (any more)."""

    code = "attachment_missing"

    def __init__(self, file_name: str) -> None:
        super().__init__(file_name)
        self.file_name = file_name


class AttachmentTooLarge(AntlerError):
    """A file is larger than the `max_bytes` that the database takes."""

    code = "attachment_too_large"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(str(max_bytes))
        self.max_bytes = max_bytes


class FileQuotaExceeded(AntlerError):
    """The files of a user would take more than `max_bytes`."""

    code = "file_quota"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(str(max_bytes))
        self.max_bytes = max_bytes


class TurnInProgress(AntlerError):
    """Another turn while an answer is arriving in the conversation."""

    code = "stale_turn"


class ConversationNotFound(AntlerError):
    """The conversation does not exist, or belongs to another user."""

    code = "gone"


class FolderNotFound(AntlerError):
    """The folder that a new conversation begins in does not exist any more."""

    code = "no_folder"


class ShuttingDown(AntlerError):
    """The process is shutting down and refuses new turns."""

    code = "closing"


class DuplicateSubmission(AntlerError):
    """A question with the same idempotency key is stored, in the conversation with this id."""

    code = "duplicate_submission"

    def __init__(self, conversation_id: str) -> None:
        super().__init__(conversation_id)
        self.conversation_id = conversation_id


class QuestionNotQueued(AntlerError):
    """A queued question is not in its queue any more, or not with this text: it was sent, changed or removed."""

    code = "not_queued"


class QueueFull(AntlerError):
    """A conversation has as many queued questions as it may have."""

    code = "queue_full"


class TooManyAnswers(AntlerError):
    """The user has as many running answers as the operator allows."""

    code = "too_many_answers"


class TooManyPrompts(AntlerError):
    """The user would have more entries in the prompt library than they may have."""

    code = "too_many_prompts"


class TransferError(AntlerError):
    """A file that cannot be imported: a message key, and a location in the file or ""."""

    code = "import"

    def __init__(self, reason: str, location: str = "") -> None:
        super().__init__(f"{reason}: {location}" if location else reason)
        self.reason = reason
        self.location = replace_surrogates(location)[:200]


class AttachmentError(AntlerError):
    """A file that cannot be attached: its name, "" for none, and the values of the text of its code."""

    code = "file"

    def __init__(self, name: str = "", **values: str | int) -> None:
        super().__init__(f"{self.code} {values}" if values else self.code)
        self.name = name
        self.values = values


class LimitExceededError(AntlerError):
    """A hard limit would be exceeded, so nothing was sent; amounts are in the unit of the limit.

    `resets_at` is in seconds since 1970; `retry_after` is in seconds, None if the request exceeds the limit
    alone.
    """

    code = "over_limit"

    def __init__(
        self,
        scope: str,
        limit_name: str,
        hard_limit: int,
        remaining: int,
        requested: int,
        resets_at: int,
        retry_after: float | None,
    ) -> None:
        super().__init__(f"{scope} {limit_name}: {requested} of {remaining}")
        self.scope = scope
        self.limit_name = limit_name
        self.hard_limit = hard_limit
        self.remaining = remaining
        self.requested = requested
        self.resets_at = resets_at
        self.retry_after = retry_after


class PriceUnknown(AntlerError):
    """A cost limit applies, and the price of the model, the argument, is unknown."""

    code = "price_unknown"


class ModelNotAllowed(AntlerError):
    """The user has no permission for the model, the argument."""

    code = "model_not_allowed"


class RequestUnchanged(AntlerError):
    """The gateway has refused the same request, so it is not sent again."""

    code = "request_unchanged"


class AnswerError(AntlerError):
    """No answer, or an incomplete one; `detail` is the gateway's text.

    `rejected_params` are the parameters that it names, `field_refusals` the fields that it calls unsupported,
    `retry_after` is in seconds, and `should_retry` its own statement about retries, if any.
    """

    retryable: ClassVar[bool] = False
    is_wrong_request: ClassVar[bool] = False  # the same request will be refused again
    max_retries: ClassVar[int] = 0

    def __init__(self, detail: str = "", *, status: int | None = None, request_id: str = "") -> None:
        self.detail = replace_surrogates(detail)
        super().__init__(self.detail or self.code)
        self.status = status
        self.request_id = request_id
        self.rejected_params: tuple[str, ...] = ()
        self.field_refusals: tuple[FieldRefusal, ...] = ()
        self.retry_after: float | None = None
        self.should_retry: bool | None = None

    def to_failure(self) -> Failure:
        return Failure(
            self.code, self.detail, self.status, self.request_id, self.retryable, self.rejected_params, self.retry_after
        )


class GatewayError(AnswerError):
    """The gateway refused, in its own words."""

    code = "gateway"


class KeyRejected(GatewayError):
    code = "key_refused"
    retryable = True  # with another model, which the key may be allowed


class QuotaExhausted(GatewayError):
    code = "quota_used_up"
    retryable = True  # after a top-up


class ModelNotFound(GatewayError):
    code = "model_unknown"
    retryable = True  # after another model was picked
    max_retries = 1  # a channel may just have been removed


class EndpointNotFound(GatewayError):
    code = "not_offered"
    is_wrong_request = True


class InvalidRequest(GatewayError):
    code = "request_refused"
    is_wrong_request = True


class PromptBlocked(GatewayError):
    """A safety system refused to generate an image."""

    code = "prompt_blocked"


class ContextTooLong(GatewayError):
    code = "context_too_long"
    is_wrong_request = True


class InputUnsupported(GatewayError):
    code = "input_unsupported"
    is_wrong_request = True


class RequestTooLarge(GatewayError):
    code = "too_large"
    is_wrong_request = True


class RateLimited(GatewayError):
    code = "rate_limited"
    retryable = True
    max_retries = MAX_RETRIES


class Overloaded(GatewayError):
    code = "overloaded"
    retryable = True
    max_retries = MAX_RETRIES


class GatewayUnavailable(GatewayError):
    code = "gateway_down"
    retryable = True
    max_retries = MAX_RETRIES


class UnexpectedRedirect(GatewayError):
    code = "redirected"


class InvalidResponse(GatewayError):
    code = "unreadable"
    retryable = True


class StreamError(GatewayError):
    code = "failed_midway"
    retryable = True
    max_retries = MAX_RETRIES


class NetworkError(AnswerError):
    """The gateway was not reached, or went silent."""

    code = "network"
    retryable = True


class GatewayUnreachable(NetworkError):
    code = "unreachable"
    max_retries = MAX_RETRIES


class TlsError(NetworkError):
    code = "tls_failed"


class RequestTimeout(NetworkError):
    code = "timed_out"


class StreamInterrupted(NetworkError):
    code = "cut"
    max_retries = MAX_RETRIES


class MissingFinishReason(StreamInterrupted):
    """The end marker came without a finish reason: the answer may be complete, or cut off."""

    code = "no_last_word"
    max_retries = 0


class UnexpectedError(AnswerError):
    code = "unexpected"
    retryable = True
