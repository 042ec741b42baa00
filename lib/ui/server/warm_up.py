"""Preparation of what the first visitor needs, in the background while the server already listens."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from babel import dates, numbers

from lib.config.log_setup import log_fields
from lib.core.errors import AntlerError
from lib.core.usage import ConversationFilter
from lib.ui.markdown import blocks, sanitize
from lib.ui.server import collection, streamlit_private, streamlit_runs
from lib.ui.session import resources, services
from lib.ui.text.i18n import LOCALES

log = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[3]
# Seconds until the rest is prepared: a visitor who is there already would wait for it.
PAUSE = 3.0
# Folders of lib/ui that the chat page imports; the other pages need the others.
_CHAT_FOLDERS = ("auth", "browser", "chat", "composer", "files", "history", "projects", "session", "text", "widgets")
# Markdown of each kind that loads tables or compiles patterns at its first use.
_SAMPLE = "# A\n\n1. *b* [c](https://d.org) $x^2$ \\(y\\) **中文**\n\n| a |\n|---|\n| 1 |\n\n```python\nx\n```\n"


def start(pause: float = PAUSE) -> threading.Thread:
    """Prepare in a thread of its own; visitors do not wait for it, except for what they need at that moment."""
    thread = threading.Thread(target=warm_up, args=(pause,), name="warm-up", daemon=True)
    thread.start()
    return thread


def warm_up(pause: float = 0.0) -> None:
    """Load modules, tables and data that would otherwise be loaded in the run of the first visitor.

    `pause` seconds later, what only other pages than the chat need is loaded. What fails is left to the run that needs
    it, which says what is wrong.
    """
    for steps, seconds in ((STEPS, 0.0), (LATER_STEPS, pause)):
        time.sleep(seconds)
        for step in steps:
            try:
                step()
            except AntlerError as error:
                log.debug("not prepared", extra=log_fields(step=step.__name__, error=type(error).__name__))
    # Everything that is loaded by now lives as long as the process.
    collection.freeze()


def import_chat_modules() -> None:
    """Import the modules of the chat page."""
    _import_modules(*(f"lib/ui/{folder}" for folder in _CHAT_FOLDERS))


def import_all_modules() -> None:
    """Import the modules of all pages."""
    _import_modules("lib/ui")


def _import_modules(*folders: str) -> None:
    for path in sorted(path for folder in folders for path in (_ROOT / folder).rglob("*.py")):
        importlib.import_module(".".join(path.relative_to(_ROOT).with_suffix("").parts).removesuffix(".__init__"))


def open_database() -> None:
    """Connect and migrate."""
    resources.settings()
    resources.store()
    resources.policy()
    resources.draft_secret()


def read_as_a_page() -> None:
    """Read what the chat page reads, of nobody: SQLAlchemy compiles a statement when it is executed first.

    The purge is that of the first run.
    """
    resources.purge_expired()
    resources.team_checks()
    store, owner, conversation_id = resources.store(), "", ""
    store.users.revoked_before(owner)
    store.preferences.load(owner)
    store.prompts.summaries(owner)
    store.conversations.folders(owner)
    for kind in ("pinned", "open"):
        store.conversations.page(owner, 1, ConversationFilter(kind))
    store.queue.load(owner, conversation_id)
    store.conversations.get(owner, conversation_id)
    store.messages.nodes(owner, conversation_id)
    store.usage.totals_by_answer(owner, conversation_id)


def load_models() -> None:
    """Start the demo where it is used, and fetch the list of models."""
    resources.shared_connection().catalog.model_list(services.MODEL_LIST_TIMEOUT)


def compile_scripts() -> None:
    """Compile the scripts of all pages."""
    for path in (_ROOT / "app.py", *(_ROOT / "pages").glob("*.py")):
        streamlit_runs.compile_script(str(path))


def load_texts() -> None:
    """Load the data of dates and numbers of all languages, and compile what reads and checks Markdown."""
    for locale in LOCALES.values():
        dates.format_date(date.min, locale=locale)
        dates.format_skeleton("yMMMM", date.min, locale=locale)
        numbers.format_compact_decimal(1234, locale=locale)
    blocks.parse_blocks(_SAMPLE)
    sanitize.sanitize_arriving(_SAMPLE)
    sanitize.sanitize(_SAMPLE)


# In the order in which a visitor who is there already needs them.
STEPS: tuple[Callable[[], None], ...] = (
    open_database,
    load_models,
    import_chat_modules,
    load_texts,
    read_as_a_page,
    compile_scripts,
    streamlit_private.load_image_libraries,
)
LATER_STEPS: tuple[Callable[[], None], ...] = (import_all_modules, streamlit_private.load_data_frames)
