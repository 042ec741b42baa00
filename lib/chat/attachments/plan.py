"""Forms in which files are sent to a target, and the tokens that they take: the same for the composer and the request.

Sources: the wires' content parts, and the limits of platform.claude.com ("Vision", "PDF support", "Request size
limits") and developers.openai.com ("Images and vision", "File inputs"), as of November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lib.chat.attachments.text_form import name_tokens, text_tokens
from lib.core.attachment_tokens import estimate_native
from lib.core.attachments import Attachment
from lib.core.conversation import FilePart
from lib.core.file_content import base64_size
from lib.core.file_storage import MASK_ROLE, FileFacts
from lib.core.images import format_size
from lib.core.models import Capabilities
from lib.core.sanitize import get_list, parse_token_count
from lib.core.target import Target
from lib.gateway.catalog.vendors import vendor_of
from lib.gateway.wires.models import image_rules
from lib.gateway.wires.models.claude_rules import is_claude
from lib.gateway.wires.openai import AUDIO_FORMATS

FileForm = Literal["native", "text", "name", "refused"]

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_MB = 1_000_000
# Of one request. Gateways of the new-api family refuse a body of more than 128 MB; Anthropic refuses 32 MB, and OpenAI
# takes 50 MB of files. The rest of the body takes little.
_MAX_BYTES = {"Anthropic": 30 * _MB, "OpenAI": 50 * _MB}
_MAX_GATEWAY_BYTES = 120 * _MB
_MAX_IMAGES = 500
_MAX_SOURCES = 16  # images of one edit
SOURCE_TYPES = ("image/png", "image/jpeg", "image/webp")
# Of Claude with a context window of up to 200,000 tokens, and of larger ones.
_CLAUDE_SMALL_WINDOW, _CLAUDE_MAX_PAGES, _CLAUDE_MAX_PAGES_LARGE = 200_000, 100, 600
# Families whose models with vision take PDFs, where no list says so.
_PDF_MODELS = re.compile(r"claude|gemini|chatgpt-4o|gpt-(?:4o|4\.\d|[5-9]|\d\d)|\bo[1-9]\b")
# Beginnings of the media types of the kinds that have a form of their own.
_TYPES = {"image": "image/", "pdf": "application/pdf", "audio": "audio/"}
_UNKNOWN_EDGE = 2000  # pixels, the most that images are kept with
_MAX_SECONDS = 1e6
_AUDIO_MODELS = re.compile(r"audio|gemini|omni|voxtral")


@dataclass(frozen=True)
class PlannedFile:
    """A file of a request, and the form that it is sent in.

    `native` is the file as it is, `text` its text, `name` its name alone; with a `refused` one nothing is sent.
    `tokens` are estimated, `size` is what it adds to the request in bytes. A `reason` says why it is not sent as it
    is, or what to expect: the text `file.reason.<reason>` with these values, which are not escaped. `facts` are those
    of the stored file.
    """

    part: FilePart
    form: FileForm
    tokens: int = 0
    size: int = 0
    reason: str = ""
    values: tuple[tuple[str, str | int], ...] = ()
    facts: FileFacts | None = None

    @property
    def form_key(self) -> str:
        """Return the translation key of the form."""
        return f"file.form.{self.form}"

    @property
    def reason_key(self) -> str:
        """Return the translation key of the reason, "" without one."""
        return f"file.reason.{self.reason}" if self.reason else ""


@dataclass(frozen=True)
class FilePlan:
    """The files of a request: those of its last question, and the `earlier` ones, in the order of the conversation.

    Of the earlier files none is refused: one that cannot be sent is named.
    """

    files: tuple[PlannedFile, ...] = ()
    earlier: tuple[PlannedFile, ...] = ()

    @property
    def refused(self) -> tuple[PlannedFile, ...]:
        return tuple(planned for planned in self.files if planned.form == "refused")

    @property
    def losses(self) -> tuple[PlannedFile, ...]:
        """Return the files with a reason, earlier ones first."""
        return tuple(planned for planned in (*self.earlier, *self.files) if planned.reason)

    @property
    def tokens(self) -> int:
        """Return the estimated tokens of the files of the question."""
        return sum(planned.tokens for planned in self.files)


NO_FILES = FilePlan()


def plan_files(
    files: Sequence[FilePart],
    facts: Mapping[str, FileFacts],
    target: Target,
    capabilities: Capabilities,
    earlier: Sequence[FilePart] = (),
) -> FilePlan:
    """Plan the form of each file of a question, and of the files of the messages before it.

    `facts` are those of the stored files by digest; a file without them has lost its content. Limits of a request
    apply to the files of the question first, then to the latest ones before it.
    """
    if target.makes_images:
        images = [part for part in files if not _is_mask(part, facts)]
        sources = tuple(
            _plan_mask(part, facts, images, target)
            if _is_mask(part, facts)
            else _plan_source(part, images.index(part), facts, target)
            for part in files
        )
        return FilePlan(sources, tuple(PlannedFile(part, "name") for part in earlier))
    limits = _Limits(target, capabilities)

    def plan(part: FilePart) -> PlannedFile:
        if _is_mask(part, facts):
            return PlannedFile(part, "name", reason="mask_chat")
        if part.digest not in facts:
            return _named(PlannedFile(part, "name", reason="content_missing"))
        stored = _describe(part, facts[part.digest])
        planned = limits.apply(_plan_file(part, stored, target, capabilities), stored)
        return replace(planned, facts=facts[part.digest])

    mine = tuple(map(plan, files))
    before = [plan(part) for part in reversed(earlier)]
    return FilePlan(mine, tuple(_named(planned) if planned.form == "refused" else planned for planned in before[::-1]))


def native_tokens(part: FilePart, facts: FileFacts, model: str) -> int:
    """Return the estimated tokens of a stored file that is sent as it is."""
    return estimate_native(_describe(part, facts).attachment, model)


@dataclass(frozen=True)
class _Stored:
    """A stored file without its content, and its size in bytes."""

    attachment: Attachment
    size: int

    @property
    def page_count(self) -> int:
        return len(self.attachment.pages) or self.attachment.page_count


def _is_mask(part: FilePart, facts: Mapping[str, FileFacts]) -> bool:
    return part.digest in facts and facts[part.digest].facts.get("role") == MASK_ROLE


def _plan_mask(
    part: FilePart, facts: Mapping[str, FileFacts], images: Sequence[FilePart], target: Target
) -> PlannedFile:
    """Plan the mask of the first image, which has its size."""
    sizes = [(image.width, image.height) for image in images[:1]]
    if sizes != [(part.width, part.height)]:
        return _refuse(part, "mask_size")
    stored = _describe(part, facts[part.digest])
    return replace(_as_native(part, stored, target), tokens=0, facts=facts[part.digest])


def _plan_source(part: FilePart, number: int, facts: Mapping[str, FileFacts], target: Target) -> PlannedFile:
    """Plan an image that is to be edited; `number` is its place in the question. Those before it are not sent."""
    if part.digest not in facts:
        return _refuse(part, "source_missing")
    stored = _describe(part, facts[part.digest])
    if stored.attachment.kind != "image" or stored.attachment.media_type not in SOURCE_TYPES:
        return _refuse(part, "source_kind")
    if not image_rules.rules_of(target.model).edits:
        return _refuse(part, "no_edits", model=target.model)
    if number >= _MAX_SOURCES:
        return _refuse(part, "too_many_images", model=target.model, limit=_MAX_SOURCES)
    return replace(_as_native(part, stored, target), facts=facts[part.digest])


def _plan_file(part: FilePart, stored: _Stored, target: Target, capabilities: Capabilities) -> PlannedFile:
    """Plan a file by itself, without the limits of a request."""
    match stored.attachment.kind:
        case "image":
            planned = _plan_image(part, stored, target, capabilities)
        case "pdf":
            planned = _plan_pdf(part, stored, target, capabilities)
        case "audio":
            planned = _plan_audio(part, stored, target, capabilities)
        case _:
            planned = _as_text(part, stored) or _named(PlannedFile(part, "name", reason="no_text"))
    window = capabilities.context_window
    if window and planned.tokens > window and planned.form in ("native", "text"):
        values = (("model", target.model), ("tokens", planned.tokens), ("limit", window))
        return replace(planned, reason="exceeds_window", values=values)
    return planned


def _plan_image(part: FilePart, stored: _Stored, target: Target, capabilities: Capabilities) -> PlannedFile:
    if stored.attachment.media_type not in IMAGE_TYPES:
        return _refuse(part, "image_type")
    # Unknown counts as yes: an image has no other form, and most models take it.
    if capabilities.image is False:
        return _refuse(part, "image_unsupported", model=target.model)
    return _as_native(part, stored, target)


def _plan_pdf(part: FilePart, stored: _Stored, target: Target, capabilities: Capabilities) -> PlannedFile:
    is_lost_on_wire = target.wire == "anthropic" and not is_claude(target.model)
    if is_lost_on_wire:
        # Gateways that convert a request for another vendor drop its documents without an error.
        reason = "pdf_wire"
    elif capabilities.pdf is False:
        reason = "pdf_unsupported"
    elif capabilities.pdf or (_PDF_MODELS.search(target.model.lower()) and capabilities.image is not False):
        return _as_native(part, stored, target)
    else:
        reason = "pdf_unknown"
    if planned := _as_text(part, stored, reason, model=target.model):
        return planned
    # A scan has no other form, so that a model of which nothing is known gets it as it is.
    is_known = reason != "pdf_unknown"
    return _refuse(part, "pdf_without_text", model=target.model) if is_known else _as_native(part, stored, target)


def takes_audio(target: Target, capabilities: Capabilities, media_type: str) -> bool:
    """Return True if audio of this type is sent as it is."""
    return not _audio_refusal(target, capabilities, media_type)


def _audio_refusal(target: Target, capabilities: Capabilities, media_type: str) -> str:
    """Return the reason for which audio is not sent as it is, "" for none."""
    if target.wire == "anthropic":
        return "audio_wire"
    is_known = capabilities.audio or _AUDIO_MODELS.search(target.model.lower())
    if capabilities.audio is False or not is_known:
        return "audio_unsupported"
    return "" if media_type in AUDIO_FORMATS else "audio_format"


def _plan_audio(part: FilePart, stored: _Stored, target: Target, capabilities: Capabilities) -> PlannedFile:
    reason = _audio_refusal(target, capabilities, stored.attachment.media_type)
    if not reason:
        return _as_native(part, stored, target)
    if transcript := _as_text(part, stored, "audio_transcript"):
        return transcript
    return _refuse(part, reason, model=target.model) if reason == "audio_unsupported" else _refuse(part, reason)


def _as_native(part: FilePart, stored: _Stored, target: Target) -> PlannedFile:
    return PlannedFile(part, "native", estimate_native(stored.attachment, target.model), base64_size(stored.size))


def _as_text(part: FilePart, stored: _Stored, reason: str = "", **values: str | int) -> PlannedFile | None:
    """Plan the text of a file; None for one without text."""
    if not stored.attachment.text_tokens:
        return None
    reason = reason or ("text_truncated" if stored.attachment.is_truncated else "")
    tokens = text_tokens(part, stored.attachment.text_tokens)
    return PlannedFile(part, "text", tokens, 4 * tokens, reason, tuple(values.items()))


def _refuse(part: FilePart, reason: str, **values: str | int) -> PlannedFile:
    return PlannedFile(part, "refused", reason=reason, values=tuple(values.items()))


def _named(planned: PlannedFile) -> PlannedFile:
    """Return the plan to send the name alone, for the same reason."""
    return replace(planned, form="name", tokens=name_tokens(planned.part), size=0)


class _Limits:
    """The rest of the limits of one request while its files are planned."""

    def __init__(self, target: Target, capabilities: Capabilities) -> None:
        self._target = target
        self._max_bytes = self._bytes = _MAX_BYTES.get(vendor_of(target.model), _MAX_GATEWAY_BYTES)
        is_small = (capabilities.context_window or _CLAUDE_SMALL_WINDOW) <= _CLAUDE_SMALL_WINDOW
        max_pages = _CLAUDE_MAX_PAGES if is_small else _CLAUDE_MAX_PAGES_LARGE
        is_limited = is_claude(target.model)
        self._max_pages = self._pages = max_pages if is_limited else None
        self._max_images = self._images = max_pages if is_limited else _MAX_IMAGES

    def apply(self, planned: PlannedFile, stored: _Stored) -> PlannedFile:
        """Return the plan as the limits allow it, and count it."""
        if planned.form not in ("native", "text"):
            return planned
        if planned.form == "native" and (code := self._exceeded(planned, stored)):
            planned = self._fall_back(planned, stored, code)
        if planned.form == "text" and planned.size > self._bytes:
            planned = _refuse(planned.part, "request_too_large", limit=format_size(self._max_bytes))
        self._bytes -= planned.size
        if planned.form == "native":
            self._images -= stored.attachment.kind == "image"
            self._pages = self._pages and self._pages - stored.page_count
        return planned

    def _exceeded(self, planned: PlannedFile, stored: _Stored) -> str:
        """Return the limit that a file as it is exceeds; "" for none."""
        if stored.attachment.kind == "image" and not self._images:
            return "too_many_images"
        if stored.attachment.kind == "pdf" and self._pages is not None and stored.page_count > self._pages:
            return "too_many_pages"
        return "request_too_large" if planned.size > self._bytes else ""

    def _fall_back(self, planned: PlannedFile, stored: _Stored, code: str) -> PlannedFile:
        limits: dict[str, str | int] = {
            "too_many_images": self._max_images,
            "too_many_pages": self._max_pages or 0,
            "request_too_large": format_size(self._max_bytes),
        }
        values = {"model": self._target.model, "limit": limits[code]}
        as_text = _as_text(planned.part, stored, code, **values) if stored.attachment.kind == "pdf" else None
        return as_text or _refuse(planned.part, code, **values)


def _describe(part: FilePart, facts: FileFacts) -> _Stored:
    """Return a stored file. Part and facts can come from an import, so that each is checked."""

    def number(name: str, default: int | None) -> int:
        return parse_token_count(facts.facts.get(name)) or default or 0

    seconds = facts.facts.get("duration")
    pages = [page for page in get_list(facts.facts, "pages") if isinstance(page, int)]
    attachment = Attachment(
        kind=part.kind if facts.media_type.startswith(_TYPES.get(part.kind, "")) else "document",
        media_type=facts.media_type,
        name=part.name,
        data=b"",
        is_truncated=facts.facts.get("is_truncated") is True,
        width=number("width", part.width) or _UNKNOWN_EDGE,
        height=number("height", part.height) or _UNKNOWN_EDGE,
        page_count=number("page_count", part.pages) or 1,
        pages=tuple(pages),
        duration=float(seconds) if isinstance(seconds, int | float) and 0 < seconds < _MAX_SECONDS else None,
        text_tokens=number("text_tokens", None),
    )
    return _Stored(attachment, facts.size)
