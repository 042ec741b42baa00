"""What the demo gateway says in its tour, block by block, in English and Chinese."""

# A block is Markdown for both languages, or a pair: English, Chinese.
Block = str | tuple[str, str]

HONEST: Block = (
    "*This is the built-in demo, not a model. To talk to one, set `DEERAPI_API_KEY`, or `[gateway] api_key` "
    "in `.streamlit/secrets.toml`, and start Antler again.*",
    "*这是内置演示，不是模型。想和真正的模型对话，请设置 `DEERAPI_API_KEY`，或在 `.streamlit/secrets.toml` "
    "里写上 `[gateway] api_key`，再重新启动 Antler。*",
)
TOUR: tuple[Block, ...] = (
    (
        "# Welcome to Antler\n\nThis text comes from a small gateway built into Antler. It is **not a "
        "model**: it recites what was written beforehand, over the same two wires a real gateway speaks, so "
        "that you can look around before you have a key.\n\n## What Antler is\n\nA chat page for a team "
        "whose models all sit behind one gateway. It speaks OpenAI’s `/v1/chat/completions` and Anthropic’s "
        "`/v1/messages`, and holds one conversation over either.\n\n## What to try\n\n"
        "1. **Ask something else.** From the second question on, the demo lists what you asked before: the "
        "whole path is sent each time.\n2. **Reload the page, or close it** while an answer comes. The "
        "answer goes on, and is there when you are back.\n3. **Use one of these words:** code, maths, "
        "table, long. Or write in Chinese: 用中文提问，导览就用中文。\n"
        "4. **Change the model.** Each shows another side of the "
        "page:\n\n| Model | What you will see |\n|---|---|\n| `demo-thinker` | three seconds of thinking, "
        "then an answer |\n| `demo-slow` | four seconds of waiting, then a trickle |\n"
        "| `demo-silent` | nothing at all, until you end it |\n"
        "| `demo-endless` | line after line, until you end it |\n"
        "| `demo-breaks` | a connection lost in mid-sentence |\n"
        "| `demo-errors` | an error in the middle of an answer |\n"
        "| `demo-busy` | “too many requests”, however often you ask |\n"
        "| `demo-badgateway` | a gateway that is down |\n\n"
        "Each of the others shows one more fault, or one more way to end; its name says which.\n\n"
        "Formulas work too. An answer of \\(n\\) pieces, at \\(r\\) pieces a second, takes so many seconds:",
        "# 欢迎使用 Antler\n\n这段文字来自 Antler 自带的小网关。它**不是模型**，只是把事先写好的文字，"
        "按真实网关的两种格式念出来，让你在拿到密钥之前先四处看看。\n\n## Antler 是什么\n\n"
        "给团队用的聊天页面，所有模型都在同一个网关后面。它会说 OpenAI 的 `/v1/chat/completions`，"
        "也会说 Anthropic 的 `/v1/messages`，同一段对话用哪一种都行。\n\n## 可以试试\n\n"
        "1. **再问一句。** 从第二个问题起，演示会列出你之前问过什么：每次发出去的都是整条对话。\n"
        "2. **回答途中刷新或关掉页面**。回答会继续，你回来时它就在那里。\n"
        "3. **在问题里写上这些词：** 代码、公式、表格、长文。\n"
        "4. **换一个模型。** 每个模型让你看到页面的另一面：\n\n"
        "| 模型 | 你会看到 |\n|---|---|\n| `demo-thinker` | 先思考三秒，再回答 |\n"
        "| `demo-slow` | 先等四秒，再慢慢地说 |\n| `demo-silent` | 一言不发，直到你让它结束 |\n"
        "| `demo-endless` | 说个没完，直到你让它结束 |\n| `demo-breaks` | 一句话没说完，连接断了 |\n"
        "| `demo-errors` | 回答到一半，报了错 |\n| `demo-busy` | “请求太多”，再问也一样 |\n"
        "| `demo-badgateway` | 网关出了故障 |\n\n"
        "其余的模型各有一种故障或一种结尾，看名字就知道。\n\n"
        "公式也能显示。一个回答有 \\(n\\) 段，每秒来 \\(r\\) 段，需要的秒数是",
    ),
    "\\[ t = \\frac{n}{r}, \\qquad r \\approx 60. \\]",
    (
        "## Connect your gateway\n\nSet the environment variable `DEERAPI_API_KEY`, or write the key into a "
        "file, then start Antler again:",
        "## 接上你的网关\n\n设置环境变量 `DEERAPI_API_KEY`，或者把密钥写进文件，然后重新启动 Antler：",
    ),
    '```toml\n# .streamlit/secrets.toml\n[gateway]\napi_key = "…"\n```',
    ("Until then, nothing you type is sent to a model.", "在那之前，你输入的内容不会发给任何模型。"),
)
CODE: tuple[Block, ...] = (
    (
        "## A little code\n\nEuclid’s way to the greatest common divisor: keep the smaller number and the "
        "remainder, until nothing remains.",
        "## 一小段代码\n\n欧几里得求最大公约数的办法：只留下较小的数和余数，直到余数为零。",
    ),
    "```python\ndef gcd(a: int, b: int) -> int:\n"
    '    """Return the greatest common divisor of two whole numbers."""\n'
    "    while b:\n        a, b = b, a % b\n    return abs(a)\n\n\nprint(gcd(1071, 462))  # 21\n```",
    ("Inside a sentence, code looks like this: `a % b`.", "写在句子里的代码是这样的：`a % b`。"),
)
MATHS: tuple[Block, ...] = (
    (
        "## Three formulas\n\n**The roots.** If \\(ax^2 + bx + c = 0\\) and \\(a \\ne 0\\), then",
        "## 三个公式\n\n**求根。** 若 \\(ax^2 + bx + c = 0\\) 且 \\(a \\ne 0\\)，则",
    ),
    "\\[ x = \\frac{-b \\pm \\sqrt{b^2 - 4ac}}{2a}. \\]",
    ("**A sum.** The first \\(n\\) odd numbers make a square:", "**求和。** 前 \\(n\\) 个奇数之和是平方数："),
    "\\[ \\sum_{k=1}^{n} (2k - 1) = n^2. \\]",
    ("**A turn** of the plane by the angle \\(\\theta\\):", "**旋转。** 把平面转过角度 \\(\\theta\\)："),
    "\\[ \\begin{pmatrix} \\cos\\theta & -\\sin\\theta \\\\ \\sin\\theta & \\cos\\theta \\end{pmatrix} \\]",
    ("A price such as $5 or $10 stays plain text.", "像 $5 或 $10 这样的价钱仍是普通文字。"),
)
TABLE: tuple[Block, ...] = (
    (
        "## The inner planets\n\nWords stand on the left, numbers on the right.\n\n"
        "| Planet | Days in a year | Moons | Known for |\n|:--|--:|--:|:--|\n"
        "| Mercury | 88 | 0 | the shortest year |\n| Venus | 225 | 0 | the hottest surface |\n"
        "| Earth | 365 | 1 | you |\n| Mars | 687 | 2 | the highest volcano |",
        "## 四颗类地行星\n\n文字靠左，数字靠右。\n\n| 行星 | 一年的天数 | 卫星 | 特点 |\n|:--|--:|--:|:--|\n"
        "| 水星 | 88 | 0 | 一年最短 |\n| 金星 | 225 | 0 | 表面最热 |\n| 地球 | 365 | 1 | 有你 |\n"
        "| 火星 | 687 | 2 | 火山最高 |",
    ),
)
LENGTH: tuple[Block, ...] = (
    (
        "# A long answer\n\nThis one is here for its length: sixteen thousand characters of headings, lists, "
        "tables, formulas and code. Scroll while it grows. The numbers were worked out when you asked; "
        "check any you like.",
        "# 一篇长文\n\n这篇只是为了长：一万六千个字符，有标题、列表、表格、公式和代码。它还在变长时，"
        "你就可以滚动。其中的数字是你提问时算出来的，欢迎验算。",
    ),
    "## How this text reached you\n\nThe page asked over HTTP and the demo began to answer before it had "
    "finished: the answer is a stream of *events*, each a line or two of text with an empty line behind "
    "it. On OpenAI’s wire every event carries a `delta`, a few words to add; the last one is the word "
    "`[DONE]`. On Anthropic’s wire the events have names. One opens a block, many add to it, one closes "
    "it, and `message_stop` ends all.\n\nAntler reads either, and turns both into the same few facts: "
    "some text, some thinking, a count of tokens, an end. An answer always ends in one way, and the page "
    "says which:\n\n- it is complete;\n- it was cut by its length limit;\n- you ended it;\n- the stream "
    "broke off;\n- the gateway reported an error, in its own words.\n\n"
    "What had arrived by then is kept in every case.\n\n"
    "### Why a long answer stays quick\n\n"
    "1. Words that arrive within a twentieth of a second are painted together.\n"
    "2. A paragraph, list or table that is finished is left alone; only the last one is painted again.\n"
    "    - So a hundred short paragraphs cost little,\n    - and one enormous table costs more.\n"
    "3. The answer belongs to the server, not to this tab. Close the tab, and it goes on.",
)
NEXT: Block = (
    "**Next:** ask for code, maths, a table or something long; edit an earlier question; or choose another "
    "model, say `demo-thinker`.",
    "**接下来：** 可以要代码、公式、表格或长文；可以修改前面的问题；也可以换一个模型，比如 `demo-thinker`。",
)
