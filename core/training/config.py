"""A training run as a value: sources, crops, optimiser, seed; read from one JSON file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from core.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """One set of labelled ground.

    Attributes:
        name: For logs and the model card.
        images: A GeoTIFF (a scene) or a glob of chips, relative to the data folder.
        labels: A GeoTIFF of 0, 1, 255; for chips a folder of ``<stem>.png`` masks (above 0: landslide);
            None: no landslide anywhere.
        dem: GeoTIFF of elevation for a scene; None where there is none.
        share: Share of the crops drawn from here; shares are normalised.
        zoom: Source pixels per crop pixel, drawn log-uniformly between these two.
        holdout: For a scene (first column, first row, last column, last row) in pixels kept out of training; for
            chips the share of files kept out, chosen by the hash of their names.
        gap_px: For a scene: pixels beside the held-out block that are used for nothing.
        exclude_prefix: Chips whose name starts so are kept out (a place, an event).
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


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a run's result.

    Attributes:
        model: Name of the model to write.
        architecture: A network of ``core.nets.ARCHITECTURES``.
        arguments: The network's own arguments.
        encoder_weights: What the encoder starts from: ``imagenet`` (the weights that come with Scarp, for
            ``efficientnet_lite0``), ``none`` (chance), or a file of ``scarp convert-weights`` in the data folder.
        scheme: Class scheme; ``binary`` here.
        sources: Labelled ground.
        generated_scenes: Scenes of the landscape generator added as ground with a DEM.
        generated_share: Share of the crops drawn from them.
        crop_px: Side of a crop.
        batch: Crops a step.
        steps: Optimiser steps.
        learning_rate: Peak rate of AdamW; the encoder's is half of it.
        weight_decay: AdamW's.
        warmup_steps: Linear warm-up, then a cosine to 0.
        ema: Decay of the weights' moving average, which is what is kept.
        terrain_dropout: Probability that a crop's DEM is withheld.
        borrowed_terrain: Probability that a crop without a DEM is given the terrain of another place, so that
            the presence of a DEM says nothing about landslides.
        seed: Of everything random.
        card: What the model card says that no run can know: ``title``, ``summary``, ``licence``, ``gsd_range_m``.
    """

    model: str
    architecture: str
    arguments: dict[str, Any] = field(default_factory=dict)
    encoder_weights: str = "imagenet"
    scheme: str = "binary"
    sources: tuple[Source, ...] = ()
    generated_scenes: int = 0
    generated_share: float = 0.0
    crop_px: int = 256
    batch: int = 12
    steps: int = 2400
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    warmup_steps: int = 100
    ema: float = 0.997
    terrain_dropout: float = 0.4
    borrowed_terrain: float = 0.4
    seed: int = 1
    card: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> TrainConfig:
        """Read a configuration; an unknown key is an error."""
        try:
            values = json.loads(path.read_text())
        except (OSError, json.JSONDecodeError) as error:
            raise InputError("training configuration", got=path.name, expected="a readable JSON file",
                             remedy=f"Check the file: {error}.") from error
        values["sources"] = tuple(_build(Source, entry) for entry in values.get("sources", ()))
        return _build(cls, values)


def _build(kind: type[T], values: dict[str, Any]) -> T:
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - known):
        raise InputError(f"{kind.__name__} settings", got=unknown, expected=f"some of {sorted(known)}",
                         remedy="Remove or rename the unknown settings.")
    values = {key: tuple(v) if isinstance(v, list) and key != "sources" else v for key, v in values.items()}
    return kind(**values)
