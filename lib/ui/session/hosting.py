"""The host of this server, as far as it changes features."""

from __future__ import annotations

import os
from pathlib import Path

from lib.config.hosting import Host
from lib.ui.session import resources


def is_ephemeral() -> bool:
    """Return True if the history is lost when the server sleeps or is deployed again."""
    return _host().is_ephemeral(resources.settings().database_url)


def is_community_cloud() -> bool:
    """Return True if the host has its own list of viewers, and drops the app's cookies."""
    return _host().is_community_cloud


def _host() -> Host:
    return Host(str(Path(__file__).resolve().parents[3]), os.environ)
