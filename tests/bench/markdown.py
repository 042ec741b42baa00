"""Cost per frame of rewriting a growing answer, compared with one plain markdown-it parse of the live text.

python -m tests.bench.markdown prints milliseconds of CPU per frame and the ratio for each kind of text.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from markdown_it import MarkdownIt

from lib.ui.markdown.arriving_text import ArrivingText
from lib.ui.markdown.sanitize import split_first_block

FRAME_CHARS = 40  # 800 characters a second, in frames of 50 ms
PROSE = "The harbour fills twice a day, and the *moon* is the reason: it pulls the sea more than the land. "
SAMPLES = {
    "prose": (PROSE * 4 + "\n\n") * 12,
    "numbered list": "".join(f"{number}. **Step {number}**: {PROSE}\n" for number in range(1, 50)),
    "table": "| Day | High tide | Low tide |\n|---|---:|---:|\n"
    + "| Monday | 4.2 m at 06:10 | 1.1 m at 12:25 |\n" * 100,
    "code": "```python\n" + "def tide(hour: int) -> float:\n    return cos(hour / 12.4)\n\n" * 80 + "```\n",
    "formulas": "The energy is \\(E = mc^2\\), for $5 or $x_i$.\n\n\\[\n\\int_0^1 x \\, dx = 1\n\\]\n\n" * 50,
}
PARSER = MarkdownIt("commonmark")


def time_per_frame(text: str, work: Callable[[str], int]) -> float:
    """Seconds of CPU per frame, where `work` returns the number of characters that need no more work."""
    start, count, started_at = 0, 0, time.process_time()
    for end in range(FRAME_CHARS, len(text) + FRAME_CHARS, FRAME_CHARS):
        start += work(text[start:end])
        count += 1
    return (time.process_time() - started_at) / count


def time_frames(text: str) -> float:
    """Seconds of CPU per frame of a live answer."""
    arriving, started_at = ArrivingText("en"), time.process_time()
    positions = range(0, len(text), FRAME_CHARS)
    for position in positions:
        arriving.update(text[position : position + FRAME_CHARS])
    return (time.process_time() - started_at) / len(positions)


def parse(live: str) -> int:
    """Parse the same text once."""
    size, _ = split_first_block(live)
    began = time.process_time()
    PARSER.parse(live)
    parse.seconds += time.process_time() - began  # type: ignore[attr-defined]
    return size


def main() -> None:
    print(f"{'text':15} {'characters':>10} {'ms/frame':>9} {'plain parse':>12} {'ratio':>6}")
    for name, text in SAMPLES.items():
        parse.seconds = 0.0  # type: ignore[attr-defined]
        time_per_frame(text, parse)
        plain = parse.seconds / (len(text) / FRAME_CHARS) * 1000  # type: ignore[attr-defined]
        cost = min(time_frames(text) for _ in range(2)) * 1000
        print(f"{name:15} {len(text):10} {cost:9.2f} {plain:12.2f} {cost / plain:6.2f}")


if __name__ == "__main__":
    main()
