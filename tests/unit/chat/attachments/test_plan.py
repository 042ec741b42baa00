"""Forms in which files are sent to a target: by its wire, its capabilities, and the limits of a request."""

from __future__ import annotations

import pytest

from lib.chat.attachments import plan_files
from lib.chat.attachments.plan import PlannedFile
from lib.core.conversation import FileKind, FilePart
from lib.core.file_storage import FileFacts
from lib.core.models import Capabilities
from lib.core.target import Target
from lib.ui.text.i18n import translate

PNG, PDF, WAV = "image/png", "application/pdf", "audio/wav"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
GPT, CLAUDE, DEEPSEEK = Target("gpt-5.5", "openai"), Target("claude-opus-5-5", "anthropic"), Target("ds-9", "openai")
ALL = Capabilities(image=True, pdf=True, audio=True)
TEXT_ONLY = Capabilities(image=False, pdf=False, audio=False)
UNKNOWN = Capabilities()
FACTS: dict[str, FileFacts] = {}


def file(kind: FileKind, media_type: str, number: int = 0, size: int = 1000, **facts: object) -> FilePart:
    """Return the part of a file, whose facts are stored."""
    part = FilePart(f"{kind}-{media_type}-{number}-{size}-{facts}", f"file {number}", media_type, size, kind)
    FACTS[part.digest] = FileFacts(media_type, size, facts)
    return part


IMAGE = file("image", PNG, width=1000, height=800)
PAPER = file("pdf", PDF, text_tokens=3000, page_count=5)
SCAN = file("pdf", PDF, page_count=5)
LETTER = file("document", DOCX, text_tokens=200)
SOUND = file("audio", WAV, duration=10.0)
TALK = file("audio", WAV, duration=10.0, text_tokens=30)


def plan_one(part: FilePart, target: Target, capabilities: Capabilities = UNKNOWN) -> PlannedFile:
    return plan_files([part], FACTS, target, capabilities).files[0]


@pytest.mark.parametrize(
    ("part", "target", "capabilities", "form", "reason"),
    [
        (IMAGE, GPT, ALL, "native", ""),
        (IMAGE, CLAUDE, UNKNOWN, "native", ""),
        (IMAGE, DEEPSEEK, UNKNOWN, "native", ""),
        (IMAGE, DEEPSEEK, TEXT_ONLY, "refused", "image_unsupported"),
        (file("image", "image/tiff"), GPT, ALL, "refused", "image_type"),
        (PAPER, GPT, ALL, "native", ""),
        (PAPER, GPT, UNKNOWN, "native", ""),
        (PAPER, CLAUDE, UNKNOWN, "native", ""),
        (PAPER, Target("gemini-3-pro", "openai"), UNKNOWN, "native", ""),
        (PAPER, Target("gemini-3-pro", "anthropic"), ALL, "text", "pdf_wire"),
        (PAPER, Target("gpt-3.5-turbo", "openai"), Capabilities(image=False), "text", "pdf_unknown"),
        (PAPER, DEEPSEEK, UNKNOWN, "text", "pdf_unknown"),
        *(
            (PAPER, Target(m, "openai"), UNKNOWN, "native", "")
            for m in ("o3", "openai/gpt-4o-mini", "gpt-6-pro", "gpt-10")
        ),
        *(
            (PAPER, Target(m, "openai"), UNKNOWN, "text", "pdf_unknown")
            for m in ("gpt-oss-120b", "gpt-4-turbo", "gemma-3-27b-it", "qwen3-vl", "grok-4", "foo3")
        ),
        (PAPER, DEEPSEEK, TEXT_ONLY, "text", "pdf_unsupported"),
        (SCAN, DEEPSEEK, TEXT_ONLY, "refused", "pdf_without_text"),
        (SCAN, Target("gemini-3-pro", "anthropic"), ALL, "refused", "pdf_without_text"),
        (SCAN, DEEPSEEK, UNKNOWN, "native", ""),
        (LETTER, GPT, ALL, "text", ""),
        (LETTER, CLAUDE, TEXT_ONLY, "text", ""),
        (file("text", "text/plain", text_tokens=9, is_truncated=True), GPT, ALL, "text", "text_truncated"),
        (file("document", DOCX), GPT, ALL, "name", "no_text"),
        (SOUND, GPT, ALL, "native", ""),
        (SOUND, Target("gpt-audio", "openai"), UNKNOWN, "native", ""),
        (SOUND, GPT, UNKNOWN, "refused", "audio_unsupported"),
        (SOUND, Target("gpt-audio", "anthropic"), ALL, "refused", "audio_wire"),
        (file("audio", "audio/webm"), GPT, ALL, "refused", "audio_format"),
        (TALK, GPT, ALL, "native", ""),
        (TALK, GPT, UNKNOWN, "text", "audio_transcript"),
        (TALK, CLAUDE, ALL, "text", "audio_transcript"),
        (FilePart("no-such-digest", "lost.pdf", PDF, 9, "pdf"), GPT, ALL, "name", "content_missing"),
    ],
)
def test_the_form_follows_from_kind_wire_and_capabilities(part, target, capabilities, form, reason):
    planned = plan_one(part, target, capabilities)
    assert (planned.form, planned.reason) == (form, reason)
    assert planned.tokens > 0 or form == "refused"
    for language in ("en", "zh"):
        assert translate(language, planned.form_key)
        assert not reason or translate(language, planned.reason_key, **dict(planned.values))


@pytest.mark.parametrize(
    ("part", "target", "tokens"),
    [
        # Vendors' rules: tiles and patches of an image, a page as an image beside its text, tokens a second of audio.
        (IMAGE, Target("gpt-4o", "openai"), 765),
        (IMAGE, Target("claude-sonnet-4-5", "openai"), 36 * 29),
        (PAPER, Target("claude-sonnet-4-5", "anthropic"), 3000 + 5 * 1568),
        (PAPER, Target("gemini-2.5-pro", "openai"), 5 * 258),
        (SOUND, Target("gemini-2.5-pro", "openai"), 320),
    ],
)
def test_tokens_of_files_as_they_are_follow_the_rules_of_the_vendors(part, target, tokens):
    assert plan_one(part, target, ALL).tokens == tokens


def test_text_costs_its_tokens_and_its_block():
    planned = plan_one(LETTER, GPT)
    assert 200 < planned.tokens < 230


def test_an_image_count_beyond_the_limit_is_refused_and_of_earlier_ones_the_oldest_are_named():
    target, capabilities = Target("claude-sonnet-4-5", "anthropic"), Capabilities(200_000, image=True)
    images = [file("image", PNG, number) for number in range(102)]
    plan = plan_files(images[2:], FACTS, target, capabilities, earlier=images[:2])
    assert [planned.form for planned in plan.files] == ["native"] * 100
    assert [(planned.form, planned.reason) for planned in plan.earlier] == [("name", "too_many_images")] * 2
    assert not plan.refused and plan.losses == plan.earlier

    plan = plan_files(images[:101], FACTS, target, capabilities)
    assert [planned.part.name for planned in plan.refused] == ["file 100"]
    plan = plan_files(images[:1], FACTS, target, capabilities, earlier=images[1:])
    assert [planned.form for planned in plan.earlier] == ["name"] * 2 + ["native"] * 99


def test_pages_and_bytes_beyond_the_limit_are_sent_as_text():
    long = file("pdf", PDF, page_count=90, text_tokens=900)
    other = file("pdf", PDF, page_count=11, text_tokens=110)
    plan = plan_files([long, other], FACTS, CLAUDE, UNKNOWN)
    assert [(p.form, p.reason) for p in plan.files] == [("native", ""), ("text", "too_many_pages")]
    assert [p.form for p in plan_files([long, other], FACTS, CLAUDE, Capabilities(1_000_000)).files] == ["native"] * 2

    large = file("pdf", PDF, size=20_000_000, page_count=3, text_tokens=10)
    picture = file("image", PNG, size=3_000_000)
    plan = plan_files([large, large, picture], FACTS, CLAUDE, UNKNOWN)
    assert [(p.form, p.reason) for p in plan.files] == [
        ("native", ""),
        ("text", "request_too_large"),
        ("refused", "request_too_large"),
    ]
    assert dict(plan.refused[0].values)["limit"] == "30.0 MB"


def test_a_document_larger_than_the_context_window_says_so():
    planned = plan_one(file("text", "text/plain", text_tokens=9000), DEEPSEEK, Capabilities(8000))
    assert (planned.form, planned.reason) == ("text", "exceeds_window")
    assert dict(planned.values) == {"model": "ds-9", "tokens": planned.tokens, "limit": 8000}


def test_facts_of_an_import_are_not_trusted():
    odd = file("image", PDF, width="wide", height=-4, duration=[], pages="all", text_tokens=True)
    assert plan_one(odd, GPT, ALL).form == "name"  # a PDF that calls itself an image, without text
    image = file("image", PNG, width="wide", height=-4, pages={"a": 1}, duration=True)
    assert plan_one(image, GPT, ALL).tokens == plan_one(file("image", PNG, width=2000, height=2000), GPT, ALL).tokens


def test_the_plan_of_no_files_is_empty():
    plan = plan_files([], {}, GPT, UNKNOWN)
    assert (plan.files, plan.earlier, plan.refused, plan.losses, plan.tokens) == ((), (), (), (), 0)
