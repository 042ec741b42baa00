"""Files that the browser names, and those that a tray takes."""

from __future__ import annotations

import pytest

from lib.core.conversation import FilePart
from lib.ui.files import tray
from lib.ui.files.file_text import short_name
from lib.ui.files.tray import FileReference

ONE, TWO = "1" * 64, "2" * 64


def test_files_are_read_as_the_browser_names_them():
    received = [{"digest": ONE, "name": "../a\u202eb.pdf", "source": TWO, "notes": ["Scaled", 1, "x" * 1000]}]
    (reference,) = tray.parse_references(received)
    assert reference == FileReference(ONE, "ab.pdf", TWO, ("Scaled", "x" * 400))


@pytest.mark.parametrize(
    "received",
    [
        None,
        {},
        "text",
        [None],
        [{"digest": ONE}],
        [{"digest": ONE, "name": 1}],
        [{"digest": ONE[:-1], "name": "a"}],
        [{"digest": f"{ONE}\n", "name": "a"}],
        [{"digest": ONE.replace("1", "G"), "name": "a"}],
        [{"digest": [ONE], "name": "a"}],
    ],
)
def test_nothing_else_is_taken_for_a_file(received):
    assert tray.parse_references(received) == []


def test_a_wrong_source_is_left_out_and_long_lists_are_cut():
    assert tray.parse_references([{"digest": ONE, "name": "a", "source": "x"}]) == [FileReference(ONE, "a")]
    assert len(tray.parse_references([{"digest": ONE, "name": "a"}] * 1000)) == 100


def test_a_file_is_in_a_tray_once():
    first = tray.new_files((), [FilePart(ONE, "a.txt"), FilePart(ONE, "b.txt")])
    assert [file.name for file in first] == ["b.txt"]
    both = tray.new_files(first, [FilePart(ONE, "a.txt"), FilePart(TWO, "c.txt")])
    assert [(file.name, file.source) for file in both] == [("c.txt", TWO)]


def test_a_long_name_keeps_its_end():
    assert short_name("report.pdf") == "report.pdf"
    assert short_name("a" * 40 + " final version 2.pdf") == "aaaaaaaaaaaaaaaaaa…ersion 2.pdf"
