"""Engines: the same numbers from every one of them."""

import copy
import hashlib
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from core.engines import Graph, Probabilities, cache, choose, compile_graph
from core.engines.openvino_graph import OpenVinoGraph
from core.engines.torch_graph import CudaGraph, TorchGraph
from core.errors import EngineError, UnknownNameError
from core.nets import build
from core.registry import find_model, load_network


@pytest.fixture(scope="module")
def network(models: Path) -> torch.nn.Module:
    return load_network(find_model("random", models))


@pytest.fixture(scope="module")
def batch(place) -> tuple[np.ndarray, np.ndarray]:
    image = (place.after.image[None, :3, :128, :128].astype(np.float32) - 127) / 128
    return image, np.zeros((1, 6, 128, 128), np.float32)


def _on_the_cpu(network, batch) -> np.ndarray:
    with TorchGraph(Probabilities(network), [array.shape for array in batch], "reference") as graph:
        return graph(*batch)[0]


def test_openvino_in_float32_equals_torch(network, batch) -> None:
    reference = _on_the_cpu(network, batch)
    found = choose("openvino", network, 128, precision="f32").predict(*batch)
    assert reference.shape == (1, 2, 128, 128)
    np.testing.assert_allclose(found, reference, atol=1e-4)
    np.testing.assert_allclose(reference.sum(1), 1, atol=1e-5)


def test_openvino_merges_classes_as_torch_does(batch) -> None:
    torch.manual_seed(0)
    merged = build("fstf_net", 2, encoder="efficientnet_lite0", width=16, finer="paper").eval()
    found = choose("openvino", merged, 128, precision="f32").predict(*batch)
    np.testing.assert_allclose(found, _on_the_cpu(merged, batch), atol=1e-4)


def test_auto_says_what_it_chose_and_why(network) -> None:
    engine = choose("auto", network, 64)
    assert engine.name.startswith("OpenVINO" if not torch.cuda.is_available() else "torch, cuda")
    assert engine.reason


def test_a_compiled_network_is_found_again(network, batch, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SCARP_CACHE", str(tmp_path))
    first = choose("openvino", network, 128, key="abc").predict(*batch)
    file, = tmp_path.glob("compiled/*.bin")
    written = file.stat().st_mtime_ns
    monkeypatch.setattr("core.engines.openvino_graph.convert", pytest.fail)
    np.testing.assert_array_equal(choose("openvino", network, 128, key="abc").predict(*batch), first)
    assert list(tmp_path.glob("compiled/*")) == [file]
    assert file.stat().st_mtime_ns >= written


class _Small(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 2, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.layers(image)


@pytest.fixture
def compiled(tmp_path, monkeypatch) -> Callable[[], np.ndarray]:
    """Return a function that compiles a small network, kept in a folder of the test's own, and answers with it."""
    monkeypatch.setenv("SCARP_CACHE", str(tmp_path))
    small, image = _Small().eval(), np.random.default_rng(4).random((1, 3, 32, 48), np.float32)

    def answer() -> np.ndarray:
        with compile_graph(small, [image.shape], engine="openvino", key="abc") as graph:
            return graph(image)[0]

    return answer


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_a_damaged_cache_file_is_compiled_anew_and_said(damage, compiled, tmp_path, caplog) -> None:
    first = compiled()
    file, = tmp_path.glob("compiled/*.bin")
    whole = file.read_bytes()
    file.write_bytes(whole[:5000] + b"x" + whole[5001:] if damage is None else damage)
    np.testing.assert_array_equal(compiled(), first)
    assert "damaged" in caplog.text
    assert file.read_bytes()[:32] == hashlib.sha256(file.read_bytes()[32:]).digest()


def test_whole_content_that_openvino_refuses_is_compiled_anew(compiled, tmp_path, caplog) -> None:
    first = compiled()
    file, = tmp_path.glob("compiled/*.bin")
    cache.write(file, b"not a network")
    np.testing.assert_array_equal(compiled(), first)
    assert "cannot be used" in caplog.text


def test_a_cache_that_cannot_be_written_does_not_stop_a_run(compiled, tmp_path, monkeypatch, caplog) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SCARP_CACHE", str(tmp_path / "file"))
    assert compiled().shape == (1, 2, 30, 46)
    assert "not kept" in caplog.text


def test_whatever_decides_the_result_decides_the_cache_entry(network) -> None:
    base = cache.entry(Probabilities(network), "weights", "shapes")
    assert cache.entry(Probabilities(network), "weights", "shapes") == base
    other = copy.deepcopy(network)
    other.aspp.context.window = 7
    entries = {cache.entry(Probabilities(network), "others", "shapes"),
               cache.entry(Probabilities(network), "weights", "sizes"),
               cache.entry(Probabilities(other), "weights", "shapes"),
               cache.entry(Probabilities(network, 2.0), "weights", "shapes"),
               cache.entry(network, "weights", "shapes")}
    assert len(entries - {base}) == 5


def test_the_cache_keeps_what_was_used_last(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(cache, "MOST_BYTES", 250)
    for index in range(2):
        cache.write(tmp_path / f"{index}.bin", bytes(68))
        os.utime(tmp_path / f"{index}.bin", (index, index))
    assert cache.read(tmp_path / "0.bin") == bytes(68)
    cache.write(tmp_path / "2.bin", bytes(68))
    assert {file.name for file in tmp_path.iterdir()} == {"0.bin", "2.bin"}


class _Two(torch.nn.Module):
    """Two outputs, and an input that is not used."""

    def forward(self, a: torch.Tensor, unused: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return a + 1, torch.nn.functional.max_pool2d(b, 2)


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_a_graph_takes_and_returns_several_arrays(engine) -> None:
    random = np.random.default_rng(1)
    shapes = [(1, 2, 3, 5), (1, 1, 2, 2), (1, 3, 4, 6)]
    a, unused, b = (random.random(shape, np.float32) for shape in shapes)
    with compile_graph(_Two(), shapes, engine=engine) as graph:
        one, two = graph(a, unused, b)
        jobs = [graph.submit(a + i, unused, b) for i in range(5)]
        for i, job in enumerate(jobs):
            np.testing.assert_allclose(job.result()[0], a + i + 1, rtol=1e-2)
    np.testing.assert_allclose(one, a + 1, rtol=1e-2)
    assert two.shape == (1, 3, 2, 3)
    assert one.dtype == two.dtype == np.float32
    with pytest.raises(EngineError, match="closed"):
        graph(a, unused, b)


def test_other_shapes_are_refused() -> None:
    with (compile_graph(_Two(), [(1, 2, 3, 5)] * 3, engine="torch") as graph,
          pytest.raises(EngineError, match=r"Compile it for these shapes")):
        graph(*[np.zeros((1, 2, 5, 3), np.float32)] * 3)


class _Held(Graph[int]):
    """Runs that end when they are told to."""

    def __init__(self, lanes: int) -> None:
        super().__init__("held", "test", [(1,)], list(range(lanes)))
        self.gate = threading.Event()

    def _run(self, lane: int, arrays: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        assert self.gate.wait(30)
        if arrays[0][0] < 0:
            raise ValueError("a run that fails")
        return (arrays[0] * 2, np.full(1, lane, np.float32))


def test_one_more_than_the_slots_waits() -> None:
    with _Held(2) as graph:
        jobs = [graph.submit(np.full(1, i, np.float32)) for i in range(2)]
        third: list[np.ndarray] = []
        waiting = threading.Thread(target=lambda: third.append(graph(np.full(1, 7, np.float32))[0]))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        graph.gate.set()
        waiting.join(10)
        assert third[0] == 14
        assert {float(job.result()[1][0]) for job in jobs} == {0, 1}


def test_a_run_that_fails_gives_its_slot_back() -> None:
    with _Held(1) as graph:
        graph.gate.set()
        for _ in range(3):
            with pytest.raises(ValueError, match="fails"):
                graph(np.full(1, -1, np.float32))
        assert graph(np.ones(1, np.float32))[0] == 2


def test_a_closed_graph_leaves_no_thread() -> None:
    before = threading.active_count()
    graph = compile_graph(_Two(), [(1, 2, 4, 4)] * 3, engine="torch")
    graph(*[np.zeros((1, 2, 4, 4), np.float32)] * 3)
    assert threading.active_count() > before
    graph.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("compiled", [TorchGraph, partial(OpenVinoGraph, precision="f32")], ids=["torch", "openvino"])
def test_subnormals_are_flushed_in_the_engine_and_nowhere_else(compiled) -> None:
    small = np.full((1, 64, 256, 256), 1e-39, np.float32)
    with compiled(_Halves(), [small.shape], "test") as graph:
        assert not graph(small)[0].any()
    assert (torch.from_numpy(small) * 0.5).count_nonzero() == small.size


class _Halves(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 0.5


def test_temperature_softens(network, batch) -> None:
    sharp = choose("torch", network, 128).predict(*batch)
    soft = choose("torch", network, 128, temperature=3.0).predict(*batch)
    assert np.abs(soft - 0.5).mean() < np.abs(sharp - 0.5).mean()


def test_unknown_engine_lists_those_that_exist(network) -> None:
    with pytest.raises(UnknownNameError, match="auto, torch, openvino"):
        choose("tensorrt", network, 128)


class _Greedy(torch.nn.Module):
    """Runs out of memory above some windows, like a small card."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.seen = most, []

    def forward(self, image: torch.Tensor, topography: torch.Tensor) -> torch.Tensor:
        if len(image) > self.most:
            raise torch.cuda.OutOfMemoryError("out of memory")
        self.seen.append(len(image))
        return image[:, :2] + topography[:, :2]


def test_the_batch_is_halved_until_it_fits_and_nothing_is_lost(caplog) -> None:
    image, topography = np.random.default_rng(2).random((2, 5, 3, 2, 2), np.float32)
    with CudaGraph(_Greedy(2), [image.shape] * 2, "test", device="cpu", precision="f32") as graph:
        np.testing.assert_array_equal(graph(image, topography)[0], (image + topography)[:, :2])
        assert (graph.module.seen, graph.batch) == ([2, 2, 1], 2)
        assert "batch is now 2" in caplog.text
        graph(image, topography)
        assert graph.module.seen == [2, 2, 1] * 2  # it is not tried again


def test_two_windows_that_run_out_of_memory_together_both_come_out() -> None:
    images = np.random.default_rng(2).random((6, 8, 3, 2, 2), np.float32)
    zeros = np.zeros_like(images[0])
    with CudaGraph(_Greedy(3), [zeros.shape] * 2, "test", device="cpu", precision="f32") as graph:
        for image, job in [(image, graph.submit(image, zeros)) for image in images]:
            np.testing.assert_array_equal(job.result()[0], image[:, :2])
        assert graph.batch == 2


def test_one_window_too_many_is_an_error_that_says_so_and_the_next_may_fit() -> None:
    window = np.ones((1, 3, 2, 2), np.float32)
    with CudaGraph(_Greedy(0), [window.shape] * 2, "test", device="cpu") as graph:
        for _ in range(3):
            with pytest.raises(EngineError, match="smaller window"):
                graph(window, window)
        graph.module.most = 1
        assert graph(window, window)[0].shape == (1, 2, 2, 2)


def test_a_network_is_copied_to_the_device_and_stays_where_it_was(network) -> None:
    shapes = [(1, 3, 64, 64), (1, 6, 64, 64)]
    with CudaGraph(Probabilities(network), shapes, "test", device="cpu") as graph:
        assert {value.data_ptr() for value in graph.module.parameters()}.isdisjoint(
            value.data_ptr() for value in network.parameters())


gpu = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]


class TestOnTheCard:
    pytestmark = gpu

    def test_float32_equals_the_cpu(self, network, batch) -> None:
        found = choose("auto", network, 128, precision="f32").predict(*batch)
        np.testing.assert_allclose(found, _on_the_cpu(network, batch), atol=5e-3)

    def test_windows_in_flight_come_out_as_one_by_one(self, network, batch) -> None:
        image, topography = batch
        with compile_graph(Probabilities(network), [array.shape for array in batch]) as graph:
            alone = [graph(image + i, topography)[0] for i in range(8)]
            together = [graph.submit(image + i, topography) for i in range(8)]
            for one, job in zip(alone, together, strict=True):
                np.testing.assert_array_equal(job.result()[0], one)

    def test_too_little_memory_halves_the_batch(self, network, batch) -> None:
        image, topography = (np.repeat(array, 64, 0) for array in batch)
        with compile_graph(Probabilities(network), [image.shape, topography.shape], precision="f32") as graph:
            torch.cuda.empty_cache()
            total = torch.cuda.get_device_properties(0).total_memory
            torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 400e6) / total)
            try:
                found = graph(image, topography)[0]
            finally:
                torch.cuda.set_per_process_memory_fraction(1.0)
            assert graph.batch < 64
            np.testing.assert_allclose(found, np.repeat(found[:1], 64, 0), atol=1e-3)
