"""Fields that errors name: the spellings of vendors, explicit refusals, and rules about values and combinations."""

# ruff: noqa: E501  messages stand as the vendors send them

import json

import pytest

from lib.gateway.wires.errors.refused_fields import field_refusals, named_params, normalize_name


def refused(message: str, param: str | None = None) -> set[str]:
    return {refusal.name for refusal in field_refusals({"error": {"param": param}}, message) if not refusal.beside}


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ("`temperature` is deprecated for this model.", {"temperature"}),
        ("temperature is deprecated for this model.", {"temperature"}),
        ("Unsupported parameter: 'temperature' is not supported with this model.", {"temperature"}),
        (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            {"max_tokens"},
        ),
        ("Unsupported parameter: 'max_tokens', use 'max_completion_tokens'", {"max_tokens"}),
        ("Unrecognized request argument supplied: top_k", {"top_k"}),
        ("Unrecognized request argument supplied: topP", {"top_p"}),
        ("Unknown parameter: 'thinking.display'.", {"thinking.display"}),
        ("Top P is not supported by this model", {"top_p"}),
        ("The top-p parameter is not supported.", {"top_p"}),
        ("generationConfig.topP is not supported", {"top_p"}),
        ('Invalid JSON payload received. Unknown name "topK": Cannot find field.', {"top_k"}),
        ("Unknown name \"topK\" at 'generation_config': Cannot find field.", {"top_k"}),
        ("Argument not supported on this model: presencePenalty", {"presence_penalty"}),
        ("Model grok-4 does not support parameter presencePenalty.", {"presence_penalty"}),
        ("property 'logit_bias' is unsupported", {"logit_bias"}),
        ("This model does not support the effort parameter.", {"effort"}),
        ("adaptive thinking is not supported on this model", {"thinking"}),
        ("thinking.adaptive.display: Extra inputs are not permitted", {"thinking.adaptive.display"}),
        ("top_k: Extra inputs are not permitted", {"top_k"}),
        ("n: Extra inputs are not permitted", {"n"}),
        ("Extra inputs are not permitted, field: 'stream_options', value: True", {"stream_options"}),
        (
            "litellm.UnsupportedParamsError: openai does not support parameters: ['reasoning_effort'], for model=gpt-4o. "
            "To drop these, set `litellm.drop_params=True`",
            {"reasoning_effort"},
        ),
        ("gpt-5 models don't support temperature=0.84. Only temperature=1 is supported.", {"temperature"}),
        (
            "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
            {"temperature"},
        ),
        ("invalid temperature: only 1 is allowed for this model", {"temperature"}),
        ("unknown field `top_k`, expected one of `model`, `messages`, `temperature`", {"top_k"}),
        ("`temperature` and `top_p` are not supported with this model", {"temperature", "top_p"}),
        ("This model does not support the following parameters: temperature, top_p", {"temperature", "top_p"}),
        ("Presence penalty is not enabled for models/gemini-3.8-flash", {"presence_penalty"}),
        ("不支持的参数：top_p", {"top_p"}),
        ("该模型不支持 temperature 参数", {"temperature"}),
        ("未知参数: topP", {"top_p"}),
        ("参数 seed 不被支持", {"seed"}),
        ("参数 'top_k' 未定义", {"top_k"}),
        ("'top_k' is not a valid parameter", {"top_k"}),
        ("Additional properties are not allowed ('top_k' was unexpected)", {"top_k"}),
        ("1 validation error for Request\ntop_k\n  Extra inputs are not permitted [type=extra_forbidden]", {"top_k"}),
        ('"max_tokens" is deprecated in favor of "max_completion_tokens"', {"max_tokens"}),
        ("Thinking is not supported by this model", {"thinking"}),
        ("`stop` is not supported with gpt-5.5", {"stop"}),
        ("`stop` is not supported with reasoning models", {"stop"}),
        ("Invalid parameter: top_k is not supported", {"top_k"}),
        ("must NOT have additional properties 'top_k'", {"top_k"}),
        ("topK isn't supported", {"top_k"}),
        ("topK isn’t supported by this model", {"top_k"}),
        ("temperature can't be used with this model", {"temperature"}),
        ("temperature may not be set for reasoning models", {"temperature"}),
        ("You may not set temperature with this model", {"temperature"}),
        ("temperature was removed", {"temperature"}),
        ("no such parameter: temperature", {"temperature"}),
        ("invalid parameter name: top_k", {"top_k"}),
        ("temperature: only the default value 1 is supported for this model", {"temperature"}),
        ("This model only supports temperature = 1", {"temperature"}),
        ("`temperature` must be set to 1 for this model", {"temperature"}),
        ("temperature 参数不被该模型支持", {"temperature"}),
        ("非法参数：top_k", {"top_k"}),
        ("参数 top_k 不存在", {"top_k"}),
        ("请勿传入 temperature", {"temperature"}),
        ("body/top_k must NOT be present", {"top_k"}),
        (
            'Malformed input request: #: subject must not be valid against schema {"required":["messages"]}#: extraneous key [top_k] is not permitted, please reformat your input and try again.',
            {"top_k"},
        ),
        ("'top_k' is not recognised", {"top_k"}),
        ("top_k is not one of the supported parameters", {"top_k"}),
        ("top_k is not yet supported", {"top_k"}),
        ("the following parameters are not supported: [top_k, seed]", {"seed", "top_k"}),
        ("temperature, seed and stop are not supported by this model", {"seed", "stop", "temperature"}),
    ],
)
def test_explicit_refusals_in_any_spelling(message: str, names: set[str]) -> None:
    assert refused(message) == names


ENTRIES = [
    [
        {
            "type": "extra_forbidden",
            "loc": ["body", "max_completion_tokens"],
            "msg": "Extra inputs are not permitted",
            "input": 800,
        }
    ],
    [{"loc": ["body", "max_completion_tokens"], "msg": "extra fields not permitted", "type": "value_error.extra"}],
]


@pytest.mark.parametrize("entries", ENTRIES)
def test_entries_of_a_validator_name_their_field(entries: list[dict]) -> None:
    for message in (json.dumps(entries), str(entries), str(entries).replace("[", "(").replace("]", ")")):
        assert refused(message) == {"max_completion_tokens"}, message
        assert named_params({}, message) == ("max_tokens",)


def test_entries_about_a_value_or_with_words_of_the_user_refuse_nothing() -> None:
    for entry in (
        {
            "type": "less_than_equal",
            "loc": ["body", "temperature"],
            "msg": "Input should be less than or equal to 2",
            "input": 3,
        },
        {
            "type": "string_type",
            "loc": ["body", "x"],
            "msg": "Input should be a string",
            "input": "top_p is not supported",
        },
        {
            "type": "missing",
            "loc": ["body", "messages"],
            "msg": "Field required",
            "input": {"temperature": "is not permitted"},
        },
    ):
        assert refused(json.dumps([entry])) == refused(str([entry])) == set()


@pytest.mark.parametrize(
    "message",
    [
        "temperature must be between 0 and 1",
        "temperature: Input should be less than or equal to 1",
        "Invalid value for 'temperature': 3 is not supported. Supported values are between 0 and 2.",
        "Unsupported value: 'reasoning_effort' does not support 'minimal' with this model. Supported values are: 'low', 'medium', and 'high'.",
        "max_tokens is too large: 100000. This model supports at most 16384 completion tokens",
        "Invalid parameter: temperature",
        "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.",
        "temperature is not supported when thinking is enabled",
        "`top_p` is not supported with thinking",
        "Function tools with reasoning_effort are not supported for gpt-5.5 in /v1/chat/completions",
        "n is not supported together with stream",
        "thinking.type.disabled is not supported for this model",
        "the user must stop thinking, with some effort and a seed, which is not supported",
        "seed 参数取值范围不支持",
        "启用思考时不支持 temperature，当 thinking 开启",
        "temperature 超出范围",
        "temperature must not be above 1",
        "Invalid parameter value: temperature",
        "max_tokens must be 4096 for this model",
        "This model only supports max_tokens up to 4096",
        "Do not set temperature when thinking is on",
        "This model does not support image input",
        "rate limit for temperature",
    ],
)
def test_values_and_combinations_are_no_refused_parameters(message: str) -> None:
    assert refused(message) == set()


@pytest.mark.parametrize(
    "message",
    [
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        "top_p and temperature cannot both be specified",
        "temperature and topP are mutually exclusive",
        "Only one of temperature or top_p may be set",
        "temperature 和 top_p 不能同时设置",
        "Cannot specify both temperature and top_p",
        "You cannot set temperature and top_p at the same time",
        "top_p cannot be used with temperature",
        "`temperature` is not allowed with `top_p`",
        "temperature and top_p are incompatible",
        "Setting temperature and top_p at the same time is not supported.",
        "temperature 和 top_p 不能一起使用",
        "temperature和top_p只能设置一个",
    ],
)
def test_one_of_two_that_cannot_be_sent_together_is_refused_beside_the_other(message: str) -> None:
    (refusal,) = field_refusals({}, message)
    assert (refusal.name, refusal.beside) == ("top_p", "temperature")


def test_field_that_is_not_taken_with_another_is_refused_beside_it() -> None:
    (refusal,) = field_refusals({}, "`seed` is not supported with `web_search_options`")
    assert (refusal.name, refusal.beside) == ("seed", "web_search_options")


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ("generationConfig.topP: bad", ("top_p",)),
        ("Top P is out of range", ("top_p",)),
        ("frequencyPenalty must be lower", ("frequency_penalty",)),
        ("thinking.budget_tokens is too low", ("budget",)),
        ("output_config.effort is wrong", ("effort",)),
        ("maxOutputTokens must be positive", ("max_tokens",)),
        ("the user must stop thinking, with some effort and a seed", ()),
        ("参数 seed 无效", ("seed",)),
        ("thinking.type.enabled is not supported. Use thinking.type.adaptive and output_config.effort.", ("thinking",)),
    ],
)
def test_parameters_for_the_button_are_named_in_any_spelling(message: str, names: tuple[str, ...]) -> None:
    assert named_params({}, message) == names


@pytest.mark.parametrize(
    ("name", "expected"),
    [("generationConfig.topP", "top_p"), ("Top P", "top_p"), ("body.thinking.display", "thinking.display"), ("", "")],
)
def test_normalize_name(name: str, expected: str) -> None:
    assert normalize_name(name) == expected


def test_param_of_the_error_counts_where_the_words_name_none() -> None:
    assert refused("Unsupported parameter.", "top_p") == {"top_p"}
    assert refused("Wrong value.", "top_p") == set()
    assert named_params({"error": {"param": "top_p"}}, "Wrong value.") == ("top_p",)
