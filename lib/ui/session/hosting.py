"""What machine this server runs on, as far as that changes what it does."""

from __future__ import annotations

import os
from pathlib import Path

from lib.config import hosting
from lib.ui.session import resources

_APP_FOLDER = str(Path(__file__).resolve().parents[3])


def is_ephemeral() -> bool:
    """Whether this server loses the history when it is put to sleep or deployed anew."""
    return hosting.is_ephemeral(resources.settings().database_url, _APP_FOLDER, os.environ)


def is_community_cloud() -> bool:
    """Whether the host keeps a list of viewers of its own, and lets no cookie of ours through."""
    return hosting.is_community_cloud(_APP_FOLDER, os.environ)
