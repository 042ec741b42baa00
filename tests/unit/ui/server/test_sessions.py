"""Owners of Streamlit's sessions."""

from __future__ import annotations

from lib.ui.server.sessions import MAX_FILES, MAX_UPLOAD_BYTES, SessionOwners


def test_a_session_belongs_to_the_client_that_opened_it():
    sessions = SessionOwners()
    sessions.connect("s", "ann")
    sessions.connect("s", "bob")
    assert [sessions.is_owner("s", client) for client in ("ann", "bob", "")] == [True, False, False]
    assert [sessions.is_owner("other", client) for client in ("ann", "")] == [False, False]
    assert (sessions.is_known("s"), sessions.is_known("other")) == (True, False)


def test_uploads_need_the_owner_and_an_id_that_was_given_out():
    sessions = SessionOwners()
    sessions.connect("s", "ann")
    sessions.add_uploads("s", ["f1", "f2"])
    assert sessions.can_upload("s", "f2", "ann", 1)
    assert not sessions.can_upload("s", "f3", "ann", 1)
    assert not sessions.can_upload("s", "f1", "bob", 1)
    assert not sessions.can_upload("t", "f1", "ann", 1)
    sessions.add_uploads("s", [f"g{n}" for n in range(MAX_FILES)])
    assert not sessions.can_upload("s", "f1", "ann", 1)
    assert sessions.can_upload("s", f"g{MAX_FILES - 1}", "ann", 1)


def test_only_disconnected_sessions_are_forgotten():
    sessions = SessionOwners(max_disconnected=2)
    for number in range(5):
        sessions.connect(str(number), "ann")
    sessions.connect("1", "ann")
    for number in range(1, 5):
        sessions.disconnect(str(number))
    # 0 and 1 are connected still; of the others, the first that ended is forgotten.
    assert [sessions.is_owner(str(number), "ann") for number in range(5)] == [True, True, False, True, True]
    sessions.connect("3", "ann")
    sessions.disconnect("1")
    sessions.disconnect("3")
    assert [sessions.is_owner(str(number), "ann") for number in range(5)] == [True, True, False, True, False]


def test_a_download_belongs_to_the_client_of_its_session():
    sessions = SessionOwners()
    sessions.connect("s", "ann")
    sessions.add_download("s", "f")
    assert [sessions.has_download(*pair) for pair in (("f", "ann"), ("f", "bob"), ("g", "ann"))] == [True, False, False]


def test_the_uploads_of_a_session_have_a_total():
    sessions = SessionOwners()
    sessions.connect("s", "ann")
    sessions.connect("t", "ann")
    sessions.add_uploads("s", ["a", "b"])
    sessions.add_uploads("t", ["c"])
    assert sessions.can_upload("s", "a", "ann", MAX_UPLOAD_BYTES - 10)
    assert not sessions.can_upload("s", "b", "ann", 11)
    assert sessions.can_upload("s", "b", "ann", 10)
    # A file that replaces another counts alone, and a deleted one does not.
    assert sessions.can_upload("s", "a", "ann", MAX_UPLOAD_BYTES - 10)
    assert sessions.can_upload("s", "a", "ann", 0)
    assert sessions.can_upload("s", "b", "ann", MAX_UPLOAD_BYTES)
    assert sessions.can_upload("t", "c", "ann", MAX_UPLOAD_BYTES)
    assert not sessions.can_upload("t", "c", "ann", MAX_UPLOAD_BYTES + 1)


def test_a_file_that_was_read_does_not_count_any_more():
    sessions = SessionOwners()
    sessions.connect("s", "ann")
    sessions.add_uploads("s", ["a", "b"])
    assert sessions.can_upload("s", "a", "ann", MAX_UPLOAD_BYTES)
    assert not sessions.can_upload("s", "b", "ann", 1)
    read = {"a", "unknown"}
    sessions.release_uploads(read)
    assert sessions.can_upload("s", "b", "ann", MAX_UPLOAD_BYTES)
    assert not read


def test_a_client_is_connected_while_one_of_its_websockets_is_open():
    owners = SessionOwners()
    owners.connect("s", "ann")
    owners.connect("s", "ann")
    owners.disconnect("s")
    assert (owners.is_connected("ann"), owners.is_connected("bob")) == (True, False)
    owners.disconnect("s")
    assert not owners.is_connected("ann")
