"""An empty folder of projects, a small project, and pages run by Streamlit's own test driver."""

import shutil
from functools import cache

import numpy as np
import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from core.project import add_layer, create
from core.tokens import signer
from ui.nav import ALL
from ui.settings import ROOT

# Every app of the test driver looks for components in all installed packages: more than half of its time.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """An empty folder of projects, and one of models."""
    folder = tmp_path / "projects"
    folder.mkdir()
    monkeypatch.setenv("SCARP_PROJECTS", str(folder))
    monkeypatch.setenv("SCARP_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("SCARP_PROJECT", raising=False)
    signer.cache_clear()
    return folder


@pytest.fixture
def valley(root, make_raster):
    """A project with an image and a DEM."""
    project = create(root / "valley", "Valley")
    for role, array in (("image", None), ("dem", np.tile(np.arange(80, dtype="float32"), (64, 1)))):
        path = project.folder / "layers" / f"{role}.tif"
        shutil.copy(make_raster(f"{role}.tif", array), path)
        project = add_layer(project, role, path, role.title())
    return project


@pytest.fixture
def visit():
    """Return a function that opens a page of the app."""

    def opened(name="overview", **query):
        app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60)
        for key, value in query.items():
            app.query_params[key] = value
        app.run()
        return app if name == "overview" else app.switch_page(str(ALL[name].path)).run()

    return opened


@pytest.fixture
def words():
    """Return a function that gives all that is written on a page."""

    def read(app):
        texts = [*app.get("html"), *app.markdown, *app.error, *app.warning, *app.subheader, *app.caption, *app.toast]
        links = [each.proto.label for each in app.get("page_link")]
        written = [str(getattr(each, "body", None) or getattr(each, "value", "")) for each in texts]
        return " ".join([*written, *(button.label for button in app.button), *links])

    return read
