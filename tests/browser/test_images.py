"""Images in a real browser: previews, Stop, download, editing."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from tests.browser.accessibility import Audit
from tests.browser.chat_page import ChatPage, wait_until

# Colors of an image: left of the middle of a stroke from 1/4 to 1/2 of its width, the middle, and two corners.
PIXELS = """async image => {
  await image.decode();
  const { naturalWidth: width, naturalHeight: height } = image;
  const canvas = Object.assign(document.createElement("canvas"), { width, height }), context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const places = [[0.3, 0.25], [0.5, 0.52], [0.02, 0.98], [0.98, 0.6]];
  return places.map(([x, y]) => [...context.getImageData(x * width, y * height, 1, 1).data].join());
}"""


def pictures(chat: ChatPage) -> Locator:
    """The images of the last answer."""
    return chat.answers.last.locator('[data-testid="stImage"] img')


def test_an_image_is_stopped_drawn_downloaded_and_edited_where_it_is_painted(app, new_page):
    audit = Audit()
    chat = ChatPage(new_page(), app.url).open("?model=demo-gpt-image-unfinished").ask("A forest")
    # Stop keeps the preview, and says so.
    expect(chat.answers.last).to_contain_text("Generating the image")
    expect(pictures(chat)).to_have_count(1)
    chat.stop.click()
    chat.wait_idle()
    expect(chat.answers.last).to_contain_text("You stopped this image. It is an unfinished preview.")
    expect(pictures(chat)).to_have_count(1)
    chat.page.get_by_role("button", name="New chat").click()
    expect(chat.questions).to_have_count(0)

    chat.choose_model("demo-gpt-image").ask("A valley").wait_idle()
    expect(pictures(chat)).to_have_count(1)
    first = pictures(chat).get_attribute("src")
    wait_until(chat.page, lambda: pictures(chat).evaluate("image => image.complete && image.naturalWidth") == 1024)
    with chat.page.expect_download() as download:
        chat.answers.last.get_by_role("button", name="Download image").click()
    assert download.value.suggested_filename == "image-1.png"
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    chat.wait_idle()
    chat.answers.last.get_by_role("button", name="Edit image").click()
    # It is in the tray once it is stored.
    chips = chat.page.locator(".antler-chip")
    expect(chips).to_have_text([re.compile("image.png")])
    chat.wait_idle()
    paint_area(chat, audit)
    expect(chips).to_have_text([re.compile("image.png"), re.compile("Selected area.png")])
    chat.wait_idle().ask("In winter")
    expect(chat.answers).to_have_count(2)
    chat.wait_idle()
    expect(chips).to_have_count(0)
    pictures_of = (answer.locator('[data-testid="stImage"] img') for answer in chat.answers.all())
    before, after = (picture.evaluate(PIXELS) for picture in pictures_of)
    is_same = [one == other for one, other in zip(before, after, strict=True)]
    # In a painted stroke, at the painted point, and beside both.
    assert is_same == [False, False, True, True]
    chat.open_parameters()
    audit.check(chat.page, "parameters of images", '[data-testid="stPopoverBody"]')
    assert audit.findings == [], "\n".join(audit.findings)
    chat.page.reload()
    expect(pictures(chat)).to_have_count(1)
    assert pictures(chat).get_attribute("src") != first


def paint_area(chat: ChatPage, audit: Audit) -> None:
    """Select an area of the image in the tray with a stroke of the mouse, and a point with the keyboard."""
    chat.page.get_by_role("button", name="Select area").click()
    dialog = chat.page.get_by_role("dialog", name="Select an area")
    canvas, done = dialog.locator("canvas"), dialog.get_by_role("button", name="Use area")
    expect(done).to_be_disabled()
    audit.check(chat.page, "area", '[role="dialog"]')
    chat.wait_idle()
    box = canvas.bounding_box()
    canvas.hover(position={"x": box["width"] / 4, "y": box["height"] / 4})
    chat.page.mouse.down()
    canvas.hover(position={"x": box["width"] / 2, "y": box["height"] / 4})
    chat.page.mouse.up()
    canvas.press("ArrowDown")
    canvas.press("Space")
    done.click()
    expect(dialog).to_have_count(0)
