"""Frames of the chat page: its messages with their texts, and its scroll position, in each frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

RECORD = """() => {
  const KEY = /st-key-((?:question|answer)-\\S+)/;
  const ACTIONS = 'button, [class*="st-key-tools-"], [class*="st-key-next-"], [class*="st-key-below-"], '
    + '[data-testid="stCaptionContainer"], [class*="st-key-status-line-"], summary';
  const textOf = element => {
    const copy = element.cloneNode(true);
    copy.querySelectorAll(".katex-mathml, [class*=antler-]").forEach(element => element.remove());
    return copy.textContent;
  };
  const frames = window.recordedFrames = [];
  let last = "";
  const look = () => {
    if (window.recordedFrames !== frames) return;
    const root = document.querySelector(".stMain");
    const messages = [...root.querySelectorAll('[class*="st-key-question-"], [class*="st-key-answer-"]')]
      .filter(message => message.getClientRects().length);
    const contents = messages.map(message => [...message.querySelectorAll('[data-testid="stMarkdownContainer"]')]
      .filter(text => !text.closest(ACTIONS)).map(textOf).join("\\n"));
    const keys = messages.map(message => message.className.match(KEY)[1]);
    const stale = messages.flatMap(message => [...message.querySelectorAll('[data-stale="true"]')])
      .filter(element => element.getClientRects().length).map(element => element.textContent.slice(0, 80));
    const bare = [...root.querySelectorAll('[class*="st-key-answer-"] [data-testid="stCode"]')]
      .filter(code => code.querySelector("pre") && !code.parentElement.querySelector(".antler-code-bar")).length;
    const frame = { keys, contents, stale, bare, top: root.scrollTop, height: root.scrollHeight,
      view: root.clientHeight, running: document.querySelector('[data-testid="stApp"]').dataset.testScriptState };
    const text = JSON.stringify(frame);
    if (text !== last) frames.push({ ...frame, time: performance.now() });
    last = text;
    requestAnimationFrame(look);
  };
  look();
}"""


@dataclass(frozen=True)
class Frame:
    """State of the page in one frame; heights and positions are in CSS pixels.

    `bare` is the number of code blocks of answers without their tools.
    """

    keys: list[str]
    contents: list[str]
    stale: list[str]
    bare: int
    top: float
    height: float
    view: float
    running: str
    time: float

    @property
    def messages(self) -> list[tuple[str, str]]:
        return list(zip(self.keys, self.contents, strict=True))


class FrameRecorder:
    """Records the frames of a page in which something has changed."""

    def __init__(self, page: Page) -> None:
        self._page = page
        page.evaluate(RECORD)

    def stop(self) -> list[Frame]:
        """Return the frames recorded so far and the next two, and record no more.

        A frame is recorded before the page scrolls to what has been added in it.
        """
        recorded: list[dict[str, Any]] = self._page.evaluate(
            """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {
              const frames = window.recordedFrames;
              window.recordedFrames = null;
              done(frames);
            })))"""
        )
        return [Frame(**frame) for frame in recorded]


def count_moves(frames: list[Frame], tolerance: float = 2.0) -> list[int]:
    """Return the directions in which the page moved, without repetitions: 1 for down and -1 for up."""
    directions: list[int] = []
    for earlier, later in zip(frames, frames[1:], strict=False):
        moved = later.top - earlier.top
        if abs(moved) > tolerance:
            direction = 1 if moved > 0 else -1
            if not directions or directions[-1] != direction:
                directions.append(direction)
    return directions
