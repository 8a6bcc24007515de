"""Every engine gives the classes that torch gives in float32, with trained weights and on any processor."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.agreement import Agreement, agreement, stacks
from core.engines import Probabilities
from core.engines.torch_graph import TorchGraph
from core.registry import ModelCard, find_model, load_network

ENGINES = [("openvino", "bf16"), ("openvino", "f32"), ("auto", None)]


@pytest.fixture(scope="module")
def card() -> ModelCard:
    return find_model("fstf_net_lite")


@pytest.mark.parametrize(("engine", "precision"), ENGINES)
def test_engines_agree_on_a_made_up_valley(engine, precision, card, place_files) -> None:
    seen = stacks(card, place_files["image"], place_files["dem"], 256, 4)
    _agrees(agreement(card, seen, engine, precision), 4 * 256 * 256, precision)


@pytest.mark.realdata
@pytest.mark.parametrize(("engine", "precision"), ENGINES)
def test_engines_agree_on_a_real_scene(engine, precision, card, data_folder) -> None:
    folder = data_folder / "jiuzhaigou"
    seen = stacks(card, folder / "val_image.tif", folder / "val_dem.tif", 512, 4)
    _agrees(agreement(card, seen, engine, precision), 2 * 512 * 512, precision)


def _agrees(found: Agreement, least: int, precision: str | None) -> None:
    assert found.pixels >= least
    assert found.clear / found.pixels > 0.5
    assert found.share >= 0.995
    lost = 0 if precision == "f32" else 3e-4 * found.clear  # what bfloat16 may cost, of pixels with a clear margin
    assert found.clear - found.clear_equal <= lost, f"a margin of {found.widest:.3f} was lost"


def test_what_differs_is_counted() -> None:
    reference = np.array([[[0.9, 0.54, 0.2]], [[0.1, 0.46, 0.8]]], np.float32)
    found = Agreement()
    found.add(reference[::-1], reference, np.array([[True, True, False]]))
    found.add(reference, reference, np.array([[True, True, True]]))
    assert (found.pixels, found.equal, found.clear, found.clear_equal) == (5, 3, 3, 2)
    assert found.largest == pytest.approx(0.8)
    assert found.widest == pytest.approx(0.8)
    assert (found.share, found.clear_share) == (pytest.approx(0.6), pytest.approx(2 / 3))


CHILD = """
import sys
import numpy as np
from core.engines import choose
from core.registry import find_model, load_network
given = np.load(sys.argv[1])
for name in ("auto", "torch"):
    engine = choose(name, load_network(find_model("fstf_net_lite")), given["image"].shape[-1])
    np.save(sys.argv[2] + name, engine.predict(given["image"], given["topography"]))
    print(engine.name)
"""


@pytest.mark.parametrize("limits", [
    {"OV_CPU_MAX_ISA": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    {"OV_CPU_MAX_ISA": "AVX512_CORE", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    {"ONEDNN_MAX_CPU_ISA": "AVX2"},  # OpenVINO believes in bfloat16, and finds no kernels
], ids=["avx2", "avx512", "kernels missing"])
def test_older_processors_give_the_same(limits, card, place_files, tmp_path: Path) -> None:
    """The variables stop OpenVINO, oneDNN and torch from using newer instructions than an older processor has."""
    stack = next(stacks(card, place_files["image"], place_files["dem"], 128, 1))
    given = {"image": stack.image[None], "topography": stack.topography[None]}
    np.savez(tmp_path / "given.npz", **given)
    child = subprocess.run([sys.executable, "-c", CHILD, tmp_path / "given.npz", f"{tmp_path}/"], check=True,
                           env=os.environ | limits | {"CUDA_VISIBLE_DEVICES": ""}, stdout=subprocess.PIPE, text=True)
    assert child.stdout.splitlines() == ["OpenVINO, CPU, f32", "torch, CPU, float32"]
    network, shapes = Probabilities(load_network(card)), [array.shape for array in given.values()]
    reference = TorchGraph(network, shapes, "reference")(*given.values())[0]
    for name in ("auto", "torch"):
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), reference, atol=1e-4)


SILENT = """
import sys
import numpy as np
import torch
events, watched = [], ("socket.", "os.fork", "subprocess.")
sys.addaudithook(lambda event, _: events.append(event) if event.startswith(watched) else None)
from core.engines import compile_graph
with compile_graph(torch.nn.Conv2d(3, 4, 1), [(1, 3, 8, 8)], engine="openvino") as graph:
    graph(np.zeros((1, 3, 8, 8), np.float32))
sys.exit(" ".join(events) or 0)
"""


def test_compiling_tells_nobody(tmp_path: Path) -> None:
    """OpenVINO's telemetry would send from a process of its own, also after its parent has ended."""
    environment = {key: value for key, value in os.environ.items() if key != "CI"} | {"HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", SILENT], check=True, env=environment)
    assert not (tmp_path / "intel").exists()
