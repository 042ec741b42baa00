"""An answer with every kind of content."""

from __future__ import annotations

import base64
import io

from PIL import Image

from lib.core.conversation import ImagePart, OtherPart, Part, SourcePart, TextPart, ThinkingPart
from lib.core.web_search import search_to_part

BLOCKS = """## A heading

A paragraph with `code`, a [link](https://example.com/a), **bold**, H<sub>2</sub>O and <kbd>Ctrl</kbd>.

> [!WARNING]
> Read **this**

> A quotation

1. One
2. Two
   - [ ] Open
   - [x] Done

| Name | Value |
|---|---:|
| a | 1 |
| b | 2 |

```python
# A comment
def f(name: str) -> int:
    return len("text") + 1  # LONG_LINE
```

```html
<h1>A page</h1>
```

Inline \\(a^2\\), and \\[ \\sum_{i=1}^{n} i = \\frac{n(n+1)}{2} \\]
""".replace("LONG_LINE", "longer than the messages are wide " * 5)


def image_data() -> str:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def all_content() -> tuple[Part, ...]:
    """Return every kind of content of an answer."""
    return (
        ThinkingPart("First this, then `that`."),
        TextPart(BLOCKS),
        ImagePart("image/png", image_data()),
        OtherPart("tool_use", "search", '{"query": "deer"}'),
        search_to_part("deer", [SourcePart("https://example.com/deer", "Deer")]),
        SourcePart("https://example.com/a", "A page", "Some words of it"),
    )
