"""The judge of each probe, and the verdicts about one target as its evidence arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from lib.chat.gateway_check import behaviour, honesty
from lib.chat.gateway_check.evidence import Evidence
from lib.chat.gateway_check.judgement import Case, unsupported
from lib.chat.gateway_check.requests import REQUESTS, ProbeRequest, is_applicable
from lib.core.gateway_checks import PROBES, ProbeName, ProbeResult, Verdict
from lib.core.models import Capabilities
from lib.core.target import Target

JUDGES: Mapping[ProbeName, Callable[[Case], Verdict]] = {
    "streaming": behaviour.judge_streaming,
    "usage": behaviour.judge_usage,
    "speed": behaviour.judge_speed,
    "model": honesty.judge_model,
    "tokens": honesty.judge_tokens,
    "output_tokens": honesty.judge_output_tokens,
    "tokenizer": honesty.judge_tokenizer,
    "token_count": honesty.judge_token_count,
    "knowledge": honesty.judge_knowledge,
    "max_tokens": behaviour.judge_max_tokens,
    "stop": behaviour.judge_stop,
    "errors": behaviour.judge_errors,
    "thinking": behaviour.judge_thinking,
    "tools": behaviour.judge_tools,
    "image": behaviour.judge_image,
    "pdf": behaviour.judge_pdf,
    "cache": behaviour.judge_cache,
    "n": behaviour.judge_n,
    "logprobs": behaviour.judge_logprobs,
    "context": behaviour.judge_context,
}


class TargetVerdicts:
    """The verdicts about one target: each probe is judged once, when all of its evidence is there."""

    def __init__(
        self,
        target: Target,
        capabilities: Capabilities,
        probes: Sequence[str],
        requests: Mapping[str, ProbeRequest],
    ) -> None:
        self._target, self._capabilities = target, capabilities
        self._requests = requests
        self._evidence: dict[str, Evidence] = {}
        self._open = [probe for probe in PROBES if probe in probes]

    def skip(self) -> Iterator[ProbeResult]:
        """Yield the results of the probes for which nothing is sent."""
        for probe in list(self._open):
            if not is_applicable(probe, self._target, self._capabilities):
                self._open.remove(probe)
                yield ProbeResult(self._target, probe, _reason_to_skip(probe))

    def add(self, name: str, found: Evidence) -> Iterator[ProbeResult]:
        """Take the answer to a request, and yield the results that it completes."""
        self._evidence[name] = found
        for probe in list(self._open):
            if all(request in self._evidence for request in REQUESTS[probe]):
                self._open.remove(probe)
                yield self._judge(probe)

    def _judge(self, probe: ProbeName) -> ProbeResult:
        case = Case(self._target, self._capabilities, self._requests, self._evidence)
        ids = (self._evidence[name].exchange_id for name in REQUESTS[probe])
        return ProbeResult(self._target, probe, JUDGES[probe](case), tuple(filter(None, ids)))


def _reason_to_skip(probe: str) -> Verdict:
    if probe in ("image", "pdf", "tools", "thinking"):
        return unsupported("not_listed")
    return unsupported("no_window" if probe == "context" else "not_on_wire")
