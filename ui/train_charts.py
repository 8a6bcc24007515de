"""Curves of a fine-tuning: the loss, and how good the model is on ground it is trained on."""

import plotly.graph_objects as go

from core.tuning import Tuning
from ui.charts import GROUND, LANDSLIDE, framed


def loss(tuning: Tuning) -> go.Figure:
    """Draw the loss by step."""
    points = [line for line in tuning.curve if "loss" in line]
    return _curve(tuning, [line["step"] for line in points], [line["loss"] for line in points], "Loss", GROUND,
                  "%{y:.3f}")


def iou(tuning: Tuning) -> go.Figure:
    """Draw the IoU of landslides on a little of the ground that is trained on."""
    points = [line for line in tuning.curve if "iou" in line]
    figure = _curve(tuning, [line["step"] for line in points], [line["iou"] for line in points],
                    "IoU, trained ground", LANDSLIDE, "%{y:.2f}")
    figure.update_yaxes(range=[0, 1])
    return figure


def _curve(tuning: Tuning, steps: list[int], values: list[float], name: str, colour: str, form: str) -> go.Figure:
    figure = go.Figure(go.Scatter(x=steps, y=values, mode="lines+markers", line={"color": colour, "width": 1.8},
                                  marker={"size": 5, "color": colour},
                                  hovertemplate=f"step %{{x}}: {form}<extra></extra>"))
    figure.update_xaxes(range=[0, max((line.get("steps", 0) for line in tuning.curve), default=1)])
    return framed(figure, "Step", name)
