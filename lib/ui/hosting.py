"""What machine this server runs on, as far as that changes what it does."""

from __future__ import annotations

import os
from pathlib import Path

from lib.core import host
from lib.ui import state

_FOLDER = str(Path(__file__).resolve().parents[2])


def forgetful() -> bool:
    """Whether this server loses the history when it is put to sleep or deployed anew."""
    return host.forgets(state.settings().database_url, _FOLDER, os.environ)


def community_cloud() -> bool:
    """Whether the host keeps a list of viewers of its own, and lets no cookie of ours through."""
    return host.community_cloud(_FOLDER, os.environ)
