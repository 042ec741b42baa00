"""The house rules that a machine can hold: layers, sizes, the tree in the README."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_LINES, MAX_FUNCTION = 300, 40

# Who may import whom: one way, from the page down to the values.
ALLOWED = {
    "app": {"lib.ui"},
    "pages": {"lib.ui", "lib.chat", "lib.core"},
    "lib.ui": {"lib.ui", "lib.chat", "lib.core"},
    "lib.chat": {"lib.chat", "lib.gateway", "lib.core"},
    "lib.storage": {"lib.storage", "lib.core"},
    "lib.gateway": {"lib.gateway", "lib.core"},
    "lib.core": {"lib.core"},
}
# The one place where the parts are put together.
MEETING_POINTS = {"lib/ui/session/resources.py": {"lib.gateway", "lib.storage"}}
ONLY_IN = {
    "streamlit": ("app.py", "pages/", "lib/ui/"),
    "sqlalchemy": ("lib/storage/",),
    "alembic": ("lib/storage/",),
    "requests": ("lib/gateway/transport/request.py", "lib/gateway/transport/cancel.py"),
    "sseclient": ("lib/gateway/transport/sse.py",),
}

PROGRAM = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "lib").rglob("*.py"))]
PYTHON = [*PROGRAM, *sorted((ROOT / "tests").rglob("*.py"))]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}: a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def room(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:2]) if parts[0] == "lib" else parts[0]


@pytest.mark.parametrize("path", PROGRAM, ids=name)
def test_imports_run_one_way(path):
    if room(path) not in ALLOWED:
        assert name(path) == "lib/__init__.py"
        return
    used = {".".join(module.split(".")[:2]) for module in imports(path) if module.startswith("lib.")}
    assert used <= ALLOWED[room(path)] | MEETING_POINTS.get(name(path), set())


@pytest.mark.parametrize("path", PROGRAM, ids=name)
def test_each_library_has_one_room(path):
    for library, rooms in ONLY_IN.items():
        if not name(path).startswith(rooms):
            assert not {m for m in imports(path) if m.split(".")[0] == library}, library


def test_core_needs_nothing_but_the_standard_library():
    outside = {
        "streamlit",
        "requests",
        "sqlalchemy",
        "alembic",
        "sseclient",
        "urllib3",
        "markdown_it",
        "starlette",
    }
    for path in (ROOT / "lib/core").glob("*.py"):
        assert not {module.split(".")[0] for module in imports(path)} & outside, path


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_files_and_functions_stay_small(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MAX_FUNCTION, node.name
            inside = [n for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)]
            assert not inside, f"{node.name} imports inside"


@pytest.mark.parametrize("path", sorted((ROOT / "pages").glob("*.py")), ids=name)
def test_a_pages_first_call_is_require(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [
        node
        for statement in tree.body
        if not isinstance(statement, ast.FunctionDef)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
    ]
    first = min(calls, key=lambda call: (call.lineno, call.col_offset))
    assert ast.unparse(first) == "access.require()"


def described() -> dict[str, str]:
    """The files that the README's tree names, with what it says of each."""
    block = re.search(
        r"```text\n(app\.py.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert block, "the README has no tree"
    found, folder = {}, ""
    for line in block[1].splitlines():
        entry = re.match(r"(\s*)(\S+)\s*(.*)", line)
        assert entry, line
        indent, path, words = entry.groups()
        if path.endswith("/"):
            folder = path
        if path.endswith(".py"):
            found[(folder if indent else "") + path] = words
    return found


def test_the_tree_in_the_readme_is_the_tree_on_the_disk():
    files = {
        name(path): (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]
        for path in PROGRAM
        if "migrations" not in path.parts and path.name != "__init__.py"
    }
    assert described() == files


def test_no_module_is_empty():
    for path in PYTHON:
        assert ast.parse(path.read_text(encoding="utf-8")).body, name(path)
