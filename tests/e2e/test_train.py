"""The Train page in a real browser: a reference becomes labels on the map, and a finished model is kept."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from core.files import write_json
from core.project import add_layer, open_project
from core.registry import list_models
from tests.e2e.conftest import emptied, make_model, make_project, write

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def projects(roots):
    """A valley with a reference of nine landslides, and a fine-tuning that is finished."""
    root = emptied(roots[0])
    make_project(root)
    project = open_project(root / "valley")
    truth = np.zeros((512, 512), "uint8")
    for at in range(9):
        row, column = 40 + 150 * (at // 3), 40 + 150 * (at % 3)
        truth[row:row + 50, column:column + 60] = 1
    add_layer(project, "truth", write(project.folder / "layers" / "truth.tif", truth, 0.5, 255), "Mapped")
    folder = project.folder / "trainings" / "20260101-120000-abcd"
    (folder / "run").mkdir(parents=True)
    make_model(folder)
    shutil.move(folder / "tiny", folder / "model")
    score = {"before": 0.4, "after": 0.6, "difference": 0.2, "interval": [0.1, 0.3]}
    write_json(folder / "run" / "scores.json", {"ground": [{"ground": "after", "blocks": 9, "scores": {"IoU": score}}]})
    (folder / "run" / "curve.jsonl").write_text("".join(
        json.dumps({"step": 5 * n, "steps": 20, "loss": 1 / n, "iou": n / 10}) + "\n" for n in range(1, 5)))
    write_json(folder / "tuning.json", {
        "created": "2026-01-01T12:00:00+00:00", "model": "tiny", "model_title": "Tiny model", "image": "After",
        "labels": "Mapped", "counts": {"landslide": 9}, "mode": "quick", "learns": "full", "minutes": 3.0, "steps": 0,
        "job": "gone", "test": True, "kept": ""})
    return root


def test_labels_areas_and_keeping_a_model(open_page, projects, models):
    page = open_page("/train?project=valley", size=(1280, 1600))
    page.get_by_text("IoU rose by 0.100 to 0.300").wait_for(timeout=60_000)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()  # or a redraw closes the list
    page.get_by_text("New fine-tuning").click()
    page.locator(".st-key-train-labels input").first.click()
    page.get_by_role("option", name="Mapped").click()
    page.get_by_text("9 landslides; about a quarter of them").wait_for()
    assert page.get_by_role("button", name="Start fine-tuning").is_enabled()
    page.locator(".js-plotly-plot").nth(1).wait_for()
    page.get_by_label("Name of the model").fill("valley-1")
    page.get_by_role("button", name="Keep this model").click()
    page.get_by_text("Kept as valley-1").first.wait_for()
    assert {card.name for card in list_models(models)} == {"tiny", "valley-1"}
    page.reload()
    page.get_by_text("Kept as valley-1").first.wait_for(timeout=60_000)
