"""Settings of attached files."""

from __future__ import annotations

import importlib.util

import pytest

from lib.config.settings import Settings, load_settings
from lib.core.attachments import AttachmentLimits
from lib.core.errors import SettingError
from lib.core.file_storage import FileStorage

MB = 1_000_000
VALUES = [
    ("ANTLER_FILES", "allow", "off", lambda files: files.is_allowed, False),
    ("ANTLER_MAX_FILE_MB", "max_file_mb", "7", lambda files: files.limits.max_file_bytes, 7 * MB),
    ("ANTLER_MAX_MESSAGE_MB", "max_message_mb", "8", lambda files: files.limits.max_message_bytes, 8 * MB),
    ("ANTLER_MAX_FILES", "max_files", "3", lambda files: files.limits.max_files, 3),
    ("ANTLER_IMAGE_EDGE", "image_edge", "1024", lambda files: files.limits.max_image_edge, 1024),
    ("ANTLER_FILE_MEMORY_MB", "memory_mb", "256", lambda files: files.limits.memory, 256 * MB),
    ("ANTLER_FILE_SECONDS", "seconds", "2.5", lambda files: files.limits.seconds, 2.5),
    ("ANTLER_FILE_PROCESSES", "processes", "4", lambda files: files.processes, 4),
    ("ANTLER_FETCH_URLS", "fetch_urls", "on", lambda files: files.fetches_pages, True),
]


def test_files_are_allowed_by_default_with_stated_limits():
    files = load_settings({}, {}).files
    assert files == Settings().files
    assert files.is_allowed and files.reader_limits == AttachmentLimits() and files.processes == 2
    assert (files.limits.max_file_bytes, files.limits.memory) == (20 * MB, 512 * MB)


@pytest.mark.parametrize(("variable", "name", "value", "get", "expected"), VALUES)
def test_each_setting_comes_from_the_environment_or_the_secrets(variable, name, value, get, expected):
    assert get(load_settings({variable: value}, {}).files) == expected
    assert get(load_settings({}, {"files": {name: value}}).files) == expected


def test_files_that_are_off_have_no_limits_for_a_reader():
    assert load_settings({"ANTLER_FILES": "off"}, {}).files.reader_limits is None
    assert load_settings({}, {"files": {"allow": False}}).files.reader_limits is None


def test_a_message_may_have_one_file_of_the_largest_size():
    assert load_settings({"ANTLER_MAX_FILE_MB": "300"}, {}).files.limits.max_message_bytes == 300 * MB


@pytest.mark.parametrize("host", [{"HOSTNAME": "streamlit", "HOME": "/home/appuser"}])
def test_one_file_is_read_at_once_on_community_cloud(host):
    assert load_settings(host, {}).files.processes == 1
    assert load_settings({**host, "ANTLER_FILE_PROCESSES": "3"}, {}).files.processes == 3


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ANTLER_FILES", "perhaps"),
        ("ANTLER_MAX_FILE_MB", "0"),
        ("ANTLER_MAX_FILES", "many"),
        ("ANTLER_IMAGE_EDGE", "100"),
        ("ANTLER_FILE_MEMORY_MB", "64"),
        ("ANTLER_FILE_SECONDS", "0.1"),
        ("ANTLER_FILE_PROCESSES", "-1"),
    ],
)
def test_a_malformed_setting_is_named(variable, value):
    with pytest.raises(SettingError, match=variable):
        load_settings({variable: value}, {})


PLACES = [
    ("file:///srv/antler/files/", "file:///srv/antler/files"),
    ("file:////srv/files", "file:///srv/files"),
    (" 's3://bucket/folder/' ", "s3://bucket/folder"),
    ("s3://bucket.name", "s3://bucket.name"),
    ("", ""),
]


@pytest.mark.parametrize(("value", "url"), PLACES)
def test_the_bytes_of_files_are_in_a_folder_a_bucket_or_the_database(value, url):
    assert load_settings({"ANTLER_FILES_URL": value}, {}).file_storage == FileStorage(url)
    assert load_settings({}, {"files": {"url": value}}).file_storage.url == url


def test_the_storage_of_files_is_limited():
    values = {"ANTLER_FILES_DATABASE_MB": "10", "ANTLER_FILES_USER_MB": "300"}
    assert load_settings(values, {}).file_storage == FileStorage("", 10 * MB, 300 * MB)
    tables = {"files": {"database_mb": 10, "user_mb": 300}}
    assert load_settings({}, tables).file_storage == FileStorage("", 10 * MB, 300 * MB)
    with pytest.raises(SettingError, match="ANTLER_FILES_USER_MB"):
        load_settings({"ANTLER_FILES_USER_MB": "0"}, {})


@pytest.mark.parametrize(
    "value",
    ["/srv/files", "file://", "file:///", "s3://", "s3://key:secret@bucket", "gs://bucket", "s3://b/a?b", "ftp://x/y"],
)
def test_another_place_of_files_is_refused_without_a_quote(value):
    with pytest.raises(SettingError, match="ANTLER_FILES_URL must be like file:///srv") as error:
        load_settings({"ANTLER_FILES_URL": value}, {})
    assert "secret" not in str(error.value)


def test_a_bucket_without_its_package_names_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match="pip install s3fs"):
        load_settings({"ANTLER_FILES_URL": "s3://bucket/folder"}, {})
    load_settings({"ANTLER_FILES_URL": "file:///srv/files"}, {})
