"""A training run as a value: sources, crops, optimiser, seed; read from one JSON file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from core.errors import InputError, unknown_name

ADDED = {"mosaic_parts": (2,), "towards_start": 0.0, "merged": False, "cover_dice": False, "looks_m": None}
"""Settings that came later, with what was done before: so set they leave a configuration's checksum as it was."""
OPTIMISERS, SCHEDULES = ("adamw", "sgd"), ("cosine", "trapezoid", "step")
SAMPLINGS = ("", "original", "mus1", "mus2")

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """One set of labelled ground.

    Attributes:
        name: For logs and the model card.
        images: A GeoTIFF (a scene) or a glob of chips, relative to the data folder.
        labels: A GeoTIFF of 0, 1, 255; for chips a folder of ``<stem>.png`` masks (above 0: landslide);
            None: no landslide anywhere.
        gsd_m: For chips their pixel size, where it is known; a scene says its own.
        classes: What the values of the labels mean, by name of class, where they are not 0 and landslide; values
            that are not named are unlabelled.
        dem: GeoTIFF of elevation for a scene; None where there is none.
        share: Share of the crops drawn from here; shares are normalised.
        zoom: Source pixels per crop pixel, drawn log-uniformly between these two.
        holdout: For a scene (first column, first row, last column, last row) in pixels kept out of training; for
            chips the share of files kept out, chosen by the hash of their names.
        gap_px: For a scene: pixels beside the held-out block that are used for nothing.
        exclude_prefix: Chips whose name starts so are kept out (a place, an event).
        close_px: For a scene: gaps between landslides narrower than this are unlabelled: seams of labels drawn tile by
            tile. 0: there are none.
    """

    name: str
    images: str
    labels: str | None = None
    dem: str | None = None
    share: float = 1.0
    zoom: tuple[float, float] = (0.8, 1.25)
    holdout: tuple[int, int, int, int] | float = 0.0
    gap_px: int = 512
    exclude_prefix: str = ""
    close_px: int = 0
    gsd_m: float = 0.0
    classes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a run's result.

    Attributes:
        model: Name of the model to write.
        architecture: A network of ``core.nets.ARCHITECTURES``.
        arguments: The network's own arguments.
        encoder_weights: What the encoder starts from: ``imagenet`` (the weights that come with Scarp, for
            ``efficientnet_lite0``), ``none`` (chance), or a file of ``scarp convert-weights`` in the data folder.
        start: A model of the registry whose weights are taken over wherever name and shape agree.
        scheme: Class scheme. A source that knows landslides alone trains the other classes by their summed probability.
        merged: The model tells landslide from the rest alone: the other classes, which it was trained to tell apart,
            are taken together.
        cover_dice: The loss has the Dice coefficient of every class that labels name, not of landslide alone.
        sources: Labelled ground.
        generated_scenes: Scenes of the landscape generator added as ground with a DEM.
        generated_share: Share of the crops drawn from them.
        crop_px: Side of a crop.
        batch: Crops a step.
        steps: Optimiser steps; 0 keeps the weights that it starts from.
        optimiser: ``adamw``, or ``sgd`` with a momentum of 0.9 as in the paper.
        learning_rate: Peak rate; with AdamW the encoder's is half of it.
        weight_decay: The optimiser's.
        schedule: After the warm-up ``cosine`` to 0; ``trapezoid``: level, and to 0 over the last ``cooldown_steps``, so
            that a run can be made longer; ``step``: a tenth every 15,000 steps, as in the paper.
        warmup_steps: Steps in which the rate grows from 0.
        cooldown_steps: See ``schedule``.
        ema: Decay of the weights' moving average, which is what is kept; 0 keeps the weights themselves.
        evaluate_every: Steps between two looks at the held-out ground; 0: none. The best weights are what is kept.
        blend: What is kept lies halfway between the best weights and the last ones: of a long run the two see different
            ground well, and their middle sees both.
        towards_start: What is kept lies so far, of 1, on the way back to the weights that the run started from, which
            know some ground better: a mean of both may know more than either.
        patience: Looks without an improvement after which a run ends; 0: it never ends early.
        terrain_dropout: Probability that a crop's DEM is withheld.
        borrowed_terrain: Probability that a crop without a DEM is given the terrain of another place, so that
            the presence of a DEM says nothing about landslides.
        dem_resolution_m: A crop's terrain is as coarse as that of a DEM between these two.
        sampling: Where crops are centred: ``original``, ``mus1`` or ``mus2`` (``core.training.sampling``); left out, a
            scene's crops lie anywhere on its labels and a chip's anywhere on the chip.
        mosaic: Probability that a crop is put together from smaller ones: small landslides, many edges.
        mosaic_parts: Crops along a mosaic's side, one of these; each must divide the crop's side. The more there are,
            the larger their pixels can be: a chip is never shown smaller than fits a crop.
        paste: Probability that landslides of one place are pasted into another.
        coarser: The model also looks at a scene with pixels so many times as wide: its temperature and threshold are
            chosen for that.
        looks_m: Finest and widest pixels that are worth a look; see ``core.nets.looks`` for both.
        seed: Of everything random.
        card: What the model card says that no run can know: ``title``, ``summary``, ``licence``, ``gsd_range_m``.
    """

    model: str
    architecture: str
    arguments: dict[str, Any] = field(default_factory=dict)
    encoder_weights: str = "imagenet"
    start: str = ""
    scheme: str = "binary"
    merged: bool = False
    cover_dice: bool = False
    sources: tuple[Source, ...] = ()
    generated_scenes: int = 0
    generated_share: float = 0.0
    crop_px: int = 256
    batch: int = 12
    steps: int = 2400
    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    schedule: str = "cosine"
    warmup_steps: int = 100
    cooldown_steps: int = 0
    ema: float = 0.997
    evaluate_every: int = 0
    blend: bool = False
    towards_start: float = 0.0
    patience: int = 0
    terrain_dropout: float = 0.4
    borrowed_terrain: float = 0.4
    dem_resolution_m: tuple[float, float] = (0.0, 0.0)
    sampling: str = ""
    mosaic: float = 0.0
    mosaic_parts: tuple[int, ...] = (2,)
    paste: float = 0.0
    coarser: tuple[int, ...] = ()
    looks_m: tuple[float, float] | None = None
    seed: int = 1
    card: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot train."""
        for name, value, known in (("optimiser", self.optimiser, OPTIMISERS), ("schedule", self.schedule, SCHEDULES),
                                   ("sampling", self.sampling, SAMPLINGS)):
            if value not in known:
                raise unknown_name(name, value, list(known))
        if self.mosaic and (uneven := [n for n in self.mosaic_parts if n < 1 or self.crop_px % n]):
            raise InputError("mosaic_parts", got=uneven, expected=f"numbers that divide crop_px, {self.crop_px}",
                             remedy="Use 2, 4 or 8.")
        cells = self.crop_px // 16
        if (rates := self.arguments.get("rates")) and max(rates) >= cells:
            raise InputError("rates of the pyramid", got=list(rates), expected=f"below {cells}, a crop's side in cells",
                             remedy="At that distance every tap but the middle one lies in the padding: use smaller "
                                    "rates or larger crops.")

    @classmethod
    def read(cls, path: Path) -> TrainConfig:
        """Read a configuration; an unknown key is an error. ``extends`` names a file beside it that it changes."""
        values = _values(path)
        while "extends" in values:
            values = _values(path.with_name(f"{values.pop('extends')}.json")) | values
        return cls.of(values)

    @property
    def sha256(self) -> str:
        """The checksum of every setting, whatever the file looks like."""
        values = {key: value for key, value in asdict(self).items() if key not in ADDED or value != ADDED[key]}
        for source in values["sources"]:
            if not source["gsd_m"]:
                del source["gsd_m"]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    @classmethod
    def of(cls, values: dict[str, Any]) -> TrainConfig:
        """Build a configuration from plain values; an unknown key is an error."""
        sources = tuple(_build(Source, entry) for entry in values.get("sources", ()))
        return _build(cls, values | {"sources": sources})


def _values(path: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise InputError("training configuration", got=path.name, expected="a readable JSON file",
                         remedy=f"Check the file: {error}.") from error
    return values


def _build(kind: type[T], values: dict[str, Any]) -> T:
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - known):
        raise InputError(f"{kind.__name__} settings", got=unknown, expected=f"some of {sorted(known)}",
                         remedy="Remove or rename the unknown settings.")
    values = {key: tuple(v) if isinstance(v, list) and key != "sources" else v for key, v in values.items()}
    return kind(**values)
