"""Classes of errors by wording: messages of vendors, servers and gateways, and others that only look like them."""

# ruff: noqa: E501  messages stand as the vendors send them

import json

import pytest

from lib.core import errors
from lib.gateway.wires.errors import wordings
from lib.gateway.wires.errors.responses import error_from_response, error_from_stream_event

CONTEXT_TOO_LONG = [
    "Invalid 'messages[0].content': string too long. Expected a string with maximum length 1048576, but got 2000000.",
    # Anthropic
    "prompt is too long: 207791 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 199759 + 8192 > 200000, decrease input length or `max_tokens` and try again",
    # OpenAI, Azure, DeepSeek
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 8227 tokens. Please reduce the length of the messages.",
    "This model's maximum context length is 65536 tokens. However, you requested 69648 tokens (69648 in the messages, 0 in the completion). Please reduce the length of the messages or completion.",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "Your input exceeds the model's context window.",
    "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300123 tokens.",
    # Gemini, Vertex
    "The input token count (2845475) exceeds the maximum number of tokens allowed (1048576).",
    "Unable to submit request because the input token count is 32825 but model only supports up to 32768.",
    # Mistral, Cohere
    "Prompt contains 65673 tokens, too large for model with 32768 maximum context length",
    "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000. Try using a shorter prompt",
    "too many tokens: size limit exceeded by 1234 tokens. Try using shorter or fewer inputs",
    # Qwen, Zhipu, Moonshot, MiniMax, Doubao, SiliconFlow, Baidu
    "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]",
    "Total message token length exceed model limit.",
    "Prompt 超长",
    "Prompt exceeds max length",
    "Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)",
    "Input token length too long",
    "invalid params, context window exceeds limit",
    "token limit",
    "Total tokens of image and text exceed max message tokens.",
    "Input length 33000 exceeds the maximum length 32768",
    "length of prompt_tokens (40000) must be less than max_seq_len (32768).",
    "number of input tokens (204703) has exceeded max_prompt_tokens (202752) limit.",
    "prompt tokens too long",
    # Grok, Bedrock, GitHub, Poolside
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    "Input is too long for requested model.",
    "Malformed input request: expected maxLength: 50000, actual: 60231, please reformat your input and try again.",
    "Input Tokens Exceeded: Number of input tokens exceeds maximum length. Please update the input to try again.",
    "prompt token count of 51808 exceeds the limit of 12288",
    "Request body too large for gpt-4o model. Max size: 8000 tokens.",
    "Input length 131393 exceeds the maximum allowed input length of 131040 tokens.",
    # vLLM, SGLang, TGI, Together, llama.cpp, llama-cpp-python, LM Studio, Ollama, LiteLLM, OpenRouter, Groq
    "This model's maximum context length is 4096 tokens. However, your request has 18225 input tokens. Please reduce the length of the input messages.",
    "The input (61709 tokens) is longer than the model's context length (40960 tokens).",
    "Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens). Use a shorter input or enable --allow-auto-truncate.",
    "Requested token count exceeds the model's maximum context length of 202752 tokens. You requested a total of 233093 tokens.",
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens and 1000 `max_new_tokens`",
    "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000",
    "request (10520 tokens) exceeds the available context size (4096 tokens), try increasing it",
    "the request exceeds the available context size. try increasing the context size or enable context shift",
    "Requested tokens (5000) exceed context window of 4096",
    "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough.",
    "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 6000>= n_ctx: 4096).",
    "Context size has been exceeded.",
    "prompt too long; exceeded max context length by 512 tokens",
    "litellm.ContextWindowExceededError: litellm.BadRequestError: OpenAIException",
    "This endpoint's maximum context length is 131072 tokens. However, you requested about 140000 tokens.",
    "Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192",
    "Upstream error from Chutes: The input (49146 tokens) is longer than the model's context length (40960 tokens).",
    "context_length_exceeded: 9000",
    "Request contains 35000 tokens, which exceeds the limit of 32768",
    "Your prompt (or context) is too large to be processed in time",
    "the max input characters is 20000",
    "context window is full",
    "input_tokens + max_tokens > context window",
    # Chinese
    "请求超过最大token数",
    "内容长度超过限制",
    "输入长度超过模型最大上下文限制",
    "上下文长度超出限制，请缩短对话",
    "输入内容过长，请精简后重试",
    "请求的 token 数量超过模型上限",
    "token数量超过上限。对话历史+问题的字数太多",
    "超出最大长度限制：131072",
    "the number of input tokens (5000) is larger than the maximum (4096)",
    "Please shorten your prompt: it exceeds the maximum number of tokens",
    "exceed_context_size_error",
    "文本长度超出限制",
    "输入文字过多，请删减",
    "total_tokens exceeds the max limit",
    "Conversation length limit reached",
    "prompt larger than context",
    "input exceeds model context",
    "exceeded the maximum number of tokens for this model",
    "You passed 40000 input tokens and requested 4000 output tokens. However, the model's context length is only 32768 tokens",
]

QUOTA_EXHAUSTED = [
    "Your team has either used all available credits or reached its monthly spending limit.",
    "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
    "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
    "Billing hard limit has been reached",
    "Insufficient Balance",
    "insufficient balance (1008)",
    "Insufficient credits. Add more using https://openrouter.ai/settings/credits",
    "This request requires more credits, or fewer max_tokens. You requested up to 32000 tokens, but can only afford 1200.",
    "Your account org-1 is not active, organization org-1 exceeded current quota, please check your plan and billing details",
    "Access denied, please make sure your account is in good standing.",
    "The free tier of the model has been exhausted.",
    "Budget has been exceeded! Current cost: 10.2, Max budget: 10.0",
    "token quota is not enough, token remain quota: ＄0.142328, need quota: ＄0.161646",
    "You have no credits remaining",
    "You don't have enough credits",
    "Your quota has been exceeded",
    "Your account is not active, please check your billing details on our website.",
    "You have hit your usage limit",
    "余额不足或无可用资源包,请充值。",
    "该令牌额度已用尽 TokenStatusExhausted[sk-abc***xyz]",
    "用户额度不足, 剩余额度: ＄-0.000002",
    "预扣费额度失败, 用户剩余额度: ¥0.230000, 需要预扣费额度: ¥0.290000",
    "账户已欠费，请充值后重试",
    "您的账户余额不足",
    "Out of credits",
    "Key limit exceeded (monthly limit). Manage it using https://openrouter.ai/settings/keys",
    "This key has reached its credit limit",
    "Your trial has expired",
    "Your subscription has expired",
    "Please top up your account",
    "No remaining quota",
    "quota_not_enough",
    "套餐已过期，请续费",
    "当前账户余额为负",
    "本月额度已达上限",
    "超出额度限制",
    "已超过预算",
]

MODEL_NOT_FOUND = [
    "该令牌无权使用模型：gpt-9",
    "This token has no access to model gpt-9",
    "Project `proj_1` does not have access to model `gpt-9`",
    "get_channel_failed",
    "当前分组 default 下对于模型 gpt-4o-mini 无可用渠道",
    "No available channels for model  in group default",
    "No available channel for model claude-x under group vip (distributor)",
    "There are no healthy deployments for this model",
    "No endpoints found for foo/bar.",
    "foo/bar is not a valid model ID",
    "The model `gpt-9` does not exist or you do not have access to it.",
    "Model Not Exist",
    "model 'llama9' not found, try pulling it first",
    "models/gemini-9.5-pro is not found for API version v1beta, or is not supported for generateContent.",
    "Invalid model name passed in model=gpt-9. Call `/v1/models` to view available models for your key.",
    "Invalid model: mistral-nope",
    "Unknown model: x",
    "There is no channel for this model",
    "model gpt-x not available",
    "The model x is deprecated",
    "该模型不可用",
    "找不到该模型",
    "The API deployment for this resource does not exist.",
    "The provided model identifier is invalid.",
    "The model `llama3-70b` has been decommissioned and is no longer supported.",
    "The model or endpoint ep-1 does not exist or you do not have access to it.",
    "模型不存在，请检查模型代码。",
    "不支持的模型: gpt-9",
    "model_not_found",
    "Requested entity was not found.",
    "This model isn't available",
    "foo is not a supported model",
    "model 'foo' is unknown",
    "Model is not accessible with your key",
    "key not allowed to access model. This key can only access models=['a']. Tried to access b",
    "This API key is not authorized for model foo",
    "The model foo has been shut down",
    "Model foo has reached its end of life",
    "No available accounts for model foo",
    "no upstream for model foo",
    "Could not find model foo",
    "The model name is incorrect",
    "模型已下架",
    "该模型已停止服务",
    "没有找到该模型",
    "该令牌没有权限使用 foo 模型",
    "模型名称错误",
    "模型 foo 不在可用列表中",
    "无效的模型",
]

RATE_LIMITED = [
    "Rate limit reached for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000.",
    "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000. The input or output tokens must be reduced in order to run successfully.",
    "Request too large for model `kimi-k2` in organization `org_1` service tier `on_demand` on tokens per minute (TPM): Limit 10000, Requested 15088, please reduce your message size and try again.",
    "This request would exceed your organization's rate limit of 40,000 input tokens per minute. Please reduce the prompt length.",
    "Too many tokens, please wait before trying again.",
    "Too many tokens per day, please wait before trying again.",
    "Too many requests, please wait before trying again.",
    "You exceeded your current quota, please check your plan and billing details. * Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 20. Please retry in 26.4s.",
    "Allocated quota exceeded, please increase your quota limit.",
    "Daily token limit exceeded",
    "Quota exceeded for aiplatform.googleapis.com/online_prediction_requests_per_base_model with base model: gemini",
    "Resource has been exhausted (e.g. check quota).",
    "请求过多，请稍后再试",
    "Your account reached max concurrency",
    "您当前使用该API的并发数过高，请降低并发",
    "请求过于频繁，请稍后再试",
    "已达到每分钟 token 上限",
    "您的账户已达到速率限制",
    "Request limit exceeded",
    "Too many concurrent connections",
    "exceeded the number of requests allowed",
    "Requests are too frequent",
    "You are sending requests too quickly",
    "操作太频繁",
]

OVERLOADED = [
    "The model is overloaded. Please try again later.",
    "Overloaded",
    "The engine is currently overloaded, please try again later",
    "This model is currently experiencing high demand.",
    "Service is too busy. We advise users to temporarily switch to alternative LLM API service providers.",
    "当前分组上游负载已饱和，请稍后再试",
    "该模型当前访问量过大，请您稍后再试",
    "upstream saturated",
    "系统繁忙，请稍后重试",
    "The model is temporarily unavailable",
    "Model foo is currently loading",
    "server_busy",
    "当前使用人数过多，请稍后再试",
    "算力紧张",
]

KEY_REJECTED = [
    "API key not valid. Please pass a valid API key.",
    "Incorrect API key provided: sk-ab***. You can find your API key at https://platform.openai.com/account/api-keys.",
    "invalid x-api-key",
    "Authentication Fails, Your api key: ****1234 is invalid",
    "The security token included in the request is invalid.",
    "You didn't provide an API key.",
    "无效的令牌",
    "Key无效",
    "令牌已过期",
    "身份验证失败",
    "Invalid Token",
    "invalid token (request id: 2026)",
    "Invalid bearer token",
    "Invalid authentication",
    "authentication required",
    "Not authenticated",
    "missing authorization header",
    "Key is disabled",
    "User not found.",
    "Your account has been disabled",
    "LiteLLM Virtual Key expected. Received=foo, expected to start with 'sk-'.",
    "API Key 无效",
    "未提供 API Key",
    "请提供有效的API密钥",
    "token已过期",
    "用户已被封禁",
    "未授权",
]

INPUT_UNSUPPORTED = [
    # OpenAI, DeepSeek, DashScope, Doubao, Gemini, OpenRouter
    "Invalid content type. image_url is only supported by certain models.",
    "Failed to deserialize the JSON body into the target type: messages[94]: unknown variant `image_url`, expected `text` at line 1 column 802043",
    "400 Invalid value: file. Supported values are: 'text','image_url','video_url' and 'video'.",
    "Model do not support image input.",
    "This model does not support image input.",
    "Image input for this model is not supported",
    "Unsupported MIME type: application/pdf",
    "Invalid content part type: file",
    "No endpoints found that support image input",
    "No endpoints found that support input audio",
    "The model gpt-3.5-turbo doesn't support images",
    "This model does not support PDF documents",
    "'claude-2.1' does not support image input. (request id: 20260101120000abcd1234)",
    # vLLM, SGLang, Ollama, llama.cpp
    "Unsupported chat content part type: 'file'. Supported types: text, image_url",
    "Qwen2.5-7B-Instruct is not a multimodal model",
    "At most 0 image(s) may be provided in one prompt.",
    "this model is missing data required for image input",
    "this model does not support image input (ref: b8bd630e-4a39-4b57-82af-9158ee9d5703)",
    "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
    # Zhipu, Doubao, resellers
    "当前模型不支持图片输入",
    "该模型不支持多模态",
    "此模型不支持文件上传",
    "unsupported message content type: image_url",
    "messages.0.content: Input should be a valid string",
    "Failed to deserialize the JSON body into the target type: messages[0]: invalid type: sequence, expected a string",
    "This model only supports text input",
    "Only text is supported",
    "Cannot process images",
    "当前模型仅支持文本",
    "此模型不支持附件",
]

# Messages of other faults, many of them with a word of one of the classes.
OTHERS = [
    "max_tokens is too large: 100000. This model supports at most 16384 completion tokens, whereas you provided 100000.",
    "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens for claude-opus-4-1",
    "max_tokens must be less than or equal to 16384, the maximum value for max_tokens is less than the context_window for this model",
    "'max_tokens' or 'max_completion_tokens' is too large: 9000. This model's maximum context length is 8192 tokens and your request has 20 input tokens (9000 > 8192 - 20).",
    "The maximum tokens you requested exceeds the model limit of 8192. Try again with a maximum tokens value that is lower than 8192.",
    "The value of max_tokens exceeds the context window of the model",
    "max_tokens (9000) exceeds model context length 8192",
    "Range of max_tokens should be [1, 8192]",
    "max_tokens参数非法。请检查文档。",
    "输入参数 max_tokens 超过最大值",
    "`thinking.budget_tokens` must be less than `max_tokens`",
    "`temperature` is deprecated for this model.",
    "Unsupported parameter: 'temperature' is not supported with this model.",
    "messages.1.content.0: Invalid `signature` in `thinking` block",
    "metadata.user_id: String should have at most 256 characters",
    "The image input is too large",
    "messages.0.content.0.image.source.base64: image exceeds 5 MB maximum: 6000000 bytes > 5242880 bytes",
    "The image data you provided does not represent a valid image",
    "This model does not support this image format",
    "You uploaded an unsupported image. Please make sure your image is valid.",
    "The PDF specified was not valid.",
    "A maximum of 100 PDF pages may be provided.",
    "不支持的图片格式",
    "该接口不支持图片链接格式",
    "Invalid token in JSON at position 12",
    "messages: text content blocks must be non-empty",
    "Unsupported model parameter: top_k",
    "该模型不支持 top_p 参数",
    "参数 temperature 不支持该模型",
    "Parameter reasoning_effort of model gpt-4 is not supported",
    "The parameter temperature for this model is deprecated",
    "Model parameter 'foo' not found in schema",
    "use only one sampler",
    "Internal server error",
    "nothing known",
    "Could not process image",
    "The file format is not supported",
    "仅支持文本格式",
    "模型返回为空",
    "user_location.country is invalid",
    "unexpected token < in JSON",
    "stop sequences too long",
    "4000 output tokens exceed the maximum number of tokens",
    "context deadline exceeded",
    "The model returned an invalid tool call",
    "image dimensions exceed max allowed size: 8000 pixels",
]

CLASSES = {
    errors.ContextTooLong: CONTEXT_TOO_LONG,
    errors.QuotaExhausted: QUOTA_EXHAUSTED,
    errors.ModelNotFound: MODEL_NOT_FOUND,
    errors.RateLimited: RATE_LIMITED,
    errors.Overloaded: OVERLOADED,
    errors.KeyRejected: KEY_REJECTED,
    errors.InputUnsupported: INPUT_UNSUPPORTED,
    None: OTHERS,
}
CASES = [(message, error_class) for error_class, messages in CLASSES.items() for message in messages]


@pytest.mark.parametrize(("message", "error_class"), CASES, ids=[message[:60] for message, _ in CASES])
def test_class_from_message(message: str, error_class: type | None) -> None:
    assert wordings.class_from_message(message) is error_class
    assert wordings.class_from_message(message.upper()) is error_class


@pytest.mark.parametrize(
    ("code", "error_class"),
    [
        ("insufficient_account_balance", errors.QuotaExhausted),
        ("ModelNotFoundException", errors.ModelNotFound),
        ("Throttling.RateQuota", errors.RateLimited),
        ("RESOURCE_EXHAUSTED", errors.RateLimited),
        ("prompt_too_long", errors.ContextTooLong),
        ("token-expired", errors.KeyRejected),
        ("ServerOverloaded", errors.Overloaded),
        ("max_tokens_exceeded", None),
        ("new_api_error", None),
        ("image_too_large", None),
        ("1113", None),
    ],
)
def test_code_is_read_as_words_where_the_message_names_no_class(code: str, error_class: type | None) -> None:
    assert wordings.class_from_code(code) is error_class
    body = json.dumps({"error": {"message": "Something went wrong", "code": code}})
    assert type(error_from_response(400, {}, body)) is (error_class or errors.InvalidRequest)


@pytest.mark.parametrize("kind", ["INVALID_ARGUMENT", "BadRequestError", "InvalidParameter", "validation_error"])
def test_type_of_a_wrong_request_says_less_than_a_status(kind: str) -> None:
    body = {"error": {"message": "Something went wrong", "type": kind}}
    assert type(error_from_stream_event(body)) is errors.InvalidRequest
    assert type(error_from_response(500, {}, json.dumps(body))) is errors.InvalidRequest
    assert type(error_from_response(429, {}, json.dumps(body))) is errors.RateLimited


@pytest.mark.parametrize(
    ("status", "body", "error_class"),
    [
        # The message decides over a generic status, a generic type and a code of the gateway's own.
        (400, {"type": "error", "error": {"type": "invalid_request_error", "message": CONTEXT_TOO_LONG[0]}}, "context"),
        (
            500,
            {"error": {"type": "new_api_error", "code": "convert_request_failed", "message": CONTEXT_TOO_LONG[0]}},
            "context",
        ),
        (413, {"message": "Request body too large for gpt-4o model. Max size: 8000 tokens."}, "context"),
        (400, {"error": {"message": QUOTA_EXHAUSTED[0], "type": "invalid_request_error"}}, "quota"),
        (429, {"error": {"code": "1113", "message": "余额不足或无可用资源包,请充值。"}}, "quota"),
        (401, {"error": {"code": "", "message": "该令牌额度已用尽", "type": "new_api_error"}}, "quota"),
        (503, {"error": {"message": "当前分组 default 下对于模型 x 无可用渠道", "type": "one_api_error"}}, "model"),
        (500, {"error": {"message": "获取渠道失败", "code": "get_channel_failed"}}, "model"),
        (400, {"error": {"message": "API key not valid.", "status": "INVALID_ARGUMENT"}}, "key"),
        (400, {"error": {"message": "no", "details": [{"reason": "API_KEY_INVALID"}]}}, "key"),
        (429, {"error": {"message": "当前分组上游负载已饱和，请稍后再试"}}, "overloaded"),
        (413, {"error": {"message": RATE_LIMITED[2], "code": "rate_limit_exceeded"}}, "rate"),
        # A precise code decides over the message.
        (400, {"error": {"message": "Rate limit", "code": "context_length_exceeded"}}, "context"),
    ],
)
def test_class_of_a_response_by_code_and_words(status: int, body: dict, error_class: str) -> None:
    expected = {
        "context": errors.ContextTooLong,
        "quota": errors.QuotaExhausted,
        "model": errors.ModelNotFound,
        "key": errors.KeyRejected,
        "overloaded": errors.Overloaded,
        "rate": errors.RateLimited,
    }[error_class]
    assert type(error_from_response(status, {}, json.dumps(body))) is expected
    if "error" in body:
        assert type(error_from_stream_event(body)) is expected


def test_words_of_a_proxy_page_do_not_count() -> None:
    page = "<html><body><h1>503</h1><p>Rate limit: no such model, insufficient balance</p></body></html>"
    assert type(error_from_response(503, {}, page)) is errors.Overloaded
    assert type(error_from_response(502, {}, page)) is errors.GatewayUnavailable


def test_unknown_model_is_not_requested_again_but_for_a_missing_channel() -> None:
    missing = {"error": {"message": MODEL_NOT_FOUND[0]}}
    assert error_from_response(503, {}, json.dumps(missing)).should_retry is None
    assert error_from_response(400, {}, json.dumps(missing)).should_retry is False
