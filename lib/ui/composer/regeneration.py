"""Further answers to a question: regenerate, retry with other settings, continue."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from lib.chat.turns import model_facts, turn
from lib.core.conversation import Node
from lib.core.params import FIELDS_BY_NAME
from lib.core.target import WIRES, Target
from lib.core.user import User
from lib.ui.composer import file_plan, model_picker, params_panel
from lib.ui.session import conversation_view, services
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import t
from lib.ui.widgets import model_access, undo
from lib.ui.widgets.errors import flash_warning, shows_errors

MAX_MENU_MODELS = 8  # of the menu below each answer; a longer list is searched


class MenuTargets(NamedTuple):
    """The first models to regenerate an answer with; there can be more."""

    targets: Sequence[Target]
    has_more: bool


@shows_errors
def retry(user: User, reset_params: tuple[str, ...] = (), question_id: str | None = None) -> None:
    """Request another answer to a question, or to the last one, from the selected target; a callback.

    `reset_params` are names of parameters to set back to their defaults before.
    """
    target, conversation_id = model_picker.current_target(), conversation_view.current_view().conversation_id
    if target is None or conversation_id is None:
        flash_warning(t("composer.no_model"))
        return
    if invalid_json := params_panel.invalid_json_message():
        flash_warning(invalid_json)
        return
    if reset_params:
        params_panel.reset_params(user, reset_params)
    params = params_panel.current_params()
    turn.regenerate(services.turn_services(), user.id, conversation_id, target, params, question_id)
    model_picker.record_use(user, target)
    undo.dismiss()


def repeats_refusal(view: ConversationView, answer: Node) -> bool:
    """Tell if a retry with the current model, wire and parameters would send the request that was refused as wrong."""
    target = model_picker.current_target()
    if target is None or view.conversation is None or not (answer.failure and answer.failure.request_digest):
        return False
    path, params = [*view.nodes[:-1], answer], view.add_instructions(params_panel.current_params())
    capabilities, refused = services.model(target.model).capabilities, params_panel.known_refusals(target)
    plan = file_plan.plan_regeneration(view, answer, target)
    return turn.repeats_refusal(view.conversation, path, target, params, capabilities, refused, plan)


def retry_with_target(user: User, target: Target, question_id: str | None = None) -> None:
    """Select another model or wire, and request another answer to a question, or to the last one; a callback."""
    model_picker.select_target(target)
    retry(user, question_id=question_id)


def other_wire_of(answer: Node) -> Target | None:
    """Return the model of an answer over its other format; None for images, which have one."""
    if answer.target is None or answer.target.makes_images:
        return None
    return next((Target(answer.target.model, wire) for wire in WIRES if wire != answer.target.wire), None)


def is_listed(target: Target) -> bool:
    """Return True if the gateway lists a model for the wire, or does not list the model at all."""
    return target.wire in services.model(target.model).wires


def list_menu_targets(user: User, view: ConversationView) -> MenuTargets:
    """Return the models for the menus of all answers of a conversation.

    The selected model comes first, then favourites, those of this conversation, and those of the list.
    """
    selected = model_picker.current_target()
    used = (node.target.model for node in reversed(view.nodes) if node.target)
    first = [selected.model] if selected else []
    candidates = dict.fromkeys(
        (
            *first,
            *session_state.preferences.favourites,
            *session_state.preferences.recent_models,
            *used,
            *services.model_list().ids_by_vendor,
        )
    )
    allowed = (model for model in candidates if model_access.is_model_allowed(user, model))
    models = list(islice(allowed, MAX_MENU_MODELS))
    return MenuTargets([target_for(model) for model in models], next(allowed, None) is not None)


def target_for(model: str) -> Target:
    """Return a model over the selected wire, if it has that."""
    selected = model_picker.current_target()
    if selected and selected.model == model:
        return selected
    wires = services.model(model).wires
    return Target(model, selected.wire if selected and selected.wire in wires else wires[0])


@shows_errors
def continue_answer(user: User, answer_id: str) -> None:
    """Continue the last answer, if it is still this one; a callback."""
    conversation_id = conversation_view.current_view().conversation_id
    if invalid_json := params_panel.invalid_json_message():
        flash_warning(invalid_json)
    elif conversation_id:
        params = params_panel.current_params()
        turn.continue_answer(services.turn_services(), user.id, conversation_id, answer_id, params)


@shows_errors
def retry_with_higher_limit(user: User) -> None:
    """Double the output limit that cut the last answer, and request another one; a callback."""
    if target := model_picker.current_target():
        last = conversation_view.current_view().nodes[-1]
        params_panel.set_params(user, max_tokens=doubled_output_limit(output_limit_of(last), target))
    retry(user)


def output_limit_of(answer: Node) -> int:
    """Return the output limit that cut an answer, in tokens, as far as it is known."""
    return params_panel.current_params().max_tokens or answer.usage.output or turn.DEFAULT_OUTPUT_LIMIT


def doubled_output_limit(limit: int, target: Target) -> int:
    """Return twice the limit in tokens, but at most what the wire and the model accept."""
    maximum = int(FIELDS_BY_NAME["max_tokens"].range_for(target.wire).maximum)
    known = model_facts.max_output_tokens(target, services.model(target.model).capabilities)
    return min(2 * limit, maximum, known or maximum)


def can_raise_output_limit(answer: Node) -> bool:
    """Return True if the selected model can generate more than the limit that cut an answer."""
    target, limit = model_picker.current_target(), output_limit_of(answer)
    return target is None or doubled_output_limit(limit, target) > limit
