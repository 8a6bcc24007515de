"""A fair comparison: many networks, one set of data, one split, one number of steps; a queue that can be stopped.

A study is a JSON file: what all runs share, what each one changes, and the scene and the held-out chips that all are
scored on. Runs are trained one after the other and scored at once; what is finished is not done again. The page is
made from the scores alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
from core.training.holdout import held_out_odds
from core.training.manifest import is_scene
from core.training.publish import make_model
from core.training.sources import load
from core.training.split import Split, make_split

logger = logging.getLogger(__name__)

STUDIES = Path(__file__).parent / "training" / "studies"
CHIPS = "Held-out chips"


@dataclass(frozen=True)
class Run:
    """One network of a study."""

    name: str
    config: TrainConfig


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
                yield Run(values.pop("name"), TrainConfig.of(values))


def work_through(study: Study, data: Path, folder: Path, report: Callable[[str], None]) -> Iterator[str]:
    """Train and score every run that is not finished yet; a call that was stopped goes on where it was.

    Args:
        study: What is compared.
        data: Folder of the training data.
        folder: Where runs, models, detections and counts are kept.
        report: Told what is being done.

    Yields:
        The name of each run when it is finished.
    """
    shared = folder / "split.json"
    if not shared.exists():
        folder.mkdir(parents=True, exist_ok=True)
        make_split(study.everything, data).write(shared)
    split = Split.read(shared)
    for run in study.runs():
        out = folder / "runs" / run.config.model
        if (out / "scored.json").exists():
            continue
        report(f"{run.name}: training")
        out.mkdir(parents=True, exist_ok=True)
        if not (out / "split.json").exists():
            split.write(out / "split.json")
        card = make_model(run.config, data, folder / "runs", folder / "models",
                          {"command": f"scarp study {study.name} --data DIR"})
        report(f"{run.name}: scoring")
        write_json(out / "scored.json", _score(study, card, data, folder, split))
        yield run.name


def _score(study: Study, card: ModelCard, data: Path, folder: Path, split: Split) -> dict[str, Any]:
    """Detect in the scene, with its DEM and without, and predict the held-out chips; keep the counts."""
    scene, out, seconds = study.plan["scene"], folder / "runs" / card.name, {}
    for name, dem in (("scene", data / scene["dem"]), ("scene without DEM", None)):
        if dem is None and "dem" not in card.trained_topography:
            continue
        result = out / name
        record = detect(DetectSettings(SceneSettings(data / scene["image"], dem), card.name, result,
                                       models=folder / "models", overwrite=True))
        tallies([result], data / scene["labels"])[0].save(out / f"{name}.npz")
        seconds[name] = record["timing"]["predict_s"] / (record["observed_m2"] / 1e6)
    _chips(study, card, data, folder, split).save(out / "chips.npz")
    return {"model": card.name, "threshold": card.threshold, "temperature": card.temperature,
            "held_out": card.metrics["held out"], "seconds_per_km2": {k: round(v, 3) for k, v in seconds.items()},
            "finished": time.strftime("%Y-%m-%d", time.gmtime())}


def _chips(study: Study, card: ModelCard, data: Path, folder: Path, split: Split) -> Tally:
    """Predict every chip that the study holds out, whether the run trained on its source or not."""
    network, counted = load_network(find_model(card.name, folder / "models")), []
    for source in study.everything.sources:
        if is_scene(source):
            continue
        grounds = load(source, data, split.of(source.name), training=False)
        for number, label, odds in held_out_odds(network, grounds, card.classes.landslide):
            chances = expit(odds / card.temperature).astype(np.float32)
            counted.append(tally(label, (chances >= card.threshold).astype(np.uint8), chances, scheme=SCHEMES["binary"],
                                 blocks=f"{source.name} {number}"))
    return join(counted)


def results(study: Study, folder: Path) -> dict[str, Any]:
    """Return the scores of what is finished, group by group, as the page needs them."""
    groups = []
    for group in study.plan["groups"]:
        names = {run.name: folder / "runs" / run.config.model for run in study.runs()
                 if run.name in {entry["name"] for entry in group["runs"]}}
        done = {name: out for name, out in names.items() if (out / "scored.json").exists()}
        if not done:
            continue
        found: dict[str, Any] = {}
        for kind in ("scene", "scene without DEM", "chips"):
            files = {name: out / f"{kind}.npz" for name, out in done.items() if (out / f"{kind}.npz").exists()}
            if files:
                found[kind] = comparison({name: Tally.read(file) for name, file in files.items()})
        groups.append({"title": group["title"], "what": group["what"], "missing": sorted(set(names) - set(done)),
                       "scored": {name: read_json(out / "scored.json") for name, out in done.items()}} | found)
    return {"study": study.name, "title": study.plan["title"], "scene": study.plan["scene"]["name"],
            "steps": study.everything.steps, "crops": study.everything.steps * study.everything.batch, "groups": groups}


def page(found: dict[str, Any]) -> str:
    """Return the page of a study's results as Markdown."""
    kinds = {"scene": f"{found['scene']}, with its DEM where the network takes one",
             "scene without DEM": f"{found['scene']}, the DEM withheld", "chips": CHIPS}
    parts = [f"# {found['title']}\n\nMade by `scarp study {found['study']} --json SCORES --page FILE` from the runs' "
             f"scores. Each run saw {found['crops']:,} crops in {found['steps']:,} steps."]
    for group in found["groups"]:
        parts.append(f"## {group['title']}\n\n{group['what']}")
        if group["missing"]:
            parts.append(f"Not trained yet: {', '.join(group['missing'])}.")
        parts.extend(f"### {title}\n\n{comparison_tables(group[kind])}"
                     for kind, title in kinds.items() if kind in group)
        rows = [f"| {name} | {each['seconds_per_km2']['scene']:.2f} | {each['threshold']:.2f} |"
                for name, each in group["scored"].items()]
        parts.append("### Speed and threshold\n\n| network | seconds per km² | threshold |\n|---|--:|--:|\n"
                     + "\n".join(rows))
    return "\n\n".join(parts) + "\n"
