"""The models of the fake gateway: those of the demo, and one for each fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from lib.demo import MODELS as DEMO_MODELS
from lib.demo import Model
from lib.demo.answers import write_long_answer
from lib.demo.exchange import Step
from lib.demo.models import IMAGE_MODELS as DEMO_IMAGE_MODELS
from lib.demo.models import model_list
from lib.demo.request import ParsedRequest
from lib.demo.wire import Delta
from tests.fake_gateway import faults, refusals, scripts
from tests.fake_gateway.exchange import PAUSE_MODEL, REPEAT_MODEL, FakeExchange
from tests.fake_gateway.framing import Framing
from tests.fake_gateway.wires import Style

Script = Callable[[ParsedRequest, str], Iterator[Delta]]
Play = Callable[[FakeExchange], Iterator[Step]]


def _always(body: Mapping[str, Any]) -> bool:
    return True


@dataclass(frozen=True)
class FakeModel(Model):
    """A model whose answer follows a script and a play; `error` applies when the body meets a condition."""

    script: Script | None = None
    play: Play | None = None
    style: Style = Style()
    framing: Framing = Framing()
    error_condition: Callable[[Mapping[str, Any]], bool] = _always

    def deltas(self, request: ParsedRequest, text: str) -> Iterator[Delta]:
        return self.script(request, text) if self.script else super().deltas(request, text)


def _fake(model: Model) -> FakeModel:
    return FakeModel(**{field.name: getattr(model, field.name) for field in fields(Model)})


def _model(shown: str, **options: Any) -> FakeModel:
    """Return a model that is described in English only."""
    return FakeModel(shown, f"展示：{shown}", **options)


_RETRIES = {
    "demo-503-then-fine": _model("overloaded once, then an answer", error=refusals.OVERLOADED_503, failures=1),
    "demo-500-then-fine": _model("a failure once, then an answer", error=refusals.UPSTREAM_FAILED, failures=1),
    "demo-reset-then-fine": _model("a connection reset once, then an answer", error=refusals.RESET, failures=1),
}
UNFINISHED_IMAGE = "demo-gpt-image-unfinished"
IMAGE_MODELS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {**DEMO_IMAGE_MODELS, UNFINISHED_IMAGE: ("a preview, and nothing more", "只有预览图")}
)
_REFUSALS = {
    "demo-badgateway": _model("the page of a gateway that is down", error=refusals.BAD_GATEWAY_PAGE),
    "demo-429-for-a-minute": _model("a rate limit for a minute", error=refusals.RATE_LIMIT_MINUTE),
    "demo-429-for-an-hour": _model("a rate limit for an hour", error=refusals.RATE_LIMIT_HOUR),
    "demo-429-empty": _model("a rate limit without a body", error=refusals.RATE_LIMIT_EMPTY),
    "demo-529-overloaded": _model("always overloaded", error=refusals.OVERLOADED_529),
    "demo-wrong-key": _model("a key that is rejected", error=refusals.WRONG_KEY),
    "demo-no-balance": _model("a balance that is too low", error=refusals.NO_BALANCE),
    "demo-no-channel": _model("a model without a channel", error=refusals.NO_CHANNEL),
    "demo-invalid-as-500": _model("an invalid request reported as a server error", error=refusals.INVALID_AS_500),
    "demo-context-too-long": _model("a conversation that is too long", error=refusals.CONTEXT_TOO_LONG),
    "demo-no-temperature": _model(
        "a refusal of temperature, and an answer without it",
        error=refusals.NO_TEMPERATURE,
        error_condition=refusals.has_fields("temperature"),
    ),
    "demo-no-images": _model(
        "a refusal of images, and an answer without them",
        error=refusals.NO_IMAGES,
        error_condition=refusals.sends_images,
    ),
    "demo-one-sampler": _model(
        "a refusal of temperature together with top_p",
        error=refusals.ONE_SAMPLER,
        error_condition=refusals.has_fields("temperature", "top_p"),
    ),
    "demo-foreign-error": _model("an error in the shape of the other wire", error=refusals.OTHER_WIRE),
    "demo-422-detail": _model("an error in the shape of FastAPI", error=refusals.DETAIL),
    "demo-error-as-200": _model("an error with the status 200", error=refusals.ERROR_AS_200),
    "demo-page-as-200": _model("a web page instead of an answer", error=refusals.PAGE_AS_200),
    "demo-error-as-stream": _model("an error labelled as a stream", error=refusals.ERROR_AS_STREAM),
    "demo-empty-body": _model("a success with an empty body", error=refusals.EMPTY_BODY),
    "demo-redirects": _model("a redirect, which no key may follow", error=refusals.REDIRECT),
}
_FAULTS = {
    "demo-error-event": _model("a named error event", fault=faults.named_error),
    "demo-error-data": _model("an error in an unnamed event", fault=faults.unnamed_error),
    "demo-error-at-end": _model("an error without a line end", fault=faults.error_without_line_end),
    "demo-bare-json": _model("an error as bare JSON between events", fault=faults.bare_json_error),
    "demo-done-without-reason": _model("an end marker without a finish reason", fault=faults.end_without_reason),
    "demo-ends-without-reason": _model(
        "a regular end of the body in the middle of the text", fault=faults.closed_connection
    ),
    "demo-no-end-marker": _model("a finish reason without an end marker", play=faults.reason_without_end),
    "demo-silent": _model("ten minutes without a byte", play=faults.silence),
}
_FINISHES = {
    REPEAT_MODEL: _model("a continuation that repeats the last words", limit=30, finish="length once"),
    "demo-only-thinks": _model("thinking that uses up the length limit", script=scripts.thinking_only, finish="length"),
    "demo-context-full": _model("an answer that fills the context window", limit=30, finish="window"),
    "demo-wants-tool": _model("a tool call", script=scripts.tool_call, finish="tool"),
    PAUSE_MODEL: _model("a pause, continued by sending the answer back", limit=20, finish="pause"),
}
_STREAMS = {
    "demo-restarts": _model("an answer that begins again", play=faults.restart),
    "demo-overlaps": _model(
        "thinking that continues while the text arrives",
        script=scripts.overlapping_thinking,
        style=Style(is_overlapping=True),
    ),
    "demo-unknown-events": _model(
        "unknown events and blocks", script=scripts.unknown_content, play=faults.unknown_events
    ),
    "demo-redacted-thinking": _model("redacted thinking", script=scripts.redacted_thinking),
    "demo-signed-thinking": _model("the signature of hidden thinking", script=scripts.signature_only),
    "demo-unsigned-thinking": _model(
        "thinking under another name, or without a signature",
        thinks=True,
        style=Style(reasoning_field="reasoning", is_signed=False),
    ),
    "demo-think-tags": _model("thinking in tags inside the text", script=scripts.think_tags),
    "demo-pings": _model("a minute of heartbeats, then an answer", heartbeats=60),
    "demo-long-gap": _model("a minute of silence in the middle", play=faults.long_gap),
    "demo-holds": _model("over an hour of silence in the middle", play=faults.hold),
    "demo-usage-often": _model("usage in every event", style=Style(usage="often")),
    "demo-no-usage": _model("no usage", style=Style(usage="never")),
}
_FRAMINGS = {
    "demo-crlf": _model("lines that end with CRLF", framing=Framing(uses_crlf=True)),
    "demo-bom": _model("a byte order mark", framing=Framing(has_bom=True)),
    "demo-cut-letters": _model("characters split between writes", framing=Framing(splits_characters=True)),
    "demo-one-big-event": _model("a long answer in one event", write=write_long_answer, script=scripts.one_delta),
    "demo-json-for-stream": _model("one body where a stream was requested", framing=Framing(form="whole")),
    "demo-stream-for-json": _model("a stream where one body was requested", framing=Framing(form="stream")),
    "demo-gzip": _model("a compressed answer", framing=Framing(is_compressed=True)),
    "demo-close-framed": _model("a body that ends when the connection closes", framing=Framing(transfer="close")),
    "demo-known-length": _model("a stream of known length", framing=Framing(transfer="length")),
}
MODELS: Mapping[str, FakeModel] = MappingProxyType(
    {
        **{name: _fake(model) for name, model in DEMO_MODELS.items()},
        **_RETRIES,
        **_REFUSALS,
        **_FAULTS,
        **_FINISHES,
        **_STREAMS,
        **_FRAMINGS,
    }
)
# Models without chat: the endpoint type that the gateway lists for each.
OTHER_MODELS: Mapping[str, str] = MappingProxyType(
    {
        "demo-image": "image-generation",
        "demo-embedding": "embeddings",
        "demo-rerank": "jina-rerank",
        "demo-video": "openai-video",
    }
)


def openai_list(is_chinese: bool) -> dict[str, Any]:
    """Return the list of models in the shape of OpenAI, with those that cannot chat."""
    payload = model_list(MODELS, is_chinese)
    first = payload["data"][0]
    payload["data"] += [
        {**first, "id": name, "supported_endpoint_types": [kind], "description": f"no chat model: {kind}"}
        for name, kind in OTHER_MODELS.items()
    ]
    return payload


def anthropic_list(is_chinese: bool) -> dict[str, Any]:
    """Return the list of models in the shape of Anthropic."""
    data = []
    for entry in openai_list(is_chinese)["data"]:
        model = {"type": "model", "id": entry["id"], "display_name": entry["id"]}
        model |= {"created_at": "2021-07-20T00:00:00Z", "description": entry["description"]}
        if "context_length" in entry:
            model["max_input_tokens"] = entry["context_length"]
        data.append(model)
    return {"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]}
