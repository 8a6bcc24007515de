"""Models as people see them: what each was trained on, how good it was, where it fails."""

from typing import Any

import streamlit as st

from core.config import OUTCOMES
from core.project import Run
from core.registry import ModelCard, list_models
from ui import html
from ui.settings import models_root


def models() -> list[ModelCard]:
    """Return all models, those that can run first."""
    return list_models(models_root())


def card_of(run: Run) -> ModelCard:
    """Return the card of the model that made a detection; any other where it is gone, for its request alone."""
    known = models()
    return next((card for card in known if card.name == run.model), known[0])


def choose_model() -> ModelCard | None:
    """Choose among the models that can run; say what the chosen one is like, and why others cannot."""
    known = models()
    ready = [card for card in known if card.has_weights]
    if not known:
        html.empty("No models here", "Put a model's folder into models/, or train one with: scarp train.")
        return None
    if not ready:
        html.empty("No model has weights yet", " ".join(map(_missing, known)))
        return None
    names = {card.name: card for card in ready}
    card = names[st.selectbox("Model", list(names), format_func=lambda name: names[name].title, key="detect-model")]
    html.note(_line(card))
    with st.expander("About this model", icon=":material/info:"):
        if card.summary:
            html.note(card.summary)
        html.facts(about(card))
        _failures(card)
        for other in known:
            if not other.has_weights:
                html.off(other.title, _missing(other))
    return card


def _failures(card: ModelCard) -> None:
    """Show where a model errs most."""
    if not card.failures:
        return
    html.keys("Where it errs most, on ground kept from its training: the image, and what it finds there.", OUTCOMES)
    for path in card.failures:
        st.image(path, path.stem, width="stretch")


def about(card: ModelCard) -> dict[str, str]:
    """Return a model's card in words, as far as it says."""
    low, high = card.gsd_range_m
    sources = card.training.get("sources")
    facts = {
        "Pixel sizes": f"{low:g} to {high:g} m", "Finds": ", ".join(card.classes.names),
        "Looks at": " and ".join(["colour", *({"dem": "elevation", "ndvi": "NDVI"}.get(name, name)
                                              for name in card.trained_topography)]),
        "Threshold": ", ".join(f"{each:.2f} at {size_m:g} m" for size_m, each in card.thresholds)
        or f"{card.threshold:g}",
        "Trained on": ", ".join(map(str, sources)) if isinstance(sources, list | tuple) else "",
        "Held out": "; ".join(f"{data}: IoU {score['iou']:.2f}" for data, score in _scores(card).items()),
        "Land cover": "; ".join(f"{data}: {score['accuracy']:.0%} right"
                                for data, score in _scores(card, "accuracy").items()),
        "Licence": card.licence}
    return {name: value for name, value in facts.items() if value}


def _line(card: ModelCard) -> str:
    """Say in a line how good a model was, and on what."""
    low, high = card.gsd_range_m
    best = next(((data, score["iou"]) for data, score in _scores(card).items()), None)
    good = f"IoU {best[1]:.2f} on held-out {best[0]}. " if best else ""
    return f"{good}For pixels of {low:g} to {high:g} m."


def _scores(card: ModelCard, name: str = "iou") -> dict[str, dict[str, Any]]:
    """Return the scores that a card has, by data set, where one of this name is among them."""
    groups = [group for group in card.metrics.values() if isinstance(group, dict)]
    return {str(data): score for group in groups for data, score in group.items()
            if isinstance(score, dict) and isinstance(score.get(name), int | float)}


def _missing(card: ModelCard) -> str:
    return (f"{card.title} has no weights: train it with scarp train {card.name} --data DIR, or put its "
            f"{card.weights.name} into models/{card.name}.")
