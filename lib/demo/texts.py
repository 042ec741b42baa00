"""Texts of the demo models: Markdown files and short strings, in English and Chinese."""

from pathlib import Path

# English and Chinese: indexed by a flag that is True for Chinese.
Text = tuple[str, str]

_FOLDER = Path(__file__).parent / "markdown"


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.md").read_text(encoding="utf-8").rstrip("\n")


def _read_both(name: str) -> Text:
    return _read(f"{name}.en"), _read(f"{name}.zh")


# The place in a text where a fault occurs; never sent.
FAULT_MARK = "¦"

TOUR, CODE, MATHS, TABLE = _read_both("tour"), _read_both("code"), _read_both("maths"), _read_both("table")
LONG, SAMPLE = _read_both("long"), _read_both("sample")
THINKING, THINKER = _read("thinking.en"), _read("thinker.en")
SLOW, BREAKS, ERRORS = _read("slow.en"), _read("breaks.en"), _read("errors.en")

DISCLAIMER: Text = (
    "*This is the built-in demo, not a model. To talk to one, set `DEERAPI_API_KEY`, or `[gateway] api_key` "
    "in `.streamlit/secrets.toml`, and start Antler again.*",
    "*这是内置演示，不是模型。想和真正的模型对话，请设置 `DEERAPI_API_KEY`，或在 `.streamlit/secrets.toml` "
    "里写上 `[gateway] api_key`，再重新启动 Antler。*",
)
NEXT: Text = (
    "**Next:** ask for code, maths, a table or something long; edit an earlier question; or choose another "
    "model, for example `demo-thinker`.",
    "**接下来：** 可以要代码、公式、表格或长文；可以修改前面的问题；也可以换一个模型，比如 `demo-thinker`。",
)
SEARCH_ON: Text = (
    "I searched the web. Antlers grow up to two centimetres a day, faster than any other bone.\n\n"
    "A stag sheds them every spring.\n\n"
    "This is the built-in demo, not a model: the pages are invented. The sources are below.\n",
    "已搜索网页。鹿角每天最多能长两厘米，比任何骨头都快。\n\n雄鹿每年春天换角。\n\n"
    "这是内置演示，不是模型：网页都是虚构的。来源列在下面。\n",
)
SEARCH_OFF: Text = (
    "Turn on *Search the web* beside the model, and ask again: then the demo, which is no model, shows two "
    "searches and their sources.\n",
    "请打开模型旁边的“搜索网页”再问一次：演示（不是模型）会显示两次搜索和来源。\n",
)
REFUSAL: Text = (
    "The demo will not answer this. It refuses every question, to show a refusal; no model has judged yours.",
    "演示不回答这个问题。无论问什么它都会拒绝，只为展示拒绝的样子；并没有模型评判你的问题。",
)
ALTERNATIVE: Text = ("*Answer {0} of {1}.*\n\n", "*第 {0} 个回答，共 {1} 个。*\n\n")
