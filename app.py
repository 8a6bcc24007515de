"""The server: Streamlit with its own routes for tiles, outlines, uploads and assets. Start: streamlit run app.py."""

import gc
import os

from core.tiles import GDAL_ENVIRONMENT, TileGuard, ValueGuard, VectorGuard

os.environ.update(GDAL_ENVIRONMENT)  # before anything opens a raster

import streamlit as st
from starlette.routing import Mount, Route

from core.downloads import DownloadGuard
from core.jobs import recover
from core.tokens import signer
from core.uploads import UploadGuard
from ui import frame
from ui.assets import assets
from ui.map.basemaps import basemaps_json
from ui.security import middleware
from ui.settings import ROOT, projects_root
from ui.words import unexpected

gc.freeze()  # what was imported stays: looking through it again takes half a second each time
sign = signer(projects_root())
recover(projects_root())
app = st.App(
    ROOT / "ui" / "shell.py",
    routes=[
        Mount("/tiles", app=TileGuard(sign)),
        Mount("/values", app=ValueGuard(sign)),
        Mount("/vectors", app=VectorGuard(sign)),
        Mount("/uploads", app=UploadGuard(sign)),
        Route("/basemaps", basemaps_json),
        Mount("/downloads", app=DownloadGuard(sign)),
        Mount("/assets", app=assets()),
        *frame.routes(),
    ],
    middleware=middleware(),
    on_script_error=unexpected,
)
