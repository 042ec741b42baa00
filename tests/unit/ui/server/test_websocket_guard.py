"""Guard of a websocket, in front of an app that records what reaches it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from lib.ui.server import streamlit_private
from lib.ui.server.sessions import SessionOwners
from lib.ui.server.websocket_guard import WebsocketGuard

ALLOWED = ("rerun_script", "stop_script", "app_heartbeat", "file_urls_request", "deferred_file")


def back_message(name: str) -> bytes:
    """Return a message of a type, of an operation's payload, or of no type."""
    message = BackMsg()
    operations = message.backend_operation_request.DESCRIPTOR.oneofs_by_name["payload"].fields
    if name in {field.name for field in operations}:
        getattr(message.backend_operation_request, name).SetInParent()
    elif name:
        field = BackMsg.DESCRIPTOR.fields_by_name[name]
        if field.message_type:
            getattr(message, name).SetInParent()
        else:
            setattr(message, name, True)
    return message.SerializeToString()


def all_types() -> list[str]:
    types = [field.name for field in BackMsg.DESCRIPTOR.oneofs_by_name["type"].fields]
    types.remove("backend_operation_request")
    payloads = BackMsg().backend_operation_request.DESCRIPTOR.oneofs_by_name["payload"].fields
    return [*types, *(field.name for field in payloads)]


def new_session(session_id: str) -> bytes:
    message = ForwardMsg()
    message.new_session.initialize.session_id = session_id
    return message.SerializeToString()


class Websocket:
    """A websocket whose client sends `messages`, to an app that sends `replies` once it is connected."""

    def __init__(
        self,
        sessions: SessionOwners,
        client: str = "ann",
        resumes: str = "",
        messages: Iterable[dict[str, Any]] = (),
        replies: Iterable[bytes] = (),
        types: Iterable[str] = streamlit_private.MESSAGE_TYPES,
    ) -> None:
        self.messages = iter([{"type": "websocket.connect"}, *messages, {"type": "websocket.disconnect"}])
        self.replies = replies
        self.is_permitted = True
        self.received: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []
        self.resumed_in_app: str | None = None
        protocols = f"streamlit, xsrf{f', {resumes}' if resumes else ''}"
        self.scope = {"type": "websocket", "headers": [(b"sec-websocket-protocol", protocols.encode())]}
        self.guard = WebsocketGuard(sessions, client, frozenset(types), self.check)

    async def check(self) -> bool:
        return self.is_permitted

    def run(self) -> Websocket:
        async def receive() -> dict[str, Any]:
            return next(self.messages)

        async def send(message: dict[str, Any]) -> None:
            self.sent.append(message)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            self.resumed_in_app = streamlit_private.resumed_session_id(scope)
            assert (await receive())["type"] == "websocket.connect"
            await send({"type": "websocket.accept"})
            for reply in self.replies:
                await send({"type": "websocket.send", "bytes": reply})
            while (message := await receive())["type"] == "websocket.receive":
                self.received.append(message)
            await send({"type": "websocket.send", "bytes": b""})

        asyncio.run(self.guard.run(app, self.scope, receive, send))
        return self

    @property
    def received_types(self) -> list[str]:
        return [streamlit_private.message_type(message["bytes"]) for message in self.received]


def client_message(data: bytes) -> dict[str, Any]:
    return {"type": "websocket.receive", "bytes": data}


def test_the_types_of_messages_are_those_of_the_tested_version():
    # A type that is new in Streamlit is refused until somebody has looked at it.
    assert set(all_types()) - set(ALLOWED) == {
        *("clear_cache", "set_run_on_save", "load_git_info", "debug_disconnect_websocket", "debug_shutdown_runtime"),
        *("install_skills", "dismiss_skills_nudge", "dataframe_chunk"),
    }


@pytest.mark.parametrize("name", all_types())
def test_only_the_messages_that_the_app_needs_reach_it(name):
    messages = [client_message(back_message(name)), client_message(back_message("rerun_script"))]
    expected = [name] if name in ALLOWED else []
    assert Websocket(SessionOwners(), messages=messages).run().received_types == [*expected, "rerun_script"]


@pytest.mark.parametrize(
    "message",
    [
        client_message(b""),
        client_message(b"\xff\xff\xff"),
        client_message(back_message("")),
        {"type": "websocket.receive", "text": "clear_cache"},
        {"type": "websocket.receive", "text": "rerun_script", "bytes": None},
    ],
)
def test_a_message_of_no_type_does_not_reach_the_app(message):
    assert Websocket(SessionOwners(), messages=[message]).run().received == []


def test_two_types_in_one_frame_count_as_the_one_that_streamlit_reads():
    both = back_message("rerun_script") + back_message("clear_cache")
    assert BackMsg.FromString(both).WhichOneof("type") == "clear_cache"
    assert Websocket(SessionOwners(), messages=[client_message(both)]).run().received == []


def test_a_session_is_resumed_by_its_own_client_only():
    sessions = SessionOwners()
    rerun = client_message(back_message("rerun_script"))
    Websocket(sessions, "ann", replies=[new_session("anns")]).run()
    assert Websocket(sessions, "ann", "anns", [rerun]).run().resumed_in_app == "anns"
    bobs = Websocket(sessions, "bob", "anns", [rerun], [new_session("bobs")]).run()
    # A first run replaces ann's page in bob's browser, and his own message follows.
    assert (bobs.resumed_in_app, bobs.received_types) == ("", ["rerun_script"] * 2)
    assert bobs.received[0]["bytes"] == streamlit_private.rerun_message()
    assert Websocket(sessions, "bob", "bobs").run().resumed_in_app == "bobs"
    assert Websocket(sessions, "ann", "bobs").run().resumed_in_app == ""
    assert Websocket(sessions, "", "anns").run().resumed_in_app == ""


def test_a_session_of_another_server_is_new_here_and_runs_at_the_first_message():
    websocket = Websocket(SessionOwners(), "ann", "elsewhere").run()
    assert (websocket.resumed_in_app, websocket.received) == ("", [])


def test_a_revoked_client_is_disconnected_before_its_message_arrives():
    websocket = Websocket(SessionOwners(), messages=[client_message(back_message("rerun_script"))])
    websocket.is_permitted = False
    websocket.run()
    assert websocket.received == []
    assert websocket.sent[-1] == {"type": "websocket.close", "code": 1008}


def test_upload_ids_are_those_in_the_answers_to_requests():
    sessions = SessionOwners()
    answer = ForwardMsg()
    answer.file_urls_response.file_urls.add(file_id="f1")
    request = client_message(back_message("file_urls_request"))

    async def run() -> None:
        websocket = Websocket(sessions)
        guard = websocket.guard
        sent = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        async def receive() -> dict[str, Any]:
            return request

        async def app(_scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "websocket.send", "bytes": new_session("s")})
            await send({"type": "websocket.send", "bytes": answer.SerializeToString()})
            assert not sessions.can_upload("s", "f1", "ann", 1)
            await receive()
            await send({"type": "websocket.send", "bytes": answer.SerializeToString()})

        await guard.run(app, websocket.scope, receive, send)

    asyncio.run(run())
    assert sessions.can_upload("s", "f1", "ann", 1)
    assert not sessions.can_upload("s", "f2", "ann", 1)
