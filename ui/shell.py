"""The frame around every page: navigation, style, and the project in the address."""

import streamlit as st

from ui.assets import font_css
from ui.settings import ROOT
from ui.state import settle_address
from ui.words import errors_in_words

st.set_page_config("Scarp", ROOT / "ui" / "logo-mark.svg", layout="wide", initial_sidebar_state=370)
st.logo(ROOT / "ui" / "logo.svg", size="large", icon_image=ROOT / "ui" / "logo.svg")
st.html(f"<style>{font_css()}{(ROOT / 'ui' / 'style.css').read_text()}</style>")
page = st.navigation(
    [
        st.Page(ROOT / "pages" / "overview.py", title="Overview", icon=":material/folder_open:", default=True),
        st.Page(ROOT / "pages" / "detect.py", title="Detect", icon=":material/radar:", url_path="detect"),
        st.Page(ROOT / "pages" / "jobs.py", title="Jobs", icon=":material/pending_actions:", url_path="jobs"),
    ],
    position="top",
)
settle_address()
with errors_in_words():
    page.run()
