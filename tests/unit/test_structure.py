"""Structure of the code base: layers, cycles, sizes, docstrings. One test for each rule."""

from __future__ import annotations

import ast
import gc
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_FILE_LINES, MIN_FILE_LINES = 400, 40
MAX_FUNCTION_LINES, MAX_TEST_LINES = 40, 60  # a test may tell a longer story

PROGRAM = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "lib").rglob("*.py"))]
PYTHON = [*PROGRAM, *sorted((ROOT / "tests").rglob("*.py"))]

# What each layer may import, besides itself.
LAYERS = {
    "app": {"lib.ui"},
    "pages": {"lib.ui", "lib.chat", "lib.core"},
    "lib.ui": {"lib.chat", "lib.transfer", "lib.config", "lib.core"},
    "lib.chat": {"lib.gateway", "lib.config", "lib.core"},
    "lib.transfer": {"lib.core"},
    "lib.gateway": {"lib.config", "lib.core"},
    "lib.demo": {"lib.core"},
    "lib.storage": {"lib.core"},
    "lib.config": {"lib.core"},
    "lib.core": set(),
}
# The modules that build the store and the gateway and hand them on.
COMPOSITION_ROOT = {
    "lib/ui/session/resources.py": {"lib.gateway", "lib.storage", "lib.demo"},
    "lib/ui/session/services.py": {"lib.gateway", "lib.storage"},
}

# lib/ui from the bottom up: a folder imports itself and what stands on an earlier line.
UI_LEVELS = [
    {"session"},
    {"text"},
    {"browser"},
    {"widgets", "markdown"},
    {"auth"},
    {"server"},
    {"history", "settings", "usage", "inspector"},
    {"files", "gateway_check"},
    {"composer", "admin", "prompts", "projects"},
    {"chat"},
    {"compare"},
]

# The files that may import a library.
LIBRARIES = {
    "streamlit": ("app.py", "pages/", "lib/ui/"),
    "starlette": ("app.py", "lib/ui/"),
    "sqlalchemy": ("lib/storage/",),
    "alembic": ("lib/storage/",),
    "psycopg": ("lib/storage/",),
    "requests": ("lib/gateway/transport/",),
    "urllib3": ("lib/gateway/transport/",),
    "sseclient": ("lib/gateway/transport/sse.py",),
    "markdown_it": ("lib/ui/markdown/", "lib/transfer/escape_markdown.py"),
    "mdit_py_plugins": ("lib/ui/markdown/",),
    "msgspec": ("lib/gateway/catalog/", "lib/storage/database/", "lib/transfer/"),
    "fsspec": ("lib/storage/files/blobs.py",),
    **dict.fromkeys(
        ("pillow_heif", "pypdfium2", "docx", "pptx", "openpyxl", "defusedxml", "bs4", "markdownify", "tinytag")
        + ("puremagic", "charset_normalizer", "python_calamine", "lxml"),
        ("lib/chat/attachments/",),
    ),
    "PIL": ("lib/chat/attachments/", "lib/demo/"),
}
# Parts of Streamlit without a promise to stay: only two modules may import them.
PRIVATE_STREAMLIT = ("streamlit.runtime", "streamlit.proto", "streamlit.web", "streamlit.auth_util")
PRIVATE_STREAMLIT_MODULES = ("lib/ui/server/streamlit_private.py", "lib/ui/server/streamlit_runs.py")
# The first imports nothing of the project, and stands below all folders of lib/ui.
PRIVATE_STREAMLIT_ADAPTER = "lib.ui.server.streamlit_private"


@pytest.fixture(scope="module", autouse=True)
def exempt_trees_from_collection() -> Iterator[None]:
    """Keep garbage collections from the trees of all files, millions of objects that stay: they double the time."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module(path: Path) -> str:
    return name(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def statements(path: Path) -> list[ast.AST]:
    """All statements of a file, and the handlers and cases that contain some; expressions are most of the nodes."""
    found: list[ast.AST] = [tree(path)]
    for node in found:
        for block in ("body", "handlers", "cases", "orelse", "finalbody"):
            inner = getattr(node, block, ())
            if isinstance(inner, list):
                found += inner
    return found


@cache
def imports(path: Path) -> set[str]:
    """Absolute names of all imported modules and of what is imported from them."""
    found: set[str] = set()
    for node in statements(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def imported_modules(path: Path) -> set[str]:
    """Modules of this project that a file imports; a package counts where a name of its own is imported."""
    found: set[str] = set()
    for node in statements(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {full if full in modules() else str(node.module) for full in names}
    return found & modules().keys() - {module(path)}


@cache
def modules() -> dict[str, Path]:
    return {module(path): path for path in PROGRAM}


def layer(path: Path) -> str:
    return ".".join(module(path).split(".")[: 2 if name(path).startswith("lib/") else 1])


@cache
def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in statements(path) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def documented(path: Path) -> Iterator[tuple[ast.AST, str]]:
    for node in statements(path):
        kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, kinds) and (text := ast.get_docstring(node)):
            yield node, text


def test_layers_import_one_way():
    wrong = []
    for path in PROGRAM:
        if name(path) == "lib/__init__.py":
            continue
        own = layer(path)
        allowed = LAYERS[own] | {own} | COMPOSITION_ROOT.get(name(path), set())
        used = {".".join(found.split(".")[:2]) for found in imports(path) if found.startswith("lib.")}
        wrong += [f"{name(path)} imports {found}" for found in sorted(used - allowed)]
    assert wrong == []


def test_folders_of_the_ui_import_one_way():
    level = {folder: number for number, folders in enumerate(UI_LEVELS) for folder in folders}
    wrong = []
    for path in sorted((ROOT / "lib/ui").rglob("*.py")):
        parts = path.relative_to(ROOT / "lib/ui").parts
        if len(parts) == 1:
            assert parts == ("__init__.py",), f"{name(path)} belongs in a folder"
            continue
        for found in imported_modules(path):
            if not found.startswith("lib.ui."):
                continue
            other = found.split(".")[2]
            if found != PRIVATE_STREAMLIT_ADAPTER and other != parts[0] and level[other] >= level[parts[0]]:
                wrong.append(f"{name(path)} imports {found}")
    assert wrong == []


def test_no_imports_run_in_a_cycle():
    graph = {found: sorted(imported_modules(path)) for found, path in modules().items()}
    done: set[str] = set()

    def visit(node: str, above: tuple[str, ...]) -> None:
        assert node not in above, " -> ".join([*above[above.index(node) :], node])
        if node not in done:
            for other in graph[node]:
                visit(other, (*above, node))
            done.add(node)

    for node in graph:
        visit(node, ())


def test_each_library_is_imported_in_its_place():
    wrong = [
        f"{name(path)} imports {library}"
        for path in PROGRAM
        for library, places in LIBRARIES.items()
        if not name(path).startswith(places) and any(found.split(".")[0] == library for found in imports(path))
    ]
    assert wrong == []


def test_private_streamlit_is_imported_by_two_modules():
    wrong = [
        f"{name(path)} imports {found}"
        for path in PROGRAM
        if name(path) not in PRIVATE_STREAMLIT_MODULES
        for found in sorted(imports(path))
        if found.startswith(PRIVATE_STREAMLIT)
    ]
    assert wrong == []


def test_core_imports_the_standard_library_only():
    wrong = {
        f"{name(path)} imports {found}"
        for path in (ROOT / "lib/core").glob("*.py")
        for found in imports(path)
        if found.split(".")[0] in {*LIBRARIES, "httpx", "pydantic", "msgspec", "babel"}
    }
    assert wrong == set()


def test_files_have_a_readable_size():
    sizes = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in PYTHON}
    assert {path: size for path, size in sizes.items() if size > MAX_FILE_LINES} == {}


def test_no_module_is_a_fragment():
    """A file of a few lines belongs to its neighbour, unless it defines a class of its own."""
    small = [
        name(path)
        for path in PROGRAM
        if path.is_relative_to(ROOT / "lib")
        and "migrations" not in path.parts
        and path.name != "__init__.py"
        and len(path.read_text(encoding="utf-8").splitlines()) < MIN_FILE_LINES
        and not any(isinstance(node, ast.ClassDef) for node in tree(path).body)
    ]
    assert sorted(set(small) - SMALL_MODULES) == []


# A value, a table or an adapter of its own that has no neighbour it belongs to.
SMALL_MODULES: set[str] = {
    "lib/ui/server/log_setup.py",
    "lib/config/version.py",
    "lib/ui/session/audit.py",
    "lib/ui/chat/title.py",
    "lib/ui/widgets/navigation.py",
    "lib/ui/widgets/scroll.py",
    "lib/ui/widgets/table.py",
    "lib/ui/widgets/user_names.py",
    "lib/chat/usage/csv_export.py",
    "lib/chat/attachments/formats/audio.py",
    "lib/chat/attachments/formats/html_text.py",
    "lib/chat/attachments/names.py",
    "lib/storage/schema/comparisons.py",
    "lib/storage/database/backends.py",
    "lib/storage/submissions.py",
    "lib/storage/schema/checks.py",
    "lib/core/sanitize.py",
    "lib/core/patterns.py",
}


def test_functions_are_short():
    wrong = [
        f"{name(path)}:{node.lineno} {node.name}"
        for path in PYTHON
        for node in functions(path)
        if (node.end_lineno or 0) - node.lineno >= (MAX_FUNCTION_LINES if path in PROGRAM else MAX_TEST_LINES)
    ]
    assert wrong == []


def test_imports_stand_at_the_top_of_a_module_and_are_absolute():
    wrong = []
    for path in PYTHON:
        inside = {line for node in functions(path) for line in range(node.lineno, (node.end_lineno or 0) + 1)}
        wrong += [
            f"{name(path)}:{node.lineno}"
            for node in statements(path)
            if isinstance(node, ast.Import | ast.ImportFrom) and (node.lineno in inside or getattr(node, "level", 0))
        ]
    assert wrong == []


def test_every_module_of_the_program_has_a_docstring():
    assert [name(path) for path in PROGRAM if path.name != "__init__.py" and not ast.get_docstring(tree(path))] == []


def test_docstrings_start_with_a_verb_or_a_noun():
    wrong = [
        f"{name(path)}:{getattr(node, 'lineno', 1)} {text.splitlines()[0]}"
        for path in PYTHON
        for node, text in documented(path)
        if re.match(r"(What|Whether|Who|Whom|Whose|How)\b", text)
    ]
    assert wrong == []


def test_session_state_is_used_through_the_typed_object():
    used = [
        f"{name(path)}:{node.lineno}"
        for path in PROGRAM
        if not name(path).startswith(("lib/ui/session/", *PRIVATE_STREAMLIT_MODULES))
        and "session_state" in path.read_text(encoding="utf-8")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr == "session_state"
    ]
    assert used == []


def test_the_first_call_of_a_page_is_require():
    for path in sorted((ROOT / "pages").glob("*.py")):
        calls = [
            node
            for statement in tree(path).body
            if not isinstance(statement, ast.FunctionDef)
            for node in ast.walk(statement)
            if isinstance(node, ast.Call)
        ]
        first = min(calls, key=lambda call: (call.lineno, call.col_offset))
        expected = "require_reader()" if path.name == "shared.py" else "require()"
        assert ast.unparse(first).removeprefix("auth.") == expected, name(path)


def test_unit_tests_mirror_the_program():
    folders = {path.parent.relative_to(ROOT / "lib") for path in PROGRAM if path.is_relative_to(ROOT / "lib")}
    others = {Path("support"), Path("compat")}
    tested = {path.parent.relative_to(ROOT / "tests/unit") for path in (ROOT / "tests/unit").rglob("test_*.py")}
    assert tested - folders - others == set()


def test_migrations_follow_each_other_by_number():
    """Two branches that add one each would leave two ends, and no database could be opened."""
    names = sorted(path.stem for path in (ROOT / "lib/storage/migrations/versions").glob("*.py"))
    numbers = [stem[:4] for stem in names]
    assert numbers == [f"{number:04}" for number in range(1, len(names) + 1)]
    for number, stem in enumerate(names, 1):
        text = (ROOT / f"lib/storage/migrations/versions/{stem}.py").read_text(encoding="utf-8")
        assert f'revision = "{number:04}"' in text, stem
        assert number == 1 or f'down_revision = "{number - 1:04}"' in text, stem
    schema = (ROOT / "lib/storage/schema/tables.py").read_text(encoding="utf-8")
    assert f'REVISION = "{len(names):04}"' in schema
