"""The image routes of the fake gateway: what OpenAI would refuse is refused, and the SDK is answered."""

from __future__ import annotations

import base64
import contextlib
import io
import threading
from typing import Any

import pytest
import requests
from PIL import Image

from lib.core.conversation import ImagePart, Message, TextPart
from lib.core.errors import StreamInterrupted
from lib.core.events import ContentPart
from lib.core.params import Params
from lib.core.target import Target
from lib.gateway.transport.cancel import CancelToken
from tests.fake_gateway import FakeGateway
from tests.fake_gateway.models import UNFINISHED_IMAGE
from tests.support import sdks
from tests.support.gateway_client import TIMEOUT
from tests.support.replay import soon
from tests.unit.gateway.recordings import build_gateway

PATHS = "/v1/images/generations", "/v1/images/edits"
MODEL = "demo-gpt-image"


def png(size: int = 32, mode: str = "RGBA") -> bytes:
    data = io.BytesIO()
    Image.new(mode, (size, size)).save(data, "png")
    return data.getvalue()


def size_of(data: str | None) -> tuple[int, int]:
    return Image.open(io.BytesIO(base64.b64decode(data or ""))).size


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"prompt": ""}, "prompt"),
        ({"n": 11}, "n"),
        ({"size": 7}, "size"),
        ({"size": "big"}, "size"),
        ({"quality": "best"}, "quality"),
        ({"partial_images": 2}, "stream"),
        ({"stream": True, "partial_images": 4}, "partial_images"),
        ({"background": "transparent", "output_format": "jpeg"}, "background"),
        ({"response_format": "b64_json"}, "response_format"),
        ({"temperature": 1}, "temperature"),
    ],
)
def test_an_invalid_generation_is_refused(gateway: FakeGateway, fields: dict[str, Any], named: str) -> None:
    body = {"model": MODEL, "prompt": "A lake", **fields}
    response = requests.post(gateway.url + PATHS[0], json=body, timeout=TIMEOUT)
    assert response.status_code == 400
    assert named in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ([], "image"),
        ([("image", ("a.png", b"text", "image/png"))], "image"),
        ([("image", ("a.png", png(), "image/png")), ("mask", ("m.png", png(33), "image/png"))], "mask"),
        ([("image", ("a.png", png(), "image/png")), ("other", ("m.png", png(), "image/png"))], "other"),
    ],
)
def test_an_invalid_edit_is_refused(gateway: FakeGateway, files: list[Any], named: str) -> None:
    # A field is a file part without a name, so that the body is a form without files, too.
    fields = [("model", (None, MODEL)), ("prompt", (None, "A lake"))]
    response = requests.post(gateway.url + PATHS[1], files=[*fields, *files], timeout=TIMEOUT)
    assert response.status_code == 400
    assert named in response.json()["error"]["message"]


def test_the_sdk_gets_images_of_the_size_that_it_asks_for(gateway: FakeGateway, openai_sdk: sdks.openai.OpenAI) -> None:
    images = openai_sdk.images.generate(model=MODEL, prompt="A lake", size="512x256", n=2)
    assert [size_of(image.b64_json) for image in images.data or []] == [(512, 256)] * 2
    assert images.usage is not None and images.usage.output_tokens == 2 * 1056
    events = list(openai_sdk.images.edit(model=MODEL, prompt="Snow", image=png(), stream=True, partial_images=2))
    assert [event.type for event in events] == ["image_edit.partial_image"] * 2 + ["image_edit.completed"]
    assert [size_of(event.b64_json) for event in events] == [(32, 32)] * 3


def test_a_chat_model_draws_nothing(openai_sdk: sdks.openai.OpenAI) -> None:
    with pytest.raises(sdks.openai.NotFoundError):
        openai_sdk.images.generate(model="demo-tour", prompt="A lake")


def test_stop_ends_an_image_upstream(gateway: FakeGateway) -> None:
    client, cancel = build_gateway(gateway), CancelToken()
    question = Message("user", (TextPart("A lake"),))
    has_preview = threading.Event()

    def follow() -> None:
        # A cancelled stream ends, or breaks.
        with contextlib.suppress(StreamInterrupted):
            for event in client.stream(Target(UNFINISHED_IMAGE, "images"), [question], Params(), cancel):
                if isinstance(event, ContentPart) and isinstance(event.part, ImagePart):
                    has_preview.set()

    thread = threading.Thread(target=follow)
    thread.start()
    assert has_preview.wait(TIMEOUT)
    cancel.cancel()
    thread.join(TIMEOUT)
    assert not thread.is_alive()
    assert soon(lambda: gateway.open_streams == 0)
    client.close()
