"""Every page by Streamlit's own test driver: empty, full and broken projects. The map itself needs a browser."""

import json
import shutil

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import registry
from core.project import add_layer, create
from core.tokens import signer
from ui.settings import ROOT

PAGES = ("overview", "detect", "jobs")


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


def page(name, **query):
    """Run one page of the app."""
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    return app.switch_page(str(ROOT / "pages" / f"{name}.py")).run() if name != "overview" else app


def words(app):
    """Return all that is written on the page."""
    texts = [*app.get("html"), *app.markdown, *app.error, *app.subheader, *app.caption]
    return " ".join(str(getattr(each, "body", None) or getattr(each, "value", "")) for each in texts) + " ".join(
        button.label for button in app.button)


def test_without_models_nothing_can_be_started_and_it_is_said(valley):
    app = page("detect")
    assert "No models here" in words(app)
    assert next(button for button in app.button if button.label == "Detect landslides").disabled


def test_a_model_without_weights_says_how_to_get_them(valley, tmp_path):
    folder = tmp_path / "models" / "lite"
    folder.mkdir(parents=True)
    card = registry.ModelCard("lite", "Lite", "fstf_net", "binary", (0.2, 1.0))
    (folder / "card.json").write_text(json.dumps(card.as_dict()))
    app = page("detect")
    assert "scarp train lite" in words(app)
    assert next(button for button in app.button if button.label == "Detect landslides").disabled


def test_a_lost_layer_is_told_without_a_path(valley, root):
    (valley.folder / "layers" / "image.tif").unlink()
    app = page("detect")
    assert not app.exception and "Image" in app.error[0].value and str(root) not in words(app)
