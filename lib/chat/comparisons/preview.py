"""Preview of a comparison: its expected cost, and the targets that cannot be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lib.chat.attachments import NO_FILES, FilePlan
from lib.chat.comparisons.comparison import ColumnChoice, load_context, prepare_column
from lib.chat.turns.services import TurnServices
from lib.chat.usage import cost
from lib.core.comparisons import ColumnRefused, Origin
from lib.core.conversation import FilePart, Usage
from lib.core.errors import AntlerError
from lib.core.extra_json import absorb_extra
from lib.core.target import Target


@dataclass(frozen=True)
class ColumnPreview:
    """A column that is about to be asked, its expected usage, and the plan of its files.

    `cost` is in nano-dollars, None if the price is unknown. With an `error`, it cannot be asked.
    """

    target: Target
    usage: Usage = Usage()
    cost: int | None = None
    plan: FilePlan = NO_FILES
    error: AntlerError | None = None


def preview_comparison(
    services: TurnServices,
    owner: str,
    text: str,
    choices: Sequence[ColumnChoice],
    files: tuple[FilePart, ...] = (),
    origin: Origin | None = None,
) -> list[ColumnPreview]:
    """Return the expected usage of each column, as it would be sent now; sends nothing.

    Raises ConversationNotFound for a missing origin, and StoreError.
    """
    base, earlier = load_context(services, owner, origin)
    previews = []
    for choice in choices:
        try:
            prepared = prepare_column(services, owner, base, choice, earlier, text, files)
        except ColumnRefused as refused:
            previews.append(ColumnPreview(choice.target, error=refused.error))
            continue
        request = prepared.answer.request
        params = absorb_extra(choice.target.wire, request.conversation.params)
        usage, images = cost.expected_usage(request.estimate, params), cost.expected_images(request.estimate)
        price = services.price_lookup(choice.target.model)
        previews.append(ColumnPreview(choice.target, usage, cost.calculate_cost(usage, price, images), request.plan))
    return previews
