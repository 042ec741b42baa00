"""Tray: the files of a question that is being written, as chips that can be removed, beside its input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lib.core.attachment_errors import FileTooLarge, TooManyPages
from lib.core.images import format_size
from lib.core.user import User
from lib.ui.browser.component import component_key, declare
from lib.ui.files import pictures, tray, uploader
from lib.ui.files.file_text import ICONS, describe_file, file_error, short_name
from lib.ui.session.state import session_state
from lib.ui.session.uploads import TrayFile
from lib.ui.text import t
from lib.ui.widgets.errors import shows_errors

_TEXTS = (
    "reading",
    "waiting",
    "drop",
    "folder",
    "read_pages",
    "send",
    "list",
    "pasted",
    "offer_page",
    "attach_page",
    "dismiss_page",
)
_MAX_URL_CHARS = 2_000
_SCRIPTS = ("chips", "uploads", "upload_progress", "page_offer", "tray")
_component = declare("tray", __file__, *_SCRIPTS, html='<div class="antler-tray"></div>')


@dataclass(frozen=True)
class Place:
    """A tray on the page: the name of its uploader, the slot that its files belong to, and who keeps it.

    `browser_user` names the user to the browser, which keeps the tray through a reload; "" for one that is not kept.
    """

    name: str
    slot: str
    browser_user: str = ""


@dataclass(frozen=True)
class FileForm:
    """Text that says how a file is sent to the model; one that `is_refused` cannot be."""

    text: str
    is_refused: bool


def render(user: User, place: Place, forms: Mapping[str, FileForm], notices: Sequence[str]) -> None:
    """Render a tray. `forms` says by digest how a file is sent; `notices` are sentences about losses."""
    slot, files = place.slot, tray.list_files(place.slot)
    urls = pictures.load(user.id, [file.part for file in files if file.part])
    data = {
        "place": place.name,
        "slot": slot,
        "user": place.browser_user,
        "session": session_state.draft_session,
        "isKnown": tray.is_known(slot),
        "count": uploader.batch_count(place.name),
        "maxBytes": uploader.max_file_bytes(),
        "files": [_describe(file, urls, forms) for file in files],
        "notices": list(notices),
        "texts": _build_texts(),
        "fetchesPages": place.name == uploader.COMPOSER and uploader.fetches_pages(),
    }
    key = component_key(f"tray-{place.name}")

    def received(name: str) -> list[Any]:
        response = session_state.widget(key)
        value = response.get(name) if isinstance(response, Mapping) else None
        return value if isinstance(value, list) else []

    _component(
        key=key,
        data=data,
        on_removed_change=lambda: tray.remove(slot, [item for item in received("removed") if isinstance(item, str)]),
        on_pages_change=lambda: _choose_pages(user, slot, received("pages")),
        on_refused_change=lambda: _refuse(slot, received("refused")),
        on_page_change=lambda: _attach_page(user, slot, received("page")),
        on_restored_change=lambda: _restore(user, slot, received("restored")),
    )


def _build_texts() -> dict[str, str]:
    """Return the texts of the browser, which puts names, hosts and percentages in where there are braces."""
    return {name: t(f"files.{name}", host="{host}") for name in _TEXTS} | {
        "failed": t("files.not_uploaded", name="{name}"),
        "upload": t("files.upload", name="{name}"),
        "cancel": t("files.cancel_upload", name="{name}"),
        "sending": t("files.sending", percent="{percent}"),
    }


def _describe(file: TrayFile, urls: Mapping[str, str], forms: Mapping[str, FileForm]) -> dict[str, Any]:
    """Return what the browser shows of a file, and what it keeps of it."""
    part = file.part
    described: dict[str, Any] = {
        "id": file.id,
        "name": file.name,
        "shortName": short_name(file.name),
        "icon": "error",
        "about": "",
        "remove": t("files.remove", name=file.name),
        "error": file_error(file.name, file.error) if file.error else "",
    }
    if file.job:
        about, cancel = t(f"files.job_{file.job.kind}"), t("files.cancel", name=file.name)
        described |= {"icon": "progress_activity", "about": about, "isReading": True, "remove": cancel}
    if part:
        described |= {"icon": ICONS[part.kind], "about": describe_file(part), "picture": urls.get(part.digest, "")}
        if form := forms.get(part.digest):
            described |= {"form": form.text, "isRefused": form.is_refused}
        described["notes"] = list(part.notes)
        described["reference"] = {
            "digest": part.digest,
            "name": part.name,
            "source": file.source,
            "notes": list(part.notes),
        }
    elif file.source:
        # Pages of it are chosen after a reload, too.
        described["kept"] = {"digest": file.source, "name": file.name}
    if isinstance(file.error, TooManyPages) or (part and part.kind == "pdf" and (part.pages or 0) > 1):
        described["choice"] = part.selection if part else ""
        described["choosePages"] = t("files.choose_pages_of", name=file.name)
    return described


@shows_errors
def _choose_pages(user: User, slot: str, received: list[Any]) -> None:
    match received:
        case [str() as file_id, str() as choice]:
            uploader.choose_pages(user, slot, file_id, choice)


def _attach_page(user: User, slot: str, received: list[Any]) -> None:
    """Fetch the page whose address was pasted into the input, and that the user wants to be attached."""
    match received:
        case [str() as url] if 0 < len(url) <= _MAX_URL_CHARS:
            uploader.attach_page(user, slot, url)


def _refuse(slot: str, received: list[Any]) -> None:
    """Explain files that the browser has not uploaded, because each alone is too large."""
    limit = format_size(uploader.max_file_bytes())
    for item in received[:20]:
        match item:
            case [str() as name, int() as size]:
                tray.refuse(slot, name, FileTooLarge(name, size=format_size(size), limit=limit))


@shows_errors
def _restore(user: User, slot: str, received: list[Any]) -> None:
    match received:
        case [str() as restored_slot, references] if restored_slot == slot:
            # Also after an error: the page waits for the tray before it sends anything.
            tray.add_parts(slot, ())
            tray.restore(user, slot, tray.parse_references(references))
