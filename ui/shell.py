"""The frame around every page: navigation, style, and the project in the address."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import streamlit as st

from ui.assets import asset_url
from ui.state import keep_in_address
from ui.words import errors_in_words

st.set_page_config("Scarp", ROOT / "ui" / "logo-mark.svg", layout="wide", initial_sidebar_state=370)
st.logo(ROOT / "ui" / "logo.svg", size="large", icon_image=ROOT / "ui" / "logo-mark.svg")
faces = "".join(
    f"@font-face{{font-family:Inter;font-weight:100 900;font-display:swap;unicode-range:{span};"
    f"src:url({asset_url(file)}) format('woff2')}}"
    for file, span in (("inter-latin.woff2", "U+0000-00FF,U+0131,U+0152-0153,U+02BB-02DC,U+2000-206F,U+20AC,U+2122,U+2212"),
                       ("inter-latin-ext.woff2", "U+0100-02BA,U+1E00-1E9F,U+1EF2-1EFF,U+20A0-20AB,U+2C60-2C7F")))
st.html(f"<style>{faces}{(ROOT / 'ui' / 'style.css').read_text()}</style>")
page = st.navigation(
    [
        st.Page(ROOT / "pages" / "map.py", title="Map", icon=":material/map:", default=True),
        st.Page(ROOT / "pages" / "overview.py", title="Project", icon=":material/folder_open:", url_path="overview"),
        st.Page(ROOT / "pages" / "jobs.py", title="Jobs", icon=":material/pending_actions:", url_path="jobs"),
    ],
    position="top",
)
keep_in_address()
with errors_in_words():
    page.run()
