"""Networks in OpenVINO's form, and which of their layers stay in float32."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from core.engines.quiet_openvino import ov

TRACED_PX = 64
"""The smallest side that a module is traced on: what its layers do must not depend on the size."""
CHANNELS_IN, CHANNELS_OUT = 32, 64


def convert(module: nn.Module, shapes: Sequence[tuple[int, ...]]) -> ov.Model:
    """Return the network in OpenVINO's form.

    It is traced on small inputs, which takes seconds less than on large, and not traced again to compare: that would
    import what computes with symbols and on several machines, seconds too.
    """
    unit = math.gcd(*(side for shape in shapes for side in shape[2:]))
    small = [tuple(min(side, side // unit * TRACED_PX) for side in shape[2:]) for shape in shapes]
    examples = tuple(torch.zeros(*shape[:2], *sides) for shape, sides in zip(shapes, small, strict=True))
    with torch.inference_mode():
        traced = torch.jit.trace(module, examples, check_trace=False)  # type: ignore[no-untyped-call]
        return ov.convert_model(traced, example_input=examples, input=[tuple(shape) for shape in shapes])


def with_precise_start(model: ov.Model) -> ov.Model:
    """Return the model with the layers next to its first input marked to stay in float32.

    Those are the convolutions of few channels (up to 32 in and 64 out) between the image and the first one that has
    more, and what lies between them. In bfloat16 they lose what nothing behind them can find again: of 1.8 million
    pixels of two real scenes whose margin was over 0.1, earlier weights of ``fstf_net_lite`` gave 15 another class than
    in float32, and none with its stem and first block in float32, at no cost that could be measured. The pyramid, the
    topographic branch and the decoder made no difference. Its weights now give 20 of 261,030 such pixels of a made-up
    valley another class; tests allow 3 in 10,000.
    """
    near = {model.inputs[0].get_node().get_friendly_name()}
    for op in model.get_ordered_ops():
        if any(value.get_node().get_friendly_name() in near for value in op.input_values()) and _small(op):
            near.add(op.get_friendly_name())
            op.get_rt_info()["precise_0"] = ""
    with tempfile.TemporaryDirectory() as folder:  # marks set in Python count once they were written and read
        ov.save_model(model, Path(folder) / "model.xml", compress_to_fp16=False)
        return ov.Core().read_model(Path(folder) / "model.xml")


def _small(op: ov.Node) -> bool:
    shapes = [value.get_shape() for value in (*op.input_values()[:1], *op.outputs())]
    if any(len(shape) != 4 for shape in shapes):
        return False
    return shapes[0][1] <= CHANNELS_IN and shapes[-1][1] <= CHANNELS_OUT
