"""Shared page: a read-only snapshot of a conversation behind a link."""

from __future__ import annotations

from lib.ui.auth import require_reader
from lib.ui.chat import shared_chat
from lib.ui.widgets import errors, navigation

user = require_reader()
errors.render_flash_warning()
shared_chat.render(user)
if user:
    navigation.render_back_link(keeps_conversation=False)
