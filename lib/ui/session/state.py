"""Session state: each value that a browser session keeps between runs, with its type and meaning."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Generic, TypeVar

import streamlit as st

from lib.chat.connection import Connection
from lib.chat.turns.temporary import TemporaryStore
from lib.core.preferences import Preferences
from lib.core.pricing import Balance, BillingUnit
from lib.core.reconciliation import Reconciliation
from lib.core.target import Target
from lib.core.user import User
from lib.ui.session.values import (
    BrowserIdentity,
    ConversationView,
    PagerPosition,
    PasswordCheck,
    Selection,
    UndoOffer,
)

T = TypeVar("T")


class Value(Generic[T]):
    """A session value under its attribute's name, at first a copy of `default`; `del` sets it back."""

    def __init__(self, default: T) -> None:
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self._key = name

    def __get__(self, instance: object, owner: type) -> T:
        if self._key not in st.session_state:
            st.session_state[self._key] = deepcopy(self._default)
        value: T = st.session_state[self._key]
        return value

    def __set__(self, instance: object, value: T) -> None:
        st.session_state[self._key] = value

    def __delete__(self, instance: object) -> None:
        st.session_state.pop(self._key, None)


class SessionState:
    """Values of this browser session. Streamlit owns the keys of widgets, so they have separate methods."""

    # Identity.
    user = Value[User | None](None)  # set by require()
    recorded_user = Value[User | None](None)  # the user with a recorded sign-in
    browser_identity = Value[BrowserIdentity | None](None)
    is_password_verified = Value[bool](False)  # where no cookie can hold that
    password_check = Value[PasswordCheck | None](None)  # of the last attempt
    personal_key = Value[Connection | None](None)
    # Everywhere.
    language = Value[str]("")  # chosen in the settings; "" for the browser's
    preferences = Value[Preferences](Preferences())  # as last read from the store
    flash_warning = Value[str]("")  # shown once, on the next run
    undo_offer = Value[UndoOffer | None](None)
    pager_positions = Value[dict[str, PagerPosition]]({})  # by list name
    # The open conversation.
    view = Value[ConversationView](ConversationView())
    temporary_store = Value[TemporaryStore | None](None)
    scroll_target = Value[tuple[str, bool] | None](None)  # node id, and whether to highlight it
    rendered_message_count = Value[int](0)
    edited_node_id = Value[str | None](None)
    share_tokens = Value[dict[str, str]]({})  # by conversation id
    # The composer.
    replayed_message = Value[str]("")  # sent to a replica that ended
    is_input_rendered = Value[bool](False)
    prefill = Value[tuple[str, str]](("", ""))  # text put into the input, and the text it stands for
    held_question = Value[tuple[str, str]](("", ""))  # conversation, and text over the context window
    send_anyway_conversation = Value[str]("")  # the next question there is sent whatever its length
    target_widgets_source = Value[tuple[str | None, tuple[str | None, str | None]] | None](None)
    target_label = Value[tuple[str, str] | None](None)  # model id, and its label in the picker
    param_widgets_source = Value[str | None]("")  # conversation id; "" before the first
    is_typing_params = Value[bool](False)  # this run was started by a field of the panel
    # The history list.
    is_archive_open = Value[bool](False)
    open_folders = Value[set[str]](set())
    list_form = Value[tuple[str, str]](("", ""))  # action, and the conversation id or the folder
    selection = Value[Selection | None](None)
    # Settings, usage and administration.
    default_target_shown = Value[dict[str, Target | None]]({})  # by container key
    personal_key_candidate = Value[Connection | None](None)
    personal_key_error = Value[str]("")  # text key
    is_storage_notice_dismissed = Value[bool](False)
    import_count = Value[int](0)
    import_report = Value[tuple[str, ...]](())  # lines of Markdown
    balance = Value[tuple[Balance, BillingUnit] | str | None](None)  # or the reason that there is none
    # Start and end of the period, and the comparison or the reason that there is none.
    reconciliation = Value[tuple[float, float, Reconciliation | str] | None](None)
    is_usage_access_recorded = Value[bool](False)  # an admin's access to the usage of all users
    added_prompt_count = Value[int](0)

    def widget(self, key: str, default: Any = None) -> Any:
        """Return the value of the widget with that key; `default` before the widget exists."""
        return st.session_state.get(key, default)

    def has_widget(self, key: str) -> bool:
        return key in st.session_state

    def set_widget(self, key: str, value: Any) -> None:
        """Set a widget's value: before the widget is rendered in this run, or in a callback."""
        st.session_state[key] = value

    def pop_widget(self, key: str, default: Any = None) -> Any:
        return st.session_state.pop(key, default)

    def check_interrupted(self) -> None:
        """Let Streamlit end this run if there was a click, a navigation or a disconnect: it checks at every
        access to the session state.
        """
        _ = "view" in st.session_state

    def clear(self) -> None:
        """Forget all values, also those of widgets."""
        st.session_state.clear()


session_state = SessionState()
