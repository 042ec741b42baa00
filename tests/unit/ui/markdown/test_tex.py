"""TeX for KaTeX: environments, simple chemistry, and formulas that become code."""

import pytest

from lib.ui.markdown.sanitize import sanitize
from lib.ui.markdown.tex import prepare_formula

CHEMISTRY = [
    ("2H2 + O2 -> 2H2O", r"2H_{2} + O_{2} \rightarrow  2H_{2}O"),
    ("SO4^2-", "SO_{4}^{2-}"),
    ("Na+ + Cl- <=> NaCl", r"Na^{+} + Cl^{-} \rightleftharpoons  NaCl"),
    ("Fe^{3+}", "Fe^{3+}"),
    ("(NH4)2SO4", "(NH_{4})_{2}SO_{4}"),
    ("CO2(g)", "CO_{2}(g)"),
    ("CuSO4*5H2O", r"CuSO_{4} \cdot 5H_{2}O"),
    ("A ->[heat] B", r"A \xrightarrow{\mathrm{heat}} B"),
    ("^{14}_{6}C", "^{14}_{6}C"),
]


@pytest.mark.parametrize(("source", "expected"), CHEMISTRY)
def test_simple_chemistry_is_written_as_roman_letters(source: str, expected: str) -> None:
    assert prepare_formula(rf"\ce{{{source}}}") == rf"\mathrm{{{expected}}}"


@pytest.mark.parametrize("source", [r"\ce{A\bond{~}B}", r"\ce{C#C}", r"\ce{$x$}", r"\pu{5 kJ}", r"\ce x"])
def test_other_chemistry_becomes_code(source: str) -> None:
    assert prepare_formula(source) is None


def test_a_formula_that_cannot_be_rendered_is_shown_as_written() -> None:
    assert sanitize(r"a $\ce{C#C}$ b") == r"a `$\ce{C#C}$` b"
    assert sanitize(r"a \(\pu{5 J}\) b") == r"a `\(\pu{5 J}\)` b"
    assert sanitize("$$\n\\ce{C#C}\n$$") == "```\n$$\n\\ce{C#C}\n$$\n```"
    assert sanitize("- $$\n  \\ce{C#C}\n  $$") == "- ```\n  $$\n  \\ce{C#C}\n  $$\n  ```"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("\\begin{eqnarray}\na &=& b\n\\end{eqnarray}", "\\begin{align}\na &= b\n\\end{align}"),
        ("\\begin{multline*}\na\n\\end{multline*}", "\\begin{gather*}\na\n\\end{gather*}"),
        ("\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}", "\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}"),
        ("\\begin{cases}\na \\\\ b\n\\end{cases}", "\\begin{cases}\na \\\\ b\n\\end{cases}"),
        ("\\begin{aligned}a\\end{aligned}", "\\begin{aligned}a\\end{aligned}"),
    ],
)
def test_an_environment_without_delimiters_is_a_display_formula(source: str, expected: str) -> None:
    assert sanitize(source) == f"$$\n{expected}\n$$"


@pytest.mark.parametrize(
    "body",
    [
        r"\def\a{xx}\a",
        r"\newcommand{\a}{x}",
        r"\gdef\a{x}",
        r"\rule{1em}{9999em}",
        "&" * 700,
        "{" * 100 + "}" * 100,
        r"\left(" * 100,
    ],
)
def test_a_costly_formula_is_refused(body: str) -> None:
    assert prepare_formula(body) is None


@pytest.mark.parametrize("body", [r"\definecolor", r"\letter \rule{1em}{2em}", r"\frac{1}{\sqrt{1+\frac{1}{x}}}"])
def test_a_usual_formula_stays(body: str) -> None:
    assert prepare_formula(body) == body


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("so\n\\begin{align}\na &= b_1 \\\\\nc", "so\n```\n\\begin{align}\na &= b_1 \\\\\nc"),
        ("- a\n\n  \\begin{cases}\n  x_1 \\\\", "- a\n\n  ```\n  \\begin{cases}\n  x_1 \\\\"),
        ("> \\begin{align}", "> ```\n> \\begin{align}"),
        ("\\begin{align}\na\n\nb", "\\begin{align}  \na\n\nb"),
        ("\\begin{other}\na", "\\begin{other}  \na"),
    ],
)
def test_an_environment_that_arrives_is_code(text: str, expected: str) -> None:
    assert sanitize(text) == expected
