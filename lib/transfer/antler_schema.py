"""Structs of Antler's own file, field by field as docs/format.md describes it, and their decoding.

A field's key in the file is its name here, or the `name` beside it, and never changes. Null is the same as
left out, and empty fields are left out.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

import msgspec
from msgspec import Meta, Struct, field

from lib.core.conversation import FilePart, ImagePart, OtherPart, Part, SourcePart, TextPart, ThinkingPart
from lib.core.errors import TransferError
from lib.core.params import Params
from lib.transfer.values import clean_text

FORMAT = "antler"
FORMAT_VERSION = 2  # of an archive with files
PLAIN_VERSION = 1  # of a file of its own, which earlier versions read

T = TypeVar("T")

# JSON numbers that every reader keeps exact, without NaN and Infinity.
Integer = Annotated[int, Meta(gt=-(2**53), lt=2**53)]
Count = Annotated[int, Meta(ge=0, lt=2**53)]
Number = Integer | Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]

# A value of another type than its schema's; the second for a text with a lone surrogate.
_MISFIT_ERRORS = (msgspec.ValidationError, UnicodeEncodeError)
_ERROR_PATH = re.compile(r" - at `\$([^`]*)`\Z")
_MISSING_FIELD = re.compile(r"Object missing required field `(\w+)`")


class HeaderSchema(Struct):
    """The version of a file, which is read before anything else."""

    version: Annotated[int, Meta(ge=1)]


class FileSchema(HeaderSchema):
    """A file; its conversations, comparisons, prompts and projects are decoded one at a time."""

    format: str
    conversations: list[Any] = []
    columns: list[Any] = []
    comparisons: list[Any] = []
    prompts: list[Any] = []
    projects: list[Any] = []
    files: list[Any] = []


class TargetSchema(Struct, omit_defaults=True):
    """A model and the wire that it is reached over."""

    model: str = ""
    wire: str = ""


# The parameters that are set, under the names of `Params`. 1 and 1.0 differ, and are sent unchanged.
_NUMBER_TYPES = {int | None: Integer | None, float | None: Number | None}
PARAMS_SCHEMA: Any = msgspec.defstruct(
    "ParamsSchema",
    [(name, _NUMBER_TYPES.get(type_, type_ | None), None) for name, type_ in get_type_hints(Params).items()],
)


class TextPartSchema(Struct, tag="text", omit_defaults=True):
    """Text of a message, and the numbers of the sources that it cites at its end."""

    text: str = field(default_factory=str)  # written where it is empty, too
    cited: tuple[Count, ...] = ()


class ThinkingPartSchema(Struct, tag="thinking", omit_defaults=True):
    """A model's thinking, with its signature or its redacted form."""

    text: str = ""
    signature: str = ""
    redacted_data: str = field(default="", name="sealed")


class ImagePartSchema(Struct, tag="image", omit_defaults=True):
    """An image, as base64 or as a URL."""

    media_type: str = ""
    data: str = ""
    url: str = ""


class SourcePartSchema(Struct, tag="source", omit_defaults=True):
    """A source that an answer cites."""

    url: str = ""
    title: str = ""
    quote: str = ""
    number: Count = 0


class OtherPartSchema(Struct, tag="other", omit_defaults=True):
    """Content without a form of its own: its type on the wire, what it was, and its JSON."""

    kind: str = ""
    label: str = ""
    details: str = ""


class FilePartSchema(Struct, tag="file", omit_defaults=True):
    """A file of a message, whose content is elsewhere."""

    digest: str = ""
    name: str = ""
    media_type: str = ""
    size: Count = 0
    kind: str = ""
    width: Count | None = None
    height: Count | None = None
    pages: Count | None = None
    selection: str = ""
    notes: tuple[str, ...] = ()


PartSchema = TextPartSchema | ThinkingPartSchema | ImagePartSchema | SourcePartSchema | OtherPartSchema | FilePartSchema
PART_SCHEMA: Any = PartSchema  # a union is no type to mypy
# The structs of the file and the parts that they hold, which have the same fields.
PART_CLASSES: dict[type[Part], Any] = {
    TextPart: TextPartSchema,
    ThinkingPart: ThinkingPartSchema,
    ImagePart: ImagePartSchema,
    SourcePart: SourcePartSchema,
    OtherPart: OtherPartSchema,
    FilePart: FilePartSchema,
}
PART_TYPES = tuple(schema.__struct_config__.tag for schema in PART_CLASSES.values())


class StoredFileSchema(Struct, omit_defaults=True):
    """A file without its bytes and its text; `thumbnail` is base64."""

    digest: str
    media_type: str = ""
    thumbnail: str = ""
    facts: dict[str, Any] = {}


class UsageSchema(Struct, omit_defaults=True):
    """Tokens and web searches of an answer."""

    input: Count | None = None
    output: Count | None = None
    cache_read: Count | None = field(default=None, name="cached")
    cache_write: Count | None = field(default=None, name="written")
    cache_write_1h: Count | None = field(default=None, name="written_1h")
    reasoning: Count | None = None
    searches: Count | None = None


class TimingSchema(Struct, omit_defaults=True):
    """Seconds from sending to the first token, to the first token of text, and to the end."""

    first_token: Number | None = field(default=None, name="first")
    first_text: Number | None = field(default=None, name="spoke")
    total: Number | None = None


class FailureSchema(Struct, omit_defaults=True):
    """The reason of a failed answer."""

    code: str = ""
    detail: str = ""
    status: Integer | None = None
    request_id: str = ""
    retryable: bool = field(default=False, name="retry")
    rejected_params: tuple[str, ...] = field(default=(), name="blamed")
    retry_after: Number | None = field(default=None, name="wait")


class FeedbackSchema(Struct, omit_defaults=True):
    """The owner's feedback on an answer."""

    rating: str = ""
    comment: str = ""


class PersonaSchema(Struct, omit_defaults=True):
    """Name and avatar of a persona, and the id of its entry in the prompt library."""

    name: str = ""
    avatar: str = ""
    prompt_id: str = field(default="", name="prompt")


class NodeSchema(Struct, kw_only=True, omit_defaults=True):
    """A message in its place in the tree. Its parts are decoded apart: unknown types are passed over."""

    id: str
    parent_id: str = field(default="", name="parent")
    role: Literal["user", "assistant"]
    parts: list[Any] = []
    created_at: Number | None = field(default=None, name="created")
    outcome: str = ""
    finish_reason: str = field(default="", name="reason")
    target: TargetSchema | None = None
    usage: UsageSchema | None = None
    timing: TimingSchema | None = None
    failure: FailureSchema | None = None
    request_id: str = ""
    provider_metadata: dict[str, Any] = field(default_factory=dict, name="served")
    feedback: FeedbackSchema | None = None
    persona: PersonaSchema | None = None


class TruncationSchema(Struct):
    """The node from which on a long path is sent, and the summary of the dropped part."""

    start_id: str = field(default="", name="start")
    summary: str = ""


class ConversationSchema(Struct, omit_defaults=True):
    """A conversation with its nodes, which are written even where there are none."""

    id: str
    title: str = ""
    title_source: str = field(default="", name="titled")
    created_at: Number | None = field(default=None, name="created")
    updated_at: Number | None = field(default=None, name="updated")
    head_id: str = field(default="", name="head")
    target: TargetSchema | None = None
    params: dict[str, Any] = {}  # of PARAMS_SCHEMA
    folder: str = ""
    pinned: bool = False
    archived: bool = False
    truncation: TruncationSchema | None = field(default=None, name="window")
    persona: PersonaSchema | None = None
    comparison_id: str = field(default="", name="comparison")
    nodes: list[NodeSchema] | None = None


class ColumnSchema(Struct, omit_defaults=True):
    """A target of a comparison, and the conversation with its answer."""

    conversation_id: str = field(default="", name="conversation")
    question_id: str = field(default="", name="question")
    target: TargetSchema | None = None
    params: dict[str, Any] = {}  # of PARAMS_SCHEMA


class OriginSchema(Struct, omit_defaults=True):
    """The question of a conversation that a comparison asks again."""

    conversation_id: str = field(default="", name="conversation")
    question_id: str = field(default="", name="question")


class VoteSchema(Struct, omit_defaults=True):
    """The vote about a comparison, and the index of the best column."""

    choice: str = ""
    column: Count | None = None


class ComparisonSchema(Struct, omit_defaults=True):
    """A comparison; its conversations are among `columns` and `conversations` of the file."""

    id: str
    prompt: str = ""
    created_at: Number | None = field(default=None, name="created")
    is_blind: bool = field(default=False, name="blind")
    vote: VoteSchema | None = None
    origin: OriginSchema | None = None
    columns: list[ColumnSchema] | None = None


class PromptSchema(Struct, omit_defaults=True):
    """An entry of the prompt library."""

    id: str = ""
    kind: str = ""
    name: str = ""
    description: str = ""
    avatar: str = ""
    text: str = ""
    greeting: str = ""
    suggestions: tuple[str, ...] = ()
    target: TargetSchema | None = None
    params: dict[str, Any] = {}  # of PARAMS_SCHEMA
    created_at: Number | None = field(default=None, name="created")
    updated_at: Number | None = field(default=None, name="updated")


class ProjectSchema(Struct, omit_defaults=True):
    """The settings of a folder."""

    name: str = ""
    instructions: str = ""
    target: TargetSchema | None = None
    params: dict[str, Any] = {}  # of PARAMS_SCHEMA
    created_at: Number | None = field(default=None, name="created")
    updated_at: Number | None = field(default=None, name="updated")


def decode(value: Any, schema: type[T], location: str, issues: Counter[str]) -> T:
    """Convert a JSON object to a struct with clean texts.

    Null is the same as left out. Unknown fields and cleaned texts are counted. Raises TransferError with the
    path of the first field of another type, which begins with `location`.
    """
    value = _strip_nulls(value)
    try:
        struct = msgspec.convert(value, schema)
    except _MISFIT_ERRORS as error:
        path = _ERROR_PATH.search(str(error))
        field = _MISSING_FIELD.match(str(error))
        names = f"{location}{path[1] if path else ''}{f'.{field[1]}' if field else ''}"
        raise TransferError("shape", names.lstrip(".")) from None
    issues["unknown"] += _count_unknown_fields(value, struct)
    _clean_texts(struct, issues)
    return struct


def _strip_nulls(value: Any, max_depth: int = 4) -> Any:
    """Leave out the nulls of an object and of the objects in it, as deep as structs are nested."""
    if isinstance(value, list) and max_depth:
        return [_strip_nulls(item, max_depth - 1) for item in value]
    if not isinstance(value, dict) or not max_depth:
        return value
    return {
        # The gateway's own fields are copied unchanged.
        key: item if key == "served" else _strip_nulls(item, max_depth - 1)
        for key, item in value.items()
        if item is not None
    }


def _count_unknown_fields(value: Any, decoded: Any) -> int:
    """Count the fields of a JSON value that have no place in the structs it was decoded into."""
    if isinstance(decoded, list):
        return sum(map(_count_unknown_fields, value, decoded)) if decoded else 0
    if not isinstance(decoded, msgspec.Struct):
        return 0
    names = dict(zip(decoded.__struct_encode_fields__, decoded.__struct_fields__, strict=True))
    nested = (_count_unknown_fields(value.get(key), getattr(decoded, name)) for key, name in names.items())
    return len(value.keys() - names.keys() - {decoded.__struct_config__.tag_field}) + sum(nested)


def _clean_texts(struct: Any, issues: Counter[str]) -> None:
    """Clean the texts of a struct and of those in it, in place."""
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, str):
            text = clean_text(value)
            issues["signs"] += text != value
            setattr(struct, name, text)
        elif isinstance(value, tuple):
            setattr(struct, name, tuple(clean_text(item) if isinstance(item, str) else item for item in value))
        elif isinstance(value, msgspec.Struct | list):
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, msgspec.Struct):
                    _clean_texts(item, issues)
