"""HTTP requests to the demo gateway."""

import hashlib
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from types import MappingProxyType
from typing import Any, Protocol

from lib.demo.anthropic_wire import AnthropicWire
from lib.demo.audio import (
    AUDIO_MODELS,
    AUDIO_PATHS,
    SECONDS_BEFORE_AUDIO,
    SPEECH,
    AudioRequest,
    parse_audio_request,
    speak,
    transcribe,
)
from lib.demo.billing import (
    BILLING_PATHS,
    PRICES,
    REQUEST_LOG,
    STATUS,
    SUBSCRIPTION,
    answer_cost,
    log_row,
    price_list,
    status,
    subscription,
    usage,
)
from lib.demo.exchange import Exchange
from lib.demo.images import (
    IMAGE_PATHS,
    SECONDS_PER_IMAGE,
    ImageExchange,
    ImageRequest,
    parse_image_request,
)
from lib.demo.models import IMAGE_MODELS, MODELS, Model, model_list
from lib.demo.openai_wire import OpenAIWire
from lib.demo.request import ParsedRequest, parse_request
from lib.demo.state import State
from lib.demo.wire import ANTHROPIC, OPENAI, CacheUsage, ErrorResponse, encode, new_request_id

MODEL_LIST = "/v1/models"
JSON_HEADERS = MappingProxyType({"Content-Type": "application/json"})
STREAM_HEADERS = MappingProxyType(
    {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
)
_POST_PATHS, _GET_PATHS = (OPENAI, ANTHROPIC, *IMAGE_PATHS, *AUDIO_PATHS), (MODEL_LIST, *BILLING_PATHS)
_METHODS = MappingProxyType({**dict.fromkeys(_POST_PATHS, "POST"), **dict.fromkeys(_GET_PATHS, "GET")})


class Server(Protocol):
    """The parts of the server that a handler needs."""

    pace: float
    closed: threading.Event
    state: State


class Handler(BaseHTTPRequestHandler):
    """The requests of one connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "antler-demo", ""
    disable_nagle_algorithm = True
    server: Server  # type: ignore[assignment]  # the parts of the server in use
    request_id, route = "", ""
    models: Mapping[str, Model] = MODELS
    image_models: Mapping[str, tuple[str, str]] = IMAGE_MODELS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        """Log nothing."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send an error as JSON for a request that the base class cannot read or has no method for."""
        self.close_connection = True
        self.request_id = new_request_id()
        status = 405 if code == 501 else code
        self.send_failure(ErrorResponse(status, "invalid_request_error", message or "Bad request."))

    def do_GET(self) -> None:
        """Answer a request."""
        self.request_id, self.route = new_request_id(), self.path.partition("?")[0]
        try:
            self.respond(self.read_body())
        except ErrorResponse as error:
            self.send_failure(error)
        except ConnectionError:
            self.close_connection = True

    do_POST = do_GET

    def read_body(self) -> bytes:
        """Read the body. Raises ErrorResponse (400) when its length is not given."""
        length = self.headers.get("Content-Length") or "0"
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            # Unread bytes would be parsed as the next request.
            self.close_connection = True
            raise ErrorResponse(400, "invalid_request_error", "A Content-Length is required.")
        return self.rfile.read(int(length))

    def respond(self, body: bytes) -> None:
        """Send the resource of the path. Raises ErrorResponse for an unknown path or method."""
        method = _METHODS.get(self.route)
        if method is None:
            raise ErrorResponse(404, "not_found_error", f"There is nothing at {self.route[:80]}.")
        if self.command != method:
            message = f"{self.route} takes {method}."
            raise ErrorResponse(405, "invalid_request_error", message, {"Allow": method})
        if method == "GET":
            self.send(200, encode(self.document()), JSON_HEADERS)
        elif self.route in IMAGE_PATHS:
            self.answer_images(self.parse_images(body))
        elif self.route in AUDIO_PATHS:
            self.answer_audio(self.parse_audio(body))
        else:
            self.answer(self.parse(body))

    def document(self) -> dict[str, Any]:
        """Return the list of models, the prices, the billing unit, the log, or the balance."""
        if self.route == MODEL_LIST:
            return model_list(self.models, self.headers.get("Accept-Language", "").startswith("zh"))
        if self.route == PRICES:
            return price_list([*self.models, *IMAGE_MODELS, *AUDIO_MODELS])
        if self.route == SUBSCRIPTION:
            return subscription()
        if self.route == REQUEST_LOG:
            return {"success": True, "message": "", "data": self.server.state.log}
        if self.route == STATUS:
            return status()
        return usage(self.server.state.spent)

    def parse(self, body: bytes) -> ParsedRequest:
        """Parse a request for an answer. Raises ErrorResponse (400) for a body that is malformed."""
        return parse_request(body, self.route)

    def answer(self, request: ParsedRequest) -> None:
        """Send the answer of a model, or raise its error."""
        model = self.find_model(request.model)
        self.check(model, request)
        exchange, started_at = self.exchange(model, request), time.time()
        try:
            (self.stream if request.is_stream else self.send_whole)(exchange)
        finally:
            counts = exchange.wire.counts()
            row = log_row(self.request_id, request.model, counts, started_at, time.time())
            self.server.state.add_answer(answer_cost(request.model, counts), row)

    def parse_images(self, body: bytes) -> ImageRequest:
        """Parse a request for images. Raises ErrorResponse (400) for a body that is malformed."""
        return parse_image_request(body, self.route, self.headers.get("Content-Type", ""))

    def answer_images(self, request: ImageRequest) -> None:
        """Send the images of a request. Raises ErrorResponse (404) for a model of another kind."""
        if request.model not in self.image_models:
            raise ErrorResponse(404, "model_not_found", f"The demo has no image model {request.model[:80]!r}.")
        started_at = time.time()
        exchange = self.image_exchange(request)
        if request.is_stream:
            self.stream(exchange)
        else:
            body = encode(exchange.body())
            self.wait(SECONDS_PER_IMAGE * request.count / self.server.pace)
            self.send(200, body, JSON_HEADERS)
        counts = request.counts()
        row = log_row(self.request_id, request.model, counts, started_at, time.time())
        self.server.state.add_answer(answer_cost(request.model, counts), row)

    def parse_audio(self, body: bytes) -> AudioRequest:
        """Parse a request of an audio route. Raises ErrorResponse (400) for a body that is malformed."""
        return parse_audio_request(body, self.route, self.headers.get("Content-Type", ""))

    def answer_audio(self, request: AudioRequest) -> None:
        """Send speech or a transcript. Raises ErrorResponse (404) for a model of another kind."""
        if request.model not in AUDIO_MODELS:
            raise ErrorResponse(404, "model_not_found", f"The demo has no audio model {request.model[:80]!r}.")
        started_at = time.time()
        self.wait(SECONDS_BEFORE_AUDIO / self.server.pace)
        if self.route == SPEECH:
            self.send(200, speak(request.text), {"Content-Type": "audio/wav"})
        else:
            self.send(200, encode(transcribe(request)), JSON_HEADERS)
        row = log_row(self.request_id, request.model, request.counts(), started_at, time.time())
        self.server.state.add_answer(answer_cost(request.model, request.counts()), row)

    def image_exchange(self, request: ImageRequest) -> ImageExchange:
        """Return the images of a request."""
        return ImageExchange(request)

    def find_model(self, name: str) -> Model:
        """Return a model. Raises ErrorResponse (404) for an unknown name."""
        if name not in self.models:
            raise ErrorResponse(404, "model_not_found", f"The demo has no model {name[:80]!r}.")
        return self.models[name]

    def check(self, model: Model, request: ParsedRequest) -> None:
        """Raise the error of a model that refuses the request."""
        if model.context_window and request.prompt_tokens > model.context_window:
            message = f"This model's maximum context length is {model.context_window} tokens."
            raise ErrorResponse(400, "context_length_exceeded", message, param="messages")
        if model.error:
            digest = hashlib.sha256(self.route.encode() + encode(request.body)).hexdigest()
            if model.failures is None or self.server.state.is_refused(digest, model.failures):
                raise model.error()

    def exchange(self, model: Model, request: ParsedRequest) -> Exchange:
        """Return the answer of a model to a request."""
        wire = OpenAIWire if request.path == OPENAI else AnthropicWire
        return Exchange(request, model, wire(request, CacheUsage()), self.request_id)

    def stream(self, exchange: Exchange | ImageExchange) -> None:
        """Send an answer as a stream."""
        self.send_head(200, {**STREAM_HEADERS, "Transfer-Encoding": "chunked"})
        due = time.monotonic()
        for step in exchange.steps():
            # Relative to the first step, so that late wake-ups do not add up.
            due += step.delay / self.server.pace
            self.wait(due - time.monotonic())
            chunk = b"%x\r\n%b\r\n" % (len(step.data), step.data)
            if step.is_cut:
                self.wfile.write(chunk[: len(chunk) // 2])
                self.close_connection = True
                return
            self.wfile.write(chunk)
        self.wfile.write(b"0\r\n\r\n")

    def send_whole(self, exchange: Exchange) -> None:
        """Send an answer as one body. Raises its error."""
        body, is_cut = self.collect(exchange)
        self.send_head(200, {**JSON_HEADERS, "Content-Length": str(len(body))})
        self.wfile.write(body[: len(body) // 2] if is_cut else body)
        self.close_connection |= is_cut

    def collect(self, exchange: Exchange) -> tuple[bytes, bool]:
        """Return the body of an answer, after the time that a stream would take, and True when it is cut.

        Raises the error of the answer.
        """
        delay, is_cut = 0.0, False
        for step in exchange.steps():
            delay, is_cut = delay + step.delay, step.is_cut
        self.wait(delay / self.server.pace)
        if exchange.error:
            raise exchange.error
        return encode(exchange.wire.body()), is_cut

    def send_failure(self, error: ErrorResponse) -> None:
        """Send an error in the shape of the wire."""
        self.send(error.status, error.body(self.route, self.request_id), error.headers)

    def send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a response of known length."""
        self.send_head(status, {**headers, "Content-Length": str(len(body))})
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_head(self, status: int, headers: Mapping[str, str]) -> None:
        """Send status and headers."""
        self.send_response(status)
        self.send_header("X-Oneapi-Request-Id", self.request_id)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def wait(self, seconds: float) -> None:
        """Wait. Raises ConnectionAbortedError when the server closes."""
        if self.server.closed.wait(max(0.0, seconds)):
            raise ConnectionAbortedError("The demo gateway is closing.")
