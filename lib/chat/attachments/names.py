"""Names of attached files: safe to show, to store and to send."""

from __future__ import annotations

import re
import unicodedata

MAX_LENGTH = 120
_MAX_EXTENSION = 12
# Characters that are not seen or that turn the direction of text, so that "exe.gpj" reads as "jpg.exe".
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_FORBIDDEN = re.compile(r'[<>:"|?*\\/]+')


def sanitize_name(name: str) -> str:
    """Return the last part of a path without invisible and reserved characters; "file" for a name without any."""
    name = re.split(r"[\\/]", name)[-1]
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    name = "".join(" " if char.isspace() else char for char in name if unicodedata.category(char) not in _INVISIBLE)
    name = _FORBIDDEN.sub("_", re.sub(r" +", " ", name)).strip(" .")
    if len(name) > MAX_LENGTH:
        stem, dot, extension = name.rpartition(".")
        if dot and len(extension) <= _MAX_EXTENSION:
            name = f"{stem[: MAX_LENGTH - len(extension) - 2]}….{extension}"
        else:
            name = f"{name[: MAX_LENGTH - 1]}…"
    return name or "file"


def extension_of(name: str) -> str:
    """Return the extension in lower case, "" without one."""
    _, dot, extension = name.rpartition(".")
    return extension.lower() if dot and extension.isalnum() and len(extension) <= _MAX_EXTENSION else ""
