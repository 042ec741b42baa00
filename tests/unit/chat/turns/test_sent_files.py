"""Files of turns as they reach the demo gateway, over both wires, and refusals of them."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from lib.chat.turns import turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.config.settings import Settings
from lib.core.attachment_errors import FileNotSendable
from lib.core.conversation import FilePart, Node, Outcome
from lib.core.file_storage import StoredFile
from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.target import WIRES, Target, Wire
from lib.gateway.client import Gateway
from tests.fake_gateway import FakeGateway
from tests.unit.chat.services import wait_for_path

SEES = Capabilities(image=True, pdf=True, audio=True)


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    server = FakeGateway(pace=50)
    client = Gateway(Settings(base_url=server.url))
    yield client
    client.close()
    server.close()


@pytest.fixture
def services(store, gateway):
    return TurnServices(store, gateway, GenerationRegistry(), capabilities_lookup=lambda _: SEES)


def put(services, name: str, kind, media_type: str, data: bytes, **facts) -> FilePart:
    file = StoredFile(media_type, data, facts=facts)
    services.store.attachments.put("ann", file)
    return FilePart(file.digest, name, media_type, file.size, kind)


def picture(services, width: int = 40, height: int = 30, media_type: str = "image/png") -> FilePart:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(stream, media_type.removeprefix("image/"))
    return put(services, "teal.png", "image", media_type, stream.getvalue(), width=width, height=height)


def ask(services, target: Target, text: str, *files: FilePart, conversation_id: str | None = None) -> list[Node]:
    sent = turn.ask(services, "ann", conversation_id, text, target, Params(), files=files)
    return wait_for_path(services, sent.conversation.id)


@pytest.mark.parametrize("wire", WIRES)
def test_the_gateway_receives_the_files_as_they_are_stored(services, wire: Wire):
    photo = picture(services, media_type="image/jpeg")
    answer = ask(services, Target("demo-tour", wire), "What is it?", photo)[-1]
    assert answer.outcome is Outcome.COMPLETE, answer.failure
    assert f"1 (image/jpeg, {photo.size} bytes, 40 × 30 pixels)" in answer.message.text


def test_a_question_of_a_pdf_alone_is_answered(services):
    paper = put(services, "tides.pdf", "pdf", "application/pdf", b"%PDF-1.7 tides", page_count=1)
    answer = ask(services, Target("demo-tour", "openai"), "", paper)[-1]
    assert "tides.pdf (application/pdf, 14 bytes)" in answer.message.text


@pytest.mark.parametrize("wire", WIRES)
def test_a_refusal_of_images_says_so_and_the_chat_goes_on(services, wire: Wire):
    target = Target("demo-no-images", wire)
    path = ask(services, target, "What is it?", picture(services))
    assert (path[-1].outcome, path[-1].failure.code) == (Outcome.FAILED, "input_unsupported")
    assert "does not support image input" in path[-1].failure.detail
    conversation = services.store.conversations.page("ann", 1)[0]
    with pytest.raises(FileNotSendable):
        turn.regenerate(services, "ann", conversation.id, target, Params())
    path = ask(services, target, "Then without it?", conversation_id=conversation.id)
    assert [node.outcome for node in path[1::2]] == [Outcome.FAILED, Outcome.COMPLETE]
    # Another model still gets the image.
    path = ask(services, Target("demo-tour", wire), "Then you?", conversation_id=conversation.id)
    assert path[-1].outcome is Outcome.COMPLETE
