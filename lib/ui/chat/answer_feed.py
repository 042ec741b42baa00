"""Feed of a live answer: what has arrived, frame by frame, and the line that says what it waits for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

import streamlit as st

from lib.chat.turns import model_facts
from lib.chat.turns.generation import Generation
from lib.chat.turns.remote_generation import RemoteGeneration
from lib.core.conversation import Node, ThinkingPart
from lib.core.params import Params
from lib.ui.chat import web_search_steps
from lib.ui.chat.answer_bubble import AnswerBubble
from lib.ui.chat.answer_parts import Group
from lib.ui.chat.arriving_answer import GrowingText, find_arriving_answer
from lib.ui.server import streamlit_private
from lib.ui.session import resources, services
from lib.ui.text import current_language, escape_markdown, t
from lib.ui.widgets.errors import retry_reason, shows_errors

# Seconds between two frames at most; `FramePace` has the least. Each frame sends the whole live block.
MAX_FRAME_INTERVAL = 0.5
# Part of the interval that has to pass: the next read of the answer comes with some jitter, and to wait twice for one
# frame costs as much as the frame.
EARLIEST_FRAME = 0.6
FRAME_CHARS_PER_SECOND = 20_000  # a live block of this many characters slows the frames to one a second
# A text of FAST_TEXT characters per second or more, which is faster than anybody reads, has a frame interval of
# FAST_INTERVAL seconds, and a slower text one in proportion: more frames would keep the browser busy.
FAST_TEXT, FAST_INTERVAL = 3_000, 0.19
MAX_CPU_SHARE = 0.25  # of a core, for the frames of all pages on which one user follows answers
MIN_MEASURED_TIME = 0.01  # seconds; the speed of a text over a shorter time would be noise
POLL_INTERVAL = 0.1  # seconds between two checks for a request of Streamlit to end this run
SILENCE_THRESHOLD = 3  # seconds of silence before the status line shows them


@dataclass(frozen=True)
class FollowedAnswer:
    """An arriving answer that a page follows in its bubble.

    `params` are those that its request was sent with. `name` stands for the model in texts, as Markdown, and `present`
    changes the node before anything of it is shown: for answers that may not tell where they come from.
    """

    generation: Generation | RemoteGeneration
    node: Node
    bubble: AnswerBubble
    params: Params | None = None
    name: str = ""
    present: Callable[[Node], Node] = lambda node: node


def frame_interval(
    min_interval: float, live_chars: int, chars_per_second: float, cpu_seconds: float, page_count: int
) -> float:
    """Return the seconds to the next frame, by the live block, the speed, the last frame's cost and the user's pages.

    Else a user with many costly answers would slow those of others.
    """
    interval = max(live_chars / FRAME_CHARS_PER_SECOND, cpu_seconds * page_count / MAX_CPU_SHARE)
    fast = FAST_INTERVAL * min(1.0, chars_per_second / FAST_TEXT)
    return min(MAX_FRAME_INTERVAL, max(min_interval, interval, fast))


class AnswerFeed:
    """The growing answer, frame by frame; done when it has ended or has to be rendered again."""

    def __init__(
        self,
        answer: FollowedAnswer,
        status_line: StatusLine | None,
        on_shown: Callable[[], None] = lambda: None,
        count_pages: Callable[[], int] = lambda: 1,
    ) -> None:
        self._on_shown: Callable[[], None] | None = on_shown
        node, target = answer.node, answer.node.target
        self._generation = answer.generation
        self._present = answer.present
        self._status_line = status_line
        self._model = answer.name or (escape_markdown(target.model) if target else "")
        self._expects_thinking = _expects_thinking(answer)
        self._makes_images = bool(target and target.makes_images)
        self._pace = resources.frame_pace()
        self._next_frame_at = 0.0
        self._count_pages = count_pages
        self._frame_started = time.thread_time()
        self._frame_cpu, self._live_chars = 0.0, 0
        self._read_chars, self._read_at = 0, 0.0
        self._node_id = node.id
        self._answer = find_arriving_answer(answer.generation, node.id, current_language())
        self._snapshot = answer.generation.wait(-1, 0, self._node_id)
        self.has_visible_content = False
        self.start_over()

    def start_over(self) -> None:
        """Begin with the answer as it is now."""
        self._view = self._newest = self._answer.advance(self._snapshot)

    def _read_snapshot(self) -> None:
        self._newest = self._answer.advance(self._snapshot)
        if not self._needs_rerender:
            self._view = self._newest

    @property
    def _needs_rerender(self) -> bool:
        return self._newest.attempt != self._view.attempt

    @property
    def node(self) -> Node:
        return self._present(self._newest.node)

    @property
    def groups(self) -> list[Group]:
        return self._view.groups

    @property
    def texts(self) -> Mapping[int, GrowingText]:
        return self._view.texts

    @property
    def thinking(self) -> GrowingText:
        return self._view.thinking

    @property
    def is_finished(self) -> bool:
        return self._snapshot.is_finished

    @property
    def is_done(self) -> bool:
        return self.is_finished or self._needs_rerender

    def wait_for_frame(self) -> None:
        """Wait for new text until the next frame is due.

        Streamlit may end the run here, after a click, a page change or a disconnect. The generation goes on.
        """
        timeout = max(POLL_INTERVAL, 1.5 * self._pace.interval)
        self._snapshot = self._generation.wait(self._snapshot.version, timeout, self._node_id)
        # A local answer is read once per frame, so that waiting for it is enough; one that comes faster is not.
        if (early := self._next_frame_at - time.monotonic()) > 0:
            time.sleep(min(MAX_FRAME_INTERVAL, early))
            version = self._generation.wait(-1, 0, self._node_id).version
            # What was read by now has waited already: a frame right after the next read also shows what that brings.
            self._snapshot = self._generation.wait(version, self._pace.interval, self._node_id)
        streamlit_private.check_interrupted()
        self._begin_frame()

    def poll(self, tolerance: float) -> bool:
        """Begin the next frame if it is due in `tolerance` seconds and the answer has changed; returns if it has.

        Waits for nothing.
        """
        if self.seconds_to_frame > tolerance:
            return False
        version, was_finished = self._snapshot.version, self.is_finished
        self._snapshot = self._generation.wait(version, 0, self._node_id)
        if (self._snapshot.version, self.is_finished) == (version, was_finished):
            self._update_status_line()
            return False
        self._begin_frame()
        return True

    @property
    def seconds_to_frame(self) -> float:
        """The seconds until the next frame is due."""
        return self._next_frame_at - time.monotonic()

    def _begin_frame(self) -> None:
        self._frame_started = time.thread_time()
        self._read_snapshot()
        now, char_count = time.monotonic(), self._view.char_count
        speed = (char_count - self._read_chars) / max(now - self._read_at, MIN_MEASURED_TIME)
        self._read_at, self._read_chars = now, char_count
        interval = frame_interval(self._pace.interval, self._live_chars, speed, self._frame_cpu, self._count_pages())
        self._next_frame_at = now + EARLIEST_FRAME * interval

    def end_frame(self, live_chars: int) -> None:
        """Note that the page shows what has been read; `live_chars` is the length of the live block."""
        self._update_status_line()
        self.note_shown()
        self._live_chars, self._frame_cpu = live_chars, time.thread_time() - self._frame_started

    def note_shown(self) -> None:
        """Report once that the text so far is on its way to the browser."""
        if self._on_shown:
            self._on_shown()
            self._on_shown = None

    def _update_status_line(self) -> None:
        retry = self._snapshot.scheduled_retry
        status = self._status_text()
        silence, idle = self._snapshot.seconds_since_content, self._snapshot.seconds_since_activity
        if status and not retry and int(silence) >= SILENCE_THRESHOLD and idle < silence - 1:
            status = f"{status} · {t('answer.still_working')}"
        if self._status_line:
            self._status_line.show(status, retry.attempt if retry else 0)

    def _status_text(self) -> str:
        """Return the text while waiting: for the first token, for a retry, or for a silent gateway."""
        snapshot, seconds = self._snapshot, int(self._snapshot.seconds_since_content)
        if snapshot.is_unsaved:
            return t("answer.unsaved")
        if retry := snapshot.scheduled_retry:
            wait = ceil(snapshot.retry_in)
            retrying = t("answer.retrying", attempt=retry.attempt, max_attempts=retry.max_attempts, seconds=wait)
            return f"{retry_reason(retry.error_code)} {retrying}"
        if searching := web_search_steps.running_text(self.node.message):
            return searching
        if self._makes_images:
            keys = ("answer.generating_images", "answer.generating_images_seconds")
            return t(keys[seconds >= SILENCE_THRESHOLD], seconds=seconds)
        if not self.has_visible_content:
            keys = ("answer.waiting", "answer.waiting_seconds")
            if self._is_thinking_silently():
                keys = ("answer.thinking_silently", "answer.thinking_seconds")
            return t(keys[seconds >= SILENCE_THRESHOLD], model=self._model, seconds=seconds)
        return t("answer.no_new_data", seconds=seconds) if seconds >= SILENCE_THRESHOLD else ""

    def _is_thinking_silently(self) -> bool:
        """Return True if the model thinks without a text.

        The response has thinking without a text, or it has begun and the model is known to think first.
        """
        has_part = any(isinstance(part, ThinkingPart) for part in self.node.message.parts)
        return self._snapshot.has_thought or has_part or (self._expects_thinking and bool(self.node.provider_metadata))


def _expects_thinking(answer: FollowedAnswer) -> bool:
    """Return True if the model of an answer is known to think with its parameters."""
    target, params = answer.present(answer.node).target, answer.params
    if target is None or params is None:
        return False
    return model_facts.thinks(target, params, services.model(target.model).capabilities)


class StatusLine:
    """A line below a live answer, with Cancel while a retry is scheduled."""

    def __init__(self, answer: FollowedAnswer) -> None:
        self._on_stop = shows_errors(answer.generation.stop)
        self._node_id = answer.node.id
        self._text_slot, self._button_slot = st.empty(), st.empty()
        self._text, self._attempt = "", 0

    def show(self, text: str, attempt: int) -> None:
        """Show `text`, and Cancel for a retry's `attempt`; "" and 0 clear them."""
        if text != self._text:
            self._text = text
            if text:
                self._text_slot.markdown(f":shimmer[{text}]", width="content")
            else:
                self._text_slot.empty()
        if attempt != self._attempt:
            self._attempt = attempt
            if attempt:
                self._button_slot.button(
                    t("answer.cancel"),
                    # Streamlit rejects a key that is used twice in a run.
                    key=f"cancel-{self._node_id}-{attempt}",
                    icon=":material/close:",
                    on_click=self._on_stop,
                )
            else:
                self._button_slot.empty()
