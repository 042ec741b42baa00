"""Cost of a run of the chat page: its statements, its messages to the browser, and their order."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import Engine, event
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner

from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.core.target import Target
from lib.storage.store import Store
from lib.ui.chat import live_answer, transcript
from lib.ui.history import sidebar
from lib.ui.session import resources, services
from lib.ui.session.run_queue import run_queue
from tests.app.chat_app import ChatApp
from tests.support.replay import Canned

OWNER, TARGET = "browser:0123", Target("m-one", "openai")
CONVERSATIONS, TURNS = 60, 3
# Read again when they are some seconds old.
CACHED = ("FROM policy", "FROM refused_param", "FROM queued_question", "FROM gateway_check")


@dataclass
class RunCost:
    """Statements and messages since the last `clear`."""

    statements: list[str] = field(default_factory=list)
    messages: list[ForwardMsg] = field(default_factory=list)

    def clear(self) -> None:
        self.statements.clear()
        self.messages.clear()

    def run(self, app: ChatApp) -> None:
        self.clear()
        app.run()

    def position(self, text: str) -> int:
        """Return the position of the first message that contains a text."""
        return next(number for number, message in enumerate(self.messages) if text.encode() in bytes_of(message))


def bytes_of(message: ForwardMsg) -> bytes:
    return bytes(message.SerializeToString())


@pytest.fixture
def cost(monkeypatch) -> Iterator[RunCost]:
    cost = RunCost()
    enqueue = ForwardMsgQueue.enqueue

    def record_message(self: ForwardMsgQueue, message: ForwardMsg) -> None:
        cost.messages.append(message)
        enqueue(self, message)

    def record_statement(_connection, _cursor, statement, *_) -> None:
        is_of_run = threading.current_thread().name.startswith("ScriptRunner")
        if is_of_run and not statement.startswith("BEGIN") and not any(map(statement.__contains__, CACHED)):
            cost.statements.append(statement)

    monkeypatch.setattr(ForwardMsgQueue, "enqueue", record_message)
    event.listen(Engine, "before_cursor_execute", record_statement)
    yield cost
    event.remove(Engine, "before_cursor_execute", record_statement)


@pytest.fixture(scope="session")
def template(tmp_path_factory, database_template) -> Path:
    """A database with many conversations: to copy the file is much faster than saving them."""
    path = Path(shutil.copy(database_template, tmp_path_factory.mktemp("run-cost")))
    store = Store(f"sqlite:///{path}")
    for number in range(CONVERSATIONS):
        save_conversation(store, number)
    store.close()
    return path


@pytest.fixture
def database_url(tmp_path, template) -> str:
    return f"sqlite:///{shutil.copy(template, tmp_path)}"


@pytest.fixture
def app(keyed) -> ChatApp:
    """The chat page with many conversations, on a new one."""
    return ChatApp()


def save_conversation(store: Store, number: int, turns: int = TURNS) -> None:
    nodes: list[Node] = []
    for turn in range(turns):
        for role, text in (("user", f"Question {number}.{turn}"), ("assistant", f"Answer {number}.{turn}")):
            target = TARGET if role == "assistant" else None
            parent = nodes[-1].id if nodes else None
            message = Message(role, (TextPart(text),))
            nodes.append(Node(f"node{number:04}{len(nodes):08}", parent, message, 1e9 + len(nodes), target=target))
    conversation = Conversation(f"conv{number:012}", f"Chat {number}", time.time() - number, nodes[-1].id, TARGET)
    store.messages.save_turn(OWNER, conversation, nodes)


def open_chat(app: ChatApp, number: int) -> ChatApp:
    return app.open_chat(f"Chat {number}")


def test_a_rerun_of_an_open_chat_costs_no_more_than_what_it_shows(app, cost):
    open_chat(app, 3)
    cost.run(app)
    assert len(cost.statements) <= 7, cost.statements
    # 22 for a turn, 112 for the rest of the page, with one for all conversations in the list.
    assert len(cost.messages) <= 22 * TURNS + 112


def test_a_rerun_sends_scripts_that_the_browser_has_as_a_hash(app, cost, monkeypatch):
    """Streamlit's page names the elements that it has kept, of which a run then sends the hash only."""
    open_chat(app, 3)
    cost.run(app)
    kept = frozenset(message.hash for message in cost.messages if message.metadata.cacheable)
    run_script = ScriptRunner._run_script
    monkeypatch.setattr(
        ScriptRunner,
        "_run_script",
        lambda self, request: run_script(self, replace(request, cached_message_hashes=kept)),
    )
    cost.run(app)
    assert kept >= {message.ref_hash for message in cost.messages} - {""}
    # A third of it are the two scripts whose data is another one in each run.
    assert sum(len(bytes_of(message)) for message in cost.messages) <= 85_000


def test_a_click_on_a_chat_takes_one_run_that_sends_its_messages_first(app, cost):
    cost.clear()
    open_chat(app, 3)
    assert sum(message.WhichOneof("type") == "script_finished" for message in cost.messages) <= 1
    assert len(cost.statements) <= 9, cost.statements
    positions = [cost.position(text) for text in ("Answer 3.2", "antler.tray", "Chat 39")]
    assert positions == sorted(positions)
    assert app.at.query_params["c"] == f"conv{3:012}"


def test_a_page_is_rendered_in_a_turn_that_ends_before_an_answer_is_followed(app, replay, monkeypatch):
    replay.serve("/v1/chat/completions", Canned(b'data: {"choices":[{"delta":{"content":"Yes."}}]}\n\n', silence=0))
    counts: dict[str, tuple[int, int]] = {}

    def record(module: ModuleType) -> None:
        render = module.render

        def render_and_count(*args, **options):
            counts.setdefault(module.__name__.rpartition(".")[2], run_queue.counts())
            if module is live_answer:
                replay.resume()
            return render(*args, **options)

        monkeypatch.setattr(module, "render", render_and_count)

    for module in (transcript, sidebar, live_answer):
        record(module)
    app.ask("And now?")
    assert counts == {"transcript": (1, 0), "sidebar": (1, 0), "live_answer": (0, 0)}


def test_a_longer_list_takes_no_more_statements(app, cost):
    open_chat(app, 3)
    cost.run(app)
    before = len(cost.statements)
    for number in range(CONVERSATIONS, 2 * CONVERSATIONS):
        save_conversation(resources.store(), number)
    cost.run(app)
    assert len(cost.statements) == before


def test_a_longer_conversation_lists_the_models_no_more_often(app, cost, monkeypatch):
    calls: list[str] = []
    list_models = services.model_list
    monkeypatch.setattr(services, "model_list", lambda *args: calls.append("") or list_models(*args))
    counts = []
    for number, turns in ((CONVERSATIONS, 2), (CONVERSATIONS + 1, 8)):
        save_conversation(resources.store(), number, turns)
        app.at.query_params["c"] = f"conv{number:012}"
        app.run()
        calls.clear()
        cost.run(app)
        assert len(app.answers) == turns
        counts.append(len(calls))
    assert counts[0] == counts[1] > 0


def test_a_question_is_shown_before_the_list_and_the_answer(app, cost, replay):
    open_chat(app, 3)
    cost.clear()
    app.ask("And then?")
    question = cost.position("And then?")
    assert question < cost.position("Chat 39")
    assert "And then?" in app.text
