"""The frame around every page: the bar with navigation, project and running jobs, and errors in words."""

import streamlit as st

from ui import state
from ui.nav import ALL
from ui.settings import ROOT
from ui.topbar import topbar
from ui.words import errors_in_words

st.set_page_config("Scarp", ROOT / "ui" / "logo-mark.svg", layout="wide", initial_sidebar_state=370)
st.logo(ROOT / "ui" / "logo.svg", size="large", icon_image=ROOT / "ui" / "logo.svg")
page = st.navigation([st.Page(each.path, title=each.title, icon=each.icon, url_path=each.name,
                              default=each.name == "overview") for each in ALL.values()], position="hidden")
state.settle_address()
topbar()
with errors_in_words():
    page.run()
