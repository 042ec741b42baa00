"""The host that the server runs on, as far as it changes features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_COMMUNITY_CLOUD_HOMES = ("/home/appuser", "/home/adminuser")


@dataclass(frozen=True)
class Host:
    """The folder of the program, and the environment."""

    app_dir: str
    environ: Mapping[str, str] = field(repr=False)

    @property
    def is_community_cloud(self) -> bool:
        """True on Streamlit Community Cloud, which documents no marker.

        Tracebacks of its apps show the repository under /mount/src; apps that print their environment show
        HOSTNAME=streamlit and one of two homes. Images of other hosts have such homes too, so a home alone
        proves nothing.
        """
        is_mounted = PurePosixPath(self.app_dir).is_relative_to("/mount/src")
        return is_mounted or (
            self.environ.get("HOSTNAME") == "streamlit" and self.environ.get("HOME") in _COMMUNITY_CLOUD_HOMES
        )

    def is_ephemeral(self, database_url: str) -> bool:
        """Return True if the database is lost with the machine: a SQLite file without a persistent disk."""
        return database_url.startswith("sqlite") and self.is_community_cloud
