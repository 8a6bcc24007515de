"""A fair comparison: many networks, one set of data, one split, one number of steps; a queue that can be stopped.

A study is a JSON file: what all runs share, what each one changes, and the scene and the held-out chips that all are
scored on. Runs are trained one after the other and scored at once; what is finished is not done again, and what another
process is at is left to it. The page is made from the scores alone.
"""

from __future__ import annotations

import fcntl
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from core.config import SCHEMES
from core.detect import DetectSettings, detect
from core.errors import unknown_name
from core.evaluate import tallies
from core.files import read_json, write_json
from core.metrics import Tally, comparison, comparison_tables, join, tally
from core.registry import ModelCard, find_model, load_network
from core.scene import SceneSettings
from core.training.config import TrainConfig
from core.training.holdout import Counts, calibrate, counted, held_out_odds, scores
from core.training.manifest import is_scene
from core.training.publish import trained
from core.training.sources import load
from core.training.split import Split, make_split

logger = logging.getLogger(__name__)

STUDIES = Path(__file__).parent / "training" / "studies"
CHIPS = "Held-out chips"
LOOK_AT = 64
"""Windows of a scene's held-out ground from which temperature and threshold are chosen."""


@dataclass(frozen=True)
class Run:
    """One network of a study; ``withheld``: the scene is searched a second time without its DEM."""

    name: str
    config: TrainConfig
    withheld: bool = False

    @property
    def network(self) -> str:
        """The architecture, with how terrain is joined where that is not the paper's way."""
        fusion = self.config.arguments.get("fusion")
        return f"{self.config.architecture}, {fusion}" if fusion else self.config.architecture


@dataclass(frozen=True)
class Study:
    """What is compared.

    Attributes:
        name: Of its file.
        plan: The file's content: title, base, scene, groups.
    """

    name: str
    plan: dict[str, Any]

    @classmethod
    def read(cls, name: str) -> Study:
        """Read a study that comes with Scarp, or a file.

        Raises:
            UnknownNameError: There is none of that name.
        """
        path = Path(name) if name.endswith(".json") else STUDIES / f"{name}.json"
        if not path.exists() and not name.endswith(".json"):
            raise unknown_name("study", name, sorted(p.stem for p in STUDIES.glob("*.json")))
        return cls(path.stem, read_json(path))

    @property
    def everything(self) -> TrainConfig:
        """The configuration that all runs share: what is held out of it is held out of each."""
        return TrainConfig.of(self.plan["base"] | {"model": self.name, "architecture": "fstf_net"})

    def runs(self) -> Iterator[Run]:
        """Yield the runs, in order."""
        base = self.plan["base"]
        for group in self.plan["groups"]:
            for entry in group["runs"]:
                values = base | entry
                values["model"] = "".join(c if c.isalnum() else "_" for c in entry["name"])
                values["arguments"] = {"encoder": "efficientnet_lite0"} | entry.get("arguments", {})
                values["sources"] = [s for s in base["sources"] if s["name"] in entry.get("sources", [s["name"]])]
                yield Run(values.pop("name"), TrainConfig.of(values), group.get("withhold_dem", False))


def work_through(study: Study, data: Path, folder: Path, logs: Path, report: Callable[[str], None]) -> Iterator[str]:
    """Train and score every run that is not finished yet, first seeds first; a stopped call is gone on with.

    Args:
        study: What is compared.
        data: Folder of the training data.
        folder: Where runs, models and detections are kept.
        logs: Where a folder for each run keeps what the page is made from: counts, scores and the training's log.
        report: Told what is being done.

    Yields:
        The name of each run when it is finished.
    """
    shared = folder / "split.json"
    if not shared.exists():
        folder.mkdir(parents=True, exist_ok=True)
        make_split(study.everything, data).write(shared)
    split = Split.read(shared)
    for run in sorted(study.runs(), key=lambda run: run.config.seed):
        out, log = folder / "runs" / run.config.model, logs / run.config.model
        out.mkdir(parents=True, exist_ok=True)
        with _claimed(out) as ours:
            if not ours or (log / "scored.json").exists():
                continue
            report(f"{run.name}: training")
            if not (out / "split.json").exists():
                split.write(out / "split.json")
            card = trained(run.config, data, folder / "runs", folder / "models",
                           {"command": f"scarp study {study.name} --data DIR"})
            report(f"{run.name}: scoring")
            log.mkdir(parents=True, exist_ok=True)
            shutil.copy(out / "log.jsonl", log)
            write_json(log / "scored.json", _score(study, run, card, data, split, out, log))
        yield run.name


@contextmanager
def _claimed(out: Path) -> Iterator[bool]:
    """Tell whether no other process is at the run of this folder; none begins until this is left."""
    with (out / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _score(study: Study, run: Run, card: ModelCard, data: Path, split: Split, out: Path, log: Path) -> dict[str, Any]:
    """Choose temperature and threshold, predict the held-out chips, detect in the scene; keep the counts in ``log``."""
    card, held_out, chips = _held_out(study, run, card, data, split)
    write_json(card.folder / "card.json", card.as_dict())
    chips.save(log / "chips.npz")
    scene = study.plan["scene"]
    for name, dem in (("scene", data / scene["dem"]), ("scene without DEM", None)):
        if dem is None and not (run.withheld and card.trained_topography):
            continue
        result = out / name
        detect(DetectSettings(SceneSettings(data / scene["image"], dem), card.name, result, models=card.folder.parent,
                              overwrite=True))
        tallies([result], data / scene["labels"])[0].save(log / f"{name}.npz")
    return {"model": card.name, "threshold": card.threshold, "temperature": card.temperature,
            "held_out": held_out, "finished": time.strftime("%Y-%m-%d", time.gmtime())}


def _held_out(study: Study, run: Run, card: ModelCard, data: Path, split: Split,
              ) -> tuple[ModelCard, dict[str, Any], Tally]:
    """Predict held-out ground: the run's own sources give temperature and threshold, all chips are counted.

    Returns:
        The card with what was chosen, scores on the run's own sources, and the tally of the chips.
    """
    network, slide = load_network(find_model(card.name, card.folder.parent)), card.classes.landslide
    own, looks = {source.name for source in run.config.sources}, []
    counts: dict[str, Counts] = {}
    for source in study.everything.sources:
        most = LOOK_AT if is_scene(source) else None
        if most and source.name not in own:
            continue
        seen = list(held_out_odds(network, load(source, data, split.of(source.name), training=False), slide, most))
        if source.name in own:
            counts[source.name] = np.sum([counted(label, odds, slide) for _, label, odds in seen], 0)
        if not most:
            looks += [(f"{source.name} {number}", label, odds) for number, label, odds in seen]
    temperature, threshold = calibrate(counts)
    tallied = []
    for name, label, odds in looks:
        chances = expit(odds / temperature).astype(np.float32)
        tallied.append(tally(label, (chances >= threshold).astype(np.uint8), chances, scheme=SCHEMES["binary"],
                             blocks=name))
    return (replace(card, temperature=temperature, threshold=threshold),
            {name: scores(each, temperature, threshold) for name, each in counts.items()}, join(tallied))


def results(study: Study, logs: Path) -> dict[str, Any]:
    """Return the scores of what is finished, group by group, as the page needs them; see ``work_through``.

    Seconds per km2 are those of ``speed.json`` in ``logs``, which ``python -m benchmarks.networks`` writes.
    """
    file = logs / "speed.json"
    speeds = {each["what"]: each["value"] for each in read_json(file)["figures"]} if file.exists() else {}
    groups = []
    for group in study.plan["groups"]:
        runs = [run for run in study.runs() if run.name in {entry["name"] for entry in group["runs"]}]
        names = {run.name: logs / run.config.model for run in runs}
        done = {name: out for name, out in names.items() if (out / "scored.json").exists()}
        if not done:
            continue
        found: dict[str, Any] = {}
        for kind in ("scene", "scene without DEM", "chips"):
            files = {name: out / f"{kind}.npz" for name, out in done.items() if (out / f"{kind}.npz").exists()}
            if files:
                found[kind] = comparison({name: Tally.read(file) for name, file in files.items()})
        groups.append({"title": group["title"], "what": group["what"], "missing": sorted(set(names) - set(done)),
                       "scored": {run.name: read_json(done[run.name] / "scored.json") | {
                           "seconds_per_km2": speeds.get(run.network)} for run in runs if run.name in done}} | found)
    return {"study": study.name, "title": study.plan["title"], "scene": study.plan["scene"]["name"],
            "steps": study.everything.steps, "crops": study.everything.steps * study.everything.batch, "groups": groups}


def page(found: dict[str, Any]) -> str:
    """Return the page of a study's results as Markdown."""
    kinds = {"scene": f"{found['scene']}, with its DEM where the network takes one",
             "scene without DEM": f"{found['scene']}, the DEM withheld", "chips": CHIPS}
    parts = [f"# {found['title']}\n\nMade by `scarp study {found['study']} --page FILE` from the logs of its runs. "
             f"Each run saw {found['crops']:,} crops in {found['steps']:,} steps. Seconds are those of the network "
             "alone on ground of 0.3 m a pixel, measured by `python -m benchmarks.networks`."]
    for group in found["groups"]:
        parts.append(f"## {group['title']}\n\n{group['what']}")
        if group["missing"]:
            parts.append(f"Not trained yet: {', '.join(group['missing'])}.")
        parts.append(_summary(group, found["scene"]))
        parts += [f"### {title}\n\n{_told_apart(group[kind])}{comparison_tables(group[kind])}"
                  for kind, title in kinds.items() if kind in group]
    return "\n\n".join(parts) + "\n"


def _summary(group: dict[str, Any], scene: str) -> str:
    """Return a table of what matters most."""
    lines = [f"| landslide IoU | {scene} | the DEM withheld | {CHIPS.lower()} | seconds per km² | threshold |",
             "|---|--:|--:|--:|--:|--:|"]
    for name, each in group["scored"].items():
        ious = [next((f"{run['landslide']['iou']:.3f}" for run in group.get(kind, {}).get("runs", [])
                      if run["name"] == name), "") for kind in ("scene", "scene without DEM", "chips")]
        took = "" if each["seconds_per_km2"] is None else f"{each['seconds_per_km2']:.1f}"
        lines.append(f"| {name} | {' | '.join(ious)} | {took} | {each['threshold']:.2f} |")
    return "\n".join(lines)


def _told_apart(found: dict[str, Any]) -> str:
    """Say which networks are told apart from the first by the interval of the difference of their IoU."""
    sides: dict[str, list[str]] = {"better": [], "worse": [], "not told apart": []}
    for each in found["differences"]:
        low, high = each["intervals"]["landslide"]["iou"]
        sides["better" if low > 0 else "worse" if high < 0 else "not told apart"].append(each["name"])
    said = "; ".join(f"{side}: {', '.join(names)}" for side, names in sides.items() if names)
    return f"By the IoU of landslides, against {found['runs'][0]['name']}: {said}.\n\n" if said else ""
