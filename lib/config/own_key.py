"""Personal API keys: permission to use them, and the addresses that they may be sent to."""

from __future__ import annotations

from dataclasses import dataclass

from lib.config.parse import SettingReader, parse_base_url
from lib.core.errors import SettingError


@dataclass(frozen=True)
class PersonalKeySettings:
    """`base_urls` is the operator's list, in its order; () where personal keys are not allowed."""

    base_urls: tuple[str, ...] = ()

    @property
    def is_allowed(self) -> bool:
        return bool(self.base_urls)


def parse_personal_keys(reader: SettingReader, base_url: str, *, is_demo: bool) -> PersonalKeySettings:
    """Return the settings of personal keys. Raises SettingError.

    The list defaults to the gateway's own address; the demo gateway has none, so there it is required.
    """
    entries, name = reader.read_list("ANTLER_OWN_KEY_URLS", "base_urls")
    base_urls = tuple(dict.fromkeys(parse_base_url(entry, name) for entry in entries))
    if not reader.read_bool("ANTLER_OWN_KEY", "allow", default=False):
        return PersonalKeySettings()
    if is_demo and not base_urls:
        raise SettingError(
            f"{name} must list the addresses that people may send a key of their own to: the server has none."
        )
    return PersonalKeySettings(base_urls or (base_url,))
