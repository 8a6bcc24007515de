"""Commands that score detections against a reference: evaluate, compare."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.cli.progress import reporter, stages


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the command line."""
    evaluate = commands.add_parser("evaluate", help="score a detection against labels")
    evaluate.add_argument("--run", dest="result", type=Path, required=True, help="folder of a detection")
    reference = evaluate.add_mutually_exclusive_group(required=True)
    reference.add_argument("--labels", type=Path, help="GeoTIFF: 1 landslide, 0 other, 255 unlabelled; or outlines")
    reference.add_argument("--reviews", action="store_true",
                           help="what was reviewed of this image's detections, in the project that the folder is in")
    evaluate.add_argument("--searched", type=Path,
                          help="with --reviews: GeoJSON of ground where all landslides were looked for")
    evaluate.add_argument("--dem", type=Path, help="GeoTIFF of elevation: scores by slope and by aspect too")
    evaluate.add_argument("--dem-unit", choices=("m", "ft"), default="m")
    _add_scoring(evaluate)
    evaluate.add_argument("--progress-file", type=Path, help="write progress there as JSON, about twice a second")
    evaluate.set_defaults(run=_evaluate)

    compare = commands.add_parser("compare", help="score detections of the same ground, each against the first")
    compare.add_argument("--runs", type=Path, nargs="+", required=True,
                         help="folders of detections; without --labels, .npz files that 'evaluate --json' wrote")
    compare.add_argument("--labels", type=Path, help="GeoTIFF as for 'evaluate'")
    _add_scoring(compare)
    compare.set_defaults(run=_compare)


def _add_scoring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scheme", default="binary", help="class scheme of the labels' values")
    parser.add_argument("--block", type=float, default=150.0, metavar="M",
                        help="side in metres of the blocks of ground that are drawn for the intervals")
    parser.add_argument("--json", type=Path, help="write the scores there")
    parser.add_argument("--markdown", type=Path, help="write the tables there")


def _evaluate(options: argparse.Namespace) -> None:
    from core.evaluate import evaluate  # noqa: PLC0415
    from core.metrics import score_tables  # noqa: PLC0415
    from core.reviewed import FILE, write_reviews  # noqa: PLC0415
    from core.scene import FEET_M  # noqa: PLC0415
    from core.strata import by_terrain  # noqa: PLC0415

    counts = options.json.with_suffix(".npz") if options.json else None
    tell = stages(reporter(options.progress_file, "scores"), {
        "reference": ("Drawing the reference", 2 if options.reviews else 0), "pixels": ("Comparing the maps", 4),
        "objects": ("Comparing the landslides", 4), "scores": ("Scoring", 1),
        "terrain": ("By slope and aspect", 2 if options.dem else 0)})
    labels, found = options.labels, {}
    if options.reviews:
        tell("reference", 0.0)
        labels = options.result / FILE
        found["reference"] = write_reviews(options.result, labels, _polygon(options.searched))
    found = evaluate(options.result, labels, classes=options.scheme, block_m=options.block, counts=counts,
                     report=tell) | found
    if options.dem:
        found["terrain"] = by_terrain(options.result, labels, options.dem,
                                      FEET_M if options.dem_unit == "ft" else 1.0, lambda share: tell("terrain", share))
    _write_scores(options, found, score_tables(found))


def _polygon(file: Path | None) -> dict[str, Any] | None:
    """Return a file's polygon as GeoJSON in degrees."""
    import geopandas  # noqa: PLC0415

    from core.ingest import read_area  # noqa: PLC0415

    if file is None:
        return None
    shape, crs = read_area(file)
    return dict(geopandas.GeoSeries([shape], crs=crs.to_wkt()).to_crs(4326).iloc[0].__geo_interface__)


def _compare(options: argparse.Namespace) -> None:
    from core.evaluate import compare  # noqa: PLC0415
    from core.metrics import comparison_tables  # noqa: PLC0415

    report = compare(options.runs, options.labels, classes=options.scheme, block_m=options.block)
    _write_scores(options, report, comparison_tables(report))


def _write_scores(options: argparse.Namespace, report: dict[str, Any], tables: str) -> None:
    from core.files import write_atomic, write_json  # noqa: PLC0415

    if options.json:
        write_json(options.json, report)
    if options.markdown:
        write_atomic(options.markdown, tables.encode())
    print(tables, end="")
