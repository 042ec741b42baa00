"""What the demo gateway says: short texts that show what the page can do."""

import re
from calendar import TextCalendar
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, cycle, pairwise
from math import comb, gcd, isqrt
from types import MappingProxyType
from unicodedata import name

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

# A block is Markdown for both languages, or a pair: English, Chinese.
_Block = str | tuple[str, str]

_HONEST: _Block = (
    "*This is the built-in demo, not a model. To talk to one, set `DEERAPI_API_KEY`, or `[gateway] api_key` "
    "in `.streamlit/secrets.toml`, and start Antler again.*",
    "*这是内置演示，不是模型。想和真正的模型对话，请设置 `DEERAPI_API_KEY`，或在 `.streamlit/secrets.toml` "
    "里写上 `[gateway] api_key`，再重新启动 Antler。*",
)
_TOUR: tuple[_Block, ...] = (
    (
        "# Welcome to Antler\n\nThis text comes from a small gateway built into Antler. It is **not a "
        "model**: it recites what was written beforehand, over the same two wires a real gateway speaks, so "
        "that you can look around before you have a key.\n\n## What Antler is\n\nA chat page for a team "
        "whose models all sit behind one gateway. It speaks OpenAI’s `/v1/chat/completions` and Anthropic’s "
        "`/v1/messages`, and holds one conversation over either.\n\n## What to try\n\n"
        "1. **Ask something else.** From the second question on, the demo lists what you asked before: the "
        "whole path is sent each time.\n2. **Reload the page, or close it** while an answer comes. The "
        "answer goes on, and is there when you are back.\n3. **Use one of these words:** code, maths, "
        "table, long. Or write in Chinese: 用中文提问，导览就用中文。\n"
        "4. **Change the model.** Each shows another side of the "
        "page:\n\n| Model | What you will see |\n|---|---|\n| `demo-thinker` | three seconds of thinking, "
        "then an answer |\n| `demo-slow` | four seconds of waiting, then a trickle |\n"
        "| `demo-silent` | nothing at all, until you end it |\n"
        "| `demo-endless` | line after line, until you end it |\n"
        "| `demo-breaks` | a connection lost in mid-sentence |\n"
        "| `demo-errors` | an error in the middle of an answer |\n"
        "| `demo-busy` | “too many requests”, however often you ask |\n"
        "| `demo-badgateway` | a gateway that is down |\n\n"
        "Formulas work too. An answer of \\(n\\) pieces, at \\(r\\) pieces a second, takes so many seconds:",
        "# 欢迎使用 Antler\n\n这段文字来自 Antler 自带的小网关。它**不是模型**，只是把事先写好的文字，"
        "按真实网关的两种格式念出来，让你在拿到密钥之前先四处看看。\n\n## Antler 是什么\n\n"
        "给团队用的聊天页面，所有模型都在同一个网关后面。它会说 OpenAI 的 `/v1/chat/completions`，"
        "也会说 Anthropic 的 `/v1/messages`，同一段对话用哪一种都行。\n\n## 可以试试\n\n"
        "1. **再问一句。** 从第二个问题起，演示会列出你之前问过什么：每次发出去的都是整条对话。\n"
        "2. **回答途中刷新或关掉页面**。回答会继续，你回来时它就在那里。\n"
        "3. **在问题里写上这些词：** 代码、公式、表格、长文。\n"
        "4. **换一个模型。** 每个模型让你看到页面的另一面：\n\n"
        "| 模型 | 你会看到 |\n|---|---|\n| `demo-thinker` | 先思考三秒，再回答 |\n"
        "| `demo-slow` | 先等四秒，再慢慢地说 |\n| `demo-silent` | 一言不发，直到你让它结束 |\n"
        "| `demo-endless` | 说个没完，直到你让它结束 |\n| `demo-breaks` | 一句话没说完，连接断了 |\n"
        "| `demo-errors` | 回答到一半，报了错 |\n| `demo-busy` | “请求太多”，再问也一样 |\n"
        "| `demo-badgateway` | 网关出了故障 |\n\n"
        "公式也能显示。一个回答有 \\(n\\) 段，每秒来 \\(r\\) 段，需要的秒数是",
    ),
    "\\[ t = \\frac{n}{r}, \\qquad r \\approx 60. \\]",
    (
        "## Connect your gateway\n\nSet the environment variable `DEERAPI_API_KEY`, or write the key into a "
        "file, then start Antler again:",
        "## 接上你的网关\n\n设置环境变量 `DEERAPI_API_KEY`，或者把密钥写进文件，然后重新启动 Antler：",
    ),
    '```toml\n# .streamlit/secrets.toml\n[gateway]\napi_key = "…"\n```',
    ("Until then, nothing you type is sent to a model.", "在那之前，你输入的内容不会发给任何模型。"),
)
_CODE: tuple[_Block, ...] = (
    (
        "## A little code\n\nEuclid’s way to the greatest common divisor: keep the smaller number and the "
        "remainder, until nothing remains.",
        "## 一小段代码\n\n欧几里得求最大公约数的办法：只留下较小的数和余数，直到余数为零。",
    ),
    "```python\ndef gcd(a: int, b: int) -> int:\n"
    '    """Return the greatest common divisor of two whole numbers."""\n'
    "    while b:\n        a, b = b, a % b\n    return abs(a)\n\n\nprint(gcd(1071, 462))  # 21\n```",
    ("Inside a sentence, code looks like this: `a % b`.", "写在句子里的代码是这样的：`a % b`。"),
)
_MATHS: tuple[_Block, ...] = (
    (
        "## Three formulas\n\n**The roots.** If \\(ax^2 + bx + c = 0\\) and \\(a \\ne 0\\), then",
        "## 三个公式\n\n**求根。** 若 \\(ax^2 + bx + c = 0\\) 且 \\(a \\ne 0\\)，则",
    ),
    "\\[ x = \\frac{-b \\pm \\sqrt{b^2 - 4ac}}{2a}. \\]",
    ("**A sum.** The first \\(n\\) odd numbers make a square:", "**求和。** 前 \\(n\\) 个奇数之和是平方数："),
    "\\[ \\sum_{k=1}^{n} (2k - 1) = n^2. \\]",
    ("**A turn** of the plane by the angle \\(\\theta\\):", "**旋转。** 把平面转过角度 \\(\\theta\\)："),
    "\\[ \\begin{pmatrix} \\cos\\theta & -\\sin\\theta \\\\ \\sin\\theta & \\cos\\theta \\end{pmatrix} \\]",
    ("A price such as $5 or $10 stays plain text.", "像 $5 或 $10 这样的价钱仍是普通文字。"),
)
_TABLE: tuple[_Block, ...] = (
    (
        "## The inner planets\n\nWords stand on the left, numbers on the right.\n\n"
        "| Planet | Days in a year | Moons | Known for |\n|:--|--:|--:|:--|\n"
        "| Mercury | 88 | 0 | the shortest year |\n| Venus | 225 | 0 | the hottest surface |\n"
        "| Earth | 365 | 1 | you |\n| Mars | 687 | 2 | the highest volcano |",
        "## 四颗类地行星\n\n文字靠左，数字靠右。\n\n| 行星 | 一年的天数 | 卫星 | 特点 |\n|:--|--:|--:|:--|\n"
        "| 水星 | 88 | 0 | 一年最短 |\n| 金星 | 225 | 0 | 表面最热 |\n| 地球 | 365 | 1 | 有你 |\n"
        "| 火星 | 687 | 2 | 火山最高 |",
    ),
)
_LENGTH: tuple[_Block, ...] = (
    (
        "# A long answer\n\nThis one is here for its length: sixteen thousand characters of headings, lists, "
        "tables, formulas and code. Scroll while it grows. The numbers were worked out when you asked; "
        "check any you like.",
        "# 一篇长文\n\n这篇只是为了长：一万六千个字符，有标题、列表、表格、公式和代码。它还在变长时，"
        "你就可以滚动。其中的数字是你提问时算出来的，欢迎验算。",
    ),
    "## How this text reached you\n\nThe page asked over HTTP and the demo began to answer before it had "
    "finished: the answer is a stream of *events*, each a line or two of text with an empty line behind "
    "it. On OpenAI’s wire every event carries a `delta`, a few words to add; the last one is the word "
    "`[DONE]`. On Anthropic’s wire the events have names. One opens a block, many add to it, one closes "
    "it, and `message_stop` ends all.\n\nAntler reads either, and turns both into the same few facts: "
    "some text, some thinking, a count of tokens, an end. An answer always ends in one way, and the page "
    "says which:\n\n- it is complete;\n- it was cut by its length limit;\n- you ended it;\n- the stream "
    "broke off;\n- the gateway reported an error, in its own words.\n\n"
    "What had arrived by then is kept in every case.\n\n"
    "### Why a long answer stays quick\n\n"
    "1. Words that arrive within a twentieth of a second are painted together.\n"
    "2. A paragraph, list or table that is finished is left alone; only the last one is painted again.\n"
    "    - So a hundred short paragraphs cost little,\n    - and one enormous table costs more.\n"
    "3. The answer belongs to the server, not to this tab. Close the tab, and it goes on.",
)
_NEXT: _Block = (
    "**Next:** ask for code, maths, a table or something long; edit an earlier question; or choose another "
    "model, say `demo-thinker`.",
    "**接下来：** 可以要代码、公式、表格或长文；可以修改前面的问题；也可以换一个模型，比如 `demo-thinker`。",
)
_THINKING = (
    "A model would begin here by reading the question again. I am the built-in demo, so nothing is being "
    "worked out; I only show what it looks like when a model thinks before it speaks.\n\n"
    "First it would settle what is being asked, and what is not. Then it would gather what it knows, set "
    "aside what does not help, and try one way through. If that failed, it would go back and try another. "
    "Much of thinking is going back.\n\n"
    "Then it would check. Are the numbers right? Was a case left out? Would a shorter answer serve the "
    "reader better? All of this costs tokens, and they count towards the limit set for the answer. That is "
    "why a small limit can be used up before the first word is said.\n\n"
    "Nothing of the kind happens here: these words were ready before you asked. But they do arrive the way "
    "thoughts arrive. Three seconds are over; now the answer."
)
_SPOKEN = MappingProxyType(
    {
        "demo-thinker": "The thinking came first, apart from the answer. Both were written beforehand: this "
        "is the built-in demo, not a model. With a model that thinks, its own thoughts take that place.",
        "demo-slow": "You waited four seconds for this. The gateway was not asleep: once a second it sent a "
        "small sign of life, which carries no text.\n\nNow the words trickle in, about four pieces a second, "
        "as they might from a large model on a busy afternoon. You can read along, scroll up, or open "
        "another conversation and come back. You can also end the answer early; what has arrived is kept. "
        "Nothing here is thinking hard. It is the built-in demo, not a model, and it is slow on purpose, "
        "to show how the page waits.",
        "demo-breaks": "This answer will not reach its end. The demo sends some forty pieces of text, then "
        "cuts the connection in the middle of an event, the way a network fails when a cable is pulled or a "
        "proxy gives up. What has arrived stays on the page, and the page should say that the rest is "
        "missing. You can then carry on from",
        "demo-errors": "This answer begins well. After some twenty pieces, though, the demo reports an error "
        "inside the stream. The status was 200 by then, so only the stream itself can still tell",
    }
)


@dataclass(frozen=True)
class Ask:
    """What was sent: the system prompt, all questions in order, and how many files came with the last."""

    system: str
    questions: tuple[str, ...]
    files: int


def say(model: str, ask: Ask) -> tuple[str, str]:
    """Return the thinking of a demo model, which may be empty, and its answer in Markdown."""
    return (_THINKING if model == "demo-thinker" else ""), _SPOKEN.get(model) or _tour(ask)


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


def _tour(ask: Ask) -> str:
    last, later = ask.questions[-1], len(ask.questions) > 1
    tongue = 1 if _CHINESE.search(last) else 0
    topic = next((word for word, words in _TOPICS if re.search(words, last.lower())), "")
    topics: dict[str, Iterable[_Block]] = {"long": _long(), "code": _CODE, "maths": _MATHS, "table": _TABLE}
    blocks = [*_received(ask, bool(topic)), *topics.get(topic, () if later else _TOUR)]
    if later:
        blocks.append(_NEXT)
    if later or topic:
        blocks.append(_HONEST)
    return "\n\n".join(block if isinstance(block, str) else block[tongue] for block in blocks) + "\n"


def _received(ask: Ask, served: bool) -> Iterator[_Block]:
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


def _grid(*rows: Iterable[object]) -> str:
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join((lines[0], "|" + "--:|" * (lines[0].count("|") - 1), *lines[1:]))


def _collatz(n: int) -> Iterator[int]:
    while n != 1:
        yield n
        n = 3 * n + 1 if n % 2 else n // 2
    yield 1


def _long() -> Iterator[_Block]:
    primes = [n for n in range(2, 400) if all(n % d for d in range(2, n))]
    sides = [(a, b, isqrt(a * a + b * b)) for a in range(1, 60) for b in range(a, 90) if gcd(a, b) == 1]
    times = ("".join(f"{a * b:5}" for b in range(1, 13)) for a in range(1, 13))
    pascal = (" ".join(str(comb(n, k)) for k in range(n + 1)) for n in range(13))
    yield from (*_LENGTH, *_CODE, *_MATHS, *_TABLE)
    yield "## Squares, cubes and roots"
    yield _grid(("n", "n²", "n³", "√n"), *((n, n**2, n**3, f"{n**0.5:.4f}") for n in range(1, 51)))
    yield "## The primes below 400\n\n" + ", ".join(map(str, primes)) + "."
    yield f"There are {len(primes)}. Neighbours that differ by two, the *twins*, are rarer:"
    yield "\n".join(f"* {a} and {b}" for a, b in pairwise(primes) if b - a == 2)
    yield "## Down to one\n\nHalve the even; triple the odd, add one. Nobody knows if it always ends."
    yield "\n".join(f"1. {' → '.join(map(str, _collatz(n)))}" for n in (6, 7, 9, 25, 27))
    yield "## Pascal’s triangle\n\n```text\n" + "\n".join(row.center(52).rstrip() for row in pascal) + "\n```"
    yield "> A row of it adds up to a power of two:\n>\n> \\[ \\sum_{k=0}^{n} \\binom{n}{k} = 2^n. \\]"
    yield "## The Greek letters, as Unicode names them"
    yield _grid(
        ("Letter", "Code", "Name"), *((chr(c), hex(c), name(chr(c)).lower()) for c in range(945, 970))
    )
    yield "## Right triangles in whole numbers\n\nBy Pythagoras, \\(a^2 + b^2 = c^2\\)."
    yield "\n".join(
        f"- **{c}** is the long side of {a} and {b}" for a, b, c in sides if a * a + b * b == c * c
    )
    yield "## Numbers as a computer keeps them\n\nIn bits, in eights and in sixteens."
    yield _grid(
        ("n", "Binary", "Octal", "Hex"), *((n, f"`{n:07b}`", f"{n:o}", f"{n:x}") for n in range(32, 96))
    )
    yield "## Twelve times twelve\n\n```text\n" + "\n".join(times) + "\n```"
    yield "## What is warm?"
    yield _grid(("°C", "°F", "K"), *((c, c * 9 / 5 + 32, f"{c + 273.15:.2f}") for c in range(-20, 41, 5)))
    for year in (2028, 2029):
        yield f"## A calendar for {year}\n\n```text\n{TextCalendar().formatyear(year)}```"
