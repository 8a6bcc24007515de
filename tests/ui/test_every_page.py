"""Every page by Streamlit's own test driver, with everything a project may hold, with nothing, and with what is bad."""

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import rasterio

from core.change import ChangeSettings, compare_dates, dated
from core.evaluate import evaluate
from core.export import write_outlines
from core.files import write_json
from core.grid import Grid
from core.measure import measure
from core.project import Project, add_layer, create
from core.vectorize import OutlineSettings, outlines, rows_of
from core.versus import versus
from tests.conftest import MASKS_IN_THREADS, write_raster
from ui.nav import ALL

SIDE = 160
BOXES = {"first": [(20, 60)], "second": [(20, 80), (110, 150)]}
DAYS = {"first": "2021-07-18", "second": "2023-10-21"}

pytestmark = MASKS_IN_THREADS


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> Path:
    """A folder of projects with one of everything: two dates, detections, a score, and comparisons of both kinds."""
    root = tmp_path_factory.mktemp("full")
    project = create(root / "valley", "Valley")

    def layer(role: str, name: str, array: np.ndarray | None, day: str = "") -> None:
        nonlocal project
        path = write_raster(project.folder / "layers" / f"{name}.tif", array, shape=(SIDE, SIDE))
        project = add_layer(project, role, path, name.title(), day)

    layer("dem", "dem", np.tile(np.arange(SIDE, dtype="float32"), (SIDE, 1)))
    for name, day in DAYS.items():
        layer("image", f"image-{name}", None, day)
        layer("truth", f"truth-{name}", called(name), day)
        detected(project, name)
    runs = [project.folder / "runs" / name for name in BOXES]
    truth = project.of("truth")[0]
    write_json(runs[0] / f"scores-{truth.id}.json", evaluate(runs[0], project.path(truth), resamples=20))
    versus(runs, project.folder / "versus" / "one")
    compare_dates(ChangeSettings(*(dated(run, run.name) for run in runs), min_area_m2=50),
                  project.folder / "changes" / "one")
    return root


def called(name: str) -> np.ndarray:
    classes = np.zeros((SIDE, SIDE), "uint8")
    for top, bottom in BOXES[name]:
        classes[top:bottom, 20:60] = 1
    return classes


def detected(project: Project, name: str) -> None:
    """Write what a detection leaves."""
    run, image = project.folder / "runs" / name, project.folder / "layers" / f"image-{name}.tif"
    write_raster(run / "probability.tif", called(name) * np.uint8(200), nodata=255)
    with rasterio.open(write_raster(run / "classes.tif", called(name), nodata=255)) as dataset:
        grid = Grid(dataset.shape, dataset.transform, dataset.crs)
        records = [(each.polygon, measure(each.polygon, each.mask, grid.window(each.window)))
                   for each in outlines(rows_of(dataset), grid, 1)]
    write_outlines(run / "landslides.gpkg", records, grid.crs, model="lite")
    write_json(run / "run.json", {
        "model": {"name": "lite", "classes": ["other", "landslide"]}, "threshold": 0.4, "landslides": len(records),
        "outlines": asdict(OutlineSettings()), "observed_m2": 6400.0, "observed_share": 1.0, "missing": ["NDVI"],
        "warnings": [], "image_date": DAYS[name], "timing": {"predict_s": 2.0}, "part_px": [0, 0, SIDE, SIDE],
        "finished": "2026-11-22T20:17:44+00:00",
        "inputs": {"image": {"file": image.name, "bytes": image.stat().st_size, "crs": "EPSG:32648"}}})


def spoil(*patterns: str, cut: bool = False) -> Callable[[Path], None]:
    """Return what writes nonsense into some of a project's files, or cuts them in half."""
    def spoiled(folder: Path) -> None:
        for file in [file for pattern in patterns for file in folder.glob(pattern)]:
            file.write_bytes(file.read_bytes()[:file.stat().st_size // 2] if cut else b'{"<b>": [1,')

    return spoiled


def lose(*patterns: str) -> Callable[[Path], None]:
    """Return what removes some of a project's files."""
    def lost(folder: Path) -> None:
        for file in [file for pattern in patterns for file in folder.glob(pattern)]:
            file.unlink()

    return lost


STATES = {
    "nothing": shutil.rmtree,
    "no layers": lambda folder: (shutil.rmtree(folder), create(folder, "Bare")),
    "everything": lambda folder: None,
    "damaged project": spoil("project.json"),
    "damaged records": spoil("runs/*/run.json", "runs/*/scores*.json", "versus/*/*.json", "changes/*/*.json"),
    "damaged outlines": spoil("runs/*/*.gpkg", "versus/*/*.gpkg", "changes/*/*.gpkg"),
    "maps cut short": spoil("runs/*/*.tif", "versus/*/*.tif", "changes/*/*.tif", cut=True),
    "images cut short": spoil("layers/*.tif", cut=True),
    "lost maps": lose("runs/*/*.tif", "runs/*/*.gpkg", "versus/*/*.tif", "changes/*/*.tif"),
    "lost layers": lose("layers/*.tif"),
    "damaged database": lambda folder: [file.unlink() for file in folder.glob("scarp.db*")]
    + [(folder / "scarp.db").write_bytes(b"SQLite format 3\0" + b"nonsense" * 500)],
    "strange address": lambda folder: None,
}
STRANGE = {"run": "../../etc", "outline": "-1e9", "area": "%00", "job": "<script>", "cut": "nan_inf",
           "panel": "x" * 5000}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("page", ALL)
def test_it_says_something_and_never_fails(page, state, full, root, visit, words):
    shutil.copytree(full, root, dirs_exist_ok=True)
    before = {file: file.stat().st_size for file in (root / "valley").rglob("*") if file.parent.name == "layers"}
    STATES[state](root / "valley")
    app = visit(page, project="valley", **(STRANGE if state == "strange address" else {}))
    assert not app.exception, app.exception[0].stack_trace
    said = words(app)
    assert said.strip(), "an empty page"
    assert "Something went wrong" not in said and str(root) not in said
    if state in ("everything", "strange address", "damaged database"):
        assert {file: file.stat().st_size for file in before} == before
