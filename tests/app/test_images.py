"""Image models on the page: parameters, images, downloads, edits, endings, cost."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from lib.core.conversation import ImagePart, Outcome
from lib.ui.session import resources
from tests.app.chat_app import ChatApp
from tests.app.model_select import listed_models
from tests.app.test_attachments import attach, chips, component, send_trigger, sent_files
from tests.support.replay import JSON, Canned
from tests.support.usage_records import read_usage_records

DEMO = "demo-gpt-image"
OWNER = "browser:0123"


def png(size: int) -> str:
    data = io.BytesIO()
    Image.new("RGB", (size, size), "teal").save(data, "png")
    return base64.b64encode(data.getvalue()).decode()


def serve_models(gateway: Any, *ids: str) -> None:
    entries = [{"id": name, "supported_endpoint_types": ["image-generation"]} for name in ids]
    gateway.serve("/v1/models", Canned(json.dumps({"data": [*entries, {"id": "m-one"}]}).encode(), headers=JSON))


def serve_images(gateway: Any, *images: str, **fields: Any) -> None:
    body = {"created": 1, "data": [{"b64_json": image} for image in images], **fields}
    for path in ("/v1/images/generations", "/v1/images/edits"):
        gateway.serve(path, Canned(json.dumps(body).encode(), headers=JSON))


def last_request(gateway: Any, path: str) -> Any:
    return [request for request in gateway.requests if request.path == path][-1]


def downloads(chat: ChatApp) -> list[str]:
    return [button.proto.label for button in chat.at.main.get("download_button")]


def records(chat: ChatApp) -> list[Any]:
    return read_usage_records(resources.store(), OWNER, chat.conversation)


def test_an_image_is_generated_edited_and_counted(faked):
    chat = ChatApp(model=DEMO).ask("A lake")
    assert "Download image" in downloads(chat)
    (record,) = records(chat)
    assert (record.target.wire, record.usage.input, record.usage.output) == ("images", 2, 1256)
    assert record.cost and record.outcome is Outcome.COMPLETE
    chat.click("Edit image")
    assert chips(chat) == ["image.png"]
    chat.ask("In winter")
    (source,) = sent_files(chat)
    assert (source.kind, source.width) == ("image", 1024)
    nodes = chat.at.session_state["view"].nodes
    first, second = (part for node in nodes for part in node.message.parts if isinstance(part, ImagePart))
    assert first.data != second.data
    # The image is input, too.
    assert (records(chat)[-1].usage.input or 0) > 300
    assert chips(chat) == []


def test_parameters_of_images_take_the_place_of_those_of_chat(keyed):
    serve_models(keyed, "gpt-image-1.5", "dall-e-3")
    serve_images(keyed, png(8), png(9), png(10))
    chat = ChatApp(model="gpt-image-1.5")
    assert chat.field("Size").options == ["1024 × 1024, square", "1536 × 1024, landscape", "1024 × 1536, portrait"]
    labels = chat.text
    assert "Temperature" not in labels and "System prompt" not in labels
    chat.fill("Number of images", 3).fill("Quality", "low").fill("Size", "1536x1024").ask("A lake")
    sent = last_request(keyed, "/v1/images/generations").json
    del sent["user"]  # a pseudonym
    assert sent == {"model": "gpt-image-1.5", "prompt": "A lake", "n": 3, "quality": "low", "size": "1536x1024"}
    assert [label for label in downloads(chat) if "image" in label] == [f"Download image {n}" for n in (1, 2, 3)]
    assert "Your message creates a new image" in chat.run().text
    # What another model does not take is reported, and what belongs to a chat is not lost.
    chat.choose_model("dall-e-3")
    assert "Quality: this model does not support “low”" in chat.text
    chat.choose_model("m-one")
    assert "Temperature" in chat.text and "Quality" not in chat.text


def test_image_models_are_a_group_of_the_list_and_no_default(keyed):
    serve_models(keyed, "gpt-image-2")
    chat = ChatApp()
    assert chat.model == "m-one"
    (image_model,) = (model for model in listed_models(chat.at) if model["id"] == "gpt-image-2")
    assert (image_model["vendor"], image_model["capabilities"]) == ("Image generation", "i")
    assert listed_models(chat.at)[-1] == image_model


def test_a_system_prompt_is_not_sent_to_an_image_model(keyed):
    serve_models(keyed, "gpt-image-2")
    serve_images(keyed, png(8))
    chat = (
        ChatApp(model="m-one", is_panel_open=True).set_field("System prompt", "Be brief.").choose_model("gpt-image-2")
    )
    assert "System prompt: not available in Images. It will not be sent." in chat.text
    chat.ask("A lake")
    assert "Be brief" not in last_request(keyed, "/v1/images/generations").body.decode()


def test_a_price_per_image_counts_for_each(keyed):
    serve_models(keyed, "flux-2-pro")
    price = {"model_name": "flux-2-pro", "quota_type": 1, "model_price": 0.04, "model_ratio": 0, "completion_ratio": 0}
    keyed.serve("/api/pricing", Canned(json.dumps({"data": [price], "group_ratio": {}}).encode(), headers=JSON))
    serve_images(keyed, png(8), png(9))
    chat = ChatApp(model="flux-2-pro").wait_for("≈ $0.04").set_field("Number of images", 2)
    assert "≈ $0.08" in chat.text
    chat.ask("A lake")
    assert [record.cost for record in records(chat)] == [80_000_000]


@pytest.mark.parametrize("model", ["dall-e-3", "m-one"])
def test_an_image_is_edited_by_a_model_that_can(keyed, model):
    serve_models(keyed, "dall-e-3", "gpt-image-2")
    serve_images(keyed, png(8))
    chat = ChatApp(model="dall-e-3").ask("A lake").choose_model(model).click("Edit image")
    assert chat.model == "gpt-image-2"
    chat.ask("In winter")
    assert b'name="image"; filename="image.png"' in last_request(keyed, "/v1/images/edits").body


def test_a_file_that_no_image_model_takes_is_not_sent(keyed):
    serve_models(keyed, "gpt-image-2")
    serve_images(keyed, png(8))
    chat = ChatApp(model="gpt-image-2")
    chat.at.file_uploader[-1].set_value([("notes.txt", b"Buy milk", "text/plain")])
    chat.run().ask("A lake")
    assert "Image models only take images" in chat.text
    assert not any("/images/" in request.path for request in keyed.requests)
    assert chips(chat) == ["notes.txt"]


def test_a_blocked_prompt_and_a_preview_that_breaks_off_say_so(keyed):
    serve_models(keyed, "gpt-image-2")
    refusal = {"error": {"message": "Rejected by our safety system.", "code": "moderation_blocked"}}
    preview = {"type": "image_generation.partial_image", "b64_json": png(8), "partial_image_index": 0}
    keyed.serve(
        "/v1/images/generations",
        Canned(json.dumps(refusal).encode(), 400, JSON),
        Canned(f"data: {json.dumps(preview)}\n\n".encode()),
    )
    chat = ChatApp(model="gpt-image-2").ask("Something bad")
    assert "The provider's safety system blocked this request." in chat.answers[-1]
    chat.ask("A lake")
    assert "This is an unfinished preview of the image." in chat.answers[-1]
    assert "Continue" not in [button.label for button in chat.at.main.button]
    assert "Download image" in downloads(chat)


def test_an_image_of_another_host_is_a_link_that_expires(keyed):
    serve_models(keyed, "flux-2-pro")
    body = {"data": [{"url": "https://files.example/a.png"}]}
    keyed.serve("/v1/images/generations", Canned(json.dumps(body).encode(), headers=JSON))
    chat = ChatApp(model="flux-2-pro").ask("A lake")
    (button,) = chat.at.main.get("link_button")
    assert button.proto.url == "https://files.example/a.png"
    assert "expire" in button.proto.help
    assert not [label for label in downloads(chat) if "image" in label]


def test_a_second_area_replaces_the_first_also_in_another_session(environ):
    def paint(chat: ChatApp, colour: tuple[int, int, int, int]) -> None:
        data = io.BytesIO()
        Image.new("RGBA", (8, 8), colour).save(data, "png")
        chat.click("Select area")
        mask = f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"
        send_trigger(chat, "image_area", "mask", mask, "image-area")

    chat = attach(ChatApp(model=DEMO), ("lake.png", base64.b64decode(png(8)), "image/png"))
    paint(chat, (0, 0, 0, 0))
    paint(chat, (0, 0, 0, 9))
    names = chips(chat)
    assert names == ["lake.png", "Selected area.png"]
    kept = [chip["reference"] for chip in component(chat, "tray", "tray-composer")["files"]]
    again = ChatApp(model=DEMO)
    send_trigger(again, "tray", "restored", ["new", kept], "tray-composer")
    assert chips(again) == names
    paint(again, (0, 0, 0, 255))
    assert chips(again) == names
    last = component(again, "tray", "tray-composer")["files"][-1]["reference"]
    assert last["digest"] != kept[-1]["digest"]
