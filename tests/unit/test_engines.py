"""Engines: the same numbers from every one of them."""

import copy
import hashlib
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from core.engines import Graph, Probabilities, cache, choose, compile_graph
from core.engines.torch_graph import CudaGraph
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
    found = choose("openvino", network, 128, precision="f32").predict(*batch)
    assert reference.shape == (1, 2, 128, 128)
    np.testing.assert_allclose(found, reference, atol=1e-4)
    np.testing.assert_allclose(reference.sum(1), 1, atol=1e-5)


def test_auto_says_what_it_chose_and_why(network) -> None:
    engine = choose("auto", network, 64)
    assert engine.name.startswith("OpenVINO" if not torch.cuda.is_available() else "torch, cuda")
    assert engine.reason


def _answer(graph: Graph, *arrays: np.ndarray) -> np.ndarray:
    with graph:
        return graph(*arrays)[0]


def test_a_compiled_network_is_found_again(network, batch, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SCARP_CACHE", str(tmp_path))
    first = choose("openvino", network, 128, key="abc").predict(*batch)
    file, = tmp_path.glob("compiled/*.bin")
    written = file.stat().st_mtime_ns
    monkeypatch.setattr("core.engines.openvino_graph.convert", pytest.fail)
    np.testing.assert_array_equal(choose("openvino", network, 128, key="abc").predict(*batch), first)
    assert list(tmp_path.glob("compiled/*")) == [file]
    assert file.stat().st_mtime_ns >= written


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_a_damaged_cache_file_is_compiled_anew_and_said(damage, network, batch, tmp_path, monkeypatch, caplog) -> None:
    monkeypatch.setenv("SCARP_CACHE", str(tmp_path))
    first = choose("openvino", network, 128, key="abc").predict(*batch)
    file, = tmp_path.glob("compiled/*.bin")
    whole = file.read_bytes()
    file.write_bytes(whole[:5000] + b"x" + whole[5001:] if damage is None else damage)
    np.testing.assert_array_equal(choose("openvino", network, 128, key="abc").predict(*batch), first)
    assert "damaged" in caplog.text
    assert file.read_bytes()[:32] == hashlib.sha256(file.read_bytes()[32:]).digest()


def test_whole_content_that_openvino_refuses_is_compiled_anew(network, batch, tmp_path, monkeypatch, caplog) -> None:
    monkeypatch.setenv("SCARP_CACHE", str(tmp_path))
    first = choose("openvino", network, 128, key="abc").predict(*batch)
    file, = tmp_path.glob("compiled/*.bin")
    cache.write(file, b"not a network")
    np.testing.assert_array_equal(choose("openvino", network, 128, key="abc").predict(*batch), first)
    assert "cannot be used" in caplog.text


def test_a_cache_that_cannot_be_written_does_not_stop_a_run(network, batch, tmp_path, monkeypatch, caplog) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SCARP_CACHE", str(tmp_path / "file"))
    assert choose("openvino", network, 128, key="abc").predict(*batch).shape == (1, 2, 128, 128)
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


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_subnormals_are_flushed_in_the_engine_and_nowhere_else(engine) -> None:
    small = np.full((1, 64, 256, 256), 1e-39, np.float32)
    with compile_graph(_Halves(), [small.shape], engine=engine, precision="f32") as graph:
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
    image = np.arange(5 * 3 * 4, dtype=np.float32).reshape(5, 3, 2, 2)
    graph = CudaGraph(fake, [(5, 3, 2, 2), (5, 6, 2, 2)], "test", device="cpu")
    found = _answer(graph, image, np.zeros((5, 6, 2, 2), np.float32))
    np.testing.assert_array_equal(found, image[:, :2])
    assert (fake.seen, graph.batch) == ([2, 2, 1], 2)


def test_one_window_too_many_is_an_error_that_says_so() -> None:
    with pytest.raises(EngineError, match="smaller window"):
        _answer(CudaGraph(_Greedy(0), [(1, 3, 2, 2), (1, 6, 2, 2)], "test", device="cpu"),
                np.zeros((1, 3, 2, 2), np.float32), np.zeros((1, 6, 2, 2), np.float32))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu(network, batch) -> None:
    reference = choose("torch", network.cpu(), 128).predict(*batch)
    found = choose("auto", network, 128).predict(*batch)
    assert np.abs(found - reference).max() < 0.05
