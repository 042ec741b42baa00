"""The small chat of naive_chat.py as a server, with Streamlit's own options and not those of this project."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.app_server import AppServer

SCRIPT = Path(__file__).with_name("naive_chat.py")


def start_naive(folder: Path, gateway: str, chats: int = 20, messages: int = 6) -> AppServer:
    """Start the server, with so many conversations of so many messages; `folder` is its own."""
    folder.mkdir()
    shutil.copy(SCRIPT, folder / "app.py")
    settings = {"BENCH_URL": gateway, "BENCH_CHATS": str(chats), "BENCH_MESSAGES": str(messages)}
    return AppServer(folder, settings, program=folder)
