"""Session state: each value that a browser session keeps between runs, with its type and meaning."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Generic, TypeVar

import streamlit as st

from lib.chat.connection import Connection
from lib.chat.turns.temporary import TemporaryStore
from lib.chat.voice.speech import Passage
from lib.core.comparisons import Origin
from lib.core.conversation import FilePart
from lib.core.params import Params
from lib.core.preferences import Preferences
from lib.core.pricing import Balance, BillingUnit
from lib.core.projects import Project
from lib.core.prompts import Persona, Prompt
from lib.core.reconciliation import Reconciliation
from lib.core.target import Target
from lib.core.usage import Audience
from lib.core.user import User
from lib.ui.session.speech import SpeechSource
from lib.ui.session.uploads import TrayFile, UploadQueue
from lib.ui.session.values import (
    BrowserIdentity,
    ComparisonSetup,
    ConversationView,
    Dictation,
    Inspection,
    MessageLayout,
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
        # One access where there is a value: each costs a look for a request to end the run.
        try:
            value: T = st.session_state[self._key]
        except KeyError:
            st.session_state[self._key] = value = deepcopy(self._default)
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
    is_chat_page = Value[bool](False)  # shown by the last run
    # The open conversation.
    view = Value[ConversationView](ConversationView())
    temporary_store = Value[TemporaryStore | None](None)
    scroll_target = Value[tuple[str, bool] | None](None)  # node id, and whether to highlight it
    preload_run = Value[int](0)  # the runs of the page so far, up to the one that loads what renders code
    message_layout = Value[MessageLayout | None](None)
    edited_node_ids = Value[set[str]](set())  # questions with an open editor
    cancelled_edits = Value[dict[str, str]]({})  # text that was typed, by question id
    regenerated_node_id = Value[str | None](None)  # the answer whose list of all models is open
    compared_answers = Value[tuple[str, str] | None](None)  # ids of the answers whose differences are shown
    diagnosed_node_id = Value[str]("")  # the answer whose prompt cache is explained
    feedback_node_id = Value[str | None](None)  # the answer whose feedback form is open
    edited_queued_id = Value[str | None](None)
    share_tokens = Value[dict[str, tuple[str, Audience]]]({})  # and their audience, by conversation id
    # The composer.
    composer_focus_request = Value[int](0)  # a new number puts the focus into the input
    prefill = Value[tuple[str, str]](("", ""))  # a nonce, and text to put into the input
    is_prefill_inline = Value[bool](False)  # it goes on with the sentence that has been typed
    draft_session = Value[str]("")  # names this session to the browser
    draft_moves = Value[list[tuple[str, str, str]]]([])  # a nonce, and the slots from and to
    draft_erasure = Value[str]("")  # a nonce for each request to remove the browser's drafts
    # Outcome, draft slot of the conversation that stored it, and slot where it was typed; by idempotency key.
    submission_results = Value[dict[str, tuple[str, str, str]]]({})
    trays = Value[dict[str, tuple[TrayFile, ...]]]({})  # attached files, by draft slot or edited question
    upload_queue = Value[UploadQueue | None](None)
    uploader_counts = Value[dict[str, int]]({})  # batches that were taken from each uploader
    opened_file = Value[tuple[str, FilePart] | None](None)  # id of its message, and the file that is shown large
    opened_area = Value[str]("")  # digest of the image on which an area is painted
    held_question = Value[tuple[str, str]](("", ""))  # conversation, and text over the context window
    send_anyway_conversation = Value[str]("")  # the next question there is sent whatever its length
    target_source = Value[tuple[str | None, tuple[str | None, str | None]] | None](None)
    selected_target = Value[Target | None](None)
    applied_model_choices = Value[dict[str, str]]({})  # nonce of the last choice, by button
    encoded_model_list = Value[tuple[tuple[Any, ...], bytes] | None](None)  # and what it was built from
    param_widgets_source = Value[str | None]("")  # of the view; "" before the first
    is_typing_params = Value[bool](False)  # this run was started by a field of the panel
    # Voice.
    dictation = Value[Dictation](Dictation())
    speech_source = Value[SpeechSource | None](None)  # of what the browser plays
    # The prompt library, and its entries in the composer.
    persona = Value[Persona | None](None)  # of the next answer
    persona_params = Value[Params | None](None)  # that it has set in this session
    persona_source = Value[str | None]("")  # of the view; "" before the first
    pending_prompt_id = Value[str]("")  # to be used by the next run of the chat page
    prompt_form = Value[Prompt | None](None)  # the entry whose variables are asked for
    prompt_values = Value[dict[tuple[str, str], str]]({})  # last values by entry and variable
    edited_prompt = Value[Prompt | None](None)  # in the editor; without an id while it is new
    imported_prompts = Value[tuple[Prompt, ...]](())  # of a file or a link, to be confirmed
    prompt_import_count = Value[int](0)
    shared_prompt_id = Value[str]("")  # the entry whose panel for sharing is open
    prompt_tokens = Value[dict[str, str]]({})  # of links made in this session, by entry
    edited_projects = Value[dict[str, Project]]({})  # as they were when they were opened, by key of the folder
    # Comparisons.
    comparison_setup = Value[ComparisonSetup | None](None)
    pending_comparison = Value[Origin | None](None)  # the question that the next run of the page asks again
    # The history list.
    is_sidebar_rendered = Value[bool](False)  # in this run
    is_archive_open = Value[bool](False)
    is_search_filter_open = Value[bool](False)
    expanded_results = Value[set[str]](set())  # conversation ids of search results that show all messages
    open_folders = Value[set[str]](set())
    list_form = Value[tuple[str, str]](("", ""))  # action, and the conversation id or the folder
    selection = Value[Selection | None](None)
    # The inspector.
    inspection = Value[Inspection | None](None)  # in the drawer
    opened_exchange = Value[Inspection | None](None)  # on the page of the inspector
    edit_error = Value[str]("")  # the reason why an edited request was not sent
    # Settings, usage and administration.
    voice_samples = Value[dict[tuple[str, str], Passage]]({})  # by model and voice
    played_voice = Value[str]("")  # its sample plays once, in the next run
    open_tabs = Value[dict[str, str]]({})  # by page
    personal_key_candidate = Value[Connection | None](None)
    personal_key_error = Value[str]("")  # text key
    is_storage_notice_dismissed = Value[bool](False)
    import_count = Value[int](0)
    opened_replay_id = Value[str]("")  # of the conversation that the next run shows
    import_report = Value[tuple[str, ...]](())  # lines of Markdown
    balance = Value[tuple[Balance, BillingUnit] | str | None](None)  # or the reason that there is none
    # Start and end of the period, and the comparison or the reason that there is none.
    reconciliation = Value[tuple[float, float, Reconciliation | str] | None](None)
    is_usage_access_recorded = Value[bool](False)  # an admin's access to the usage of all users

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

    def clear(self) -> None:
        """Forget all values, also those of widgets."""
        st.session_state.clear()


session_state = SessionState()
