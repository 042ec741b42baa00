"""Attachments that take long to make, as a fetched page or a transcript: on a thread that a page follows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Literal

from lib.core.attachments import Attachment
from lib.core.errors import AntlerError, UnexpectedError
from lib.gateway.transport.cancel import CancelToken

log = logging.getLogger(__name__)

JobKind = Literal["page", "transcript"]


class AttachmentJob:
    """Work on one attachment, which `make` returns or raises the error of. All methods are thread-safe.

    In the state "done" there is an `attachment`: after an error it is `fallback`, if there is one. Else the state is
    "failed". `error` is set in both cases. A job that was cancelled has neither.
    """

    def __init__(
        self,
        kind: JobKind,
        make: Callable[[CancelToken], Attachment],
        fallback: Attachment | None = None,
    ) -> None:
        self.kind = kind
        self.state: Literal["running", "failed", "cancelled", "done"] = "running"
        self.attachment: Attachment | None = None
        self.error: AntlerError | None = None
        self._make, self._fallback = make, fallback
        self._cancel = CancelToken()
        self._thread = threading.Thread(target=self._run, name=f"attachment {kind}", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self.state == "running"

    def cancel(self) -> None:
        """Stop the request, and forget what it returns; a finished job stays as it is."""
        self._cancel.cancel()

    def wait(self, seconds: float) -> bool:
        """Wait for the end; returns True once it is reached."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.attachment = self._make(self._cancel)
        except AntlerError as error:
            self.error, self.attachment = error, self._fallback
        except Exception as error:  # noqa: BLE001  whatever it is, the page gets an end
            log.warning("an attachment could not be made: %s", type(error).__name__)
            self.error, self.attachment = UnexpectedError(), self._fallback
        finally:
            if self._cancel.cancelled:
                self.attachment = self.error = None
            self.state = "cancelled" if self._cancel.cancelled else "done" if self.attachment else "failed"
