"""Content beyond text on both wires: images, audio, tools and unknown parts, in their order."""

import base64
import json
from typing import Any, get_args

import pytest

from lib.core.conversation import ImagePart, OtherPart, Outcome, Part, TextPart, ThinkingPart
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import anthropic, openai
from lib.gateway.wires.content.content_parts import MAX_DETAILS_LENGTH
from tests.support import sdks
from tests.unit.gateway.recordings import CollectedAnswer, collect

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8) + (10).to_bytes(4, "big") * 2).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(20)).decode()
PICTURE = ImagePart("image/png", PNG)
LINK = ImagePart(url="https://files.example/a.png")
DATA_URL = f"data:image/png;base64,{PNG}"


def parse_delta(*deltas: dict[str, Any], key: str = "delta") -> CollectedAnswer:
    chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, key: delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return collect(openai.events(Frame("message", json.dumps(chunk)) for chunk in chunks))


def parse_blocks(*blocks: Any) -> CollectedAnswer:
    message = {"type": "message", "content": list(blocks), "stop_reason": "end_turn"}
    return collect(anthropic.events([Frame("message", json.dumps(message))]))


def parse_events(*events: dict[str, Any]) -> CollectedAnswer:
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    return collect(anthropic.events(Frame("message", json.dumps(event)) for event in (*events, end)))


def without_details(parts: tuple[Part, ...]) -> list[Part]:
    return [OtherPart(part.kind, part.label) if isinstance(part, OtherPart) else part for part in parts]


# Deltas of OpenAI's wire in the forms of gateways, and the image in them.
IMAGE_DELTAS: dict[str, tuple[dict[str, Any], ImagePart]] = {
    "OpenRouter": ({"images": [{"type": "image_url", "image_url": {"url": DATA_URL}}]}, PICTURE),
    "LiteLLM": ({"image": {"url": DATA_URL, "detail": "auto"}}, PICTURE),
    "a list of links": ({"images": ["https://files.example/a.png"]}, LINK),
    "a list of base64": ({"images": [PNG]}, PICTURE),
    "a list of b64_json": ({"images": [{"b64_json": PNG}]}, PICTURE),
    "b64_json": ({"b64_json": PNG}, PICTURE),
    "image_url": ({"image_url": {"url": "https://files.example/a.png"}}, LINK),
    "a part with an object": ({"content": [{"type": "image_url", "image_url": {"url": DATA_URL}}]}, PICTURE),
    "a part with a text": ({"content": [{"type": "image_url", "image_url": DATA_URL}]}, PICTURE),
    "a part without a type": ({"content": [{"image_url": {"url": DATA_URL}}]}, PICTURE),
    "a single part": ({"content": {"type": "image_url", "image_url": {"url": DATA_URL}}}, PICTURE),
    "output_image": ({"content": [{"type": "output_image", "image_url": DATA_URL}]}, PICTURE),
    "Anthropic's block": (
        {"content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]},
        PICTURE,
    ),
    "Gemini": ({"content": [{"inlineData": {"mimeType": "image/png", "data": PNG}}]}, PICTURE),
    "Gemini, in Python's spelling": ({"inline_data": {"mime_type": "image/png", "data": PNG}}, PICTURE),
    "Responses API": ({"content": [{"type": "image_generation_call", "result": PNG}]}, PICTURE),
    "AI SDK": ({"content": [{"type": "file", "mediaType": "image/png", "data": PNG}]}, PICTURE),
    "a file of an image": (
        {"content": [{"type": "file", "file": {"mime_type": "image/png", "file_data": DATA_URL}}]},
        PICTURE,
    ),
    "a file without a type": ({"content": [{"type": "file", "file": {"file_data": DATA_URL}}]}, PICTURE),
    "a field that nobody knows": ({"generated_images": [DATA_URL]}, PICTURE),
    "parts in a field that nobody knows": (
        {"multi_mod_content": [{"inlineData": {"mimeType": "image/png", "data": PNG}}]},
        PICTURE,
    ),
    "an object in a field that nobody knows": ({"output": {"picture": DATA_URL}}, PICTURE),
    "media with a type": ({"media": [{"type": "image", "url": "https://files.example/a.png"}]}, LINK),
    "camel case": ({"content": [{"type": "image", "imageUrl": {"url": DATA_URL}}]}, PICTURE),
    "HTML": ({"content": f'<img src="{DATA_URL}" alt="a cat">'}, PICTURE),
    "Markdown": ({"content": f"![a cat]({DATA_URL})"}, PICTURE),
    "Markdown with a title": ({"content": f'![a cat](<{DATA_URL}> "Cat")'}, PICTURE),
    "a wrong type": (
        {"images": [{"image_url": {"url": f"data:image/png;base64,{JPEG}"}}]},
        ImagePart("image/jpeg", JPEG),
    ),
    "line ends in the data": ({"b64_json": f"{PNG[:20]}\n{PNG[20:]}\n"}, PICTURE),
}


@pytest.mark.parametrize("case", IMAGE_DELTAS)
def test_image_in_every_form_is_a_part_of_the_answer(case: str) -> None:
    delta, image = IMAGE_DELTAS[case]
    for key in ("delta", "message"):
        answer = parse_delta(delta, key=key)
        assert (answer.error, answer.reply.parts()) == (None, (image,))
        assert answer.reply.outcome() is Outcome.COMPLETE


@pytest.mark.parametrize(
    "payload",
    [
        {"created": 1, "data": [{"b64_json": PNG}, {"url": "https://files.example/a.png"}]},
        {"data": [{"b64_json": PNG, "revised_prompt": "a"}, {"url": "https://files.example/a.png"}], "usage": {}},
    ],
)
def test_body_of_the_images_endpoint_is_an_answer(payload: Any) -> None:
    answer = collect(openai.events([Frame("body", json.dumps(payload))]))
    assert (answer.error, answer.reply.parts(), answer.reply.outcome()) == (None, (PICTURE, LINK), Outcome.COMPLETE)


def test_image_beside_the_choices_is_shown_once() -> None:
    chunks = [
        {
            "choices": [{"index": 0, "delta": {"content": text}}],
            "images": [{"image_url": "https://files.example/a.png"}],
        }
        for text in ("a", "b")
    ]
    stop = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    answer = collect(openai.events(Frame("message", json.dumps(chunk)) for chunk in (*chunks, stop)))
    assert answer.reply.parts() == (TextPart("a"), LINK, TextPart("b"))


def test_repeated_image_is_shown_once() -> None:
    delta = {"images": [{"image_url": {"url": DATA_URL}}]}
    assert parse_delta({"content": "a"}, delta, delta).reply.parts() == (TextPart("a"), PICTURE)


@pytest.mark.parametrize(
    ("delta", "kind"),
    [
        ({"images": [{"image_url": {"url": "data:image/svg+xml;base64,PHN2Zz4="}}]}, "image"),
        ({"images": [{"image_url": {"url": "data:image/svg+xml,<svg/>"}}]}, "image"),
        ({"images": [{"image_url": {"url": "file:///etc/passwd"}}]}, "image"),
        ({"images": [{"image_url": {"url": "javascript:alert(1)"}}]}, "image"),
        ({"images": ["no base64"]}, "image"),
        ({"images": [{"id": "file-1"}]}, "image"),
        ({"output_images": ["no base64"]}, "output_images"),
        ({"content": [{"type": "video_url", "video_url": {"url": "https://files.example/a.mp4"}}]}, "video_url"),
        ({"video": {"url": "https://files.example/a.mp4"}}, "video"),
        ({"files": [{"filename": "a.csv"}]}, "file"),
        ({"content": [{"type": "hologram", "light": "blue"}]}, "hologram"),
        ({"content": [{"inlineData": {"mimeType": "audio/wav", "data": PNG}}]}, "content"),
        ({"content": [{"type": "image_edit_call", "id": "c"}]}, "image_edit_call"),
        ({"content": [{"type": "file", "file": {"filename": "a.pdf", "file_data": "x"}}]}, "file"),
    ],
    ids=str,
)
def test_other_content_is_named(delta: dict[str, Any], kind: str) -> None:
    answer = parse_delta(delta)
    (part,) = answer.reply.parts()
    assert isinstance(part, OtherPart) and part.kind == kind
    assert (answer.error, answer.reply.outcome()) == (None, Outcome.COMPLETE)


def test_large_image_is_named_with_its_size() -> None:
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(21_000_000)).decode()
    answer = parse_delta({"images": [{"image_url": {"url": f"data:image/png;base64,{data}"}}]})
    assert answer.reply.parts() == (OtherPart("image", "image/png, 21.0 MB"),)


def test_list_of_parts_is_read_in_order() -> None:
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
        {"type": "text", "text": "One"},
        " two ",
        {"type": "image_url", "image_url": {"url": DATA_URL}},
        {"type": "output_text", "text": "three"},
        {"type": "reference", "reference_ids": [1, 2]},
        None,
        {"type": "hologram"},
        {"type": "text", "content": "fo"},
        {"text": "ur"},
    ]
    expected = [
        ThinkingPart("Hm."),
        TextPart("One two "),
        PICTURE,
        TextPart("three[1][2]"),
        OtherPart("hologram", ""),
        TextPart("four"),
    ]
    for deltas in ([{"content": content}], [{"content": [item]} for item in content]):
        answer = parse_delta(*deltas)
        assert without_details(answer.reply.parts()) == expected
        assert answer.text == "One two three[1][2]\n\nfour"


@pytest.mark.parametrize(
    "delta",
    [
        {"thinking": "Hm."},
        {"reasoning_text": "Hm."},
        {"chain_of_thought": "Hm."},
        {"internal_thoughts": "Hm."},
        {"thinking_summary": {"text": "Hm."}},
        {"content": [{"type": "text", "text": "Hm.", "thought": True}]},
        {
            "reasoning_details": [
                {"type": "reasoning.text", "text": "H"},
                {"type": "reasoning.summary", "summary": "m."},
            ]
        },
        {"thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]},
        {"reasoning": "Hm.", "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
        {"content": [{"type": "reasoning", "text": "Hm."}]},
    ],
    ids=str,
)
def test_thinking_under_other_names(delta: dict[str, Any]) -> None:
    assert parse_delta(delta, {"content": "a"}).reply.parts() == (ThinkingPart("Hm."), TextPart("a"))


def audio(data: bytes, **fields: Any) -> dict[str, Any]:
    return {"audio": {"id": "audio_1", "data": base64.b64encode(data).decode(), **fields}}


def test_streamed_audio_is_named_with_its_length_and_its_transcript_is_text() -> None:
    answer = parse_delta(
        audio(bytes(24_000 * 10), transcript="High water "),
        audio(bytes(24_000 * 14)),
        {"audio": {"transcript": "at noon."}},
    )
    assert answer.reply.parts() == (OtherPart("audio", "12 s"), TextPart("High water at noon."))
    assert answer.reply.outcome() is Outcome.COMPLETE


@pytest.mark.parametrize(
    ("data", "label"),
    [
        (b"RIFF" + bytes(24) + (32_000).to_bytes(4, "little") + bytes(12) + bytes(96_000), "3 s"),
        (b"ID3" + bytes(119_997), "120 kB"),
        (bytes(120_000), "120 kB"),
    ],
    ids=["wav", "mp3", "unknown"],
)
def test_complete_audio_is_named_with_its_length_or_size(data: bytes, label: str) -> None:
    answer = parse_delta(audio(data, transcript="At noon."), key="message")
    assert answer.reply.parts() == (OtherPart("audio", label), TextPart("At noon."))


def test_audio_without_a_transcript_is_no_empty_answer() -> None:
    assert parse_delta(audio(bytes(48_000))).reply.outcome() is Outcome.COMPLETE


FETCH = "web_fetch · https://t.example"
# Blocks of Anthropic's wire, and the name that a reader sees.
BLOCKS: list[tuple[dict[str, Any], str]] = [
    ({"type": "server_tool_use", "id": "s", "name": "web_fetch", "input": {"url": "https://t.example"}}, FETCH),
    (
        {"type": "web_fetch_tool_result", "content": {"type": "web_fetch_result", "url": "https://t.example/"}},
        "https://t.example/",
    ),
    ({"type": "code_execution_tool_result", "content": {"type": "code_execution_result", "stdout": "4\n"}}, "4"),
    ({"type": "mcp_tool_use", "name": "find", "server_name": "files", "input": {}}, "find · files"),
    ({"type": "mcp_tool_result", "is_error": False, "content": [{"type": "text", "text": "found"}]}, "found"),
    ({"type": "container_upload", "file_id": "file_1"}, "file_1"),
    ({"type": "document", "title": "Report", "source": {"type": "base64", "data": "x"}}, "Report"),
    ({"type": "something_new", "shape": 7}, ""),
]


@pytest.mark.parametrize(
    ("block", "label"), BLOCKS, ids=lambda value: value["type"] if isinstance(value, dict) else None
)
def test_block_of_a_server_tool_is_named(block: dict[str, Any], label: str) -> None:
    answer = parse_blocks({"type": "text", "text": "a"}, block, {"type": "text", "text": "b"})
    first, part, last = answer.reply.parts()
    assert (first, last, answer.error) == (TextPart("a"), TextPart("b"), None)
    assert isinstance(part, OtherPart)
    assert (part.kind, part.label) == (block["type"], label)
    assert len(part.details) <= MAX_DETAILS_LENGTH + 2
    start = {"type": "content_block_start", "index": 0, "content_block": block}
    assert parse_events(start, {"type": "content_block_stop", "index": 0}).reply.parts() == (part,)


def test_every_block_type_of_the_sdk_is_text_thinking_a_tool_call_or_named() -> None:
    plain = {"text", "thinking", "redacted_thinking", "tool_use", "web_search_tool_result"}
    unions = (sdks.anthropic.types.ContentBlock, sdks.anthropic.types.beta.BetaContentBlock)
    models = {model for union in unions for model in get_args(get_args(union)[0])}
    types = {get_args(model.model_fields["type"].annotation)[0] for model in models}
    assert len(types) > 12 and plain <= types
    for block_type in types - plain:
        (part,) = parse_blocks({"type": block_type}).reply.parts()
        assert isinstance(part, OtherPart) and part.kind == block_type


def test_input_of_a_server_tool_arrives_in_pieces() -> None:
    block = {"type": "server_tool_use", "id": "s", "name": "web_fetch", "input": {}}
    pieces = ['{"ur', 'l": "htt', 'ps://t.example"}']
    events = [{"type": "content_block_start", "index": 0, "content_block": block}]
    for piece in pieces:
        delta = {"type": "input_json_delta", "partial_json": piece}
        events.append({"type": "content_block_delta", "index": 0, "delta": delta})
    assert without_details(parse_events(*events).reply.parts()) == [OtherPart("server_tool_use", "web_fetch")]
    answer = parse_events(*events, {"type": "content_block_stop", "index": 0})
    assert without_details(answer.reply.parts()) == [OtherPart("server_tool_use", FETCH)]
    assert "tool_calls" not in answer.reply.provider_metadata


def test_deltas_of_an_unknown_block_are_collected() -> None:
    start = {"type": "content_block_start", "index": 1, "content_block": {"type": "hologram", "title": ""}}
    deltas = [
        {"type": "content_block_delta", "index": 1, "delta": {"type": "hologram_delta", "title": text}} for text in "ab"
    ]
    assert without_details(parse_events(start, *deltas).reply.parts()) == [OtherPart("hologram", "ab")]


def test_image_blocks_of_anthropics_wire() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    link = {"type": "image", "source": {"type": "url", "url": "https://files.example/a.png"}}
    result = {"type": "mcp_tool_result", "content": [{"type": "text", "text": "drawn"}, image]}
    text = {"type": "text", "text": "a"}
    assert parse_blocks(text, image, link, text).reply.parts() == (TextPart("a"), PICTURE, LINK, TextPart("a"))
    assert without_details(parse_blocks(result, text).reply.parts()) == [
        OtherPart("mcp_tool_result", "drawn"),
        PICTURE,
        TextPart("a"),
    ]


def test_content_as_a_text_on_anthropics_wire() -> None:
    message = {"type": "message", "content": "words", "stop_reason": "end_turn"}
    assert collect(anthropic.events([Frame("message", json.dumps(message))])).text == "words"


def test_details_are_shortened() -> None:
    (part,) = parse_delta(
        {"content": [{"type": "new", "long": "x" * 50_000, "deep": [[[[[[[[[1]]]]]]]]]}]}
    ).reply.parts()
    assert isinstance(part, OtherPart) and len(part.details) < 1_000
    (part,) = parse_delta({"content": [{"type": "new", "many": list(range(50_000))}]}).reply.parts()
    assert isinstance(part, OtherPart) and len(part.details) <= MAX_DETAILS_LENGTH + 2
