"""The models of the demo gateway, one for each kind of answer and ending."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from lib.demo.answers import (
    write_echo,
    write_endless_lines,
    write_long_answer,
    write_refusal,
    write_sample,
    write_title,
    write_tour,
)
from lib.demo.audio import AUDIO_MODELS
from lib.demo.deltas import split_text
from lib.demo.request import ParsedRequest
from lib.demo.search import search_deltas, write_search
from lib.demo.texts import BREAKS, ERRORS, SLOW, THINKER, THINKING
from lib.demo.wire import Delta, DeltaKind, ErrorResponse, FinishReason

# Paragraphs of thinking by effort; all of them for higher efforts and by default.
_THINKING_PARAGRAPHS = MappingProxyType({"none": 0, "minimal": 1, "low": 1, "medium": 2})

_ALL_INPUTS = ("text", "image", "file", "audio")


@dataclass(frozen=True)
class Model:
    """A model of the demo, described in English and Chinese.

    It writes a text, a sample by default, and sends `rate` deltas per second after as many `heartbeats`, one
    second apart. `limit` is the number of deltas after which it ends with `finish`; a `fault` takes the place
    of the end. `error` refuses the first `failures` requests of a kind, or all of them when that is None.
    `context_window` is in tokens, `inputs` are what the model list says that it takes, () for nothing. It
    `searches` the web if the request asks for it.
    """

    english: str
    chinese: str
    write: Callable[[ParsedRequest], str] | None = None
    thinks: bool = False
    rate: float = 60.0
    heartbeats: int = 0
    limit: int | None = None
    finish: FinishReason = "stop"
    fault: Literal["disconnect", "error"] | None = None
    error: Callable[[], ErrorResponse] | None = None
    failures: int | None = None
    context_window: int | None = None
    inputs: tuple[str, ...] = ()
    searches: bool = False

    def text(self, request: ParsedRequest) -> str:
        """Return the text of the answer, with the place of a fault marked."""
        return self.write(request) if self.write else write_sample(request, (self.english, self.chinese))

    def deltas(self, request: ParsedRequest, text: str) -> Iterator[Delta]:
        """Yield the thinking, the searches and the text in deltas."""
        if self.searches:
            yield from search_deltas(request, text)
            return
        if self.thinks:
            thinking = "\n\n".join(thinking_paragraphs(request))
            yield from (Delta(piece, "thinking") for piece in split_text(thinking))
        kind: DeltaKind = "refusal" if self.finish == "refusal" else "text"
        yield from (Delta(piece, kind) for piece in split_text(text))


def thinking_paragraphs(request: ParsedRequest) -> list[str]:
    """Return as many paragraphs of thinking as the effort of the request asks for."""
    paragraphs = THINKING.split("\n\n")
    return paragraphs[: _THINKING_PARAGRAPHS.get(request.effort, len(paragraphs))]


def _rate_limit(message: str) -> Callable[[], ErrorResponse]:
    return lambda: ErrorResponse(429, "rate_limit_error", message, {"Retry-After": "2"})


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "demo-tour": Model("a tour of this page", "页面功能导览", write=write_tour, inputs=_ALL_INPUTS),
        "demo-long": Model(
            "a long answer with tables, formulas and code",
            "带表格、公式和代码的长回答",
            write=write_long_answer,
        ),
        "demo-thinker": Model(
            "three seconds of thinking, then an answer",
            "先思考三秒，再回答",
            write=lambda _: THINKER,
            thinks=True,
        ),
        "demo-search": Model(
            "two web searches and their sources, when the search is on",
            "打开搜索后，显示两次网页搜索和来源",
            write=write_search,
            searches=True,
        ),
        "demo-slow": Model(
            "four seconds of waiting, then a slow answer",
            "等待四秒，然后缓慢回答",
            write=lambda _: SLOW,
            rate=4.0,
            heartbeats=4,
        ),
        "demo-endless": Model(
            "an answer without end, to be stopped",
            "没有结尾的回答，需要手动停止",
            write=write_endless_lines,
            rate=40.0,
        ),
        "demo-echo": Model("the request as it was received", "收到的请求原文", write=write_echo, inputs=_ALL_INPUTS),
        "demo-cut-by-length": Model(
            "an answer cut by the length limit, to be continued",
            "被长度上限截断、可以继续的回答",
            limit=30,
            finish="length",
        ),
        "demo-refuses": Model("a refusal", "拒绝回答", write=write_refusal, finish="refusal"),
        "demo-filtered": Model("an answer cut by a content filter", "被内容过滤截断的回答", limit=20, finish="filter"),
        "demo-empty-answer": Model("an empty answer", "空的回答", write=lambda _: ""),
        "demo-breaks": Model(
            "a connection lost in the middle of an answer",
            "回答中途连接断开",
            write=lambda _: BREAKS,
            rate=20.0,
            fault="disconnect",
        ),
        "demo-errors": Model(
            "an error in the middle of an answer",
            "回答中途出错",
            write=lambda _: ERRORS,
            rate=20.0,
            fault="error",
        ),
        "demo-429-then-fine": Model(
            "an answer after two automatic retries",
            "自动重试两次后才回答",
            error=_rate_limit("Too many requests; the third one will be answered."),
            failures=2,
        ),
        "demo-busy": Model(
            "a rate limit at every request",
            "每次请求都被限流",
            error=_rate_limit("Too many requests. The demo has other models."),
        ),
        "demo-short-memory": Model(
            "a context window of 800 tokens, full after a few turns",
            "上下文窗口只有 800 个 token，几轮就满",
            rate=200.0,
            context_window=800,
            inputs=("text",),
        ),
        "demo-cheap": Model(
            "the first words of the question, as a title or summary",
            "问题的开头几个词，用作标题或摘要",
            write=write_title,
            rate=200.0,
        ),
    }
)


# Models that draw, described in English and Chinese.
IMAGE_MODELS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"demo-gpt-image": ("a picture, drawn while you watch, and changes to it", "边画边看的图片，也可以修改图片")}
)


def describe_model(name: str, *, is_chinese: bool) -> str:
    """Return the description of a model that chats or draws in one of the two languages; "" for an unknown model."""
    if model := MODELS.get(name):
        return model.chinese if is_chinese else model.english
    return IMAGE_MODELS[name][is_chinese] if name in IMAGE_MODELS else ""


def model_list(models: Mapping[str, Model], is_chinese: bool) -> dict[str, Any]:
    """Return the payload of /v1/models, with descriptions."""
    data: list[dict[str, Any]] = []
    for name, model in models.items():
        entry: dict[str, Any] = {
            "id": name,
            "object": "model",
            "created": 1626777600,
            "owned_by": "antler-demo",
            "supported_endpoint_types": ["openai", "anthropic"],
            "description": model.chinese if is_chinese else model.english,
        }
        if model.context_window:
            entry["context_length"] = model.context_window
        if model.inputs:
            entry["architecture"] = {"input_modalities": list(model.inputs)}
        if model.searches:
            entry["capabilities"] = {"web_search": {"supported": True}}
        data.append(entry)
    for name, descriptions in IMAGE_MODELS.items():
        entry = {"id": name, "object": "model", "created": 1626777600, "owned_by": "antler-demo"}
        entry |= {"supported_endpoint_types": ["image-generation"], "description": descriptions[is_chinese]}
        data.append(entry)
    for name, (kind, english, chinese) in AUDIO_MODELS.items():
        entry = {"id": name, "object": "model", "created": 1626777600, "owned_by": "antler-demo"}
        entry |= {"supported_endpoint_types": [kind], "description": chinese if is_chinese else english}
        data.append(entry)
    return {"success": True, "object": "list", "data": data}
