"""Realistic Markdown as the tokens of an answer: prose, lists, tables, code, formulas and Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Stands for a token that the gateway replaces by the time of its sending.
TIME = "{time}"
_BLOCKS = (
    """## The tide in the harbour, as read at {time}

The harbour fills twice a day, and the *moon* is the reason: it pulls the sea more than the land. At {time} the gauge
stood **4.2 m** above the mark, and a `reading` that was taken {time} later agreed. What follows is how the figures
came about, {time} among them, and why a [table of tides](https://example.org/tides) is right to a few minutes only.
""",
    """1. **Read the gauge** at the same hour every day, here {time}, and write it down.
2. **Take the wind** into account: a gale from the west adds half a metre, as {time} shows.
   - from the north it takes some away, {time}
   - from the south it does nothing that was seen by {time}
3. **Compare** with the year before, which had {time} in the same place.
4. Repeat until the *difference* stays below `0.1`, as it did at {time}.
""",
    """| Day | High tide | Low tide | Reading |
|---|---:|---:|---|
| Monday | 4.2 m at 06:10 | 1.1 m at 12:25 | {time} |
| Tuesday | 4.4 m at 06:58 | 0.9 m at 13:10 | {time} |
| Wednesday | 4.5 m at 07:44 | 0.8 m at 13:54 | {time} |
| Thursday | 4.4 m at 08:31 | 0.8 m at 14:40 | {time} |
| Friday | 4.1 m at 09:20 | 1.0 m at 15:28 | {time} |
""",
    """```python
from math import cos, tau

def tide(hour: float, mean: float = 2.6, range_: float = 3.4) -> float:
    # as of {time}
    return mean + range_ / 2 * cos(tau * hour / 12.42)

for hour in range(0, 24, 2):
    # next: {time}
    print(f"{hour:02d}:00  {tide(hour):.2f} m")
# until {time}
```
""",
    """The height is the sum of a few waves, $h(t) = h_0 + \\sum_k a_k \\cos(\\omega_k t + \\varphi_k)$, as of {time}:

$$
h(t) = 2.6 + 1.7 \\cos\\left(\\frac{2 \\pi t}{12.42}\\right) + 0.4 \\cos\\left(\\frac{2 \\pi t}{12}\\right)
$$

The second wave is the sun's, {time}, and both add up at new moon, when $\\Delta\\varphi = 0$, last seen {time}.
""",
    """### 潮汐

港口每天涨潮两次，原因在于月亮：它对海水的引力大于对陆地的引力。读数时间为 {time} 。风从西面来时，水位会升高半米左右，
这在 {time} 已经看到过。**新月**和*满月*时潮差最大，因为太阳和月亮在一条直线上，下一次是 {time} 。

- 高潮：4.2 米，{time}
- 低潮：1.1 米，{time}
""",
    """> A table of tides is a promise about the moon, {time}, not about the wind.

Whoever sails by it should look at the glass first, {time}. A falling glass means that the water will come higher than
the table says, by a centimetre for each hectopascal, {time}; a rising one means the opposite. In between, *patience*
is the better part of seamanship, or so the harbour master wrote at {time}.
""",
)


def _tokens(text: str) -> Iterator[str]:
    """Yield a text in pieces as models do: four letters, or one or two Chinese characters."""
    for part in re.split(r"(\{time\})", text):
        if part == TIME:
            yield part
        else:
            yield from re.findall(r"[一-鿿，。：]{1,2}|[^一-鿿，。：]{1,4}", part, re.DOTALL)


TOKENS = tuple(_tokens("\n".join(_BLOCKS) + "\n"))
