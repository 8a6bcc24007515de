"""OpenVINO on the CPU: bfloat16 where the processor has it in hardware, float32 elsewhere."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import openvino as ov
import torch
from torch import nn

from core.engines import cache
from core.engines.graph import Arrays, Graph, flush_subnormals
from core.engines.slices import sliced

logging.getLogger("openvino").setLevel(logging.WARNING)
logger = logging.getLogger(__name__)

STREAMS = 1


class OpenVinoGraph(Graph[ov.InferRequest]):
    """A network compiled by OpenVINO.

    Args:
        module: In evaluation mode; tensors in, a tensor or a tuple of them out.
        shapes: Of its inputs.
        reason: See ``Graph``.
        key: Names the weights; with it, what was compiled is kept and found again.
        precision: ``f32`` or ``bf16``; the processor's best if left out.
    """

    def __init__(self, module: nn.Module, shapes: Sequence[tuple[int, ...]], reason: str, *, key: str = "",
                 precision: str | None = None) -> None:
        abilities = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        precision = precision or ("bf16" if "BF16" in abilities else "f32")
        options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": str(STREAMS)}
        with ThreadPoolExecutor(1, initializer=flush_subnormals) as aside:  # its threads inherit this
            compiled = aside.submit(_compile, module, shapes, options, key).result()
        requests = [compiled.create_infer_request() for _ in range(STREAMS)]
        super().__init__(f"OpenVINO, CPU, {precision}", reason, shapes, requests, flush_subnormals)

    def _run(self, lane: ov.InferRequest, arrays: Arrays) -> Arrays:
        found = lane.infer(list(arrays), share_inputs=True, share_outputs=True)
        return tuple(output.copy() for output in found.to_tuple())


def _compile(module: nn.Module, shapes: Sequence[tuple[int, ...]], options: dict[str, str],
             key: str) -> ov.CompiledModel:
    """Return the compiled network, from the cache where it is there."""
    core = ov.Core()
    if options["INFERENCE_PRECISION_HINT"] == "bf16":
        module = sliced(module)
    if not key:
        return core.compile_model(_convert(module, shapes), "CPU", options)
    processor = [core.get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    file = cache.entry(module, key, shapes, options, processor, ov.__version__, torch.__version__)
    if content := cache.read(file):
        try:
            return core.import_model(content, "CPU", options)
        except RuntimeError as error:
            logger.warning("the compiled network cannot be used (%s): compiling anew", str(error).splitlines()[0])
    compiled = core.compile_model(_convert(module, shapes), "CPU", options)
    out = io.BytesIO()
    compiled.export_model(out)
    cache.write(file, out.getvalue())
    return compiled


TRACED_PX = 64
"""The smallest side that a module is traced on: what its layers do must not depend on the size."""


def _convert(module: nn.Module, shapes: Sequence[tuple[int, ...]]) -> ov.Model:
    """Return the network in OpenVINO's form; it is traced on small inputs, which takes seconds less than on large."""
    unit = math.gcd(*(side for shape in shapes for side in shape[2:]))
    small = [tuple(min(side, side // unit * TRACED_PX) for side in shape[2:]) for shape in shapes]
    examples = tuple(torch.zeros(*shape[:2], *sides) for shape, sides in zip(shapes, small, strict=True))
    with torch.inference_mode():
        return ov.convert_model(module, example_input=examples, input=[tuple(shape) for shape in shapes])
