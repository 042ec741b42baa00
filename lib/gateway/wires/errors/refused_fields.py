"""Fields that an error names: in any spelling for a button, and those that it explicitly calls unsupported."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from lib.core.params import PARAM_FIELDS
from lib.core.patterns import compile_later
from lib.core.refused_params import MAX_WORDS_LENGTH, FieldRefusal, param_of_field
from lib.core.sanitize import get_object
from lib.core.target import ALL_WIRES

# Fields of both wires and of other vendors behind them, with the parameter that they are, "" for none.
_OTHER_NAMES = {
    **{"max_completion_tokens": "max_tokens", "max_output_tokens": "max_tokens", "max_new_tokens": "max_tokens"},
    **{"thinking_budget": "budget", "thinking_config": "thinking", "adaptive thinking": "thinking"},
    **{"extended thinking": "thinking", "candidate_count": "n", "response_schema": "format", "output_config": "effort"},
    **{"response_mime_type": "format", "stop_sequences": "stop", "safety_identifier": "user", "user_id": "user"},
    **{"stream_options": "", "include_usage": "", "prompt_cache_key": "", "prompt_cache_retention": ""},
    **{"parallel_tool_calls": "", "service_tier": "", "top_logprobs": "", "logprobs": "", "min_p": ""},
    **{"repetition_penalty": "", "context_management": "", "display": "", "verbosity": ""},
    **{"store": "", "metadata": "", "reasoning": "", "modalities": "", "prediction": ""},
    **{"partial_images": "", "input_fidelity": "", "output_compression": ""},
}
_HIDDEN = ("model", "messages", "stream", "system", "*")


def _params_by_name() -> dict[str, str]:
    """Return the parameter of each name that an error can use, by the last part of its path."""
    names = {name: param for name, param in _OTHER_NAMES.items()}
    for field in PARAM_FIELDS:
        for path in (field.openai_name, field.anthropic_name, field.images_name):
            if path and path not in _HIDDEN:
                names[path.rpartition(".")[2]] = field.name
    names["response_format"] = names["format"] = "format"
    return names


_PARAM_BY_NAME = _params_by_name()
# Names that are also common words count only in quotes, or next to a word such as "parameter".
_COMMON_WORDS = {"n", "stop", "seed", "effort", "thinking", "user", "format", "store", "metadata", "display"}
_COMMON_WORDS |= {"reasoning", "prediction", "modalities", "verbosity", "country", "city", "web_search"}
_COMMON_WORDS |= {"size", "quality", "background", "moderation"}


def _spelling(name: str) -> str:
    """Return a pattern for `top_p`, `top-p`, `topP`, `TopP` and `Top P`."""
    return "[ _-]?".join(map(re.escape, re.split("[_ ]", name)))


_NAMES = sorted(_PARAM_BY_NAME, key=len, reverse=True)
_MENTION = compile_later(
    r"(?<![A-Za-z0-9_])(?:"
    + "|".join(f"(?P<_{i}>{_spelling(name)})" for i, name in enumerate(_NAMES))
    + r")(?![A-Za-z0-9_]|\.\w|\[)",
    re.IGNORECASE,
)
# The objects around a name, and a quote before them.
_PATH_BEFORE = re.compile(r"[`'\"“‘]?((?:[A-Za-z_$]\w{0,40}(?:\[\d+\])?(?:\.\d+)?\.){0,6})$")
_CLOSING_QUOTES = tuple("`'\"”’")
_BETWEEN_NAMES = re.compile(r"\W{1,4}|\W{0,3}(?:and|or|和|及|与|或)\W{0,3}")
_CONTEXT_LENGTH = 100  # characters before and after a name that say what it is
_MAX_TEXT_LENGTH = 2_000
_PARAM_WORD_BEFORE = re.compile(
    r"(?:param(?:eter)?s?|arguments?|fields?|propert(?:y|ies)|options?|参数|字段)\W{0,4}$", re.I
)
_PARAM_WORD_AFTER = re.compile(
    r"^\W{0,2}(?:param(?:eter)?|argument|field|property|option|参数|字段|: extra inputs"
    r"|(?:is|are) (?:not|un|deprecated))",
    re.IGNORECASE,
)

_KIND = r"(?:param(?:eter)?s?|arguments?|fields?|propert(?:y|ies)|options?|names?|keys?|inputs?)"
_NOT = r"(?:not|n['’]t)(?: yet| currently)?"
# Explicit words for a parameter that is not taken, whatever its value.
_UNSUPPORTED = compile_later(
    rf"unsupported|{_NOT} (?:supported|permitted|allowed|accepted|recogni[sz]ed|implemented|enabled|available)"
    r"|no longer supported|(?:is|are|been|was) (?:deprecated|removed|disabled|forbidden|obsolete)|unimplemented"
    rf"|(?:do|does|did)(?: not|n['’]?t)(?: yet| currently)? (?:support|accept|take|allow|recogni[sz]e|exist)"
    r"|(?:unknown|unrecogni[sz]ed|unexpected|extraneous|undefined|illegal|no such)"
    rf" (?:request |keyword |input )?{_KIND}"
    rf"|invalid {_KIND} name|was unexpected|cannot find field"
    rf"|not an? (?:valid|known|recogni[sz]ed|permitted|supported|allowed) {_KIND}|not one of the (?:supported|allowed)"
    r"|can(?:not|['’]t) be (?:used|set|specified) (?:with|for|on) (?:this|the) model"
    r"|(?:must|should|may) not (?:have additional|exist|be (?:present|set|sent|used|specified|provided|passed))"
    r"|(?:may not|must not|do not|don['’]t) (?:set|send|use|specify|pass|provide)\b"
    r"|不支持|不被.{0,6}支持|(?:未知|非法|多余)的?(?:参数|字段)|不允许|不可用|无法识别|未识别|已弃用|已废弃"
    r"|不再支持|不接受|未定义"
    r"|不存在|请勿|禁止",
    re.IGNORECASE,
)
# A rule about the value, which another value may keep.
_ABOUT_VALUE = compile_later(
    r"(?<!not a )\b(?:(?:must|should)(?! not (?:have|exist|be (?:present|set|sent|used|specified|provided|passed)))"
    r"|between|out of range|greater|less|above|below|at most|at least|maximum|minimum"
    rf"|too (?:large|high|low|small|big|long|many)|ranges?|valid|invalid(?! {_KIND}\b)|values?|(?<!not )one of|expected"
    r"|does not match|types?)\b"
    r"|取值|范围|必须|应为|应该|大于|小于|最大|最小|超出|超过|有效|类型|的值",
    re.IGNORECASE,
)
# The one value that is left is the default: the parameter itself is refused.
_ONLY_DEFAULT = compile_later(
    r"only (?:the )?default(?: (?:\w+|\([^)]*\)|\d+(?:\.\d+)?)){0,3} (?:is|are) (?:supported|allowed|accepted)"
    r"|only (?:\w+ ?= ?)?\d+(?:\.\d+)? is (?:allowed|supported)"
    r"|only (?:supports?|accepts?|allows?) (?:the default|\w+ ?= ?\d+(?:\.\d+)?\b)"
    r"|must be (?:set to |exactly )?[01](?:\.0)?(?=\W*$| for | with this )|只支持默认值|仅支持默认值",
    re.IGNORECASE,
)
# A rule about a combination, which says nothing of the parameter alone.
_CONDITIONAL = compile_later(
    r"\b(?:when|while|if|unless|without|together|combin\w+|alongside|simultaneously|same time|both|mutually|conflicts?"
    r"|only (?:with|when|for|if|one)|in addition|requires?|non-?stream\w*)\b"
    r"|\bwith (?!(?:[\w-]+ ){0,2}(?:models?|deployment|endpoint|api|engine|version|gateway|provider)\b)"
    r"(?![\w.:/-]*\d)"
    r"|同时|一起|[当若]|如果|冲突|互斥|只能|非流式",
    re.IGNORECASE,
)
_PAIR = compile_later(
    r"(?:can ?not|can['’]t|do not|don['’]t|must not|may not|should not) .{0,60}"
    r"(?:both|together|at the same time|simultaneously)|"
    r"(?:can ?not|can['’]t|may not|must not|should not|not) (?:be )?both|both (?:be )?(?:specified|set|used|provided)"
    r"|can ?not be (?:\w+ ){0,2}(?:together|at the same time|simultaneously)|mutually exclusive"
    rf"|(?:together|at the same time|simultaneously) .{{0,20}}{_NOT} (?:supported|allowed|permitted)"
    r"|(?:use |specify )?only one of|incompatible|conflict"
    r"|but not both|不[能可](?:同时|一起)|不允许同时|不支持同时|二选一|只能.{0,8}(?:其中?)?一[个项]|互斥|冲突",
    re.IGNORECASE,
)
# Between two names: the first is refused beside the second.
_NOT_WITH = re.compile(r"(?:\bnot|n['’]t|\bcannot|incompatible|conflicts?)\b.{0,40}\bwith (?:the )?$", re.IGNORECASE)
# Advice and lists of what is taken instead end a clause.
_ADVICE = compile_later(
    r"[,;:]? ?\b(?:please )?(?:in favou?r of|instead|rather than|use"
    r"|try|replace|switch to|did you mean|expected one of|(?<!one of the )supported parameters"
    r"|allowed parameters|valid parameters|to drop)\b|，?请(?:使用|改用)",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"\.\s|\.$|[;\n。；！]|!\s|#:\s")
# Entries of a validator: pydantic's `loc` and `msg`, as JSON or as Python's own notation.
_ENTRY = re.compile(r"['\"]loc['\"]: ?[\[(](?P<loc>[^\])]*)[\])](?P<rest>[^{}]{0,200})")
_ENTRY_REFUSAL = re.compile(r"extra_forbidden|value_error\.extra|extra (?:inputs|fields) (?:are )?not permitted", re.I)
_FIELD_BEFORE = re.compile(r"([\w.\[\]]{1,100})[\s:]{1,9}extra (?:inputs|fields) (?:are )?not permitted", re.IGNORECASE)
_DOTTED = re.compile(r"(?<![\w.])([a-z][a-z_]{1,40})(?:\.[a-z_]{1,40}){0,4}\.([a-z_]{1,40})\b", re.IGNORECASE)
_FIELD_AFTER = re.compile(r"not permitted, field: ['\"]([\w.\[\]]+)['\"]", re.IGNORECASE)
_ROOTS = ("body", "request", "generation_config", "config", "params", "parameters", "extra_body", "$", "root", "json")


class _Mention(NamedTuple):
    name: str  # in lower case with underscores, with its path
    start: int
    end: int


def named_params(payload: Any, message: str) -> tuple[str, ...]:
    """Return the parameters that an error names in its `param`, its entries or its message, in any spelling."""
    message = message[:_MAX_TEXT_LENGTH]
    advice = _ADVICE().search(message)
    text = message[: advice.start()] if advice else message
    names = [mention.name for mention in _find_mentions(text)]
    names += [normalize_name(_param_field(payload)), *(normalize_name(name) for name, _ in _entries(message))]
    # A value as the end of a path: `thinking.type.disabled`.
    ends = [(normalize_name(match[1]), normalize_name(match[2])) for match in _DOTTED.finditer(text)]
    names += [start for start, end in ends if end not in _PARAM_BY_NAME]
    names = [name for name in names if name] or [mention.name for mention in _find_mentions(message)]
    named = {_PARAM_BY_NAME.get(name.rpartition(".")[2], "") for name in names}
    named |= {param for name in names for wire in ALL_WIRES if (param := param_of_field(wire, name))}
    known = [field.name for field in PARAM_FIELDS]
    return tuple(name for name in known if name in named)


def field_refusals(payload: Any, message: str) -> tuple[FieldRefusal, ...]:
    """Return the fields that an error calls unknown, unsupported, not permitted or deprecated.

    A value out of range, a combination and anything less explicit are not among them. Of two fields that
    cannot be sent together, the second is refused beside the first, and top_p beside the temperature.
    """
    message = message[:_MAX_TEXT_LENGTH]
    entries = [(name, words) for name, words in _entries(message) if _ENTRY_REFUSAL.search(words)]
    if entries or _entries(message):
        return tuple(_any_value(name, words) for name, words in entries)
    if fields := _FIELD_AFTER.findall(message) or _FIELD_BEFORE.findall(message):
        return tuple(_any_value(name, message) for name in fields)
    is_default_only = bool(_ONLY_DEFAULT().search(message))
    refusals: list[FieldRefusal] = []
    for clause in _CLAUSE_END.split(message):
        refusals += _clause_refusals(clause, _param_field(payload), is_default_only=is_default_only)
    return tuple(dict.fromkeys(refusals))


def normalize_name(name: str) -> str:
    """Return a name as the wires spell it: `generationConfig.topP` is `top_p`."""
    parts = [re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[ -]+", "_", part).lower() for part in re.split(r"[./\[\]]+", name)]
    parts = [part for part in parts if part and not part.isdecimal()]
    while len(parts) > 1 and parts[0] in _ROOTS:
        parts.pop(0)
    return ".".join(parts)


def _clause_refusals(clause: str, param: str, *, is_default_only: bool) -> Iterator[FieldRefusal]:
    advice = _ADVICE().search(clause)
    text = clause[: advice.start()] if advice else clause
    mentions = {mention.name: mention for mention in reversed(list(_find_mentions(text)))}
    names = list(reversed(mentions))
    words = clause.strip()[:MAX_WORDS_LENGTH]
    if len(names) == 2:
        first, second = (mentions[name] for name in names)
        is_beside = bool(_NOT_WITH.search(text[first.end : second.start]))
        if is_beside or _PAIR().search(clause):
            is_swapped = names[0] == "top_p" or (is_beside and names[1] != "top_p")
            refused, beside = names if is_swapped else reversed(names)
            yield FieldRefusal(refused, beside, words)
            return
    if is_default_only:
        is_refusal = bool(re.search(r"unsupported|support|invalid|allowed|must be|不支持", text, re.IGNORECASE))
    else:
        is_refusal = bool(_UNSUPPORTED().search(text)) and not _ABOUT_VALUE().search(text)
    if not is_refusal or _CONDITIONAL().search(text):
        return
    if not names and param and not is_default_only:
        names = [normalize_name(param)]
    for name in names:
        yield FieldRefusal(name, words=words, is_any_value=is_default_only)


def _any_value(name: str, words: str) -> FieldRefusal:
    return FieldRefusal(normalize_name(name), words=words.strip()[:MAX_WORDS_LENGTH], is_any_value=True)


def _find_mentions(text: str) -> Iterator[_Mention]:
    """Yield the names in a text. A common word is one in quotes, beside a word such as "parameter", or in a list."""
    matches = list(_MENTION().finditer(text))
    are_names = [_is_name(match) for match in matches]
    for i, match in enumerate(matches):
        neighbours = [
            (matches[k], matches[k + 1], k if k < i else k + 1) for k in (i - 1, i) if 0 <= k < len(matches) - 1
        ]
        is_listed = any(
            are_names[other] and _BETWEEN_NAMES.fullmatch(text, first.end(), second.start())
            for first, second, other in neighbours
        )
        if not are_names[i] and not is_listed:
            continue
        are_names[i] = True
        path, name = _path_before(match), _name_of(match)
        leaf = {"adaptive thinking": "thinking", "extended thinking": "thinking"}.get(name, name)
        yield _Mention(normalize_name(path[1] + leaf), match.start() - len(path[0]), match.end())


def _name_of(match: re.Match[str]) -> str:
    return _NAMES[next(i for i in range(len(_NAMES)) if match[f"_{i}"] is not None)]


def _path_before(match: re.Match[str]) -> re.Match[str]:
    path = _PATH_BEFORE.search(match.string[max(0, match.start() - _CONTEXT_LENGTH) : match.start()])
    assert path is not None  # it may be empty
    return path


def _is_name(match: re.Match[str]) -> bool:
    """Return False for a common word that nothing shows to be the name of a field."""
    if _name_of(match) not in _COMMON_WORDS:
        return True
    path, after = _path_before(match), match.string[match.end() :][:_CONTEXT_LENGTH]
    is_marked = bool(path[1]) or (path[0] != "" and after[:1] in _CLOSING_QUOTES)
    before = match.string[max(0, match.start() - len(path[0]) - _CONTEXT_LENGTH) : match.start() - len(path[0])]
    return is_marked or bool(_PARAM_WORD_BEFORE.search(before) or _PARAM_WORD_AFTER.search(after))


def _entries(message: str) -> list[tuple[str, str]]:
    """Return the paths and words of a validator's entries in a message."""
    found = []
    for match in _ENTRY.finditer(message):
        parts = [part.strip(" '\"") for part in match["loc"].split(",")]
        before = message[: match.start()].rpartition("{")[2]
        # What the user sent follows in `input`: nobody's words but the user's.
        rest = re.split(r"['\"]input['\"]", match["rest"])[0]
        found.append((".".join(part for part in parts if part), f"{before}{rest}".strip(" ,")))
    return found


def _param_field(payload: Any) -> str:
    param = get_object(payload, "error").get("param") if isinstance(payload, dict) else None
    if param is None and isinstance(payload, dict):
        param = payload.get("param")
    return param if isinstance(param, str) and param.lower() not in ("none", "null") else ""
