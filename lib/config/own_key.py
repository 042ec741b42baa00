"""Whether people may use a key of their own, and the addresses that it may be sent to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lib.config.parse import parse_base_url
from lib.core.errors import SettingError

SettingReader = Callable[[str, str], tuple[str, str]]
_SUFFIX_LENGTH, _MIN_LENGTH_FOR_SUFFIX = (
    4,
    12,
)  # signs of a key that are shown, and the least that it must have for that


@dataclass(frozen=True)
class PersonalKeySettings:
    """`base_urls` are the operator's list, in its order; () where own keys are not allowed."""

    base_urls: tuple[str, ...] = ()

    @property
    def is_allowed(self) -> bool:
        return bool(self.base_urls)


def parse_personal_keys(
    read_setting: SettingReader, base_url: str, *, is_allowed: bool, is_demo: bool
) -> PersonalKeySettings:
    """What is set: `read` gives a setting and its name. Raises SettingError.

    Without a list it is the gateway's own address. With the demo there is none: a list must be given.
    """
    value, name = read_setting("ANTLER_OWN_KEY_URLS", "base_urls")
    listed = tuple(dict.fromkeys(parse_base_url(one, name) for one in value.split(",") if one.strip()))
    if not is_allowed:
        return PersonalKeySettings()
    if is_demo and not listed:
        raise SettingError(
            f"{name} must list the addresses that people may send a key of their own to: the server has none."
        )
    return PersonalKeySettings(listed or (base_url,))


def key_suffix(key: str) -> str:
    """The last signs of a key, by which its owner knows it; "" of one that is too short to show any."""
    return key[-_SUFFIX_LENGTH:] if len(key) >= _MIN_LENGTH_FOR_SUFFIX else ""
