"""Markdown texts that make a browser load something from a foreign server unless its policy forbids that."""

IMAGE = "![x](http://stranger/)"
# Each shows an image in Streamlit's renderer, whole or while it grows, where a naive filter sees code.
HOSTILE_TEXTS = [
    IMAGE,
    f"$ ` $ {IMAGE} `",
    f"$$\n```\n$$\n{IMAGE}",
    f":::x\n```\n:::\n{IMAGE}\n```",
    f":red[`]{IMAGE}`",
    f':a{{b="`"}}{IMAGE}`',
    f"::a[`]\n{IMAGE}`",
    f"[a](`){IMAGE}`",
    f'[b](c "\n`"){IMAGE}`',
    f"[a][`]{IMAGE}`\n\n[`]: /u",
    f"[^`]{IMAGE}`\n\n[^`]: a",
    f'<a title="`">{IMAGE}`',
    f"<!-- ` -->{IMAGE}`",
    f"http://x.com/` {IMAGE} `",
    f"| `a | {IMAGE} ` |\n|---|---|\n| `a | {IMAGE} ` |",
    f"a ``\n:-\n{IMAGE} ``",
    f"a `\n===\n` {IMAGE} `",
    f"[a]: /u\n    {IMAGE}",
    f"[^1]: a\n\n    {IMAGE}\n\n[^1]",
    f"2) |a\n|-|-|\nb|c\n\n    {IMAGE}",
    f"- > 1. ```a\n```{IMAGE}```",
    f"a\n- 2. b\n\n      {IMAGE}",
    f"a\n- -\nb\n\n    {IMAGE}",
    f"$$\n- a\n$$\n\n    {IMAGE}",
    f"    {IMAGE}",
    f"\ufeff```\na\n```\n{IMAGE}",
    f"\\\\` {IMAGE} `` b `",
    f"- > 1. ```\n  >    {IMAGE}",
    f"<div>\n\n{IMAGE}\n\n</div>",
    f"<pre>\n```\n</pre>\n{IMAGE}",
    f"\\`{IMAGE}`",
    f"# {IMAGE}\n\n> {IMAGE}\n\n- {IMAGE}\n\n:red[{IMAGE}] **{IMAGE}** [^1]\n\n[^1]: {IMAGE}",
    "![\nx\n](\nhttp://stranger/\n) ![x](<http://stranger/>) ![x] [x]\n\n[x]: http://stranger/",
    f"a\r```\rb\r```\r{IMAGE}\x00",
    f"![{IMAGE}]({IMAGE})",
]
DIAGRAMS = [
    'A@{ img: "http://stranger/a.png", w: 9, h: 9 }',
    "A[\"<img src='http://stranger/b.png'>\"]",
    "A-->B\n  style A fill:url(http://stranger/c.png)",
    "A-->B\n  classDef a background:image-set('http://stranger/d.png')",
]
THEME = "@import url(http://stranger/f.css); @font-face {font-family: x; src: url(http://stranger/g.woff)}"
HOSTILE_TEXTS += [
    f"```{word}\nflowchart TD\n  {source}\n```"
    for word in ("mermaid", "m&#101;rmaid", "-language-mermaid")
    for source in DIAGRAMS
]
HOSTILE_TEXTS += [
    f"```mermaid\n%%{{init: {{'themeCSS': '{THEME}'}}}}%%\nflowchart TD\nA-->B\n```",
    f"```mermaid\n---\nconfig:\n  themeCSS: '{THEME}'\n---\nflowchart TD\nA-->B\n```",
    "$\\href{http://stranger/}{x}$ $\\includegraphics{http://stranger/h.png}$",
    "<iframe src='http://stranger/'></iframe><link rel=stylesheet href='http://stranger/i.css'>",
]
