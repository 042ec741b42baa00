"""Settings page, in tabs: general, models, gateway and keys, account, data, shared links."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from lib.ui import gateway_check
from lib.ui.auth import account, require
from lib.ui.chat import share
from lib.ui.composer import drafts
from lib.ui.settings import data, general, models, own_key, storage, voice
from lib.ui.text import t
from lib.ui.widgets import errors, navigation, tabs, undo

user = require()

navigation.render_back_link()
errors.render_flash_warning()
undo.render()
st.title(t("settings.title"), anchor=False)


def render_general() -> None:
    general.render()
    voice.render(user)


def render_gateway() -> None:
    general.render_gateway(user)
    own_key.render()
    gateway_check.render_personal(user)


def render_data() -> None:
    storage.render()
    data.render(user)


sections: dict[str, Callable[[], None]] = {
    "general": render_general,
    "models": lambda: models.render(user),
    "gateway": render_gateway,
    "account": lambda: account.render(user),
    "data": render_data,
    "links": lambda: share.render_share_links(user),
}
if not account.is_available():
    del sections["account"]
labels = {name: t(f"settings.tab_{name}") for name in sections}
tabs.render("settings", labels, lambda name: sections[name]())
drafts.render_erasure(user)
