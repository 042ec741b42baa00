"""Fixtures of all tests: a store in a file of its own, connections to loopback only, Hypothesis profiles."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from sqlalchemy.util import LRUCache
from xdist.workermanage import WorkerController

from lib.storage.store import Store
from tests.support import app_server, postgres
from tests.support.app_server import ServerPool
from tests.support.forked_process import ForkServer

# The same examples in every run, more of them in CI; HYPOTHESIS_PROFILE=deep looks for new ones.
# No check depends on the wall clock, so that a busy machine fails no test.
UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=25, derandomize=True, database=None, **UNTIMED)
settings.register_profile("ci", max_examples=50, derandomize=True, database=None, **UNTIMED)
settings.register_profile("deep", max_examples=2_000, print_blob=True, **UNTIMED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if "CI" in os.environ else "default"))
# Databases and browser profiles are synced all the time; in memory, that costs nothing.
MEMORY = Path("/dev/shm")
MIN_FREE_MEMORY = 4 << 30  # bytes
BROWSER_TESTS = Path(__file__).parent / "browser"
# Allocations between two collections: those of the default cost a thirtieth of the run time.
GARBAGE_THRESHOLD = 20_000
COMPILED_STATEMENTS = 5_000  # of each dialect
UNSENT = "unsent"  # marks a report
POOL = pytest.StashKey[ServerPool]()
_connect = socket.socket.connect


def pytest_configure(config: pytest.Config) -> None:
    """Place temporary files, and open the pool of servers in the process that controls the run.

    Its workers are told the folder of the pool.
    """
    _place_temporary_files()
    is_worker = hasattr(config, "workerinput")
    folder = Path(config.workerinput["server_pool"] if is_worker else tempfile.mkdtemp(prefix="antler-servers-"))
    config.stash[POOL] = ServerPool(folder)
    postgres.shared_folder = folder
    if sys.platform == "linux":
        app_server.fork_server = ForkServer(folder)
    if is_worker:
        _begin_elsewhere(config)
        if not _asks_for_details(config):
            _send_results_only(config)
        return
    lifeline = config.stash[POOL].open()

    def close() -> None:
        os.close(lifeline)
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(close)


def _begin_elsewhere(config: pytest.Config) -> None:
    """Let each worker collect other files first: a file of a fresh clone is compiled by one, and read by the others."""
    files = []
    for folder in map(Path, config.args):
        if not folder.is_dir():
            return
        files += sorted(folder.rglob("test_*.py"))
    worker = int(config.workerinput["workerid"].removeprefix("gw"))
    first = len(files) * worker // config.workerinput["workercount"]
    config.args = [str(file) for file in files[first:] + files[:first]]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    node.workerinput["server_pool"] = str(node.config.stash[POOL].folder)


def _asks_for_details(config: pytest.Config) -> bool:
    """Tell if more than the results is wanted: durations, the output of passed tests, each start, or a file of all."""
    option = config.option
    is_detailed = option.verbose > 0 or option.durations is not None or {*"AP"} & {*option.reportchars}
    return bool(is_detailed or option.xmlpath)


def _send_results_only(config: pytest.Config) -> None:
    """Keep messages from the controlling process that it prints nothing of: most of its processor time is theirs.

    Of six messages for each test that passes, two are left: its result, and its end.
    """
    (interactor,) = [each for each in config.pluginmanager.get_plugins() if type(each).__name__ == "WorkerInteractor"]
    send = interactor.sendevent

    def send_result(name: str, **content: Any) -> None:
        if name not in ("logstart", "logfinish") and UNSENT not in content.get("data", ()):
            send(name, **content)

    class Reports:
        @pytest.hookimpl(tryfirst=True)
        def pytest_report_to_serializable(self, report: Any) -> dict[str, Any] | None:
            if not isinstance(report, pytest.TestReport) or not report.passed:
                return None
            if report.when != "call":
                return {UNSENT: True}
            report.keywords, report.sections = {}, []
            return None

    interactor.sendevent = send_result
    config.pluginmanager.register(Reports())


def _place_temporary_files() -> None:
    """Keep temporary files in memory where there is enough of it, and programs in it may run."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    if shutil.disk_usage(MEMORY).free >= MIN_FREE_MEMORY and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect no garbage while tests are collected: nearly all objects stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the browser tests apart: Playwright leaves an event loop running in its process. Sort the others."""
    if len({BROWSER_TESTS in path.parents for path in {item.path for item in items}}) > 1:
        raise pytest.UsageError("run tests/browser in a process of its own: make test-browser")
    # The same order in all workers, whatever they collected first.
    items.sort(key=lambda item: str(item.path))
    # The first worker begins with the tests of the SDKs, also in programs, so that the others need not import these.
    items.sort(key=lambda item: {"sdks", "run_python"}.isdisjoint(vars(getattr(item, "module", item))))
    # Before them, those with a time limit of their own: they wait, and a run would end with them alone.
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


def pytest_collection_finish() -> None:
    """Take what is loaded so far out of garbage collection: Streamlit runs a full one after each script run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    # pytest's handlers would be added to each logger that does not propagate, six times a test; one that
    # propagates reaches them through the root.
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("streamlit") and isinstance(logger, logging.Logger):
            logger.propagate = True


@pytest.fixture(scope="session", autouse=True)
def only_loopback():
    """Fail a test at once that connects to another machine."""

    def connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            assert str(address[0]) in ("127.0.0.1", "::1", "localhost"), f"{address} is not this machine"
        return _connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield


class SharedStatements(LRUCache):
    """Compiled statements of all engines of a dialect, which is an object of the engine's own in each key."""

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: tuple[Any, ...], value: Any) -> None:
        super().__setitem__(key[1:], value)


@pytest.fixture(scope="session", autouse=True)
def compile_statements_once():
    """Keep compiled statements: each test has an engine of its own, and most of its statements are run once."""
    caches: dict[str, SharedStatements] = {}

    def create_engine(*args: Any, **options: Any) -> sa.Engine:
        engine = original(*args, **options)
        engine._compiled_cache = caches.setdefault(engine.dialect.name, SharedStatements(COMPILED_STATEMENTS))
        return engine

    original = sa.create_engine
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sa, "create_engine", create_engine)
        yield


@pytest.fixture(scope="session")
def server_pool(request) -> ServerPool:
    """Servers that all workers share, by the name of their settings."""
    return request.config.stash[POOL]


@pytest.fixture(scope="session")
def database_template(tmp_path_factory) -> Path:
    """A SQLite file with all tables and no rows: a copy is much faster than running the migrations."""
    path = tmp_path_factory.mktemp("template") / "antler.db"
    Store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def database_url(tmp_path, database_template) -> str:
    shutil.copyfile(database_template, tmp_path / "antler.db")
    return f"sqlite:///{tmp_path}/antler.db"


@pytest.fixture
def store(database_url):
    store = Store(database_url)
    yield store
    store.close()
