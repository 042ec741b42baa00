"""Lines of the log: as text or as JSON, with every secret struck out, whoever writes them."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import threading
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from lib.config.redaction import redact

_APP_LOGGER = "lib"  # the logger above all of ours
_FORMATTER = logging.Formatter()


def log_fields(**fields: str | int | float | None) -> dict[str, Any]:
    """What a line tells beside its words, for the `extra` of a logging call; None and "" are left out."""
    return {"told": {name: value for name, value in fields.items() if value not in (None, "")}}


def hash_for_log(identifier: str) -> str:
    """The mark by which a log knows a person or a conversation: always the same, and no way back."""
    return hashlib.blake2b(
        identifier.encode(errors="replace"), digest_size=6, person=b"antler-log"
    ).hexdigest()


def configure_logging(secrets: Collection[str], *, as_json: bool) -> None:
    """Have every line of this process, of all loggers and of those yet to come, written this way.

    Streamlit gives each of its loggers a handler of its own when that is first used, and threads write what
    ends them past all handlers. So records are struck when they are made, and handlers dressed when
    they are about to write.
    """
    line = LogFormatter(secrets, as_json=as_json)
    logging.setLogRecordFactory(_RedactingRecordFactory(secrets, line if as_json else None))
    ours = logging.getLogger(_APP_LOGGER)
    ours.setLevel(logging.INFO)
    ours.handlers = [handler := logging.StreamHandler(sys.stderr)]
    handler.setFormatter(line)
    ours.propagate = False
    if as_json and logging.lastResort:
        logging.lastResort.setFormatter(line)
    threading.excepthook = _on_thread_error


class LogFormatter(logging.Formatter):
    """A record as one line: of JSON, or of words with what is told behind them."""

    def __init__(self, secrets: Collection[str], *, as_json: bool) -> None:
        super().__init__()
        # The longest first: one may be a part of another.
        self._secrets = sorted(secrets, key=len, reverse=True)
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "told", {})
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        words, trace = record.getMessage(), _format_traceback(record)
        if self._as_json:
            head = {"time": when, "level": record.levelname.lower(), "event": words, "logger": record.name}
            if trace:
                fields = {**fields, "trace": trace}
            return redact(json.dumps({**head, **fields}, ensure_ascii=False, default=str), self._secrets)
        more = "".join(f" {name}={value}" for name, value in fields.items())
        end = f"\n{trace}" if trace else ""
        return redact(f"{when} {record.levelname} {record.name}: {words}{more}{end}", self._secrets)


class _RedactingRecordFactory:
    """Makes every log record, without secrets in its words or its traceback."""

    def __init__(self, secrets: Collection[str], formatter: LogFormatter | None) -> None:
        self._secrets = sorted(secrets, key=len, reverse=True)
        self._formatter = formatter

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = logging.LogRecord(*args, **kwargs)
        try:
            words = record.getMessage()
        except Exception:  # noqa: BLE001  logging would print the arguments as they are
            record.msg, record.args = (words := f"{record.msg} {record.args}"), ()
        struck = redact(words, self._secrets)
        if struck != words:
            record.msg, record.args = struck, ()
        if record.exc_info:
            record.exc_text = redact(_FORMATTER.formatException(record.exc_info), self._secrets)
        if record.stack_info:
            record.stack_info = redact(record.stack_info, self._secrets)
        if self._formatter:
            self._set_formatter(record.name, self._formatter)
        return record

    def _set_formatter(self, logger_name: str, formatter: LogFormatter) -> None:
        """Give this line's form to the handlers that will write what the logger of that name says."""
        logger: logging.Logger | None = logging.getLogger(logger_name)
        while logger:
            for handler in logger.handlers:
                if isinstance(handler, logging.StreamHandler) and handler.formatter is not formatter:
                    handler.setFormatter(formatter)
            logger = logger.parent if logger.propagate else None


def _format_traceback(record: logging.LogRecord) -> str:
    """The traceback of a record, as it was struck when the record was made."""
    if record.exc_info and not record.exc_text:
        record.exc_text = _FORMATTER.formatException(record.exc_info)
    return "\n".join(filter(None, (record.exc_text, record.stack_info)))


def _on_thread_error(args: threading.ExceptHookArgs) -> None:
    """An exception that ends a thread, as a line like any other."""
    if args.exc_type is not SystemExit and args.exc_value is not None:
        name = args.thread.name if args.thread else "?"
        told_of = (args.exc_type, args.exc_value, args.exc_traceback)
        logging.getLogger(f"{_APP_LOGGER}.threads").error("the thread %s failed", name, exc_info=told_of)
