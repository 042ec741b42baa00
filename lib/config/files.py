"""Settings of attached files: limits, processes, and the place of their bytes."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from lib.config.hosting import Host
from lib.config.parse import QUOTES, SettingReader, parse_count, parse_seconds
from lib.core.attachments import AttachmentLimits
from lib.core.errors import SettingError
from lib.core.file_storage import FileStorage

_APP_FOLDER = Path(__file__).parents[2]
_MB = 1_000_000
# Streamlit Community Cloud gives an app 1 GB, of which the app itself takes a third.
_PROCESSES, _COMMUNITY_CLOUD_PROCESSES = 2, 1


@dataclass(frozen=True)
class FileSettings:
    """Permission to attach files and pages of the web, limits, and the number of processes that read files at once."""

    is_allowed: bool = True
    limits: AttachmentLimits = AttachmentLimits()
    processes: int = _PROCESSES
    fetches_pages: bool = False

    @property
    def reader_limits(self) -> AttachmentLimits | None:
        """Return the limits for an AttachmentReader, None where no file may be attached."""
        return self.limits if self.is_allowed else None


def load_file_settings(reader: SettingReader) -> FileSettings:
    """Return the settings of files. Raises SettingError."""
    defaults = AttachmentLimits()

    def count(variable: str, name: str, default: int, minimum: int, maximum: int) -> int:
        return parse_count(*reader.read(variable, name), default, minimum, maximum)

    file_bytes = count("ANTLER_MAX_FILE_MB", "max_file_mb", defaults.max_file_bytes // _MB, 1, 500) * _MB
    message_mb = max(defaults.max_message_bytes, file_bytes) // _MB
    seconds, seconds_name = reader.read("ANTLER_FILE_SECONDS", "seconds")
    host = Host(str(_APP_FOLDER), reader.environ)
    processes = _COMMUNITY_CLOUD_PROCESSES if host.is_community_cloud else _PROCESSES
    return FileSettings(
        is_allowed=reader.read_bool("ANTLER_FILES", "allow", default=True),
        limits=AttachmentLimits(
            max_file_bytes=file_bytes,
            max_message_bytes=count("ANTLER_MAX_MESSAGE_MB", "max_message_mb", message_mb, 1, 2000) * _MB,
            max_files=count("ANTLER_MAX_FILES", "max_files", defaults.max_files, 1, 100),
            max_image_edge=count("ANTLER_IMAGE_EDGE", "image_edge", defaults.max_image_edge, 256, 8000),
            memory=count("ANTLER_FILE_MEMORY_MB", "memory_mb", defaults.memory // _MB, 128, 16_000) * _MB,
            seconds=parse_seconds(seconds, seconds_name, defaults.seconds, minimum=1.0),
        ),
        processes=count("ANTLER_FILE_PROCESSES", "processes", processes, 1, 64),
        fetches_pages=reader.read_bool("ANTLER_FETCH_URLS", "fetch_urls", default=False),
    )


def load_file_storage(reader: SettingReader) -> FileStorage:
    """Return the place and the limits of the bytes of files. Raises SettingError."""
    database_mb = reader.read("ANTLER_FILES_DATABASE_MB", "database_mb")
    user_mb = reader.read("ANTLER_FILES_USER_MB", "user_mb")
    default = FileStorage()
    return FileStorage(
        _parse_files_url(*reader.read("ANTLER_FILES_URL", "url")),
        parse_count(*database_mb, default.max_database_bytes // _MB, 1, 500) * _MB,
        parse_count(*user_mb, default.max_user_bytes // _MB, 1, 10_000_000) * _MB,
    )


def _parse_files_url(value: str, name: str) -> str:
    """Return the URL of a folder or of a bucket without a slash at its end; the error never quotes it."""
    value = value.strip(QUOTES).strip()
    folder, bucket = re.fullmatch(r"file:///+(.*[^/])/*", value), re.fullmatch(r"s3://([\w.-]+(?:/[\w.=/-]*)?)", value)
    if bucket and importlib.util.find_spec("s3fs") is None:
        raise SettingError(f"{name} names a bucket, which needs the package s3fs: pip install s3fs.")
    if value and not folder and not bucket:
        raise SettingError(
            f"{name} must be like file:///srv/antler/files or s3://bucket/folder. Keys are set as AWS_ACCESS_KEY_ID "
            "and AWS_SECRET_ACCESS_KEY, and the address of another service than Amazon's as AWS_ENDPOINT_URL."
        )
    return f"file:///{folder[1]}" if folder else value.rstrip("/")
