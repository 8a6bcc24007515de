"""OpenVINO on the CPU: bfloat16 where the processor has it in hardware, float32 elsewhere."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn

from core.engines import cache
from core.engines.graph import Arrays, Graph, flush_subnormals
from core.engines.openvino_model import convert, with_precise_start
from core.engines.quiet_openvino import ov
from core.engines.slices import sliced
from core.errors import EngineError

logging.getLogger("openvino").setLevel(logging.WARNING)
logger = logging.getLogger(__name__)

PRECISION = "INFERENCE_PRECISION_HINT"
ov.Tensor(np.zeros(1, np.float32), shared_memory=True)  # sets numpy up for OpenVINO: two threads at once would lock up

STREAMS = 2
"""Runs at once, each on its share of the cores: they wait for each other less than the threads of one run do."""


class OpenVinoGraph(Graph[ov.InferRequest]):
    """A network compiled by OpenVINO.

    Args:
        module: In evaluation mode; tensors in, a tensor or a tuple of them out.
        shapes: Of its inputs.
        reason: See ``Graph``.
        key: Names the weights; with it, what was compiled is kept and found again.
        precision: ``f32`` or ``bf16``; the processor's best if left out.
        alone: One run at a time, on all cores.
    """

    def __init__(self, module: nn.Module, shapes: Sequence[tuple[int, ...]], reason: str, *, key: str = "",
                 precision: str | None = None, alone: bool = False) -> None:
        abilities = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        precision = precision or ("bf16" if "BF16" in abilities else "f32")
        streams = 1 if alone else min(STREAMS, len(os.sched_getaffinity(0)))
        options = {PRECISION: precision, "NUM_STREAMS": str(streams), "ENABLE_CPU_PINNING": "NO"}
        with ThreadPoolExecutor(1, initializer=flush_subnormals) as aside:  # its threads inherit this
            compiled = aside.submit(_compile, module, shapes, options, key).result()
        requests = [compiled.create_infer_request() for _ in range(streams)]
        precision = compiled.get_property(PRECISION).get_type_name()
        super().__init__(f"OpenVINO, CPU, {precision}", reason, shapes, requests, flush_subnormals)

    def _run(self, lane: ov.InferRequest, arrays: Arrays) -> Arrays:
        found = lane.infer(list(arrays), share_inputs=True, share_outputs=True)
        return tuple(output.copy() for output in found.to_tuple())


def _compile(module: nn.Module, shapes: Sequence[tuple[int, ...]], options: dict[str, str],
             key: str) -> ov.CompiledModel:
    """Return the compiled network; in float32 where there are no kernels for what was asked for."""
    try:
        return _kept(module, shapes, options, key) if key else _compile_anew(module, shapes, options)
    except RuntimeError as error:
        if options[PRECISION] == "f32":
            raise EngineError("engine openvino", got=_last_line(error), expected="a network that it can compile",
                              remedy="Use --engine torch.") from error
        logger.warning("OpenVINO cannot run this in %s here: float32 instead", options[PRECISION])
        return _compile(module, shapes, options | {PRECISION: "f32"}, key)


def _kept(module: nn.Module, shapes: Sequence[tuple[int, ...]], options: dict[str, str], key: str) -> ov.CompiledModel:
    """Return the compiled network from the cache, where it is put if it is not there."""
    core = ov.Core()
    processor = [core.get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    file = cache.entry(module, key, shapes, options, processor, ov.__version__, torch.__version__)
    if content := cache.read(file):
        try:
            return core.import_model(content, "CPU", options)
        except RuntimeError as error:
            logger.warning("the compiled network cannot be used (%s): compiling anew", _last_line(error))
    compiled = _compile_anew(module, shapes, options)
    out = io.BytesIO()
    compiled.export_model(out)
    cache.write(file, out.getvalue())
    return compiled


def _compile_anew(module: nn.Module, shapes: Sequence[tuple[int, ...]], options: dict[str, str]) -> ov.CompiledModel:
    core = ov.Core()
    if options[PRECISION] == "f32":
        return core.compile_model(convert(module, shapes), "CPU", options)
    model = convert(sliced(module), shapes)
    try:
        return core.compile_model(with_precise_start(model), "CPU", options)
    except RuntimeError:
        logger.warning("all layers run in %s, the first ones too", options[PRECISION])
        return core.compile_model(model, "CPU", options)


def _last_line(error: RuntimeError) -> str:
    return str(error).strip().splitlines()[-1]
