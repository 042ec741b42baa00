"""Small pictures of files, as data URLs for the browser."""

from __future__ import annotations

from base64 import b64encode
from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock

from lib.core.conversation import FilePart
from lib.core.errors import StoreError
from lib.ui.session import services
from lib.ui.session.state import session_state

_MAX_CACHED = 500  # pictures of this process, of about 15 KB each

# By user and digest: each run renders all visible messages again.
_cache: OrderedDict[tuple[str, str], str] = OrderedDict()
_lock = Lock()


def load(user_id: str, parts: Iterable[FilePart]) -> dict[str, str]:
    """Return the pictures of images and PDFs by digest; "" for a file without one, or while the store is away."""
    digests = list(dict.fromkeys(part.digest for part in parts if part.kind in ("image", "pdf") and part.digest))
    if session_state.temporary_store:
        # Nothing of a temporary chat outlives it.
        return _read(user_id, digests)
    with _lock:
        found = {digest: _cache[user_id, digest] for digest in digests if (user_id, digest) in _cache}
    missing = [digest for digest in digests if digest not in found]
    read = _read(user_id, missing) if missing else {}
    with _lock:
        _cache.update({(user_id, digest): url for digest, url in read.items()})
        while len(_cache) > _MAX_CACHED:
            _cache.popitem(last=False)
    return found | read


def _read(user_id: str, digests: list[str]) -> dict[str, str]:
    try:
        pictures = services.current_store().attachments.thumbnails(user_id, digests)
    except StoreError:
        return {}
    return {digest: f"data:image/webp;base64,{b64encode(data).decode()}" for digest, data in pictures.items()}
