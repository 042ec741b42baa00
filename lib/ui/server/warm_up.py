"""Preparation of what the first visitor needs, in the background while the server already listens."""

from __future__ import annotations

import importlib
import logging
import threading
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
# Markdown of each kind that loads tables or compiles patterns at its first use.
_SAMPLE = "# A\n\n1. *b* [c](https://d.org) $x^2$ \\(y\\) **中文**\n\n| a |\n|---|\n| 1 |\n\n```python\nx\n```\n"


def start() -> threading.Thread:
    """Prepare in a thread of its own; visitors do not wait for it, except for what they need at that moment."""
    thread = threading.Thread(target=warm_up, name="warm-up", daemon=True)
    thread.start()
    return thread


def warm_up() -> None:
    """Load modules, tables and data that would otherwise be loaded in the run of the first visitor.

    What fails is left to that run, which says what is wrong.
    """
    for step in STEPS:
        try:
            step()
        except AntlerError as error:
            log.debug("not prepared", extra=log_fields(step=step.__name__, error=type(error).__name__))
    # Everything that is loaded by now lives as long as the process.
    collection.freeze()


def import_modules() -> None:
    """Import the modules of all pages."""
    for path in sorted((_ROOT / "lib/ui").rglob("*.py")):
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
    streamlit_private.load_modules,
    open_database,
    load_models,
    load_texts,
    import_modules,
    read_as_a_page,
    compile_scripts,
)
