"""TeX as KaTeX reads it: environments that it lacks, simple chemistry, and formulas that would cost too much."""

from __future__ import annotations

import re

# Environments of amsmath that KaTeX does not have, and those that look most alike.
_ENVIRONMENTS = {"flalign": "align", "multline": "gather", "eqnarray": "align"}
_ENVIRONMENT = re.compile(r"\\(begin|end)\{(flalign|multline|eqnarray)(\*?)\}")
_EQNARRAY = re.compile(r"&[ \t]*((?:=|<|>|\\[a-z]+)[ \t]*)&")
# KaTeX has no mhchem, and shows its commands in red.
_CHEMISTRY = re.compile(r"\\ce\s*\{((?:[^{}]|\{[^{}]*\}){0,400})\}")
_CHEMISTRY_COMMAND = re.compile(r"\\(?:ce|pu)(?![A-Za-z])")
_SIMPLE_CHEMISTRY = re.compile(r"(?:[A-Za-z0-9+()\[\].*\s^_{}-]|<=>|<->|->|<-)*")
_CHEMISTRY_TOKEN = re.compile(
    r"(?P<condition>->\[(?P<above>[^\[\]]*)\](?:\[(?P<below>[^\[\]]*)\])?)"
    r"|(?P<arrow>(?:<=>|<->|->|<-)(?!\[))"
    r"|(?P<group>[_^]\{[A-Za-z0-9+-]+\}|[_^][A-Za-z0-9+-]+)"
    r"|(?P<charge>(?<=[A-Za-z0-9)\]])[+-](?![A-Za-z0-9(>]))"
    r"|(?P<number>(?<=[A-Za-z)\]])\d+)"
    r"|(?P<product>\*)"
    r"|(?P<text>[A-Za-z]+|[0-9.]+|[()\[\]]|\s\+(?=\s)|\s+)"
)
_ARROWS = {
    "->": r"\rightarrow ",
    "<-": r"\leftarrow ",
    "<->": r"\leftrightarrow ",
    "<=>": r"\rightleftharpoons ",
}
# A definition multiplies what a formula costs; a nesting, a size or a number of columns adds to it.
_DEFINITION = re.compile(r"\\(?:[egx]?def|let|futurelet|global|(?:re|provide)?newcommand|renewcommand)(?![A-Za-z])")
_LARGE_SIZE = re.compile(r"\d{4,}(?:\.\d*)?\s*(?:em|ex|mu|pt|px|pc|in|cm|mm|bp|dd|cc|sp|nd|nc)")
MAX_DEPTH = 60
MAX_CELLS = 600


def prepare_formula(body: str) -> str | None:
    """Write a formula for KaTeX; None for one that it cannot render, or only at a high cost."""
    if _DEFINITION.search(body) or _LARGE_SIZE.search(body) or body.count("&") + body.count("\\\\") > MAX_CELLS:
        return None
    if _nesting_depth(body) > MAX_DEPTH:
        return None
    if "eqnarray" in body:
        body = _EQNARRAY.sub(r"&\1", body)
    body = _ENVIRONMENT.sub(lambda match: f"\\{match[1]}{{{_ENVIRONMENTS[match[2]]}{match[3]}}}", body)
    body = _CHEMISTRY.sub(lambda match: _write_chemistry(match[1]) or match[0], body)
    return None if _CHEMISTRY_COMMAND.search(body) else body


def _nesting_depth(body: str) -> int:
    depth = max_depth = 0
    for sign in re.findall(r"\\?[{}]|\\begin|\\end|\\left(?![a-z])|\\right(?![a-z])", body):
        depth += {"{": 1, "\\begin": 1, "\\left": 1, "}": -1, "\\end": -1, "\\right": -1}.get(sign, 0)
        max_depth = max(max_depth, depth)
    return max_depth


def _write_chemistry(source: str) -> str | None:
    r"""Write a simple formula of mhchem as \mathrm; None for one with other than letters, figures and arrows."""
    if not _SIMPLE_CHEMISTRY.fullmatch(source):
        return None
    pieces: list[str] = []
    position = 0
    while position < len(source):
        match = _CHEMISTRY_TOKEN.match(source, position)
        if not match:
            return None
        position = match.end()
        pieces.append(_write_token(match))
    return rf"\mathrm{{{''.join(pieces).strip()}}}"


def _write_token(match: re.Match[str]) -> str:
    text = match[0]
    if match["condition"]:
        above, below = (_write_chemistry(match[name] or "") or "" for name in ("above", "below"))
        return rf"\xrightarrow[{below}]{{{above}}}" if match["below"] else rf"\xrightarrow{{{above}}}"
    match match.lastgroup:
        case "arrow":
            return _ARROWS[text]
        case "group":
            return f"{text[0]}{{{text[1:].strip('{}')}}}"
        case "charge":
            return f"^{{{text}}}"
        case "number":
            return f"_{{{text}}}"
        case "product":
            return r" \cdot "
    return " " if text.isspace() else text
