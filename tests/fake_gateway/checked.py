"""A fake gateway for checks of gateways: its models do what they are asked, and each of its lies can be switched on."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

from PIL import Image

from lib.chat.gateway_check import samples
from lib.chat.gateway_check.requests import FACTS
from lib.demo.exchange import Exchange
from lib.demo.handler import MODEL_LIST
from lib.demo.images import ImageExchange
from lib.demo.models import Model, model_list
from lib.demo.request import ParsedRequest
from lib.demo.wire import ANTHROPIC, CacheUsage, Delta, ErrorResponse, TokenCounts
from lib.gateway.token_count import COUNT_PATH
from tests.fake_gateway.exchange import FakeExchange
from tests.fake_gateway.handler import FakeHandler
from tests.fake_gateway.models import FakeModel
from tests.fake_gateway.server import FakeGateway, FakeServer
from tests.fake_gateway.wires import FakeAnthropicWire, FakeOpenAIWire, Style

Lie = Literal[
    "inflates usage",
    "inflates answers",
    "other model",
    "names another model",
    "halves context",
    "burst",
    "no usage",
    "drops thinking",
    "ignores stop",
    "ignores max_tokens",
    "own errors",
    "adds a prompt",
]
INFLATION = 1.2
BURST_SECONDS = 1.1
CONTEXT_WINDOW = 4_000
_THINKING = "I go through the numbers one by one and drop each that has a divisor."
_HIDDEN_PROMPT_TOKENS = 900
_TOKEN = re.compile(r"\s*(?:[A-Za-z]+|\d{1,3}|[^\sA-Za-z\d])")
_SINGLE_DIGIT_TOKEN = re.compile(r"\s*(?:[A-Za-z]+|\d|[^\sA-Za-z\d])")
_CODE = re.compile(r"The code of the (\w+) box is (\d+)\.")
_MAKERS = {"claude": ("Anthropic", "Claude"), "gpt": ("OpenAI", "GPT")}


def _model(**options: Any) -> FakeModel:
    return FakeModel("a model to be checked", "供检测的模型", rate=1e6, inputs=("text", "image", "file"), **options)


class CheckedServer(FakeServer):
    """The server with its lies, and the prompts that it has cached."""

    lies: frozenset[Lie] = frozenset()
    cached_prompts: set[str]

    def __init__(self, pace: float) -> None:
        self.cached_prompts = set()
        super().__init__(pace)


class CheckedHandler(FakeHandler):
    """Requests to models that follow instructions."""

    server: CheckedServer
    models = MappingProxyType(
        {"gpt-4.1": _model(context_window=CONTEXT_WINDOW), "claude-sonnet-4-5": _model(context_window=CONTEXT_WINDOW)}
    )

    def document(self) -> dict[str, Any]:
        return model_list(self.models, False) if self.route == MODEL_LIST else super().document()

    def parse(self, body: bytes) -> ParsedRequest:
        request, lies = super().parse(body), self.server.lies
        tokens = 8 + sum(len(_tokenize(text, lies)) for text in _texts(request.body))
        if "adds a prompt" in lies:
            tokens += _HIDDEN_PROMPT_TOKENS
        if "inflates usage" in lies:
            tokens = int(tokens * INFLATION)
        return replace(
            request,
            prompt_tokens=tokens,
            max_tokens=None if "ignores max_tokens" in lies else request.max_tokens,
            stop_sequences=() if "ignores stop" in lies else request.stop_sequences,
        )

    def respond(self, body: bytes) -> None:
        if self.path != COUNT_PATH:
            super().respond(body)
            return
        texts = _texts(json.loads(body))
        count = 8 + sum(len(_tokenize(text, self.server.lies)) for text in texts)
        self.send(200, json.dumps({"input_tokens": count}).encode(), {"Content-Type": "application/json"})

    def check(self, model: Model, request: ParsedRequest) -> None:
        """Refuse nothing: a prompt is never too long here."""

    def exchange(self, model: Model, request: ParsedRequest) -> Exchange:
        lies, wire = self.server.lies, CheckedAnthropicWire if request.path == ANTHROPIC else CheckedOpenAIWire
        style = Style(usage="never" if "no usage" in lies else "once", is_signed="other model" not in lies)
        answer = _Answer(request, lies)
        built = wire(request, self._find_cached(request), style)
        built.lies = lies
        finish = "tool" if answer.calls_tool else "stop"
        checked = replace(_model(), write=lambda _: answer.text, script=answer.deltas, finish=finish)
        return FakeExchange(request, checked, built, self.request_id)

    def _find_cached(self, request: ParsedRequest) -> CacheUsage:
        if request.prompt_tokens < 2_000 or (request.path == ANTHROPIC and "cache_control" not in request.body):
            return CacheUsage()
        digest = hashlib.sha256(json.dumps(request.body, sort_keys=True).encode()).hexdigest()
        is_cached = digest in self.server.cached_prompts
        self.server.cached_prompts.add(digest)
        written = request.prompt_tokens - 10 if request.path == ANTHROPIC else 0
        return CacheUsage(request.prompt_tokens - 10, 0) if is_cached else CacheUsage(0, written)

    def stream(self, exchange: Exchange | ImageExchange) -> None:
        if "burst" not in self.server.lies or isinstance(exchange, ImageExchange):
            super().stream(exchange)
            return
        data = b"".join(step.data for step in exchange.steps())
        self.send_head(200, {"Content-Type": "text/event-stream", "Content-Length": str(len(data))})
        self.wait(BURST_SECONDS)
        self.wfile.write(data)

    def send_failure(self, error: ErrorResponse) -> None:
        if "own errors" in self.server.lies:
            body = json.dumps({"code": 4001, "msg": str(error)}).encode()
            self.send(error.status, body, {"Content-Type": "application/json"})
        else:
            super().send_failure(error)


class _Lying:
    """Counts and names of both wires."""

    lies: frozenset[Lie] = frozenset()

    def count(self, tokens: int) -> int:
        return int(tokens * INFLATION) if self.lies & {"inflates answers", "inflates usage"} else tokens

    def name(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {**payload, "model": "qwen-plus"} if "names another model" in self.lies else payload


class CheckedOpenAIWire(_Lying, FakeOpenAIWire):
    """/v1/chat/completions with probabilities."""

    def counts(self) -> TokenCounts:
        counts = super().counts()
        return replace(counts, completion=self.count(counts.completion))

    def payload(self, kind: str, choices: list[Any], usage: dict[str, Any] | None) -> dict[str, Any]:
        if self.request.body.get("logprobs"):
            choices = [{**choice, "logprobs": {"content": []}} for choice in choices]
        return self.name(super().payload(kind, choices, usage))


class CheckedAnthropicWire(_Lying, FakeAnthropicWire):
    """/v1/messages."""

    def output_tokens(self) -> int:
        return self.count(super().output_tokens())

    def message(self, content: list[dict[str, Any]], output_tokens: int) -> dict[str, Any]:
        message = self.name(super().message(content, output_tokens))
        return {**message, "id": message["id"].replace("msg_", "gen_")} if "other model" in self.lies else message


class _Answer:
    """The answer to a request of a check, token by token."""

    def __init__(self, request: ParsedRequest, lies: frozenset[Lie]) -> None:
        self._request, self._lies = request, lies
        self._question = request.question
        if "halves context" in lies and len(words := self._question.split(" ")) > CONTEXT_WINDOW // 2:
            self._question = " ".join(words[-CONTEXT_WINDOW // 2 :])
        self.calls_tool = "weather" in self._question and bool(request.body.get("tools"))
        self.text = self._write()

    def deltas(self, _: ParsedRequest, text: str) -> Iterator[Delta]:
        body = self._request.body
        asks_for_thinking = body.get("thinking", {}).get("type") in ("enabled", "adaptive") or bool(
            body.get("reasoning_effort")
        )
        if asks_for_thinking:
            kind: Any = "thinking" if "drops thinking" not in self._lies else "redacted"
            is_hidden = kind == "redacted" and self._request.path == ANTHROPIC
            yield from () if is_hidden else (Delta(token, kind) for token in _tokenize(_THINKING, self._lies))
        if self.calls_tool:
            yield Delta('{"city": "Oslo"}', "tool")
            return
        yield from (Delta(token) for token in _tokenize(text, self._lies))

    def _write(self) -> str:
        question = self._question
        if question.startswith("Copy"):
            return question.partition("\n\n")[2]
        if codes := _CODE.findall(question):
            return "\n".join(f"{box}: {code}" for box, code in codes)
        if "Which company" in question:
            return self._introduce()
        if "file show" in question:
            return _read_file(self._request.body)
        answers = {"prime": "10", "fruit": "Apple", "hello": "Hello!"}
        return next((text for word, text in answers.items() if word in question), "OK")

    def _introduce(self) -> str:
        maker = next((maker for name, maker in _MAKERS.items() if name in self._request.model), ("Acme", "Acme"))
        facts = FACTS if "other model" not in self._lies else ()
        company, model = maker if "other model" not in self._lies else ("Alibaba Cloud", "Qwen")
        lines = [f"{month[:4]}: {name}" for month, _, name in facts]
        return "\n".join([f"Company: {company}", f"Model: {model}", *lines])


def _tokenize(text: str, lies: frozenset[Lie]) -> list[str]:
    return (_SINGLE_DIGIT_TOKEN if "other model" in lies else _TOKEN).findall(text)


def _texts(body: Mapping[str, Any]) -> Iterator[str]:
    for message in body["messages"]:
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        yield from (part["text"] for part in parts if part["type"] == "text")


def _read_file(body: Mapping[str, Any]) -> str:
    """Return the number in the file of a request."""
    for part in body["messages"][-1]["content"]:
        match part["type"]:
            case "image_url":
                return _read_image(part["image_url"]["url"].partition(",")[2])
            case "file":
                return _read_pdf(part["file"]["file_data"].partition(",")[2])
            case "image":
                return _read_image(part["source"]["data"])
            case "document":
                return _read_pdf(part["source"]["data"])
    return "There is no file."


def _read_pdf(data: str) -> str:
    match = re.search(rb"number is (\d+)", base64.b64decode(data))
    return match[1].decode() if match else "nothing"


def _read_image(data: str) -> str:
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    dot, step = samples.DOT, samples.DIGIT_WIDTH + samples.DIGIT_GAP
    count = (image.width // dot - 2 * samples.MARGIN + samples.DIGIT_GAP) // step

    def is_black(x: int, y: int) -> bool:
        place = ((samples.MARGIN + x) * dot + dot // 2, (samples.MARGIN + y) * dot + dot // 2)
        return image.getpixel(place) == 0

    digits = ""
    for index in range(count):
        rows = tuple(
            sum(is_black(index * step + x, y) << (samples.DIGIT_WIDTH - 1 - x) for x in range(samples.DIGIT_WIDTH))
            for y in range(samples.DIGIT_HEIGHT)
        )
        digits += str(samples.DIGITS.index(rows))
    return digits


CheckedServer.handler = CheckedHandler


class CheckedGateway(FakeGateway):
    """A running gateway with some lies; a context manager."""

    server_class = CheckedServer

    def __init__(self, *lies: Lie, pace: float = 1.0) -> None:
        super().__init__(pace)
        self._server.lies = frozenset(lies)

    def lie(self, *lies: Lie) -> None:
        """Tell these lies from now on, and no others."""
        self._server.lies = frozenset(lies)
