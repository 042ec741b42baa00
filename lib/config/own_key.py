"""Whether people may use a key of their own, and the addresses that it may be sent to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lib.config.parse import address
from lib.core.errors import SettingError

Read = Callable[[str, str], tuple[str, str]]
_SHOWN, _LONG = 4, 12  # signs of a key that are shown, and the least that it must have for that


@dataclass(frozen=True)
class OwnKeys:
    """`base_urls` are the operator's list, in its order; () where own keys are not allowed."""

    base_urls: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        return bool(self.base_urls)


def settled(read: Read, base_url: str, *, allow: bool, demo: bool) -> OwnKeys:
    """What is set: `read` gives a setting and its name. Raises SettingError.

    Without a list it is the gateway's own address. With the demo there is none: a list must be given.
    """
    value, name = read("ANTLER_OWN_KEY_URLS", "base_urls")
    listed = tuple(dict.fromkeys(address(one, name) for one in value.split(",") if one.strip()))
    if not allow:
        return OwnKeys()
    if demo and not listed:
        raise SettingError(
            f"{name} must list the addresses that people may send a key of their own to: the server has none."
        )
    return OwnKeys(listed or (base_url,))


def ending(key: str) -> str:
    """The last signs of a key, by which its owner knows it; "" of one that is too short to show any."""
    return key[-_SHOWN:] if len(key) >= _LONG else ""
