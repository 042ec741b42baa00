"""What is known of the machine that Antler runs on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

_COMMUNITY_CLOUD_HOMES = ("/home/appuser", "/home/adminuser")


def is_ephemeral(database_url: str, app_dir: str, environ: Mapping[str, str]) -> bool:
    """Whether the database goes with the machine: an SQLite file on a host that promises no lasting disk.

    `folder` is where the program's files lie.
    """
    return database_url.startswith("sqlite") and is_community_cloud(app_dir, environ)


def is_community_cloud(app_dir: str, environ: Mapping[str, str]) -> bool:
    """Whether this is Streamlit's Community Cloud, which documents no sign of itself.

    What its apps' tracebacks show is the repository under /mount/src, and Python in /home/adminuser/venv;
    what apps that print their environment show is HOSTNAME=streamlit, and one of those homes. Images of
    other hosts have such homes too, so a home alone says nothing.
    """
    mounted = PurePosixPath(app_dir).is_relative_to("/mount/src")
    return mounted or (
        environ.get("HOSTNAME") == "streamlit" and environ.get("HOME") in _COMMUNITY_CLOUD_HOMES
    )
