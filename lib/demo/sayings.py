"""What the demo models say that do not give the tour."""

from types import MappingProxyType

# Stands where a fault strikes; never said.
BREAK = "¦"

THINKING = (
    "A model would begin here by reading the question again. I am the built-in demo, so nothing is being "
    "worked out; I only show what it looks like when a model thinks before it speaks.\n\n"
    "First it would settle what is being asked, and what is not. Then it would gather what it knows, set "
    "aside what does not help, and try one way through. If that failed, it would go back and try another. "
    "Much of thinking is going back.\n\n"
    "Then it would check. Are the numbers right? Was a case left out? Would a shorter answer serve the "
    "reader better? All of this costs tokens, and they count towards the limit set for the answer. That is "
    "why a small limit can be used up before the first word is said.\n\n"
    "Nothing of the kind happens here: these words were ready before you asked. But they do arrive the way "
    "thoughts arrive. Three seconds are over; now the answer."
)
SPOKEN = MappingProxyType(
    {
        "demo-thinker": "The thinking came first, apart from the answer. Both were written beforehand: this "
        "is the built-in demo, not a model. With a model that thinks, its own thoughts take that place.",
        "demo-slow": "You waited four seconds for this. The gateway was not asleep: once a second it sent a "
        "small sign of life, which carries no text.\n\nNow the words trickle in, about four pieces a second, "
        "as they might from a large model on a busy afternoon. You can read along, scroll up, or open "
        "another conversation and come back. You can also end the answer early; what has arrived is kept. "
        "Nothing here is thinking hard. It is the built-in demo, not a model, and it is slow on purpose, "
        "to show how the page waits.",
        "demo-breaks": "This answer will not reach its end. The demo sends some forty pieces of text, then "
        "cuts the connection in the middle of an event, the way a network fails when a cable is pulled or a "
        "proxy gives up. What has arrived stays on the page, and the page should say that the rest is "
        "missing. You can then carry on from¦ here: continue the answer, and the demo says the rest of it. "
        "These words, too, were written beforehand; this is the built-in demo, not a model.",
        "demo-errors": "This answer begins well. After some twenty pieces, though, the demo reports an error "
        "inside the stream. The status was 200 by then, so only the stream itself can still tell¦ "
        "what went wrong. This is the rest of it, which comes when you continue the answer. None of it was "
        "thought up by a model; this is the built-in demo.",
    }
)
SAMPLE = (
    "You are reading `{name}`, a part of the built-in demo. It is not a model: these words were written "
    "beforehand. What this one shows: {words}.\n\nA short text follows, so that there is something to see, "
    "with letters from other places: café, Ελλάδα, 中文, 😀.\n\n1. The first line is here.\n"
    "2. The second line follows it.\n3. The third line is the middle,¦ and what comes after it is easily "
    "lost.\n4. The fourth line has **bold words** and `code` in it.\n5. The fifth line is the last.\n\n"
    "That was all. Where you can read this line, nothing is missing. 再见 👋\n",
    "你在读的是 `{name}`，内置演示的一部分。它不是模型，这些话都是事先写好的。它要展示的是：{words}。\n\n"
    "下面是一小段文字，好让你看到些什么，也带上别处的字母：café、Ελλάδα、😀。\n\n1. 第一行在这里。\n"
    "2. 第二行跟在后面。\n3. 第三行是中间，¦后面的内容很容易丢失。\n4. 第四行有**粗体**和 `代码`。\n"
    "5. 第五行是最后一行。\n\n就是这些。能看到这一行，就什么也没少。再见 👋\n",
)
REFUSAL = (
    "The demo will not answer this. It refuses whatever you ask, to show what a refusal looks like; no model "
    "has judged your question.",
    "演示不回答这个问题。无论问什么它都会拒绝，只为展示拒绝的样子；并没有模型评判你的问题。",
)
ALTERNATIVE = ("*Answer {0} of {1}.*\n\n", "*第 {0} 个回答，共 {1} 个。*\n\n")
FIRST_TRY = (
    "This is a first try, which the gateway gives up and begins anew. If you can read it beside the second, "
    "the page has mixed up the two."
)
