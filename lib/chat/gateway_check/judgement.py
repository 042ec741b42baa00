"""The judgement of a probe: its subject, its evidence, and what all judges have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lib.chat.gateway_check.evidence import Evidence
from lib.chat.gateway_check.requests import ProbeRequest
from lib.core.gateway_checks import Strength, Value, Verdict
from lib.core.models import Capabilities
from lib.core.target import Target
from lib.gateway.catalog import vendors

MAX_QUOTE = 160  # characters of an answer or an error in a verdict


@dataclass(frozen=True)
class Case:
    """A target with what was sent to it and what came back, by the names of the requests."""

    target: Target
    capabilities: Capabilities
    requests: Mapping[str, ProbeRequest]
    evidence: Mapping[str, Evidence]

    @property
    def vendor(self) -> str:
        """Display name of the vendor whose model is billed, "" if it is unknown."""
        return self.capabilities.vendor or vendors.vendor_of(self.target.model)

    def input_tokens(self, name: str) -> int | None:
        """Return the billed tokens of a prompt; None if nobody says."""
        found = self.evidence.get(name)
        return found.usage.input if found and not found.error_code and found.usage.input else None


def failed(code: str, strength: Strength = "certain", /, **values: Value) -> Verdict:
    return Verdict("failed", code, values, strength)


def passed(code: str, **values: Value) -> Verdict:
    return Verdict("passed", code, values)


def unclear(code: str, **values: Value) -> Verdict:
    return Verdict("unclear", code, values)


def unsupported(code: str, **values: Value) -> Verdict:
    return Verdict("unsupported", code, values)


def quote(text: str) -> str:
    """Return the beginning of a text in one line."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_QUOTE else f"{line[: MAX_QUOTE - 1]}…"


def find_problem(found: Evidence, *, is_feature: bool = False) -> Verdict | None:
    """Return the verdict about a request that failed; of a feature, a refusal says that there is none."""
    if not found.error_code:
        return None
    if is_feature and found.is_refused:
        return unsupported("refused", words=quote(found.error_detail) or found.error_code)
    return unclear("request_failed", error=found.error_code, words=quote(found.error_detail))
