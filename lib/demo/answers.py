"""Texts of the demo models for a request: the tour, a long answer, an echo, a title."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import Any

from lib.demo.long_answer import long_answer_blocks
from lib.demo.received_files import describe_files
from lib.demo.request import ParsedRequest, is_chinese
from lib.demo.texts import CODE, DISCLAIMER, MATHS, NEXT, REFUSAL, SAMPLE, TABLE, TOUR, Text

_TOPICS = (
    ("long", r"(?<!how )(?<![a-z])long(er)?(?![a-z])|长文|很长|长一点|长回答"),
    ("code", r"(?<![a-z])(code|coding|python|script)(?![a-z])|代码|程序"),
    ("maths", r"(?<![a-z])(maths?|mathematics|formulas?|formulae|equations?)(?![a-z])|公式|数学"),
    ("table", r"(?<![a-z])tables?(?![a-z])|(?<![代发外手])表(?![示达明现情面扬演])"),
)
_MAX_QUOTES = 8
# Character references, not backslashes: a page may read \[ and \( as the start of a formula.
_MARKDOWN = {ord(c): f"&#{ord(c)};" for c in "`[]\\$*_<>&~|"}
_MAX_ECHOED = 2_000  # characters of one string
_TAG = re.compile(r"</?[a-z]+>")
_TITLE_WORDS, _TITLE_CHARACTERS = 8, 50
_STREAMED_LINES, _COLLECTED_LINES = 6_000, 30


def write_tour(request: ParsedRequest) -> str:
    """Return the tour, or a sample of the topic that the last question names."""
    language, is_later = request.is_chinese, len(request.turns) > 1
    topic = next((topic for topic, pattern in _TOPICS if re.search(pattern, request.question.lower())), "")
    blocks = list(_received(request, bool(topic)))
    match topic:
        case "long":
            blocks += long_answer_blocks(language)
        case "code":
            blocks.append(CODE[language])
        case "maths":
            blocks.append(MATHS[language])
        case "table":
            blocks.append(TABLE[language])
        case _ if not is_later:
            blocks.append(TOUR[language])
    blocks += [NEXT[language]] if is_later else []
    blocks += [DISCLAIMER[language]] if is_later or topic else []
    return "\n\n".join(blocks) + "\n"


def write_long_answer(request: ParsedRequest) -> str:
    """Return an answer of sixteen thousand characters."""
    return "\n\n".join((*long_answer_blocks(request.is_chinese), DISCLAIMER[request.is_chinese])) + "\n"


def _received(request: ParsedRequest, has_topic: bool) -> Iterator[str]:
    """Yield what the request contained: earlier questions, the system prompt, files."""
    language, count = request.is_chinese, len(request.turns)
    lines: list[Text] = []
    if count > 1:
        first = max(1, count - _MAX_QUOTES + 1)
        turns = enumerate(request.turns[first - 1 :], first)
        questions = "\n".join(f"{number}. {quote(turn.question)}" for number, turn in turns)
        latest = (" The latest:", "最近的是：") if first > 1 else ("", "")
        english = f"You have asked {count} questions so far, the whole path was sent.{latest[0]}\n\n{questions}"
        chinese = f"你已经问了 {count} 个问题，整条对话都发了过来。{latest[1]}\n\n{questions}"
        lines.append((english, chinese))
    elif request.question.strip() and not has_topic:
        question = quote(request.question)
        english = f"You asked: {question}. The demo cannot answer that, but it can show you around."
        lines.append((english, f"你问的是：{question}。演示答不了，不过可以带你看看。"))
    if request.system:
        prompt = quote(request.system)
        lines.append((f"The system prompt was received: {prompt}", f"系统提示词也收到了：{prompt}"))
    if files := request.turns[-1].files:
        received = "\n".join(f"- {quote(file, 200)}" for file in describe_files(files))
        english = f"Files received: {len(files)}. The demo does not read them.\n\n{received}"
        lines.append((english, f"收到 {len(files)} 个文件，演示不会阅读其内容。\n\n{received}"))
    return (line[language] for line in lines)


def quote(text: str, max_characters: int = 80) -> str:
    """Return `text` in quotation marks on one line, shortened and escaped for Markdown."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = line if len(line) <= max_characters else line[: max_characters - 1].rstrip() + "…"
    return f"“{line.translate(_MARKDOWN)}”"


def write_sample(request: ParsedRequest, description: Text) -> str:
    """Return the text of a model without one of its own; it names the model and what it shows."""
    language = request.is_chinese
    return SAMPLE[language].format(name=request.model, description=description[language]) + "\n"


def write_refusal(request: ParsedRequest) -> str:
    """Return a refusal."""
    return REFUSAL[request.is_chinese]


def write_title(request: ParsedRequest) -> str:
    """Return the first words of the last question, without tags."""
    title = " ".join(_TAG.sub(" ", request.question).split()[:_TITLE_WORDS])[:_TITLE_CHARACTERS].strip()
    return f"简而言之：{title}" if is_chinese(title) else f"In short: {title}"


def write_endless_lines(request: ParsedRequest) -> str:
    """Return numbered lines for half an hour, or few of them when the answer is not streamed."""
    ends = cycle(("is just a line", "follows the one before", "has nothing to add", "is in no hurry"))
    return "".join(
        (f"\n## Lines {n} to {n + 9}\n\n" if n % 10 == 1 else "") + f"{n}. Line {n} {next(ends)}.\n"
        for n in range(1, (_STREAMED_LINES if request.is_stream else _COLLECTED_LINES) + 1)
    )


def write_echo(request: ParsedRequest) -> str:
    """Return the body of the request in a fenced block; long strings are shortened."""
    body = json.dumps(_shorten(request.body), ensure_ascii=False, indent=2)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", body)), default=0))
    return f"{fence}json\n{body}\n{fence}\n"


def _shorten(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _MAX_ECHOED:
        return f"{value[:_MAX_ECHOED]}… ({len(value):,} characters)"
    if isinstance(value, Mapping):
        return {name: _shorten(item) for name, item in value.items()}
    return [_shorten(item) for item in value] if isinstance(value, list) else value
