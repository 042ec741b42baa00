"""Names of settings: those that are read, and those that were set but that nothing reads."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lib.core.errors import SettingError

# Sections that Streamlit reads itself: st.login, and connections with the older names of their sections.
_STREAMLIT_SECTIONS = frozenset({"auth", "connections", "snowflake", "spark"})
_APP_PREFIXES = ("ANTLER_", "DEERAPI_")
# Kubernetes adds these to a container for each service, such as one with the name "antler".
_SERVICE_LINK = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)")
# Streamlit copies values outside of sections to the environment, where other libraries read such names.
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_MIN_LIKENESS = 0.6  # of two names, from 0 to 1
_MIN_VARIABLE_LIKENESS = 0.85  # of a name that may belong to something else


@dataclass(frozen=True)
class SettingName:
    """A setting: its environment variable, "" without one, and its place in secrets.toml."""

    variable: str
    section: str
    key: str

    @property
    def label(self) -> str:
        return f"[{self.section}] {self.key}"


@dataclass
class SettingNames:
    """The settings that were read, whether they are set or not; `free_sections` have keys of the operator's choice."""

    names: set[SettingName] = field(default_factory=set)
    free_sections: set[str] = field(default_factory=set)

    @property
    def variables(self) -> set[str]:
        return {name.variable for name in self.names} - {""}

    def check(self, environ: Mapping[str, str], secrets: Mapping[str, Any]) -> None:
        """Raise SettingError if a variable or a value of secrets.toml is set that is not among these.

        The message names each of them with the nearest valid name, and never quotes a value.
        """
        problems = [*self._find_unknown_variables(environ), *self._find_unknown_keys(secrets)]
        if problems:
            raise SettingError(" ".join(problems))

    def _find_unknown_variables(self, environ: Mapping[str, str]) -> Iterator[str]:
        for variable in sorted(environ):
            is_ours = variable.startswith(_APP_PREFIXES) and not _SERVICE_LINK.fullmatch(variable)
            if is_ours and variable not in self.variables and environ[variable].strip():
                yield _describe(variable, _nearest(variable, self.variables))

    def _find_unknown_keys(self, secrets: Mapping[str, Any]) -> Iterator[str]:
        sections = {name.section for name in self.names} | self.free_sections
        for section, table in secrets.items():
            if not isinstance(table, Mapping):
                yield from self._check_outside_of_sections(str(section), sections)
            elif section not in sections | _STREAMLIT_SECTIONS:
                near = _nearest(section, sections)
                names = ", ".join(f"[{name}]" for name in sorted(sections))
                yield _describe(f"[{section}] in secrets.toml", near and f"[{near}]", names)
            elif section not in self.free_sections | _STREAMLIT_SECTIONS:
                keys = {name.key for name in self.names if name.section == section}
                yield from (self._describe_key(section, str(key), keys) for key in table if key not in keys)

    def _check_outside_of_sections(self, name: str, sections: set[str]) -> Iterator[str]:
        if name in self.variables | sections | _STREAMLIT_SECTIONS:
            return  # a section of another type is reported where it is read
        near = _nearest(name, self.variables, _MIN_VARIABLE_LIKENESS)
        if near or name.startswith(_APP_PREFIXES):
            yield _describe(f"{name} in secrets.toml", near or _nearest(name, self.variables))
        elif not _VARIABLE.fullmatch(name):
            yield _describe(f"{name} in secrets.toml, outside of a section,", self._labels_of(name))

    def _describe_key(self, section: str, key: str, keys: set[str]) -> str:
        near = _nearest(key, keys)
        suggestion = f"[{section}] {near}" if near else self._labels_of(key)
        return _describe(f"[{section}] {key} in secrets.toml", suggestion, ", ".join(sorted(keys)))

    def _labels_of(self, key: str) -> str:
        """Return the places of a key in all sections, "" without one."""
        return " or ".join(sorted(name.label for name in self.names if name.key == key))


def _nearest(name: str, candidates: set[str], min_likeness: float = _MIN_LIKENESS) -> str:
    """Return the candidate that is most like a name in any case, "" without one."""
    by_folded = {candidate.casefold(): candidate for candidate in sorted(candidates)}
    near = difflib.get_close_matches(name.casefold(), by_folded, 1, min_likeness)
    return by_folded[near[0]] if near else ""


def _describe(name: str, near: str, valid_names: str = "") -> str:
    choice = f"; the nearest is {near}" if near else f"; valid are {valid_names}" if valid_names else ""
    return f"{name} is not a setting{choice}."
