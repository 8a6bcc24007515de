"""Models on disk: a folder each, with safetensors weights and a card that says what they are."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.config import ClassScheme, scheme
from core.errors import InputError, ModelError, unknown_name
from core.files import read_json, write_json
from core.nets import build
from core.nets.looks import Looks
from core.nets.network import Network

MODELS = Path(__file__).resolve().parent.parent / "models"
MAX_WEIGHTS_BYTES = 2 * 2**30


@dataclass(frozen=True)
class ModelCard:
    """What a model is, what it was trained on and how good it was.

    Attributes:
        name: Its folder, and what ``--model`` takes.
        title: For people.
        architecture: A network of ``core.nets``.
        arguments: The network's own arguments.
        scheme: Name of its class scheme.
        gsd_range_m: Pixel sizes it was trained at, in metres.
        trained_topography: Topographic channels that held data in training; others are forced absent.
        threshold: Landslide probability from which a pixel is called landslide where nobody knows the pixel size.
        thresholds: The same by pixel size: pairs of a size in metres and the threshold there, sizes rising; see
            ``threshold_at``. Empty: one suits all.
        temperature: Logits are divided by it, so that probabilities are calibrated where it was fitted.
        coarser: A scene is looked at also with pixels so many times as wide.
        looks_m: Finest and widest pixels that are worth a look; see ``core.nets.looks`` for both.
        summary: What it is for and where it fails.
        licence: Of the weights.
        training: Data, split, recipe.
        metrics: Scores, each with the data they hold for.
        domain: Colour and texture of the training's imagery, see ``core.domain``; empty where nobody noted it.
        sha256: Of the weights file; empty as long as there are none.
    """

    name: str
    title: str
    architecture: str
    scheme: str
    gsd_range_m: tuple[float, float]
    arguments: dict[str, Any] = field(default_factory=dict)
    trained_topography: tuple[str, ...] = ()
    threshold: float = 0.5
    thresholds: tuple[tuple[float, float], ...] = ()
    temperature: float = 1.0
    coarser: tuple[int, ...] = ()
    looks_m: tuple[float, float] | None = None
    summary: str = ""
    licence: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    domain: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""
    folder: Path = field(default=MODELS, compare=False)

    def __post_init__(self) -> None:
        """Refuse a card that contradicts itself."""
        if any(times not in range(2, 9) for times in self.coarser):
            raise ModelError(f"card of {self.name}", got=f"coarser {self.coarser}", expected="numbers from 2 to 8",
                             remedy="Correct card.json or restore it.")
        if self.looks_m is not None and not 0 < 2 * self.looks_m[0] <= self.looks_m[1]:
            raise ModelError(f"card of {self.name}", got=f"looks_m {self.looks_m}",
                             expected="two pixel sizes in metres, the second at least twice the first",
                             remedy="Correct card.json or restore it.")
        sizes = [0.0, *(size_m for size_m, _ in self.thresholds)]
        if any(not narrower < wider for narrower, wider in pairwise(sizes)) or any(
                not 0 < threshold < 1 for _, threshold in self.thresholds):
            raise ModelError(f"card of {self.name}", got=f"thresholds {self.thresholds}",
                             expected="rising pixel sizes in metres, each with a number between 0 and 1",
                             remedy="Correct card.json or restore it.")
        if not 0 < self.threshold < 1 or not self.temperature > 0 or not 0 < self.gsd_range_m[0] < self.gsd_range_m[1]:
            raise ModelError(f"card of {self.name}", got=(self.threshold, self.temperature, self.gsd_range_m),
                             expected="0 < threshold < 1, temperature > 0, a rising pixel size range",
                             remedy="Correct card.json or restore it.")

    @property
    def classes(self) -> ClassScheme:
        """The classes, in the order of the network's channels."""
        return scheme(self.scheme)

    @property
    def looks(self) -> Looks:
        """With which pixels the network looks at a scene."""
        return Looks(self.coarser, self.looks_m)

    def threshold_at(self, gsd_m: float) -> float:
        """Return the threshold for a pixel size; 0 if it is unknown.

        Between the sizes of ``thresholds`` it is interpolated by the logarithm of the size; beyond the ends it stays.
        """
        if not self.thresholds or gsd_m <= 0:
            return self.threshold
        sizes, thresholds = zip(*self.thresholds, strict=True)
        return round(float(np.interp(np.log(gsd_m), np.log(sizes), thresholds)), 2)

    @property
    def weights(self) -> Path:
        """Where the weights lie, if there are any."""
        return self.folder / "model.safetensors"

    @property
    def has_weights(self) -> bool:
        """Whether the model can run."""
        return bool(self.sha256) and self.weights.is_file()

    @property
    def failures(self) -> list[Path]:
        """Pictures of where it fails, each named after the ground that it shows."""
        return sorted((self.folder / "failures").glob("*.webp"))

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON record."""
        record = asdict(self)
        del record["folder"]
        return record


def list_models(root: Path | None = None) -> list[ModelCard]:
    """Return the cards of all models, those that can run first."""
    cards = [read_card(path.parent) for path in sorted((root or MODELS).glob("*/card.json"))]
    return sorted(cards, key=lambda card: (not card.has_weights, card.name))


def find_model(name: str, root: Path | None = None) -> ModelCard:
    """Return a model's card by name; an unknown name lists those that exist."""
    cards = {card.name: card for card in list_models(root)}
    if name not in cards:
        raise unknown_name("model", name, sorted(cards))
    return cards[name]


def read_card(folder: Path) -> ModelCard:
    """Read a model folder's card."""
    try:
        values = read_json(folder / "card.json")
        known = {f.name for f in fields(ModelCard)} - {"folder"}
        if set(values) - known:
            raise InputError("card.json", got=sorted(set(values) - known), expected=f"keys among {sorted(known)}",
                             remedy="Remove them.")
        for key in ("gsd_range_m", "trained_topography", "coarser"):
            values[key] = tuple(values.get(key, ()))
        values["thresholds"] = tuple((float(size_m), float(each)) for size_m, each in values.get("thresholds", ()))
        if values.get("looks_m"):
            finest, widest = values["looks_m"]
            values["looks_m"] = (float(finest), float(widest))
        return ModelCard(**values, folder=folder)
    except (InputError, TypeError, ValueError) as error:
        raise ModelError(f"model {folder.name}", got=f"a card that cannot be read ({error})",
                         expected="a card.json as docs/models.md describes",
                         remedy="Restore the model folder.") from error


def load_network(card: ModelCard) -> Network:
    """Build a card's network and load its weights, in evaluation mode, float32.

    Raises:
        ModelError: There are no weights, or they are not the ones the card names, or they do not fit.
    """
    if not card.has_weights:
        raise ModelError(f"model {card.name}", got="no weights", expected=f"a trained {card.weights.name}",
                         remedy=f"Train it with 'scarp train {card.name} --data DIR', or choose another model.")
    if card.weights.stat().st_size > MAX_WEIGHTS_BYTES or sha256_of(card.weights) != card.sha256:
        raise ModelError(f"weights of {card.name}", got="a file that is not the one its card names",
                         expected=f"sha256 {card.sha256[:12]}...", remedy="Restore the model folder from its source.")
    network = build(card.architecture, len(card.classes.names), **card.arguments)
    try:
        state = {name: value.float() if value.is_floating_point() else value
                 for name, value in load_file(card.weights).items()}
        network.load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        raise ModelError(f"weights of {card.name}", got="tensors that do not fit",
                         expected=f"those of {card.architecture}",
                         remedy="Restore the model folder from its source.") from error
    if not all(bool(torch.isfinite(value).all()) for value in state.values()):
        raise ModelError(f"weights of {card.name}", got="values that are not numbers", expected="finite weights",
                         remedy="Restore the model folder, or train again.")
    network.looks = card.looks
    return network.eval()


def save_model(card: ModelCard, state: dict[str, Tensor]) -> ModelCard:
    """Write weights (as float16) and card into the card's folder; return the card with the weights' sha256."""
    card.folder.mkdir(parents=True, exist_ok=True)
    aside = card.folder / ".model.part"
    halves = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    save_file({name: value.contiguous() for name, value in halves.items()}, aside)
    digest = sha256_of(aside)
    aside.replace(card.weights)
    saved = ModelCard(**{f.name: getattr(card, f.name) for f in fields(card)} | {"sha256": digest})
    write_json(card.folder / "card.json", saved.as_dict())
    return saved


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
