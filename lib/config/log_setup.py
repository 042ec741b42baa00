"""Logging: lines of text or JSON on stderr, with secrets redacted for all loggers."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import sys
import threading
from collections.abc import Collection
from datetime import UTC, datetime
from textwrap import indent
from typing import Any

from lib.config.redaction import redact

_APP_LOGGER = "lib"  # the parent of this program's loggers
_FORMATTER = logging.Formatter()
# Control characters, line and paragraph separators, and marks that reverse the direction of text.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_FIELD_SEPARATOR = re.compile(r'[\s="]')


def log_fields(**fields: str | int | float | None) -> dict[str, Any]:
    """Return the `extra` argument for a logging call with structured fields; None and "" are left out."""
    return {"fields": {name: value for name, value in fields.items() if value not in (None, "")}}


def hash_for_log(identifier: str) -> str:
    """Return the stable, irreversible mark of a user or a conversation in the log."""
    return hashlib.blake2b(identifier.encode(errors="replace"), digest_size=6, person=b"antler-log").hexdigest()


def configure_logging(secrets: Collection[str], *, as_json: bool) -> None:
    """Write and redact the lines of all loggers of this process, including those created later.

    Streamlit gives each of its loggers a handler of its own on first use, so redaction is a filter of every
    logger, and the formatter of a handler is set just before it writes.
    """
    formatter = LogFormatter(secrets, as_json=as_json)
    _add_filter(RedactingFilter(secrets, formatter if as_json else None))
    app_logger = logging.getLogger(_APP_LOGGER)
    app_logger.setLevel(logging.INFO)
    app_logger.handlers = [handler := logging.StreamHandler(sys.stderr)]
    handler.setFormatter(formatter)
    app_logger.propagate = False
    if as_json and logging.lastResort:
        logging.lastResort.setFormatter(formatter)
    threading.excepthook = _log_thread_error


class LogFormatter(logging.Formatter):
    """Format a record as one line: JSON, or text followed by the fields."""

    def __init__(self, secrets: Collection[str], *, as_json: bool) -> None:
        super().__init__()
        self._secrets = _longest_first(secrets)
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            # Before a value is quoted, which changes some characters of a secret.
            name: redact(value, self._secrets) if isinstance(value, str) else value
            for name, value in getattr(record, "fields", {}).items()
        }
        timestamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        message, trace = record.getMessage(), _format_traceback(record)
        if self._as_json:
            line = {
                "time": timestamp,
                "level": record.levelname.lower(),
                "event": message,
                "logger": record.name,
                **fields,
                **({"trace": trace} if trace else {}),
            }
            text = json.dumps(line, ensure_ascii=False, default=str)
            return redact(_CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text), self._secrets)
        field_text = "".join(f" {name}={_quote(value)}" for name, value in fields.items())
        text = f"{timestamp} {record.levelname} {record.name}: {_on_one_line(message)}{field_text}"
        # Indented: a line of an exception's message must not look like a record.
        return redact(f"{text}\n{indent(trace, '  ')}" if trace else text, self._secrets)


class RedactingFilter(logging.Filter):
    """Redact secrets in the message and traceback of each record.

    With a `formatter`, the handlers of the record's logger and of its parents get it.
    """

    def __init__(self, secrets: Collection[str], formatter: LogFormatter | None = None) -> None:
        super().__init__()
        self._secrets = _longest_first(secrets)
        self._formatter = formatter

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001  a handler would print the arguments of a malformed call
            record.msg, record.args = (message := f"{record.msg} {record.args}"), ()
        redacted = redact(message, self._secrets)
        if redacted != message:
            record.msg, record.args = redacted, ()
        if record.exc_info:
            record.exc_text = redact(_FORMATTER.formatException(record.exc_info), self._secrets)
        if record.stack_info:
            record.stack_info = redact(record.stack_info, self._secrets)
        if self._formatter:
            _set_formatter(record.name, self._formatter)
        return True


def _add_filter(redacting_filter: RedactingFilter) -> None:
    """Add the filter to all loggers, in place of an earlier one, and to those created later."""

    class RedactedLogger(logging.Logger):
        def __init__(self, name: str, level: int = logging.NOTSET) -> None:
            super().__init__(name, level)
            self.addFilter(redacting_filter)

    logging.setLoggerClass(RedactedLogger)
    for logger in (logging.getLogger(), *logging.Logger.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            logger.filters = [old for old in logger.filters if not isinstance(old, RedactingFilter)]
            logger.addFilter(redacting_filter)


def _set_formatter(logger_name: str, formatter: LogFormatter) -> None:
    logger: logging.Logger | None = logging.getLogger(logger_name)
    while logger:
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler) and handler.formatter is not formatter:
                handler.setFormatter(formatter)
        logger = logger.parent if logger.propagate else None


def _quote(value: Any) -> str:
    """Return the text of a field, in quotes if it could be read as more than one field."""
    text = _on_one_line(str(value))
    return json.dumps(text, ensure_ascii=False) if _FIELD_SEPARATOR.search(text) else text


def _on_one_line(text: str) -> str:
    """Escape line breaks and other control characters: model ids and file names must not forge records."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def _longest_first(secrets: Collection[str]) -> list[str]:
    """Sort secrets for redaction: one may be part of another."""
    return sorted(secrets, key=len, reverse=True)


def _format_traceback(record: logging.LogRecord) -> str:
    """Return the traceback as the filter redacted it."""
    if record.exc_info and not record.exc_text:
        record.exc_text = _FORMATTER.formatException(record.exc_info)
    return "\n".join(filter(None, (record.exc_text, record.stack_info)))


def _log_thread_error(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is not SystemExit and args.exc_value is not None:
        name = args.thread.name if args.thread else "?"
        exc_info = (args.exc_type, args.exc_value, args.exc_traceback)
        logging.getLogger(f"{_APP_LOGGER}.threads").error("thread %s failed", name, exc_info=exc_info)
