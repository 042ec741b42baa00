"""Choice of a persona beside the model: it sets system prompt, parameters and model of the conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from lib.chat.prompts.library import persona_params, switch_params
from lib.chat.prompts.template import has_placeholders
from lib.core.params import Params
from lib.core.prompts import Persona, Prompt, PromptSummary
from lib.core.target import Target
from lib.core.user import User
from lib.ui.composer import model_picker, params_panel
from lib.ui.session import conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets import avatar, model_access, undo
from lib.ui.widgets.errors import flash_warning, shows_errors

_KEY = "composer.persona"
_GONE = "gone"  # the option for a persona whose entry does not exist


def sync_widgets() -> None:
    """Take the persona of the conversation when another one was opened; a new one begins without."""
    view, source = conversation_view.current_view(), session_state.persona_source
    conversation = view.conversation
    persona = conversation.persona if conversation else session_state.persona
    if source != view.source:
        persona = conversation.persona if conversation else None
        # The first question of a new conversation keeps what was set for it.
        was_new = source is None or source.startswith("folder:")
        if not was_new or persona != session_state.persona:
            del session_state.persona_params
    session_state.persona, session_state.persona_source = persona, view.source


def current_persona() -> Persona | None:
    """Return the persona of the next answer."""
    return session_state.persona


def render(user: User, entries: Sequence[PromptSummary]) -> None:
    """Render the choice, if there is any persona."""
    options = {entry.id: avatar.name_with_avatar(entry) for entry in entries if entry.kind == "persona"}
    current = session_state.persona
    # One slot in every case: what follows keeps its position.
    with st.container(key="persona-slot", width="content"):
        if not options and current is None:
            return
        if current and current.prompt_id in options:
            # Under its name at the time, as above the answers.
            options[current.prompt_id] = avatar.name_with_avatar(current)
        elif current:
            options = {_GONE: avatar.name_with_avatar(current), **options}
        value = (current.prompt_id if current.prompt_id in options else _GONE) if current else None
        session_state.set_widget(_KEY, value)
        st.selectbox(
            t("persona.label"),
            list(options),
            index=None,
            format_func=lambda option: options.get(option, option),
            key=_KEY,
            placeholder=t("persona.label"),
            label_visibility="collapsed",
            on_change=_on_change,
            args=(user,),
        )


@shows_errors
def _on_change(user: User) -> None:
    prompt_id = session_state.widget(_KEY)
    if prompt_id is None:
        choose(user, None)
    elif prompt_id != _GONE:
        session_state.pending_prompt_id = prompt_id


def choose(user: User, entry: Prompt | None, system: str = "") -> None:
    """Set a persona with its filled-in text as the system prompt, or none; from a callback. Raises StoreError.

    A system prompt of the user's that this replaces can be brought back.
    """
    old_persona, old_params = session_state.persona, params_panel.current_params()
    old_persona_params, old_target = session_state.persona_params, model_picker.current_target()
    left = old_persona_params or _saved_params(user, old_persona)
    if old_persona is None:
        left = Params()
    new = persona_params(entry, system) if entry else None
    _set(user, Persona(entry.name, entry.avatar, entry.id) if entry else None, new)
    params_panel.replace_params(user, switch_params(old_params, left, new))
    if entry:
        select_target(user, entry)
    undo.dismiss()
    if old_params.system and old_params.system != (left or Params()).system and old_params.system != system:

        def restore() -> None:
            _set(user, old_persona, old_persona_params)
            params_panel.replace_params(user, old_params)
            if old_target:
                model_picker.select_target(old_target)

        undo.offer(t("persona.replaced"), restore, conversation_view.current_view().conversation_id)


def select_target(user: User, entry: Prompt) -> None:
    """Select the model of an entry; one without permission is named, and the user's stays. From a callback."""
    target: Target | None = entry.target
    if target is None:
        return
    if model_access.is_model_allowed(user, target.model):
        model_picker.select_target(target)
    else:
        flash_warning(t("prompts.model_not_allowed", name=entry.name, model=target.model))


def _set(user: User, persona: Persona | None, params: Params | None) -> None:
    session_state.persona, session_state.persona_params = persona, params
    view = conversation_view.current_view()
    if view.conversation:
        services.current_store().conversations.set_persona(user.id, view.conversation.id, persona)
        view.conversation = replace(view.conversation, persona=persona)


def _saved_params(user: User, persona: Persona | None) -> Params | None:
    """Return what a persona of another session has set; None if that is unknown."""
    entry = resources.store().prompts.get(user.id, persona.prompt_id) if persona and persona.prompt_id else None
    if entry is None:
        return None
    is_known = not has_placeholders(entry.text)
    return persona_params(entry, entry.text if is_known else params_panel.current_params().system)
