"""HTTP requests to the fake gateway."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lib.demo.audio import AudioRequest
from lib.demo.exchange import HEARTBEAT, Exchange, Step
from lib.demo.handler import JSON_HEADERS, MODEL_LIST, STREAM_HEADERS, Handler
from lib.demo.images import ImageExchange, ImageRequest
from lib.demo.models import Model
from lib.demo.request import ParsedRequest, Turn
from lib.demo.wire import ANTHROPIC, ErrorResponse
from tests.fake_gateway import anthropic_validators, audio_validators, image_validators, openai_validators
from tests.fake_gateway.exchange import FakeExchange
from tests.fake_gateway.framing import FramedWriter
from tests.fake_gateway.models import IMAGE_MODELS, MODELS, OTHER_MODELS, UNFINISHED_IMAGE, anthropic_list, openai_list
from tests.fake_gateway.prompt_cache import prompt_tokens
from tests.fake_gateway.refusals import REDIRECT_TARGET, ConnectionReset, ShapedError
from tests.fake_gateway.validators import parse_json
from tests.fake_gateway.wires import FakeAnthropicWire, FakeOpenAIWire

_FOREVER = 1e6  # seconds at the pace of a reader
_SIGN_IN_PAGE = b"<html><body><h1>Sign in</h1></body></html>\n"
_THINK_TAGS = re.compile(r"\A<think>.*?(</think>\s*|\Z)", re.DOTALL)


class UnfinishedImage(ImageExchange):
    """An image of which only the first preview comes."""

    def steps(self) -> Iterator[Step]:
        yield next(super().steps())
        yield Step(HEARTBEAT, delay=_FOREVER)


class FakeHandler(Handler):
    """The requests of one connection: validated, counted, with faults and unusual framing."""

    models = MODELS
    image_models = IMAGE_MODELS
    do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = Handler.do_GET

    def respond(self, body: bytes) -> None:
        try:
            if self.route == REDIRECT_TARGET:
                has_key = "Authorization" in self.headers or "x-api-key" in self.headers
                self.server.redirects_followed.append(has_key)
                self.send(200, _SIGN_IN_PAGE, {"Content-Type": "text/html; charset=utf-8"})
            else:
                super().respond(body)
        except RecursionError:
            raise ErrorResponse(400, "invalid_request_error", "The body is nested too deeply.") from None
        except ConnectionReset:
            self._reset_connection()

    def document(self) -> dict[str, Any]:
        if self.route != MODEL_LIST:
            return super().document()
        is_chinese = self.headers.get("Accept-Language", "").startswith("zh")
        is_anthropic = "anthropic-version" in self.headers and "x-api-key" in self.headers
        return anthropic_list(is_chinese) if is_anthropic else openai_list(is_chinese)

    def parse(self, body: bytes) -> ParsedRequest:
        payload = parse_json(body)
        (anthropic_validators if self.route == ANTHROPIC else openai_validators).validate(payload)
        request = super().parse(body)
        # Clients send thinking in tags back or leave it out.
        turns = tuple(Turn(t.question, t.files, _THINK_TAGS.sub("", t.answer)) for t in request.turns)
        return replace(request, turns=turns, prompt_tokens=prompt_tokens(payload))

    def parse_images(self, body: bytes) -> ImageRequest:
        image_validators.validate(body, self.route, self.headers.get("Content-Type", ""))
        return super().parse_images(body)

    def parse_audio(self, body: bytes) -> AudioRequest:
        audio_validators.validate(body, self.route, self.headers.get("Content-Type", ""))
        return super().parse_audio(body)

    def answer_audio(self, request: AudioRequest) -> None:
        with self.server.producing():
            super().answer_audio(request)

    def image_exchange(self, request: ImageRequest) -> ImageExchange:
        return UnfinishedImage(request) if request.model == UNFINISHED_IMAGE else super().image_exchange(request)

    def answer_images(self, request: ImageRequest) -> None:
        with self.server.producing():
            super().answer_images(request)

    def find_model(self, name: str) -> Model:
        if name in OTHER_MODELS:
            raise ErrorResponse(404, "invalid_request_error", "This is not a chat model.", param="model")
        if name not in self.models:
            raise ShapedError(503, "model_not_found", f"The demo has no model {name[:80]!r}.")
        return self.models[name]

    def answer(self, request: ParsedRequest) -> None:
        form = self.find_model(request.model).framing.form
        if form != "requested":
            request = replace(request, is_stream=form == "stream")
        with self.server.producing():
            super().answer(request)

    def check(self, model: Model, request: ParsedRequest) -> None:
        if model.error_condition(request.body):
            super().check(model, request)

    def exchange(self, model: Model, request: ParsedRequest) -> Exchange:
        wire = FakeAnthropicWire if request.path == ANTHROPIC else FakeOpenAIWire
        cache = self.server.prompt_cache.add(request)
        return FakeExchange(request, model, wire(request, cache, model.style), self.request_id)

    def stream(self, exchange: Exchange | ImageExchange) -> None:
        if isinstance(exchange, ImageExchange):
            super().stream(exchange)
            return
        framing = exchange.model.framing
        steps: list[Step] | Any = exchange.steps()
        length = None
        if framing.transfer == "length":
            steps = list(steps)
            length = sum(len(step.data) for step in steps)
        self.close_connection |= framing.transfer == "close"
        writer = FramedWriter(self.wfile.write, framing)
        self.send_head(200, {**STREAM_HEADERS, **writer.headers(length)})
        due = time.monotonic()
        for step in steps:
            due += step.delay / self.server.pace
            self.wait(due - time.monotonic())
            if step.is_cut:
                writer.write_half(step.data)
                self.close_connection = True
                return
            writer.write(step.data)
        writer.end()

    def send_whole(self, exchange: Exchange) -> None:
        framing = exchange.model.framing
        body, is_cut = self.collect(exchange)
        self.close_connection |= framing.transfer == "close" or is_cut
        writer = FramedWriter(self.wfile.write, framing)
        self.send_head(200, {**JSON_HEADERS, **writer.headers(len(body))})
        if is_cut:
            writer.write_half(body)
        else:
            writer.write(body)
            writer.end()

    def wait(self, seconds: float) -> None:
        """Wait. Raises ConnectionAbortedError as soon as the client disconnects or the server closes."""
        until = time.monotonic() + seconds
        while (remaining := until - time.monotonic()) > 0:
            if self.server.closed.is_set() or self._is_disconnected(remaining):
                raise ConnectionAbortedError("The client disconnected, or the server is closing.")

    def _is_disconnected(self, seconds: float) -> bool:
        """Return True once the client is gone, False when that has not happened in about `seconds`."""
        self.connection.settimeout(seconds)
        try:
            is_gone = not self.connection.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return False
        finally:
            self.connection.settimeout(None)
        if not is_gone:
            # A pipelined request is always readable: without this the loop would spin.
            time.sleep(min(seconds, 0.05))
        return is_gone

    def _reset_connection(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()
