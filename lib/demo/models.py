"""The demo gateway's models by name: what each shows, and how it goes about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lib.demo import plays, reading, refusals, script
from lib.demo.dress import Dress
from lib.demo.plays import Play
from lib.demo.refusals import Refusal
from lib.demo.script import Script
from lib.demo.wire import Style, Why


@dataclass(frozen=True)
class Model:
    """A model of the demo.

    `english` and `chinese` say in a few words what it shows. It says `rate` pieces a second after
    `quiet` seconds of pings, at most `most` of them, of the rest of an answer only if it is cut `again`,
    and ends because of `why`. `context` is the tokens of its window, where the list tells them.
    """

    english: str
    chinese: str
    script: Script = script.spoken
    play: Play = plays.well
    refusal: Refusal | None = None
    style: Style = Style()
    dress: Dress = Dress()
    rate: float = 60.0
    quiet: int = 0
    most: int | None = None
    again: bool = False
    why: Why = "done"
    context: int | None = None


_TOURS = {
    "demo-tour": Model("a tour of what the page can show", "页面能展示什么，带你看一遍"),
    "demo-thinker": Model(
        "three seconds of thinking, then an answer", "先思考三秒，再回答", script=script.thinking
    ),
    "demo-slow": Model("four seconds of waiting, then a trickle", "先等四秒，再慢慢地说", rate=4.0, quiet=4),
    "demo-silent": Model("nothing at all, until you end it", "一言不发，直到你让它结束", play=plays.silent),
    "demo-breaks": Model(
        "a connection lost in mid-sentence", "一句话没说完，连接断了", play=plays.torn, rate=20.0
    ),
    "demo-errors": Model(
        "an error in the middle of an answer", "回答到一半，报了错", play=plays.failed, rate=20.0
    ),
    "demo-busy": Model(
        "“too many requests”, however often you ask", "“请求太多”，再问也一样", refusal=refusals.BUSY
    ),
    "demo-endless": Model(
        "line after line, until you end it", "说个没完，直到你让它结束", script=script.endless, rate=40.0
    ),
    "demo-badgateway": Model("a gateway that is down", "网关出了故障", refusal=refusals.PAGE),
    "demo-echo": Model("the request as it arrived", "收到的请求原文"),
    "demo-repeats": Model(
        "an answer cut by a limit, whose rest begins with words said before",
        "被长度限制截断，续写时重复前面的几个词",
        most=30,
        why="length",
    ),
    "demo-short-memory": Model(
        "a window of 800 tokens, full after a few turns",
        "上下文只有 800 个 token，几轮就满",
        refusal=refusals.OVER_800,
        rate=200.0,
        context=800,
    ),
    "demo-cheap": Model(
        "the first words of what was said, as a title or a summary",
        "说过的话的开头几个词，当作标题或摘要",
        rate=200.0,
    ),
}
_TRIES = {
    "demo-429-then-fine": Model(
        "two times “too many requests”, then an answer",
        "两次“请求太多”，然后回答",
        refusal=refusals.BUSY_TWICE,
    ),
    "demo-503-then-fine": Model(
        "overloaded once, then an answer", "过载一次，然后回答", refusal=refusals.OVERLOADED_ONCE
    ),
    "demo-500-then-fine": Model(
        "a failure once, then an answer", "失败一次，然后回答", refusal=refusals.FAILED_ONCE
    ),
    "demo-reset-then-fine": Model(
        "a connection reset once, then an answer", "连接被重置一次，然后回答", refusal=refusals.RESET_ONCE
    ),
}
_REFUSALS = {
    "demo-429-for-an-hour": Model(
        "“too many requests”, come back in an hour",
        "“请求太多”，一小时后再来",
        refusal=refusals.BUSY_FOR_AN_HOUR,
    ),
    "demo-429-empty": Model(
        "“too many requests” without a word", "“请求太多”，没有任何说明", refusal=refusals.BUSY_IN_SILENCE
    ),
    "demo-529-overloaded": Model("always overloaded", "一直过载", refusal=refusals.OVERLOADED),
    "demo-wrong-key": Model("a key that is refused", "密钥被拒绝", refusal=refusals.WRONG_KEY),
    "demo-no-balance": Model("a balance that is too low", "余额不足", refusal=refusals.NO_BALANCE),
    "demo-no-channel": Model(
        "a model that nothing serves", "没有渠道提供的模型", refusal=refusals.NO_CHANNEL
    ),
    "demo-invalid-as-500": Model(
        "a wrong request, reported as the server's failure",
        "请求有误，却报成服务器错误",
        refusal=refusals.INVALID_AS_500,
    ),
    "demo-context-too-long": Model("a conversation that is too long", "对话太长", refusal=refusals.TOO_LONG),
    "demo-no-temperature": Model(
        "a refusal of temperature, and an answer without it",
        "拒绝 temperature，不带它才回答",
        refusal=refusals.NO_TEMPERATURE,
    ),
    "demo-one-sampler": Model(
        "a refusal of temperature together with top_p",
        "拒绝 temperature 和 top_p 同时出现",
        refusal=refusals.ONE_SAMPLER,
    ),
    "demo-foreign-error": Model(
        "an error in the other format's shape", "用另一种格式报错", refusal=refusals.FOREIGN
    ),
    "demo-422-detail": Model(
        "an error as some frameworks word it", "某些框架的报错方式", refusal=refusals.DETAIL
    ),
    "demo-error-as-200": Model(
        "an error with the status of a success", "状态是成功，内容却是错误", refusal=refusals.ERROR_AS_200
    ),
    "demo-page-as-200": Model(
        "a web page in place of an answer", "回答变成了网页", refusal=refusals.PAGE_AS_200
    ),
    "demo-error-as-stream": Model(
        "an error labelled as a stream", "标成事件流的错误", refusal=refusals.ERROR_AS_STREAM
    ),
    "demo-empty-body": Model("a success without a byte", "成功，却没有一个字节", refusal=refusals.NO_BODY),
    "demo-redirects": Model(
        "a redirect, which no key should follow", "重定向，密钥不该跟着走", refusal=refusals.REDIRECT
    ),
}
_MIDDLE = {
    "demo-error-event": Model("an error event in the middle", "中途来了错误事件", play=plays.failed_named),
    "demo-error-data": Model(
        "an error in an unnamed event, then the usual end",
        "没有名字的错误事件，随后照常结束",
        play=plays.failed_unnamed,
    ),
    "demo-error-at-end": Model(
        "an error as the last bytes, without a line end",
        "最后几个字节是错误，没有换行",
        play=plays.failed_at_end,
    ),
    "demo-bare-json": Model(
        "an error as bare JSON among the events", "事件流里夹着一段错误 JSON", play=plays.failed_bare
    ),
    "demo-done-without-reason": Model(
        "an end marker, but no reason why it ended", "有结束标记，没有结束原因", play=plays.marked_only
    ),
    "demo-ends-without-reason": Model(
        "a clean end of the connection in mid-sentence", "一句话没说完，连接正常关闭", play=plays.ended
    ),
    "demo-no-end-marker": Model(
        "a reason why it ended, but no end marker", "有结束原因，没有结束标记", play=plays.finished_only
    ),
}
_ENDS = {
    "demo-empty-answer": Model("an answer without a word", "一个字也没有的回答", script=script.nothing),
    "demo-cut-by-length": Model(
        "an answer cut by the length limit, again and again",
        "回答一次次被长度限制截断",
        most=30,
        again=True,
        why="length",
    ),
    "demo-only-thinks": Model(
        "thinking that uses up the whole limit",
        "思考用完了全部长度",
        script=script.thoughts_only,
        why="length",
    ),
    "demo-context-full": Model(
        "an answer that fills the context window", "上下文窗口满了", most=30, why="window"
    ),
    "demo-refuses": Model("a refusal in words", "用文字拒绝", script=script.refusal, why="refusal"),
    "demo-filtered": Model("an answer cut by a filter", "被过滤器截断的回答", most=20, why="filter"),
    "demo-wants-tool": Model("a call of a tool", "要调用工具", script=script.calling, why="tool"),
    reading.PAUSING: Model(
        "a pause, after which the answer is to be sent back",
        "暂停，把回答发回去才会继续",
        most=20,
        why="pause",
    ),
}
_STREAMS = {
    "demo-restarts": Model("a second beginning", "说到一半，从头再来", play=plays.restarted),
    "demo-overlaps": Model(
        "thinking that goes on while the text comes",
        "文字已经来了，思考还没停",
        script=script.between,
        style=Style(overlapping=True),
    ),
    "demo-unknown-events": Model(
        "events and blocks that no client knows",
        "谁也不认识的事件和内容块",
        script=script.unknown,
        play=plays.odd,
    ),
    "demo-redacted-thinking": Model(
        "thinking that nobody may read", "谁也不能读的思考", script=script.redacted
    ),
    "demo-signed-thinking": Model(
        "thinking of which only the signature is shown", "思考只给出签名", script=script.sealed
    ),
    "demo-unsigned-thinking": Model(
        "thinking under another name, or without a signature",
        "换了名字或没有签名的思考",
        script=script.thinking,
        style=Style(reasoning="reasoning", signed=False),
    ),
    "demo-think-tags": Model(
        "thinking in tags inside the text", "思考写在正文的标签里", script=script.tagged
    ),
    "demo-pings": Model("a minute of signs of life, then an answer", "一分钟只有心跳，然后回答", quiet=60),
    "demo-long-gap": Model("a minute of silence in the middle", "中途沉默一分钟", play=plays.paused),
    "demo-usage-often": Model("counts of tokens again and again", "反复报告用量", style=Style(usage="often")),
    "demo-no-usage": Model("no counts of tokens", "不报告用量", style=Style(usage="never")),
}
_BYTES = {
    "demo-crlf": Model("lines that end in two characters", "行尾是两个字符", dress=Dress(crlf=True)),
    "demo-bom": Model("a byte order mark before all else", "开头有字节顺序标记", dress=Dress(bom=True)),
    "demo-cut-letters": Model(
        "letters cut in two on the way", "字符在途中被切成两半", dress=Dress(halved=True)
    ),
    "demo-one-big-event": Model("a long answer in one event", "一个事件装下一篇长文", script=script.at_once),
    "demo-json-for-stream": Model(
        "a whole answer where a stream was asked for", "要流式，却一次给完", dress=Dress(form="whole")
    ),
    "demo-stream-for-json": Model(
        "a stream where a whole answer was asked for", "要一次给完，却是流式", dress=Dress(form="stream")
    ),
    "demo-gzip": Model("a compressed answer", "压缩过的回答", dress=Dress(zipped=True)),
    "demo-close-framed": Model(
        "an answer that ends as its connection closes", "连接关闭才算结束的回答", dress=Dress(framing="close")
    ),
    "demo-known-length": Model(
        "a stream whose length is known beforehand", "事先知道长度的流", dress=Dress(framing="length")
    ),
}
MENU: Mapping[str, Model] = MappingProxyType(
    {**_TOURS, **_TRIES, **_REFUSALS, **_MIDDLE, **_ENDS, **_STREAMS, **_BYTES}
)
# Listed as a gateway lists what is no chat model, so that a client can leave them out.
OTHERS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "demo-image": ("image-generation", "no chat model: pictures", "不是聊天模型：图片"),
        "demo-embedding": ("embeddings", "no chat model: embeddings", "不是聊天模型：向量"),
        "demo-rerank": ("jina-rerank", "no chat model: ranking", "不是聊天模型：排序"),
        "demo-video": ("openai-video", "no chat model: video", "不是聊天模型：视频"),
    }
)


def listed(anthropic: bool, chinese: bool) -> dict[str, Any]:
    """Return the list of models in the shape of either wire, each with what it shows."""
    chats = ((name, ["openai", "anthropic"], model.english, model.chinese) for name, model in MENU.items())
    others = ((name, [kind], english, chinese) for name, (kind, english, chinese) in OTHERS.items())
    found = [(name, ends, zh if chinese else en) for name, ends, en, zh in (*chats, *others)]
    windows = {name: model.context for name, model in MENU.items() if model.context}
    if anthropic:
        head = {"type": "model", "created_at": "2021-07-20T00:00:00Z"}
        data = [
            {**head, "id": name, "display_name": name, "description": words}
            | ({"max_input_tokens": windows[name]} if name in windows else {})
            for name, _, words in found
        ]
        return {"data": data, "has_more": False, "first_id": found[0][0], "last_id": found[-1][0]}
    both = {"object": "model", "created": 1626777600, "owned_by": "antler-demo"}
    return {
        "success": True,
        "object": "list",
        "data": [
            {"id": name, **both, "supported_endpoint_types": ends, "description": words}
            | ({"context_length": windows[name]} if name in windows else {})
            for name, ends, words in found
        ],
    }
