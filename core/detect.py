"""Detection end to end: a scene and a model in, a folder of maps and outlines out."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from core import speeds
from core.config import PROBABILITY_SCALE
from core.errors import CancelledError, InputError, ScarpError, StorageError
from core.export import OutlineRecord, new_band, publish_raster, write_outlines
from core.files import read_json, write_json
from core.grid import Grid
from core.inference import Block, Done, Parts, Plan, Step, Whole, predict, prepare
from core.inference.looks import averaged, coarse_part, look, told, undecided
from core.inference.preview import Preview
from core.ingest import open_geotiff
from core.nets.network import Network
from core.peak import peak_memory_mb
from core.redraw import measured
from core.registry import ModelCard, find_model, load_network, sha256_of
from core.scene import Scene, SceneSettings, describe, suited
from core.vectorize import OutlineSettings, outlines, rows_of
from core.windows import Tiling

logger = logging.getLogger(__name__)

FIRST_PX = 256

WORK = ".scarp-unfinished"
PREVIEW = "preview.tif"
RESULTS = ("classes.tif", "probability.tif", "landslides.gpkg", "run.json")
GDAL_CACHE_BYTES = 256 << 20
"""GDAL would take a twentieth of the machine's memory for raster blocks; rasterio passes the number on as bytes."""


@dataclass(frozen=True)
class DetectSettings:
    """One detection.

    Attributes:
        scene: The rasters, and the area.
        model: Name of a model.
        out: Folder of the results.
        engine: ``auto``, ``torch`` or ``openvino``.
        tiling: Windows that each go through the whole network; left out, the network's parts have windows of their own
            wherever that is possible, so that no seam can show.
        outlines: Sieve, minimum area, simplification.
        threshold: Landslide probability from which a pixel is called landslide; the model's own if left out.
        image_date: Day the image was taken; read from the image's tags if left out.
        models: Folder of models; the project's own if left out.
        overwrite: Whether finished results in ``out`` may be replaced.
        single_look: The scene is seen with its own pixels alone, whatever the model asks for: faster, and less good.
    """

    scene: SceneSettings
    model: str
    out: Path
    engine: str = "auto"
    tiling: Tiling | None = None
    outlines: OutlineSettings = field(default_factory=OutlineSettings)
    threshold: float | None = None
    image_date: date | None = None
    models: Path | None = None
    overwrite: bool = False
    single_look: bool = False

    def looks(self, card: ModelCard, gsd_m: float) -> tuple[int, tuple[int, ...]]:
        """Return the looks at a scene of some pixel size, see ``core.nets.looks.Looks.at``."""
        return (1, ()) if self.single_look else card.looks.at(gsd_m)


@dataclass(frozen=True)
class Progress:
    """How far a detection is.

    Attributes:
        stage: ``prepare``, ``predict``, ``write`` or ``outline``.
        done: Work done, in ``predict``.
        total: Work in all, in the same unit.
        pixels_per_s: Valid image pixels a second, of this call.
        eta_s: Seconds left in this stage; None while that cannot be told.
        message: For people.
    """

    stage: str
    done: float
    total: float
    pixels_per_s: float
    eta_s: float | None
    message: str


Report = Callable[[Progress], None]
"""Takes progress; it may raise ``CancelledError`` to stop."""


def detect(settings: DetectSettings, report: Report | None = None) -> dict[str, Any]:
    """Map the landslides of a scene; return the record that ``run.json`` holds.

    Nothing but a hidden work folder is in ``out`` until all is finished. A call that was stopped or killed goes on
    from its finished windows when it is made again, and ends in the same maps.

    Raises:
        ScarpError: An input cannot be used, the model has no weights, there is no space, or the user stopped it.
    """
    report = report or (lambda _: None)
    card = find_model(settings.model, settings.models)
    network = load_network(card)
    if (settings.out / "run.json").exists() and not settings.overwrite:
        raise StorageError("output folder", got=f"results in {settings.out.name}", expected="an empty or new folder",
                           remedy="Choose another folder, or add --overwrite.")
    with (rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_BYTES),
          Scene(suited(settings.scene, card.gsd_range_m[0])) as scene):
        record = _inputs(settings, card, scene)
        report(Progress("prepare", 0, 0, 0.0, None, f"preparing {card.title}"))
        clock = _Clock()
        with ThreadPoolExecutor(1) as reader:  # meanwhile what reading needs is loaded: kernels, overviews, projections
            reader.submit(scene.read, Window(scene.part.col_off, scene.part.row_off, FIRST_PX, FIRST_PX))
            finer, coarser = settings.looks(card, scene.grid.gsd_m)
            seen = scene.finer(finer)
            parts = {1: seen.part} | {times: coarse_part(seen, seen.part, times) for times in coarser}
            networks = _prepared(settings, card, network, parts)
        prepared = networks[1]
        record |= _how(prepared) | {"finer": finer, "coarser": list(coarser), "single_look": settings.single_look}
        clock.lap("compile_s")
        work = _work_folder(settings.out, record)
        plan = Plan(seen.part, card.classes, record["threshold"],
                    use_dem="dem" in card.trained_topography, use_ndvi="ndvi" in card.trained_topography)
        with _storage(settings.out, work):
            grid = scene.grid.window(scene.part)
            meter = _Meter(report, networks, parts, finer,
                           Preview(work / PREVIEW, seen.grid.window(seen.part), seen.part))
            looks = [look(seen, networks[times], plan, times, work, meter.of(times)) for times in coarser]
            several = finer > 1 or bool(looks)
            bands = (predict(seen, prepared, plan, work, told(meter.of(1), plan.part, 1), undecided) if several
                     else predict(seen, prepared, plan, work, meter.of(1)))
            classes, probability = work / "classes.raw.tif", work / "probability.raw.tif"
            with new_band(classes, grid, card.classes) as out, new_band(probability, grid) as odds:
                counts = _write_bands(out, odds, grid, bands, lambda top, band: (
                    top // finer, averaged(band, top, looks, plan, finer) if several else band))
            clock.lap("predict_s")
            network_s = sum(each.busy.seconds for each in networks.values())
            if network_s > 3:
                speeds.remember(card.sha256, settings.engine, network_s, sum(e.busy.work for e in networks.values()))
            report(Progress("write", meter.total, meter.total, meter.speed, None, "writing maps"))
            with ThreadPoolExecutor(1) as publisher:  # while outlines are drawn from the plain maps
                published = publisher.submit(_publish, work, classes, probability)
                records = _outline(classes, probability, grid, card, scene, settings, report)
                published.result()
            write_outlines(work / "landslides.gpkg", records, grid.crs, model=card.name,
                           image_date=_date(record["image_date"]))
            clock.lap("write_s")
            record |= _summary(counts, grid, card, records, meter)
            record["timing"] = clock.laps | {"network_s": round(network_s, 2)}
            write_json(work / "run.json", record)
            (settings.out / "run.json").unlink(missing_ok=True)  # where it is, all four belong together
            for name in RESULTS:
                (work / name).replace(settings.out / name)
            shutil.rmtree(work)
    return read_json(settings.out / "run.json")


def _prepared(settings: DetectSettings, card: ModelCard, network: Network, parts: Mapping[int, Window],
              ) -> dict[int, Parts | Whole]:
    """Compile the network for each look's part, by how many times as wide its pixels are."""
    networks: dict[int, Parts | Whole] = {}
    for times, part in parts.items():
        networks[times] = prepare(network, part, tiling=settings.tiling, temperature=card.temperature,
                                  engine=settings.engine, key=card.sha256, like=networks.get(1))
    return networks


def _how(prepared: Parts | Whole) -> dict[str, Any]:
    """Return the part of the record that tells what the network runs on, and in which windows."""
    graph = prepared.graphs[0]
    logger.info("engine: %s (%s)", graph.name, graph.reason)
    return {"engine": {"name": graph.name, "reason": graph.reason},
            "tiling": asdict(prepared.tiling if isinstance(prepared, Whole) else prepared.cuts),
            "redundancy": round(prepared.redundancy, 2)}


def _inputs(settings: DetectSettings, card: ModelCard, scene: Scene) -> dict[str, Any]:
    """Return the part of the record that decides the result."""
    s = scene.settings
    given: dict[str, Any] = {}
    for role, path in (("image", s.image), ("dem", s.dem), ("ndvi", s.ndvi)):
        given[role] = None if path is None else {
            "file": path.name, "bytes": path.stat().st_size, "sha256": sha256_of(path),
            **describe(getattr(scene, role))}
    missing = [name for name, absent in (
        ("DEM", scene.dem is None), ("NDVI", scene.ndvi_source == "absent")) if absent]
    unused = [name for name, there, key in (
        ("DEM", scene.dem is not None, "dem"), ("NDVI", scene.ndvi_source != "absent", "ndvi"))
        if there and key not in card.trained_topography]
    warnings = [f"{name} was given, but this model never saw one in training: it is not used." for name in unused]
    gsd = scene.grid.gsd_m
    if not card.gsd_range_m[0] <= gsd <= card.gsd_range_m[1]:
        warnings.append(f"The pixel size of {gsd:.2f} m is outside the {card.gsd_range_m[0]:g} to "
                        f"{card.gsd_range_m[1]:g} m the model was trained at.")
    tag = scene.image.tags().get("TIFFTAG_DATETIME", "")[:10].replace(":", "-")
    day = settings.image_date or _date(tag)
    part = scene.part
    return {
        "model": {"name": card.name, "sha256": card.sha256, "classes": list(card.classes.names)},
        "inputs": given,
        "bands": scene.roles, "scaling": scene.scaling.as_dict(), "ndvi_from": scene.ndvi_source,
        "dem_unit": s.dem_unit, "terrain_order": s.terrain,
        "area": None if scene.area is None else scene.area.wkt,
        "unobserved": None if scene.unobserved is None else scene.unobserved.wkt,
        "image_pixels": s.times, "part_px": [part.col_off, part.row_off, part.width, part.height],
        "missing": missing, "warnings": warnings,
        "image_date": day.isoformat() if day else None,
        "threshold": settings.threshold if settings.threshold is not None else card.threshold_at(gsd),
        "outlines": asdict(settings.outlines),
        "probability_scale": PROBABILITY_SCALE,
    }


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _work_folder(out: Path, record: dict[str, Any]) -> Path:
    """Return the hidden work folder; finished windows in it count only if everything that decides them is the same."""
    work, plan = out / WORK, json.loads(json.dumps(record))
    try:
        if (work / "plan.json").exists() and read_json(work / "plan.json") == plan:
            logger.info("going on with unfinished work")
            return work
    except InputError:
        logger.warning("unfinished work cannot be read; starting anew")
    shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir(parents=True)
    except OSError as error:
        raise StorageError("output folder", got=f"{out.name}: {error.strerror}", expected="a folder to write in",
                           remedy="Choose a folder that you may write in.") from error
    write_json(work / "plan.json", plan)
    return work


@contextmanager
def _storage(out: Path, work: Path) -> Iterator[None]:
    """Turn a failure to write into one clear error that leaves nothing; a stop keeps the finished windows."""
    try:
        yield
    except CancelledError:
        raise
    except (ScarpError, OSError, RasterioError) as error:
        free = shutil.disk_usage(out).free
        shutil.rmtree(work, ignore_errors=True)
        if not any(out.iterdir()):
            out.rmdir()
        if isinstance(error, ScarpError):
            raise
        reason = getattr(error, "strerror", None) or "an error"
        raise StorageError("writing results", got=f"{reason}, {free / 1e6:.0f} MB free",
                           expected="space for the results and the unfinished work (see 'scarp check')",
                           remedy="Free some space or choose another folder.") from error


class _Clock:
    """Seconds of each stage, one after the other."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        """End a stage."""
        now = time.monotonic()
        self.laps[name], self._last = round(now - self._last, 2), now


class _Meter:
    """Adds up steps and valid pixels, and reports about ten times a second at most."""

    def __init__(self, report: Report, networks: dict[int, Parts | Whole], parts: dict[int, Window],
                 finer: int, preview: Preview) -> None:
        self.report, self.finer, self.preview = report, finer, preview
        self.work = {times: network.work(parts[times]) for times, network in networks.items()}
        self.unit = {times: self.work[times] / network.total(parts[times]) for times, network in networks.items()}
        self.total = sum(self.work.values())
        self.cost = self.pixels = 0.0
        self.started = self.last = time.monotonic()

    def of(self, times: int) -> Done:
        """Return what takes in the steps of the look with pixels so many times as wide."""
        unit, share = self.unit[times], (times / self.finer) ** 2 * self.work[times] / self.total
        return lambda step: self.step(replace(step, cost=step.cost * unit), step.pixels * share)

    def step(self, step: Step, pixels: float) -> None:
        """Take in one finished step."""
        self.cost += step.cost
        self.pixels += pixels
        if step.place is not None and step.block is not None:
            self.preview.add(step.place, step.block[1])
        now = time.monotonic()
        share = min(1.0, self.cost / self.total + 1e-9)  # the last step's is 1, whatever sums of shares are rounded to
        if now - self.last >= 0.1 or share == 1:
            self.last = now
            left = (now - self.started) / share * (1 - share) if share else None
            self.report(Progress("predict", round(self.cost, 4), self.total, self.speed, left, f"{share:.0%} searched"))

    @property
    def seconds(self) -> float:
        """Seconds since the first step was asked for."""
        return self.last - self.started

    @property
    def speed(self) -> float:
        """Valid pixels a second."""
        return self.pixels / max(self.seconds, 1e-9)


def _write_bands(out: DatasetWriter, odds: DatasetWriter, grid: Grid, bands: Iterator[tuple[int, Block]],
                 finish: Callable[[int, Block], tuple[int, Block]]) -> NDArray[np.float64]:
    """Write finished bands of classes and probability; return (256, 2): pixels, square metres of each class value."""
    counts = np.zeros((256, 2))
    odds.scales, odds.descriptions = (PROBABILITY_SCALE,), ("landslide probability",)
    with ThreadPoolExecutor(1) as writer:
        def write(top: int, band: Block) -> None:
            top, band = finish(top, band)
            window = Window(0, top, grid.width, band.shape[1])
            out.write(band[0], 1, window=window)
            odds.write(band[1], 1, window=window)
            pixels = np.bincount(band[0].ravel(), minlength=256)
            counts[:] += np.stack([pixels, pixels * grid.window(window).pixel_area_m2], axis=1)

        writing: Future[None] | None = None
        for top, band in bands:  # the next one is predicted while this one is written
            if writing:
                writing.result()
            writing = writer.submit(write, top, band)
        if writing:
            writing.result()
    return counts


def _publish(work: Path, classes: Path, probability: Path) -> None:
    publish_raster(classes, work / "classes.tif", "nearest")
    publish_raster(probability, work / "probability.tif", "average")


def _outline(classes_file: Path, probability: Path, grid: Grid, card: ModelCard, scene: Scene, settings: DetectSettings,
             report: Report) -> list[OutlineRecord]:
    records: list[OutlineRecord] = []
    with open_geotiff(classes_file) as classes, open_geotiff(probability) as odds:
        for outline in outlines(rows_of(classes), grid, card.classes.landslide, settings.outlines):
            records.append(measured(outline, grid, odds, scene))
            report(Progress("outline", len(records), 0, 0.0, None, f"{len(records)} outlines"))
    return records


def _summary(counts: NDArray[np.float64], grid: Grid, card: ModelCard, records: list[OutlineRecord],
             meter: _Meter) -> dict[str, Any]:
    names = card.classes.names
    areas = {name: round(float(counts[i, 1]), 1) for i, name in enumerate(names)}
    predicted = counts[:len(names)]
    with_dem = [m.dem_share for _, m in records]
    return {
        "gsd_m": round(grid.gsd_m, 4),
        "area_m2": areas, "observed_m2": round(float(predicted[:, 1].sum()), 1),
        "observed_share": round(float(predicted[:, 0].sum() / (grid.height * grid.width)), 4),
        "landslides": len(records), "landslides_m2": round(sum(m.area_m2 for _, m in records), 1),
        "landslides_with_dem": sum(share > 0.5 for share in with_dem),
        "pixels_per_s": round(meter.speed), "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "peak_memory_mb": peak_memory_mb(),
    }
