"""Engines: the same numbers from every one of them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.engines import Probabilities, choose
from core.engines.openvino_engine import OpenVinoEngine
from core.engines.torch_engine import CudaEngine
from core.errors import EngineError, UnknownNameError
from core.registry import find_model, load_network


@pytest.fixture(scope="module")
def network(models: Path) -> torch.nn.Module:
    return load_network(find_model("random", models))


@pytest.fixture(scope="module")
def batch(place) -> tuple[np.ndarray, np.ndarray]:
    image = (place.after.image[None, :3, :128, :128].astype(np.float32) - 127) / 128
    return image, np.zeros((1, 6, 128, 128), np.float32)


def test_openvino_in_float32_equals_torch(network, batch) -> None:
    reference = choose("torch", network, 128).predict(*batch)
    found = OpenVinoEngine(Probabilities(network), 128, "test", precision="f32").predict(*batch)
    assert reference.shape == (1, 2, 128, 128)
    np.testing.assert_allclose(found, reference, atol=1e-4)
    np.testing.assert_allclose(reference.sum(1), 1, atol=1e-5)


def test_auto_says_what_it_chose_and_why(network) -> None:
    engine = choose("auto", network, 64)
    assert engine.name.startswith("OpenVINO" if not torch.cuda.is_available() else "torch, cuda")
    assert engine.reason


def test_a_compiled_network_is_found_again(network, batch, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SCARP_CACHE", str(tmp_path))
    first = choose("openvino", network, 128, key="abc").predict(*batch)
    assert list(tmp_path.glob("abc-1-128-*.xml"))
    np.testing.assert_array_equal(choose("openvino", network, 128, key="abc").predict(*batch), first)


def test_temperature_softens(network, batch) -> None:
    sharp = choose("torch", network, 128).predict(*batch)
    soft = choose("torch", network, 128, temperature=3.0).predict(*batch)
    assert np.abs(soft - 0.5).mean() < np.abs(sharp - 0.5).mean()


def test_unknown_engine_lists_those_that_exist(network) -> None:
    with pytest.raises(UnknownNameError, match="auto, torch, openvino"):
        choose("tensorrt", network, 128)


class _Greedy(torch.nn.Module):
    """Runs out of memory above two windows, like a small card."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.seen = most, []

    def forward(self, image: torch.Tensor, topography: torch.Tensor) -> torch.Tensor:
        if len(image) > self.most:
            raise torch.cuda.OutOfMemoryError("out of memory")
        self.seen.append(len(image))
        return image[:, :2] + topography[:, :2]


def test_the_batch_is_halved_until_it_fits_and_nothing_is_lost() -> None:
    fake = _Greedy(2)
    engine = CudaEngine(fake, "test", device="cpu", batch=8)
    image = np.arange(5 * 3 * 4, dtype=np.float32).reshape(5, 3, 2, 2)
    found = engine.predict(image, np.zeros((5, 6, 2, 2), np.float32))
    np.testing.assert_array_equal(found, image[:, :2])
    assert (fake.seen, engine.batch) == ([2, 2, 1], 2)


def test_one_window_too_many_is_an_error_that_says_so() -> None:
    with pytest.raises(EngineError, match="smaller window"):
        CudaEngine(_Greedy(0), "test", device="cpu").predict(np.zeros((1, 3, 2, 2), np.float32),
                                                            np.zeros((1, 6, 2, 2), np.float32))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu(network, batch) -> None:
    reference = choose("torch", network.cpu(), 128).predict(*batch)
    found = CudaEngine(Probabilities(network), "test").predict(*batch)
    assert np.abs(found - reference).max() < 0.05
