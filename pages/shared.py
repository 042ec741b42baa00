"""A snapshot of a conversation behind a link: to read, and nothing else."""

from __future__ import annotations

import time

import streamlit as st

from lib.ui.auth import require
from lib.ui.chat import share, transcript
from lib.ui.text.i18n import literal, t

require.require()

found = share.read(st.query_params.get("s", ""))
if found is None:
    st.title(t("shared.gone"), anchor=False)
    st.markdown(t("shared.gone_why"))
else:
    title, taken, nodes = found
    st.title(literal(title), anchor=False)
    st.caption(t("shared.taken", day=time.strftime("%Y-%m-%d", time.gmtime(taken))))
    transcript.paint_read_only(nodes)
st.page_link("pages/chat.py", label=t("nav.back"), icon=":material/arrow_back:")
