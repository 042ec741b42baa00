"""Shared page: a read-only snapshot of a conversation behind a link."""

from __future__ import annotations

import streamlit as st

from lib.ui.auth import require
from lib.ui.chat import share, transcript
from lib.ui.text import dates, escape_markdown, t
from lib.ui.widgets import navigation

require()

snapshot = share.load_snapshot(st.query_params.get("s", ""))
if snapshot is None:
    st.title(t("shared.not_available"), anchor=False)
    st.markdown(t("shared.not_available_why"))
else:
    conversation, nodes = snapshot
    st.title(escape_markdown(conversation.title), anchor=False)
    st.caption(t("shared.snapshot_of", day=dates.format_date(conversation.updated_at)))
    transcript.render_read_only(nodes)
navigation.render_back_link(keeps_conversation=False)
