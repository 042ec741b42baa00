"""A conversation as Markdown for people: who said what, whatever signs it is made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lib.core.types import Conversation, Node, Outcome, Text, Thinking

_MARKUP = re.compile(r"[\\`*_\[\]<>#~|$&!]")
# What may stand before a block inside lists and quotations.
_PREFIX = r"(?P<before>(?:[ \t]|>|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t]))*)"
_FENCE = re.compile(_PREFIX + r"(?P<fence>`{3,}(?=[^`]*\Z)|~{3,})", re.DOTALL)
_HEADING = re.compile(r"(?P<before> {0,3}(?:(?:>|[-*+]|\d{1,9}[.)])[ \t]+)*>?)(?P<marks>#{1,6})(?=[ \t]|\Z)")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*")
_LISTED = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])[ \t]")
_TAG = re.compile(r"<(?=[A-Za-z/!?])(?!(?:https?|mailto):[^\s<>]*>)")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(?:.*?[^`])\1(?!`)")
_LINE_END = re.compile(r"\r\n|\r|\n")
_DEEPER = 2  # the document itself has headings of the first two levels
_MOST_TICKS = 400  # in a line whose code spans are looked for


def markdown(conversation: Conversation, path: Sequence[Node], say: Callable[[str], str]) -> str:
    """The path of a conversation as one document: its title, its date, and each message under a heading.

    `say` gives the words of a name in the reader's language: "export.question", "export.answer",
    "export.thinking", "export.<outcome>" for every outcome but complete, and "wire.<wire>". What is said
    keeps its code blocks as they are; its headings stand under the document's, and raw HTML in it shows as text.
    """
    blocks = [f"# {escaped(conversation.title)}", _date(conversation.created or conversation.updated)]
    for node in path:
        blocks += _turn(node, say)
    return "\n\n".join(filter(None, blocks)) + "\n"


def _turn(node: Node, say: Callable[[str], str]) -> Iterator[str]:
    yield f"## {_speaker(node, say)}"
    yield _date(node.created)
    for part in node.message.parts:
        if isinstance(part, Thinking) and part.text.strip():
            summary = f"<summary>{escaped(say('export.thinking'))}</summary>"
            yield f"<details>\n{summary}\n\n{contained(part.text)}\n\n</details>"
        elif isinstance(part, Text):
            yield contained(part.text)
    if node.outcome is not Outcome.COMPLETE:
        outcome = Outcome.INTERRUPTED if node.arriving else node.outcome
        yield f"> {escaped(say(f'export.{outcome}'))}"
    if node.failure and node.failure.detail:
        yield f"> {escaped(node.failure.detail)}"


def _speaker(node: Node, say: Callable[[str], str]) -> str:
    if node.message.role == "user":
        return escaped(say("export.question"))
    if node.target is None:
        return escaped(say("export.answer"))
    return f"{escaped(node.target.model)} · {escaped(say(f'wire.{node.target.wire}'))}"


def _date(seconds: float) -> str:
    """The time in words that sort; "" where it is not known."""
    return f"*{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC*" if seconds > 0 else ""


def escaped(text: str) -> str:
    """The text as one line that is nothing but text."""
    line = _MARKUP.sub(lambda sign: f"\\{sign[0]}", " ".join(text.split()))
    return re.sub(
        r"^([-+=]|\d+(?=[.)]))", lambda sign: sign[0] if sign[0].isdigit() else f"\\{sign[0]}", line
    )


def contained(text: str) -> str:
    """What somebody said, so that the document around it stays as it is.

    Headings go two levels down, tags show as text, and a code block that is open at the end is closed.
    What stands in code is left alone.
    """
    lines: list[str] = []
    said: list[str] = []  # the lines since the last blank one or code block
    code: _Code | None = None
    listed = False
    for line in [*_LINE_END.split(text.strip("\r\n")), ""]:
        if code is None or not code.holds(line):
            code = _opened(line, listed)
            listed = listed or _LISTED.match(line) is not None
            if code is None and line.strip():
                said.append(line)
                continue
        elif code.closed_by(line):
            code = None
        lines += _tame(said)
        said = []
        lines.append(line)
    lines.pop()
    return "\n".join([*lines, code.closing] if code else lines)


@dataclass(frozen=True)
class _Code:
    """A code block that is open: what stands before its fence, and the fence."""

    before: str
    fence: str

    @property
    def column(self) -> int:
        return len(self.before.expandtabs(4))

    @property
    def closing(self) -> str:
        return (self.before if ">" in self.before else " " * self.column) + self.fence

    def holds(self, line: str) -> bool:
        """Whether the line is inside: a list or a quotation that ends takes its code block with it."""
        if ">" in self.before:
            return line.lstrip().startswith(">")
        return not line.strip() or self.column <= len(line) - len(line.lstrip(" ")) or self.column < 1

    def closed_by(self, line: str) -> bool:
        inner = line.lstrip(" \t>") if ">" in self.before else line[self.column :].expandtabs(4)
        marks = inner.strip()
        indented = inner.startswith("    ")
        return not indented and len(marks) >= len(self.fence) and not marks.strip(self.fence[0])


def _opened(line: str, listed: bool) -> _Code | None:
    """The code block that this line opens; far to the right it does so only in a list."""
    found = _FENCE.match(line)
    if found is None:
        return None
    code = _Code(found["before"], found["fence"])
    return code if listed or code.column < 4 or _LISTED.match(line) or ">" in code.before else None


def _tame(said: list[str]) -> list[str]:
    """Lines of one paragraph, a list or a table, without a heading of the document's levels or a tag."""
    spans = all(_paired(line) for line in said)
    lines: list[str] = []
    for number, line in enumerate(said):
        if number and _UNDERLINE.fullmatch(line):
            lines.append("")  # else it would make a heading of the line before
        line = _HEADING.sub(_deeper, line, count=1) if _HEADING.match(line) else line
        lines.append(_outside(line) if spans else _TAG.sub("&lt;", line))
    return lines


def _deeper(heading: re.Match[str]) -> str:
    return heading["before"] + "#" * min(6, len(heading["marks"]) + _DEEPER)


def _paired(line: str) -> bool:
    """Whether every code span of the line ends in it, as far as is easily seen."""
    return "\\`" not in line and line.count("`") <= _MOST_TICKS and "`" not in _SPAN.sub("", line)


def _outside(line: str) -> str:
    """The line with its tags as text, but for those in code spans."""
    found, end = "", 0
    for span in _SPAN.finditer(line):
        found += _TAG.sub("&lt;", line[end : span.start()]) + span[0]
        end = span.end()
    return found + _TAG.sub("&lt;", line[end:])
