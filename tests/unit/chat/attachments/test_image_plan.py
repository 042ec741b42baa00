"""Plans of the files of a question to a model that changes images."""

from __future__ import annotations

from typing import Any

import pytest

from lib.chat.attachments.plan import plan_files
from lib.core.conversation import FilePart
from lib.core.file_storage import MASK_ROLE, FileFacts
from lib.core.models import Capabilities
from lib.core.target import Target

EDITOR = Target("gpt-image-2", "images")


def image(name: str, media_type: str = "image/png", size: int = 40) -> FilePart:
    return FilePart(name, f"{name}.png", media_type, 100, "image", size, size)


def facts_of(part: FilePart, **facts: Any) -> FileFacts:
    size = {"width": part.width, "height": part.height}
    return FileFacts(part.media_type, part.size, {"kind": part.kind, **size, **facts})


def plan(*parts: FilePart, target: Target = EDITOR, masks: tuple[str, ...] = (), missing: tuple[str, ...] = ()):
    facts = {
        part.digest: facts_of(part, **({"role": MASK_ROLE} if part.digest in masks else {}))
        for part in parts
        if part.digest not in missing
    }
    planned = plan_files(parts, facts, target, Capabilities(), [image("earlier")])
    assert [file.form for file in planned.earlier] == ["name"]
    assert all(file.facts is not None for file in planned.files if file.form == "native")
    return [(file.form, file.reason) for file in planned.files]


def test_images_are_sent_as_they_are() -> None:
    assert plan(image("a"), image("b", "image/webp"), image("c", "image/jpeg")) == [("native", "")] * 3


@pytest.mark.parametrize(
    ("part", "target", "reason"),
    [
        (image("a", "image/gif"), EDITOR, "source_kind"),
        (FilePart("a", "a.pdf", "application/pdf", 100, "pdf"), EDITOR, "source_kind"),
        (FilePart("a", "a.txt", "text/plain", 100, "text"), EDITOR, "source_kind"),
        (image("a"), Target("dall-e-3", "images"), "no_edits"),
    ],
)
def test_other_files_are_refused(part: FilePart, target: Target, reason: str) -> None:
    assert plan(part, target=target) == [("refused", reason)]


def test_a_missing_image_is_refused() -> None:
    assert plan(image("a"), missing=("a",)) == [("refused", "source_missing")]


def test_more_than_sixteen_images_are_refused() -> None:
    forms = plan(*(image(str(number)) for number in range(17)))
    assert forms == [*[("native", "")] * 16, ("refused", "too_many_images")]


def test_a_mask_belongs_to_the_first_image() -> None:
    assert plan(image("a"), image("m"), masks=("m",)) == [("native", "")] * 2
    assert plan(image("m"), image("a"), masks=("m",)) == [("native", "")] * 2
    for parts in ([image("m")], [image("a", size=41), image("m")]):
        assert plan(*parts, masks=("m",))[-1] == ("refused", "mask_size")


def test_a_model_that_chats_gets_no_mask() -> None:
    parts = [image("a"), image("m")]
    facts = {"a": facts_of(parts[0]), "m": facts_of(parts[1], role=MASK_ROLE)}
    planned = plan_files(parts, facts, Target("gpt-4o", "openai"), Capabilities(image=True))
    assert [(file.form, file.reason) for file in planned.files] == [("native", ""), ("name", "mask_chat")]
