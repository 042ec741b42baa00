"""Classes of errors by the gateway's own words, English and Chinese.

A code is often missing or generic: gateways pass the message of an upstream on and fill in their own code.
Each group of patterns lists the vendors and servers whose wording it stands for; the tests have the messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lib.core import errors
from lib.core.patterns import compile_later

_MAX_TEXT_LENGTH = 1_500
_URL = re.compile(r"https?://\S+")
_QUOTES = re.compile(r"[`'\"“”‘’「」]")
_CODE = re.compile(r"[A-Za-z]+(?:[_.:-][A-Za-z]+)*")  # a message of one word
_GAP = r"(?:(?!\. )[^!?\n。！]){0,%d}?"  # words of one sentence; model ids may contain dots


def _compile(*patterns: str) -> Callable[[], re.Pattern[str]]:
    return compile_later("|".join(pattern.replace("~~", _GAP % 80) for pattern in patterns))


# Per minute or per day, and concurrency: all vendors' 429. First, since these mention tokens and quotas too.
_RATE_LIMITED = _compile(
    r"\brate[ _-]?limit",
    r"\brate (?:exceeded|increased)",
    r"too many (?:concurrent |parallel |simultaneous )?(?:requests|connections|calls)",
    r"\brequests? limit (?:is |was |has been )?(?:exceeded|reached)|exceed\w* ~~number of (?:\w+ )?(?:requests|calls)",
    r"\brequests?\b ~~too (?:frequent|fast|quick|often|rapid)",
    r"\b(?:tokens?|requests?|queries|calls) (?:per|/|a) ?(?:min|sec|hour|day)",
    r"\bper[- ]?(?:minute|day|hour|second)\b",
    r"\b(?:[io]?tpm|rpm|tpd|rpd|qps|qpm)\b",
    r"\bthrottl",
    r"\bslow down\b",
    r"please wait ~~before (?:trying|making|sending)",
    r"(?:try|retry)(?: again)? (?:in|after) \d",
    r"quota exceeded for (?:quota )?(?:metric|\S+googleapis)|resource(?: has been)? exhausted",  # Gemini, Vertex
    r"(?:exceed\w*|reached) ~~concurren(?:cy|t)",
    r"concurren(?:cy|t) ~~(?:limit|exceed|reached)",
    r"\bdaily (?:\w+ )?limit",
    r"^allocated quota exceeded",  # DashScope's limit per minute
    r"每(?:分钟|秒|小时|天|日)",
    r"(?:请求|访问|调用|操作).{0,8}(?:频繁|过快|频率|速率|次数.{0,6}(?:过多|上限|超))",
    r"请求.{0,4}过多|限流|限速|并发|(?:频率|速率)(?:限制|上限|超|过|达)|请求数.{0,6}(?:限制|上限|超)",
)

# A limit of the answer alone, not of the chat and the answer together.
_OUTPUT_LIMIT = _compile(
    r"(?<!\+ )(?<!and )max_?(?:completion_?|output_?|new_?)?tokens(?: or \w+)?(?:: \d+)?"
    r" ?(?:is|are|:|\(\d+\)|value)? ?(?:is |are )?"
    r"(?:too (?:large|high|big)|must be|should be|cannot be|out of range|exceed)",
    r"(?<!\+ )(?<!and )max_?(?:completion_?|output_?|new_?)?tokens\W{0,3}\d+\)? ?(?:>|exceed)",
    r"\b(?:output|completion|generated|new) tokens?\b"
    r" (?:\W?\d+\W? )?(?:is |are |must |should |cannot )?(?:not )?(?:be )?"
    r"(?:exceed|too|larger|greater|less|at most)",
)

_CONTEXT_TOO_LONG = _compile(
    # Anthropic, Bedrock, Vertex, Fireworks, Ollama, Zhipu, Moonshot, Baidu
    r"(?<!image )(?<!file )(?<!audio )\b(?:prompt|input|context|conversation|history|messages?)s?"
    r"(?: (?:tokens?|text|context|content|history|messages?))?(?: (?:length|size|count))?"
    r"(?: \([^)]*\))?(?: (?:is|are|was))? too (?:long|large|big)",
    r"prompt exceed|(?:prompt|input) length ~~exceed",
    r"length of tokens in the request is too long",
    # OpenAI, Azure, DeepSeek, Groq, OpenRouter, vLLM, SGLang, llama.cpp, LM Studio, MiniMax, LiteLLM
    r"(?:exceed\w*|overflow\w*|beyond|(?:greater|larger|longer|more) than|over|too (?:large|long|many))\b ~~"
    r"context[ _-]?(?:length|window|size|limit)",
    r"context[ _-]?(?:length|window|size|limit)(?![a-z])~~(?:exceed|overflow|not enough)",
    r"context ?window ?exceeded",
    r"contextwindowexceeded",
    r"context (?:the )?overflow",
    r"> ?(?:the )?context[ _-]?(?:length|window|size|limit)|context length is only \d",
    r"\b(?:prompt|input|request|messages?|conversation)s?\b ~~(?:exceeds?|(?:larg|long|bigg|great)er than) (?:the )?"
    r"(?:models? )?context\b",
    r"(?:context|conversation) (?:length |size |limit |window )?(?:has been |is |was )?(?:exceeded|full)",
    r"exceed context size|\b(?:context|conversation|chat|prompt|input|message) (?:length |size |token )?limit"
    r" (?:is |was |has been )?(?:exceeded|reached|hit)",
    r"reached its conversation limit|\bstring too long\b",
    r"max(?:imum)?(?: allowed)?[ _-](?:context|prompt|input|sequence|seq|model)"
    r"[ _-]?(?:length|len|tokens?|window|size)",
    r"model max length exceeded",
    # Gemini, Vertex, Bedrock's Nova, GitHub Copilot and Models, SiliconFlow, llama-cpp-python, Mistral
    r"(?<![\w])(?<!output )(?<!completion )(?<!maximum )(?<!max )tokens?\b~~"
    r"(?:exceed|(?:long|great|larg|high)er than|too large)\w* ~~(?:max|limit|context|allowed|window|configured|\d)",
    r"\b(?:total|prompt|input)_tokens?\b ~~(?:exceed|(?:great|larg|high)er than)",
    r"token count (?:is|of) \d+ but",
    r"max(?:imum)? input (?:characters|length)",
    r"max size: \d+ tokens|at most \d+ tokens in the (?:prompt|input|context)",
    r"exceed\w* (?:the )?(?:models?|context|input|prompt|max\w*)"
    r" (?:max\w* )?(?:allowed )?(?:number of )?(?:input )?tokens?\b",
    r"\btoken limit (?:is |was |has been )?exceeded",
    r"^(?:invalid params, )?token limit$",  # MiniMax
    r"too many (?:input |prompt |total )?tokens",  # Cohere
    r"total text bytes",
    # DashScope, Bedrock's Titan and Claude 2, TGI, Together
    r"range of input length should be",
    r"total message token length exceed",
    r"expected maxlength: \d+, actual",
    r"(?:inputs?|prompt|messages)\b ~~must (?:be|have|not exceed) ~~"
    r"(?:<=|<|(?:less|fewer|smaller) than|at most|no more than) ?~~(?:tokens?\b|max_seq|max_input|\d{3})",
    r"prompt_tokens ~~must be less than",
    r"n_keep.{0,20}n_ctx",
    # The advice at the end: Groq, Cerebras, vLLM, Cohere, LM Studio, SGLang
    r"reduce (?:the )?(?:length|size|number of tokens) (?:of|in) (?:the |your |either )?(?:input )?"
    r"(?:messages?|prompt|inputs?|conversation|context|one)\b",
    r"reduce your prompt",
    r"(?:using|use|provide) a shorter (?:prompt|input)",
    # Zhipu, Hunyuan, Spark, Baidu, Doubao, resellers
    r"上下文.{0,12}(?:超|过长|太长|溢出|已满)",
    r"请求.{0,6}(?:超出|超过).{0,4}最大\s?tokens?"
    r"|(?:文本|内容)(?:长度)?(?:过长|太长|超长|超限|超[过出].{0,4}(?:限制|上限))",
    r"(?:输入|提示词?|对话|会话|内容)(?:的?(?:文字|字数|内容))?(?:过多|太多)",
    r"(?:超出|超过|超限|大于).{0,20}"
    r"(?:上下文|最大长度|最大输入|输入长度|模型长度|(?<![\w])tokens?.{0,4}(?:上限|限制|长度))",
    r"(?:输入(?!的?参数|值)|提示词?|prompt|对话|消息|请求内容|会话).{0,12}"
    r"(?:过长|太长|超长|超限|(?:超过|超出).{0,10}(?:限制|上限|最大|长度|范围))",
    r"(?<![\w])tokens?\s?(?:数量?|个数|长度|总数|总量|总长度)?.{0,6}(?:超过|超出|超限|过多|过长)",
)

_QUOTA_EXHAUSTED = _compile(
    # Anthropic, OpenAI, DeepSeek, Moonshot, MiniMax, Cohere, xAI, OpenRouter, Together, new-api
    r"\bcredit balance\b",
    r"insufficient[ _-]*(?:\w+[ _-])?(?:balance|quota|credits?|funds?)\b",
    r"(?:\bnot|dont|doesnt) (?:have )?enough (?:\w+ )?(?:credits?|balance|quota|funds)\b",
    r"\b(?:balance|quota|credits?|funds|free tier|allowance)\b ~~"
    r"(?:insufficient|not enough|exhausted|exceeded|used up|too low|depleted|run out|ran out|is empty|below zero"
    r"|negative)",
    r"\bout of (?:\w+ )?(?:credits?|quota|funds|balance)\b",
    r"exceeded (?:your |the |its )?(?:\w+ )?(?:\w+ )?(?:quota|budget|credit limit|spend\w* limit)\b",
    r"\b(?:billing|usage|spend\w*|monthly|hard|budget|credit|key) (?:hard )?limits? ~~(?:reached|exceeded)",
    r"(?:reached|hit|exceeded) (?:your|its|the) (?:specified )?(?:api )?(?:usage|spend\w*|billing|credit|budget)"
    r" limits?",
    r"\bno (?:\w+ )?(?:credits?|balance|quota|funds) (?:left|remaining|available)",
    r"\bno (?:more|remaining) (?:\w+ )?(?:credits?|balance|quota|funds)\b",
    r"\b(?:trial|subscription|membership|plan)"
    r" (?:period )?(?:has |have |is )?(?:been )?(?:expired|ended|lapsed|inactive)\b",
    r"\b(?:please|need to|must) (?:top[ -]?up|recharge)\b|\b(?:add|buy|purchase) (?:more )?credits\b",
    r"used (?:up )?(?:all|its|your)(?: of)?(?: its| your)? (?:\w+ )?(?:credits?|quota|balance)",
    r"billing (?:is |account is )?(?:not active|inactive|disabled)|check your (?:plan and )?billing",
    r"payment (?:is )?(?:overdue|past due|failed)|payment method",
    r"payment required|requires? (?:more|at least \S+) credits?|can only afford",
    r"account ~~(?:in arrears|overdue|past due)|account is in good standing",
    # LiteLLM
    r"\bover (?:its |the |your )?budget\b|budget has been exceeded|max budget",
    # Zhipu, DashScope, Volcengine, SiliconFlow, one-api, new-api
    r"(?:余额|额度|配额|资源包|积分|点数|套餐|费用).{0,12}(?:不足|用尽|耗尽|用完|不够|为0|为零|为负|过低|已尽|透支)",
    r"(?:额度|配额|预算|消费|支出).{0,6}(?:上限|超限|超支)|(?:超出|超过|达到).{0,6}(?:额度|配额|预算|消费限)",
    r"(?:套餐|订阅|会员).{0,4}(?:过期|到期|失效)|欠费|预扣费.{0,6}失败|请.{0,6}(?:充值|续费)",
)

# Images, files and audio that the model does not take; not a format or size of them.
_INPUT = r"(?:image(?:_url)?|vision|visual|input_audio|audio|pdf|document|file|multi-?modal)s?"
_INPUT_KIND = rf"{_INPUT}(?! (?:format|type|extension|mime|media|size|codec|encoding))"
_INPUT_UNSUPPORTED = _compile(
    # OpenAI, DeepSeek, DashScope, Doubao, Gemini, OpenRouter, Xiaomi
    rf"{_INPUT} is only supported by certain models",
    rf"unknown variant {_INPUT}, expected",
    rf"invalid value: {_INPUT}\. supported values",
    rf"no (?:endpoints?|providers?) (?:found )?that support (?:input )?{_INPUT}",
    r"unsupported (?:mime|media)[ _]?type:? application/pdf",
    rf"(?:\bnot|nt|\bno longer) (?:currently )?(?:support|accept|handle|take)s? (?:any |the )?{_INPUT}"
    r"(?: (?:and|or) \w+)?"
    r"(?:[ -](?:inputs?|content|documents?|files?|understanding|attachments?|data|messages?|parts?|capabilit\w+))?"
    r"(?= ?(?:$|[.,;:(!-]|with\b|for\b|in\b|by\b|when\b|please\b))",
    rf"{_INPUT_KIND}(?: inputs?| content| parts?)? ~~(?:is|are) (?:not|un)[ -]?supported"
    r"(?: (?:for|by|with) ~~model| ?[-.]|$)",
    r"\b(?:cannot|cant|does not|doesnt|do not|dont) (?:process|understand|analy[sz]e|interpret)"
    rf" (?:any |the )?{_INPUT}\b",
    r"\btext[- ]only (?:model|input)|only (?:supports?|accepts?|takes?|handles?|process(?:es)?) (?:plain )?text\b",
    r"\bonly (?:plain )?text (?:inputs? |content |messages? )?(?:is|are) (?:supported|accepted|allowed)",
    # Servers of models for text alone, whose content is no list: DeepSeek, Groq, pydantic
    r"\bcontent\W{1,6}(?:(?:value|input) )?(?:must|should) be (?:a |of type )?(?:valid )?string",
    r"\bcontent\b ~~expected (?:a )?str\w*, (?:got|but got|received)"
    r"|expected (?:a )?string, got (?:a |an )?(?:list|array) "
    r"for ~~content|messages\S* invalid type: sequence, expected a string",
    # vLLM, SGLang, Ollama, llama.cpp
    rf"(?:unsupported|invalid) (?:chat |message )?(?:content )?(?:part )?type:? {_INPUT}\b|\bat most 0 {_INPUT}",
    r"not a multi-?modal model|missing data required for image input",
    # Zhipu, DashScope, Doubao, resellers
    r"不支持(?!的).{0,6}(?:图片|图像|视觉|多模态|音频|文件|文档|附件|识图|看图|读图|pdf)"
    r"(?!.{0,4}(?:格式|类型|大小|尺寸|链接|url))",
    r"(?:仅|只)(?:支持|接受|能处理)纯?文本(?!格式|文件)",
    r"(?:图片|图像|音频|文件)(?:输入|内容)?不受?支持",
)

_MODEL_NOT_FOUND = _compile(
    # one-api, new-api, OpenRouter
    r"(?:无|没有|暂无|未找到|找不到)(?:任何)?可?用?的?(?:渠道|通道)",
    r"no (?:available|enabled|healthy) (?:channels?|providers?|deployments?|endpoints?|candidates?)\b",
    r"no channels? for|channels? (?:is |was )?not (?:found|available)|requested entity was not found",
    r"\bno (?:available |healthy |enabled |valid |suitable )?"
    r"(?:accounts?|routes?|upstreams?|backends?|deployments?|keys?)"
    r" (?:are |is )?(?:found |available |configured )?for ~~models?\b",
    r"no (?:channels?|endpoints?|allowed providers?|providers?) (?:are |is )?(?:found|available|for model)",
    # OpenAI, Azure, DeepSeek, Groq, xAI, Volcengine, Gemini, Vertex, Bedrock, Mistral, Ollama, LiteLLM, Hugging Face
    r"\b(?:unknown|invalid|unsupported|unrecognized|no such) model\b(?! (?:param|argument|option|output|response))",
    r"\bnot an? (?:valid|supported|known|recogni[sz]ed|available) model\b|model identifier is invalid",
    r"(?:could not|couldnt|can ?not|cant|failed to|unable to) (?:find|resolve|locate)"
    r" (?:the |a |any )?(?:\w+ )?models?\b",
    r"\bmodels?\b(?!.{0,80}(?:parameter|argument|param\b))~~ (?:does not|do not|doesnt|not) exist",
    r"\bmodels?\b(?!.{0,80}(?:parameter|argument|param\b|file|image|tool))~~"
    r" (?:is |was |were |could )?not (?:be )?found",
    r"deployment ~~does not exist|get channel failed",
    r"\b(?:no|not have) (?:access|permission) (?:to|for)(?: use)?(?: the| this)? models?\b",
    r"\bnot (?:allowed|authori[sz]ed|permitted|entitled) (?:to (?:access|use|call)|for)(?: the| this)? models?\b",
    r"\bmodels? (?:\S{1,80} )?(?:is )?not accessible\b",
    # Zhipu, DashScope, resellers
    r"(?:未找到|没有找到|找不到|不存在的?)(?:该|此|对应的?|指定的?)?模型"
    r"|(?:未知|无效|非法|错误|不支持)的?模型(?!参数|的|输出|返回)",
    r"模型.{0,40}(?:不存在|未找到|[已被]?下[线架]|已?停用|停止服务|未开放|未启用|未配置|不在.{0,8}(?:列表|范围))",
    r"模型(?:名称?|id)?(?:错误|有误|不正确|无效|非法)",
    r"(?:无权限?|没有权限|未被?授权)(?:使用|访问|调用)?.{0,40}模型",
)

# The same of a model that is known, unless the sentence is about a part of the request.
_MODEL_UNAVAILABLE = _compile(
    r"\bmodels? (?:\S{1,80} )?(?:(?:(?:is|are) )?(?:not|no longer)|isnt|arent) (?:available|offered|supported|enabled)"
    r"(?! (?:right now|at the moment))",
    r"\bmodels? (?:\S{1,80} )?(?:(?:has|have) been|was|is|are) "
    r"(?:decommissioned|retired|removed|discontinued|deprecated|sunset|shut down|offline|disabled)",
    r"\bmodels? (?:\S{1,80} )?(?:has )?reached (?:its )?end[ -]of[ -]life",
    r"\bmodels? (?:(?:name|id) )?(?:\S{1,80} )?(?:is |was )(?:unknown|incorrect|wrong|invalid|unrecogni[sz]ed)\b"
    r"|\bmodels? (?:(?:name|id) )?(?:\S{1,80} )?(?:is |was )?not (?:recogni[sz]ed|known)\b",
    r"模型.{0,40}不可用|不支持(?:该|此|当前|这个)?模型",
)
_PART_OF_REQUEST = _compile(
    r"param|argument|field|propert|tool|function|image|vision|audio|video|file|feature|stream|schema|format|input"
    r"|prompt",
    r"temperature|top_?[pk]\b|penalty|effort|thinking|reasoning|verbosity|seed|logprob|logit|max_",
    r"参数|字段|工具|函数|图片|图像|音频|文件|功能|流式|思考|输入",
)

_KEY_REJECTED = _compile(
    r"(?:invalid|incorrect|wrong|missing|expired|revoked|disabled|no|unknown|malformed) (?:\w+ )?"
    r"(?:x-)?(?:api[ _-]?keys?|access[ _-]tokens?|credentials?)\b",
    r"\b(?:api[ _-]?key|access[ _-]token|credentials?) (?:\S{1,80} )?(?:is |has |was |been )*"
    r"(?:not valid|invalid|expired|missing|disabled|revoked|not found|required|incorrect)",
    r"(?:provide an|provide your|missing) (?:api[ _-]?key|authentication)|^unauthorized\b|virtual key expected",
    # A token alone may also be one of a text.
    r"\b(?:invalid|expired|unknown|missing) (?:bearer |api |auth\w* )?token(?=\W*(?:$|\())",
    r"(?:token|\bkey) (?:has |is |was )?(?:been )?(?:expired|revoked|disabled)",
    r"(?:token|\bkey) (?:is |was )?(?:invalid|not valid|not found|missing)(?=\W*(?:$|\())",
    r"authentication (?:failed|failure|fails|error|required)|security token ~~is invalid|unrecognizedclient",
    r"\b(?:invalid|missing|incorrect|bad|no|malformed) (?:\w+ )?(?:authentication|authorization|auth)\b",
    r"\b(?:not|unable to|failed to|could not) authenticate|unauthenticated|log[ -]?in required|not logged in",
    r"^user not found"
    r"|\b(?:user|account) (?:\S{1,80} )?(?:is |was |has been )?(?:banned|disabled|deactivated|suspended|blocked)",
    r"(?:令牌|密钥|(?<![\w])(?:api ?)?key|鉴权|身份验证|身份认证|认证)\s?(?:\S{0,12})?"
    r"(?:无效|错误|不正确|过期|失效|不存在|禁用|失败|状态不可用)",
    r"(?<![\w])token\s?(?:已|已经|校验|验证)?(?:无效|过期|失效|不存在|失败|错误)",
    r"(?:无效|未提供|缺少|错误|过期|请提供|非法)的?(?:有效的?|正确的?)?\s?"
    r"(?:令牌|密钥|token(?=\W*$)|api ?(?:key|密钥))",
    r"未授权|未登录|请先登录|(?:用户|[账帐][号户]).{0,3}(?:封禁|禁用|冻结|注销)",
)

_OVERLOADED = _compile(
    r"\boverload|\b(?:server|service|system|engine) busy\b"
    r"|\bmodels? (?:\S{1,80} )?(?:is )?(?:currently |still )?loading\b",
    r"(?:over|at|no|insufficient|out of|exceeded|lack of) ?capacity|capacity (?:exceeded|constraints?)",
    r"\b(?:too|is|are|currently|very) busy\b|(?:high|heavy) (?:demand|traffic|load)\b|\bsaturated",
    r"(?:temporarily|currently) (?:unavailable|not available)",
    r"负载.{0,4}(?:饱和|过高|较高|满)|饱和|过载|繁忙|服务器忙|访问量过大|暂时?不可用",
    r"人数(?:过|较|太)多|(?:资源|算力|容量)(?:紧张|不足)",
)

# In this order: a rate limit may mention quota and context, a quota may mention the model.
_CLASSES: tuple[tuple[Callable[[], re.Pattern[str]], type[errors.GatewayError]], ...] = (
    (_RATE_LIMITED, errors.RateLimited),
    (_QUOTA_EXHAUSTED, errors.QuotaExhausted),
    (_CONTEXT_TOO_LONG, errors.ContextTooLong),
    (_INPUT_UNSUPPORTED, errors.InputUnsupported),
    (_OVERLOADED, errors.Overloaded),
    (_MODEL_NOT_FOUND, errors.ModelNotFound),
    (_MODEL_UNAVAILABLE, errors.ModelNotFound),
    (_KEY_REJECTED, errors.KeyRejected),
)
_EXCEPTIONS = {_CONTEXT_TOO_LONG: _OUTPUT_LIMIT, _MODEL_UNAVAILABLE: _PART_OF_REQUEST}


def class_from_code(code: str) -> type[errors.GatewayError] | None:
    """Return the class of error that a code names in words, as `quotaNotEnough` and `MODEL_UNKNOWN` do."""
    return class_from_message(re.sub(r"(?<=[a-z])(?=[A-Z])|[_.:-]", " ", code)) if _CODE.fullmatch(code) else None


def class_from_message(message: str) -> type[errors.GatewayError] | None:
    """Return the class of error that the words of a message name; None if they name none."""
    text = _QUOTES.sub("", _URL.sub("", message[:_MAX_TEXT_LENGTH])).casefold().strip()
    if _CODE.fullmatch(text):
        text = text.replace("_", " ")
    for pattern, error_class in _CLASSES:
        exception = _EXCEPTIONS.get(pattern)
        if pattern().search(text) and not (exception and exception().search(text)):
            return error_class
    return None
