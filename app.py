"""The server: Streamlit with its own routes for tiles, outlines and vendored assets. Start: streamlit run app.py."""

import os

from core.tiles import GDAL_ENVIRONMENT, TileGuard, VectorGuard

os.environ.update(GDAL_ENVIRONMENT)  # before anything opens a raster

import streamlit as st
from localtileserver.web import create_app
from starlette.routing import Mount

from core.tokens import signer
from ui.assets import assets
from ui.settings import ROOT, projects_root

sign = signer(projects_root())
app = st.App(
    ROOT / "ui" / "shell.py",
    routes=[
        Mount("/tiles", app=TileGuard(sign, create_app())),
        Mount("/vectors", app=VectorGuard(sign)),
        Mount("/assets", app=assets()),
    ],
)
