"""The reading process: crashes, time-outs, its environment, its answers and its life."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lib.chat.attachments import AttachmentReader
from lib.chat.attachments import reader as reader_module
from lib.chat.attachments.process import ReadingProcess
from lib.core.attachment_errors import (
    AttachmentsDisabled,
    BrokenFile,
    EmptyFile,
    FileReaderBusy,
    FileReaderFailed,
    FileTimedOut,
    FileTooLarge,
    MessageFilesTooLarge,
    TooManyFiles,
)
from lib.core.attachments import AttachmentLimits
from tests.unit.chat.attachments.reader_processes import ECHO, make_reader, replaced_process, replaced_reading

ROOT = Path(__file__).parents[4]
RETURN = "return Parsed('text', 'text/plain', text={})"


@pytest.fixture
def fresh_reader():
    """Yield a reader whose processes return what they get."""
    with replaced_reading():
        reader = make_reader()
        yield reader
        reader.close()


FAILURES = {
    "segmentation fault": ("os.kill(os.getpid(), signal.SIGSEGV)", BrokenFile),
    "abort": ("os.abort()", BrokenFile),
    "error": ("raise ValueError('damaged')", BrokenFile),
    "recursion": ("raise RecursionError", BrokenFile),
    "exit": ("os._exit(3)", FileReaderFailed),
}


@pytest.fixture(scope="module")
def failing_reader():
    """Yield a reader whose process fails in the way that the name of a file says."""
    failures = "".join(f"if request.name == {name!r}:\n    {body}\n" for name, (body, _) in FAILURES.items())
    with replaced_reading(failures + ECHO):
        reader = make_reader()
        yield reader
        reader.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", FAILURES)
def test_each_way_to_fail_is_one_error_and_the_next_file_is_read(failing_reader, name):
    with pytest.raises(FAILURES[name][1]) as refused:
        failing_reader.read(name, b"x")
    assert refused.value.name == name
    assert failing_reader.read("good.txt", b"fine").text == "fine"


@pytest.mark.slow
def test_a_process_that_cannot_fork_reads_one_file():
    crash = "if request.name == 'bad.txt':\n    os.kill(os.getpid(), signal.SIGSEGV)\n"
    with replaced_reading(crash + ECHO, can_fork=False):
        reader = make_reader()
        for name, text in [("a.txt", "first"), ("b.txt", "second")]:
            assert reader.read(name, text.encode()).text == text
            assert reader._idle == [] and reader.status.peak_memory > 0
        with pytest.raises(BrokenFile):
            reader.read("bad.txt", b"x")
        reader.close()


def test_a_file_that_hangs_is_killed_by_the_clock(fresh_reader):
    with replaced_reading("time.sleep(300)"):
        process = ReadingProcess()
    fresh_reader._idle.append((process, time.monotonic()))
    with pytest.raises(FileTimedOut):
        fresh_reader.read("slow.txt", b"x", seconds=0.3)
    assert process._process.returncode == -signal.SIGKILL
    assert fresh_reader.read("next.txt", b"fine").text == "fine"


def test_a_thumbnail_that_fails_leaves_the_result():
    with replaced_reading(ECHO, "os.kill(os.getpid(), signal.SIGSEGV)"):
        reader = make_reader()
        attachment = reader.read("a.txt", b"read")
        reader.close()
    assert (attachment.text, attachment.thumbnail) == ("read", b"")


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.exit(1)",
        "import no_such_module",
        "print('not a message', flush=True); import time; time.sleep(300)",
        "import os; os.write(1, b'\\0\\0\\0\\x02[]'); import time; time.sleep(300)",
        "import os\nwhile True: os.write(1, b'\\x7f' + b'x' * 65535)",
        "import os; part = b'{\"parts\":[]}'; os.write(1, bytes([0, 0, 0, len(part)]) + part)",
        "import os; part = b'{\"parts\":[9999999999]}'; os.write(1, bytes([0, 0, 0, len(part)]) + part)",
    ],
    ids=["exit", "import-error", "text", "no-header", "endless", "empty-result", "too-large"],
)
def test_an_invalid_answer_is_an_error(code):
    with replaced_process(code):
        limits = AttachmentLimits(max_text_chars=1000, max_file_bytes=1000)
        reader = make_reader(limits)
        with pytest.raises(FileReaderFailed):
            reader.read("a.txt", b"x" * 1000)
        reader.close()


def test_the_process_has_no_secrets_and_cannot_write_files(monkeypatch, tmp_path):
    monkeypatch.setenv("DEERAPI_API_KEY", "sk-Very-Secret-0123456789")
    body = (
        "import pathlib\nfound = [repr(dict(os.environ)), os.getcwd()]\n"
        f"try:\n    pathlib.Path({str(tmp_path / 'x')!r}).write_text('x')\n"
        f"except OSError:\n    found.append('refused')\n{RETURN.format('chr(10).join(found)')}"
    )
    with replaced_reading(body):
        reader = make_reader()
        environment, folder, written = reader.read("a.txt", b"x").text.splitlines()
        reader.close()
    assert "DEERAPI" not in environment and "Very-Secret" not in environment
    assert "PATH" in environment and folder == str(ROOT)
    assert written == "refused" and (tmp_path / "x").read_text() == ""


def test_a_process_is_used_again_and_ends_when_it_is_idle(monkeypatch, fresh_reader):
    fresh_reader.read("a.txt", b"x")
    [(process, _)] = fresh_reader._idle
    fresh_reader.read("b.txt", b"x")
    assert [idle for idle, _ in fresh_reader._idle] == [process] and process.is_alive()
    monkeypatch.setattr(reader_module, "_IDLE_SECONDS", 0.0)
    fresh_reader._end_idle_processes()
    assert fresh_reader._idle == [] and process._process.returncode is not None
    assert fresh_reader.read("c.txt", b"x").text == "x"


def test_a_process_that_ended_meanwhile_is_replaced(fresh_reader):
    fresh_reader.read("a.txt", b"x")
    [(process, _)] = fresh_reader._idle
    os.kill(process._process.pid, signal.SIGKILL)
    process._process.wait(30)
    assert fresh_reader.read("b.txt", b"fine").text == "fine"


def test_files_are_read_at_once_up_to_the_number_of_processes(monkeypatch, tmp_path):
    # Each file waits until another one is being read.
    meet = (
        f"folder = {str(tmp_path)!r}\nos.mkdir(folder + '/' + request.name)\nend = time.monotonic() + 60\n"
        f"while len(os.listdir(folder)) < 2 and time.monotonic() < end: time.sleep(0.01)\n"
        f"{RETURN.format('str(len(os.listdir(folder)))')}"
    )
    with replaced_reading(meet):
        reader = AttachmentReader(AttachmentLimits(), processes=2)
        results: list[str] = []
        threads = [
            threading.Thread(target=lambda name=name: results.append(reader.read(name, b"x").text)) for name in "ab"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(90)
        assert results == ["2", "2"]
        assert len(reader._idle) == 2
        monkeypatch.setattr(reader_module, "_MAX_WAIT_SECONDS", 0.01)
        assert reader._slots.acquire(timeout=0) and reader._slots.acquire(timeout=0)
        with pytest.raises(FileReaderBusy):
            reader.read("c", b"x")
        reader.close()
    assert reader._idle == []


def test_the_process_ends_with_the_program():
    code = (
        "from lib.chat.attachments import AttachmentReader; from lib.core.attachments import AttachmentLimits\n"
        "import os, signal; reader = AttachmentReader(AttachmentLimits()); reader.read('a.txt', b'x')\n"
        "print(reader._idle[0][0]._process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    program = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, check=False, timeout=120, text=True
    )
    pid = int(program.stdout)
    deadline = time.monotonic() + 60
    while _is_running(pid):
        assert time.monotonic() < deadline, "the reading process goes on without its program"
        time.sleep(0.02)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_the_program_loads_none_of_the_libraries():
    code = (
        "import sys; import lib.chat.attachments\n"
        "print({name.partition('.')[0] for name in sys.modules} & {'PIL', 'pypdfium2', 'docx', 'openpyxl', 'lxml'})"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, timeout=120, text=True).strip() == "set()"


def test_files_are_checked_before_they_are_read():
    reader = make_reader(AttachmentLimits(max_file_bytes=2_000_000, max_message_bytes=3_000_000, max_files=2))
    reader.check([("a", 1_000_000), ("b", 2_000_000)])
    for files, error, name in [
        ([("a", 1), ("x/b", 2_000_001)], FileTooLarge, "b"),
        ([("a", 1), ("b", 0)], EmptyFile, "b"),
        ([("a", 1), ("b", 1), ("c", 1)], TooManyFiles, "c"),
        ([("a", 2_000_000), ("b", 2_000_000)], MessageFilesTooLarge, ""),
    ]:
        with pytest.raises(error) as refused:
            reader.check(files)
        assert refused.value.name == name
    with pytest.raises(FileTooLarge):
        reader.read("a", b"x" * 2_000_001)
    with pytest.raises(EmptyFile):
        reader.previews("a", b"")
    assert reader._idle == []  # nothing was started


def test_no_file_is_read_where_files_are_disabled():
    reader = AttachmentReader(None)
    assert not reader.is_enabled
    for call in (lambda: reader.read("a", b"x"), lambda: reader.check([]), lambda: reader.previews("a", b"x")):
        with pytest.raises(AttachmentsDisabled):
            call()
