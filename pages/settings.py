"""Settings page: gateway, keys, account, models, language, storage, data and shared links."""

from __future__ import annotations

import streamlit as st

from lib.ui.auth import account, require
from lib.ui.chat import share
from lib.ui.settings import data, general, models, own_key, storage
from lib.ui.text import t
from lib.ui.widgets import errors, navigation, undo

user = require()

navigation.render_back_link()
navigation.render_admin_link(user)
errors.render_flash_warning()
undo.render()
st.title(t("settings.title"), anchor=False)
general.render_gateway(user)
own_key.render()
account.render(user)
models.render(user)
general.render_language()
storage.render()
data.render(user)
st.subheader(t("settings.shares"), anchor=False)
share.render_share_links(user)
