"""The long answer of the demo: sixteen thousand characters of every Markdown element."""

from calendar import TextCalendar
from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import comb, gcd, isqrt
from unicodedata import name

from lib.demo.texts import CODE, LONG, MATHS, TABLE


def _table(*rows: Iterable[object]) -> str:
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join((lines[0], "|" + "--:|" * (lines[0].count("|") - 1), *lines[1:]))


def _collatz(n: int) -> Iterator[int]:
    while n != 1:
        yield n
        n = 3 * n + 1 if n % 2 else n // 2
    yield 1


def long_answer_blocks(is_chinese: bool) -> Iterator[str]:
    """Yield the blocks of the long answer."""
    primes = [n for n in range(2, 400) if all(n % d for d in range(2, n))]
    sides = [(a, b, isqrt(a * a + b * b)) for a in range(1, 60) for b in range(a, 90) if gcd(a, b) == 1]
    products = ("".join(f"{a * b:5}" for b in range(1, 13)) for a in range(1, 13))
    triangle = (" ".join(str(comb(n, k)) for k in range(n + 1)) for n in range(13))
    yield from (text[is_chinese] for text in (LONG, CODE, MATHS, TABLE))
    yield "## Squares, cubes and roots"
    yield _table(("n", "n²", "n³", "√n"), *((n, n**2, n**3, f"{n**0.5:.4f}") for n in range(1, 51)))
    yield "## The primes below 400\n\n" + ", ".join(map(str, primes)) + "."
    yield f"There are {len(primes)}. Neighbours that differ by two, the *twins*, are rarer:"
    yield "\n".join(f"* {a} and {b}" for a, b in pairwise(primes) if b - a == 2)
    yield "## Down to one\n\nHalve the even; triple the odd, add one. Nobody knows if it always ends."
    yield "\n".join(f"1. {' → '.join(map(str, _collatz(n)))}" for n in (6, 7, 9, 25, 27))
    yield ("## Pascal’s triangle\n\n```text\n" + "\n".join(row.center(52).rstrip() for row in triangle) + "\n```")
    yield "> A row of it adds up to a power of two:\n>\n> \\[ \\sum_{k=0}^{n} \\binom{n}{k} = 2^n. \\]"
    yield "## The Greek letters, as Unicode names them"
    yield _table(("Letter", "Code", "Name"), *((chr(c), hex(c), name(chr(c)).lower()) for c in range(945, 970)))
    yield "## Right triangles in whole numbers\n\nBy Pythagoras, \\(a^2 + b^2 = c^2\\)."
    yield "\n".join(f"- **{c}** is the long side of {a} and {b}" for a, b, c in sides if a * a + b * b == c * c)
    yield "## Numbers as a computer keeps them\n\nIn bits, in eights and in sixteens."
    yield _table(("n", "Binary", "Octal", "Hex"), *((n, f"`{n:07b}`", f"{n:o}", f"{n:x}") for n in range(32, 96)))
    yield "## Twelve times twelve\n\n```text\n" + "\n".join(products) + "\n```"
    yield "## What is warm?"
    yield _table(("°C", "°F", "K"), *((c, c * 9 / 5 + 32, f"{c + 273.15:.2f}") for c in range(-20, 41, 5)))
    for year in (2028, 2029):
        yield f"## A calendar for {year}\n\n```text\n{TextCalendar().formatyear(year)}```"
