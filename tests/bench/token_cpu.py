"""CPU time of a server per streamed token, by thread and by kind of text, beside a naive app in the same run.

.venv/bin/python -m tests.bench.token_cpu [READERS]

Readers speak Streamlit's websocket protocol. The kernel counts the time of each thread, so other programs on the
machine disturb the result little.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from tests.bench.concurrent_users import access_settings
from tests.bench.gateway import question, running_gateway
from tests.bench.markdown import SAMPLES
from tests.bench.tab import proxy_headers
from tests.support.app_server import AppServer

READERS, RATE = 8, 50  # tokens per second of each answer
WARM_UP, DURATION = 4.0, 12.0  # seconds from the first token until the time is counted, and counted seconds
TOKEN_CHARS = 5
HERE = Path(__file__).parent
CHINESE = "港口每天涨潮两次，原因在于月亮：它对海水的引力大于对陆地的引力。"
TEXTS = {
    "digits": "".join(f"{number * 7919:013d}{' ' if number % 40 else chr(10) * 2}" for number in range(1, 600)),
    **{name: sample for name, sample in SAMPLES.items() if name != "code"},
    "code": SAMPLES["code"],
    "Chinese": (CHINESE * 8 + "\n\n") * 20,
}
# Python names its threads for the kernel from 3.14 on.
NAME_THREADS = """
import ctypes, threading
_libc, _bootstrap = ctypes.CDLL(None), threading.Thread._bootstrap_inner
def _named_bootstrap(self):
    _libc.prctl(15, self.name.encode()[:15], 0, 0, 0)
    _bootstrap(self)
threading.Thread._bootstrap_inner = _named_bootstrap
"""
GROUPS = {"ScriptRunner": "script", "answer-save": "checkpoints", "checkpoints": "checkpoints", "answer": "gateway"}


async def _read(url: str, name: str, kind: str, streaming: asyncio.Barrier, end: asyncio.Event) -> None:
    """Open the page, ask, and take messages without reading them until `end`."""
    address = f"{url.replace('http', 'ws')}/_stcore/stream"
    async with connect(address, origin=url, additional_headers=proxy_headers(name), max_size=None) as socket:  # type: ignore[arg-type]
        await socket.send(_rerun_message())
        page, composer = await _find_composer(socket)
        await socket.send(_rerun_message(page, composer, kind))
        receiver = asyncio.create_task(_discard(socket))
        await asyncio.sleep(WARM_UP)
        await streaming.wait()
        await end.wait()
        receiver.cancel()


async def _discard(socket: ClientConnection) -> None:
    async for _ in socket:
        pass


async def _find_composer(socket: ClientConnection) -> tuple[str, str]:
    """Read the first run to its end; return the hash of the page and the id of the message input."""
    page = composer = ""
    async for data in socket:
        message = ForwardMsg.FromString(data)  # type: ignore[arg-type]
        kind = message.WhichOneof("type")
        if kind == "new_session":
            page = message.new_session.page_script_hash
        elif kind == "delta" and message.delta.new_element.WhichOneof("type") == "chat_input":
            composer = message.delta.new_element.chat_input.id
        elif kind == "script_finished" and composer:
            break
    return page, composer


def _rerun_message(page: str = "", composer: str = "", kind: str = "") -> bytes:
    message = BackMsg()
    message.rerun_script.query_string = "model=bench&wire=openai"
    message.rerun_script.page_script_hash = page
    if composer:
        widget = message.rerun_script.widget_states.widgets.add()
        widget.id = composer
        widget.chat_input_value.data = question(int(RATE * (WARM_UP + DURATION + 30)), RATE, kind)
    return bytes(message.SerializeToString())


def _thread_times(pid: int) -> dict[str, tuple[str, float]]:
    """Name and CPU seconds of each thread of a process."""
    times = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            nanoseconds = int((task / "schedstat").read_text().split()[0])
            times[task.name] = ((task / "comm").read_text().strip(), nanoseconds / 1e9)
        except (FileNotFoundError, ProcessLookupError):
            pass
    return times


def _group_of(thread: str, task: str, pid: int) -> str:
    if task == str(pid):
        return "event loop"
    return next((group for prefix, group in GROUPS.items() if thread.startswith(prefix)), "other")


async def measure(server: AppServer, kind: str, run: int, readers: int) -> Counter[str]:
    """Microseconds of CPU per token, by thread."""
    streaming, end = asyncio.Barrier(readers + 1), asyncio.Event()
    tasks = [asyncio.create_task(_read(server.url, f"r{run}-{n}", kind, streaming, end)) for n in range(readers)]
    await asyncio.wait_for(streaming.wait(), 120)
    before = _thread_times(server.pid)
    started = time.monotonic()
    await asyncio.sleep(DURATION)
    after, tokens = _thread_times(server.pid), (time.monotonic() - started) * RATE * readers
    end.set()
    await asyncio.gather(*tasks)
    costs: Counter[str] = Counter()
    for task, (name, seconds) in after.items():
        costs[_group_of(name, task, server.pid)] += (seconds - before.get(task, ("", 0.0))[1]) * 1e6 / tokens
    await asyncio.sleep(1)
    return costs


def split_texts() -> dict[str, list[str]]:
    """Return the tokens of each kind of text."""
    return {
        kind: [text[start : start + TOKEN_CHARS] for start in range(0, len(text), TOKEN_CHARS)]
        for kind, text in TEXTS.items()
    }


def main() -> None:
    readers = int(sys.argv[1]) if len(sys.argv) > 1 else READERS
    kinds = sys.argv[2].split(",") if len(sys.argv) > 2 else list(TEXTS)
    columns = ("script", "gateway", "event loop", "checkpoints", "other")
    with tempfile.TemporaryDirectory() as name, running_gateway(split_texts()) as url, ExitStack() as stack:
        folder = Path(name)
        (folder / "names").mkdir()
        (folder / "names/sitecustomize.py").write_text(NAME_THREADS)
        (folder / "naive").mkdir()
        shutil.copy(HERE / "naive.py", folder / "naive/app.py")
        names = {"PYTHONPATH": str(folder / "names")}
        naive = AppServer(folder / "naive", {"BENCH_URL": url, **names}, program=folder / "naive")
        stack.callback(naive.close)
        antler = AppServer(folder / "antler", {**access_settings(url), **names})
        stack.callback(antler.close)
        print(f"| text | naive, µs/token | Antler, µs/token | ratio | {' | '.join(columns)} |")
        print("|---|--:|--:|--:|" + "--:|" * len(columns))
        for run, kind in enumerate(kinds):
            naive_cost = asyncio.run(measure(naive, kind, 2 * run, readers)).total()
            costs = asyncio.run(measure(antler, kind, 2 * run + 1, readers))
            cells = " | ".join(f"{costs[column]:.0f}" for column in columns)
            total = costs.total()
            print(f"| {kind} | {naive_cost:.0f} | {total:.0f} | {total / naive_cost:.2f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
