"""What the demo gateway answers to what was asked: the tour, an echo, lines without end."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any

from lib.demo import long
from lib.demo.rules import wrong
from lib.demo.texts import CODE, HONEST, MATHS, NEXT, TABLE, TOUR, Block

_CHINESE = re.compile("[\u3400-\u9fff]|chinese", re.IGNORECASE)
_TOPICS = (
    ("long", r"(?<!how )(?<![a-z])long(er)?(?![a-z])|长文|很长|长一点|长回答"),
    ("code", r"(?<![a-z])(code|coding|python|script)(?![a-z])|代码|程序"),
    ("maths", r"(?<![a-z])(maths?|mathematics|formulas?|formulae|equations?)(?![a-z])|公式|数学"),
    ("table", r"(?<![a-z])tables?(?![a-z])|(?<![代发外手])表(?![示达明现情面扬演])"),
)
_QUOTES_SHOWN = 8
# References, not backslashes: a page that reads \[ and \( as the start of a formula would find one.
_HARMLESS = {ord(c): f"&#{ord(c)};" for c in "`[]\\$*_<>&~|"}
# Longer strings, such as files, are shortened in an echo.
_ECHOED_MOST = 2_000
# A schema that refers to itself would have no end.
_REFERENCES_MOST = 3
_TAG = re.compile(r"</?[a-z]+>")
_FIRST_WORDS, _FIRST_LETTERS = 8, 50
_LOTS = ("amber", "birch", "clover", "dune", "ember", "fern", "granite", "heather")


@dataclass(frozen=True)
class Ask:
    """What was sent: system prompt, all questions in order, the number of files with the last, the seed."""

    system: str
    questions: tuple[str, ...]
    files: int
    seed: int | None = None

    @property
    def tongue(self) -> int:
        """0 for English, 1 for Chinese."""
        return 1 if _CHINESE.search(self.questions[-1]) else 0


def endless() -> Iterator[str]:
    """Yield numbered lines for ever, in groups of ten."""
    ends = cycle(
        ("says only that it is here", "follows the one before", "has nothing to add", "is in no hurry")
    )
    for n in count(1):
        yield (f"\n## Lines {n} to {n + 9}\n\n" if n % 10 == 1 else "") + f"{n}. Line {n} {next(ends)}.\n"


def quote(text: str, most: int = 80) -> str:
    """Return text in quotation marks, as one line of at most `most` characters that Markdown leaves alone."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = line if len(line) <= most else line[: most - 1].rstrip() + "…"
    return f"“{line.translate(_HARMLESS)}”"


def beginning(ask: Ask) -> str:
    """Return the first words of the last question, without tags: the demo's idea of a title or a summary."""
    words = _TAG.sub(" ", ask.questions[-1]).split()
    short = " ".join(words[:_FIRST_WORDS])[:_FIRST_LETTERS].strip()
    return f"简而言之：{short}" if _CHINESE.search(short) else f"In short: {short}"


def tour(ask: Ask) -> str:
    """Return the tour, or what its topics show, as it fits the last question."""
    last, later = ask.questions[-1], len(ask.questions) > 1
    topic = next((word for word, words in _TOPICS if re.search(words, last.lower())), "")
    topics: dict[str, Iterable[Block]] = {"long": long.blocks(), "code": CODE, "maths": MATHS, "table": TABLE}
    blocks = [*_received(ask, bool(topic)), *topics.get(topic, () if later else TOUR)]
    if later:
        blocks.append(NEXT)
    if later or topic:
        blocks.append(HONEST)
    return "\n\n".join(block if isinstance(block, str) else block[ask.tongue] for block in blocks) + "\n"


def _received(ask: Ask, served: bool) -> Iterator[Block]:
    asked, last = len(ask.questions), ask.questions[-1].strip()
    if asked > 1:
        first = max(1, asked - _QUOTES_SHOWN + 1)
        listed = "\n".join(f"{n}. {quote(text)}" for n, text in enumerate(ask.questions[first - 1 :], first))
        latest = (" The latest:", "最近的是：") if first > 1 else ("", "")
        yield (
            f"You have asked {asked} questions so far, the whole path was sent.{latest[0]}\n\n{listed}",
            f"你已经问了 {asked} 个问题，整条对话都发了过来。{latest[1]}\n\n{listed}",
        )
    elif last and not served:
        yield (
            f"You asked: {quote(last)}. The demo cannot answer that, but it can show you around.",
            f"你问的是：{quote(last)}。演示答不了，不过可以带你看看。",
        )
    if ask.system:
        yield (
            f"Your system prompt came along: {quote(ask.system)}",
            f"系统提示词也收到了：{quote(ask.system)}",
        )
    if ask.files:
        yield (
            f"Files received: {ask.files}. The demo does not open them.",
            f"收到文件 {ask.files} 个，演示不会打开。",
        )
    if ask.seed is not None:
        lots = ", ".join(drawn(ask.seed))
        yield f"With seed {ask.seed} the lots are: {lots}.", f"种子 {ask.seed} 抽到的词：{lots}。"


def drawn(seed: int) -> tuple[str, ...]:
    """Return three words, the same for the same seed."""
    digest = hashlib.sha256(str(seed).encode()).digest()
    return tuple(_LOTS[byte % len(_LOTS)] for byte in digest[:3])


def echo(body: Mapping[str, Any]) -> str:
    """Return the body of a request in a fenced block; long strings are shortened."""
    said = json.dumps(_shortened(body), ensure_ascii=False, indent=2)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", said)), default=0))
    return f"{fence}json\n{said}\n{fence}\n"


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _ECHOED_MOST:
        return f"{value[:_ECHOED_MOST]}… ({len(value):,} characters)"
    if isinstance(value, Mapping):
        return {name: _shortened(item) for name, item in value.items()}
    return [_shortened(item) for item in value] if isinstance(value, list) else value


def as_json(form: Mapping[str, Any], ask: Ask) -> str:
    """Return an answer in JSON: by the schema, or of the demo's own making where that is empty.

    Raises Refused (400) for a schema that is none.
    """
    free = {"demo": True, "model": None, "note": "No model wrote this.", "question": ask.questions[-1]}
    try:
        made = _instance(form, form, 0) if form else free
    except (TypeError, ValueError, KeyError, IndexError, AttributeError):
        wrong("schema", "is not a JSON schema that the demo understands.")
    return json.dumps(made, ensure_ascii=False, indent=2) + "\n"


def _instance(schema: Any, root: Mapping[str, Any], references: int) -> Any:
    """The least that a JSON schema of the usual kind allows."""
    if not isinstance(schema, Mapping) or references > _REFERENCES_MOST:
        return None
    if "const" in schema or schema.get("enum"):
        return schema["const"] if "const" in schema else schema["enum"][0]
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        known = {**(root.get("definitions") or {}), **(root.get("$defs") or {})}
        return _instance(known.get(name), root, references + 1)
    for choice in ("anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            return _instance(schema[choice][0], root, references)
    return _simple(schema, root, references)


def _simple(schema: Mapping[str, Any], root: Mapping[str, Any], references: int) -> Any:
    kind = schema.get("type") or ("object" if "properties" in schema else "string")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            known = schema.get("properties") or {}
            return {name: _instance(inner, root, references) for name, inner in known.items()}
        case "array":
            least = max(1, schema.get("minItems") or 1)
            return [_instance(schema.get("items") or {}, root, references)] * min(least, 100)
        case "number" | "integer":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case "null":
            return None
    return "demo"
