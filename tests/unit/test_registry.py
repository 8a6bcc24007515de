"""Weights are data: what does not fit its card never runs."""

import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.errors import ModelError, UnknownNameError
from core.files import read_json, write_json
from core.registry import find_model, list_models, load_network, read_card, sha256_of


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(models, tmp_path / "models"))


def rewrite(folder: Path, state: dict[str, torch.Tensor]) -> None:
    """Replace the weights, and the checksum with them, as an attacker would."""
    save_file(state, folder / "model.safetensors")
    card = read_json(folder / "card.json")
    write_json(folder / "card.json", card | {"sha256": sha256_of(folder / "model.safetensors")})


def test_a_saved_model_comes_back_as_it_was(folder: Path) -> None:
    network = load_network(find_model("random", folder))
    again = load_network(find_model("random", folder))
    assert not network.training
    pairs = zip(network.state_dict().values(), again.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert all(p.dtype == torch.float32 for p in network.parameters())


def test_models_that_can_run_come_first(folder: Path) -> None:
    assert [(card.name, card.has_weights) for card in list_models(folder)] == [("random", True), ("untrained", False)]


def test_unknown_model_lists_those_that_exist(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match="random, untrained"):
        find_model("resnet", folder)


def test_a_model_without_weights_says_how_to_get_them(folder: Path) -> None:
    with pytest.raises(ModelError, match="scarp train untrained"):
        load_network(find_model("untrained", folder))


def test_one_flipped_bit_is_refused(folder: Path) -> None:
    weights = folder / "random" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-100] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match="sha256"):
        load_network(find_model("random", folder))


def test_a_pickle_is_refused_even_with_its_own_checksum(folder: Path) -> None:
    weights = folder / "random" / "model.safetensors"
    marker = folder / "ran"
    weights.write_bytes(pickle.dumps(_Evil(marker)))
    card = read_json(folder / "random" / "card.json")
    write_json(folder / "random" / "card.json", card | {"sha256": sha256_of(weights)})
    with pytest.raises(ModelError, match="do not fit"):
        load_network(find_model("random", folder))
    assert not marker.exists()


class _Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("fault", ["missing", "shape", "nan"])
def test_wrong_tensors_are_refused(folder: Path, fault: str) -> None:
    state = load_file(folder / "random" / "model.safetensors")
    key = "decoder.classify.1.weight"
    if fault == "missing":
        del state[key]
    else:
        state[key] = state[key][:1].clone() if fault == "shape" else state[key] * float("nan")
    rewrite(folder / "random", state)
    with pytest.raises(ModelError, match="not numbers" if fault == "nan" else "do not fit"):
        load_network(find_model("random", folder))


@pytest.mark.parametrize("change", [
    {"threshold": 1.5}, {"gsd_range_m": [2, 1]}, {"colour": "red"}, {"temperature": 0}, {"thresholds": [[1, 0.5, 2]]},
    {"thresholds": [[1, 0.5], [0.5, 0.4]]}, {"thresholds": [[0.5, 0]]}, {"thresholds": [[0, 0.5]]}])
def test_a_contradictory_card_is_refused(folder: Path, change: dict[str, object]) -> None:
    card = read_json(folder / "random" / "card.json")
    write_json(folder / "random" / "card.json", card | change)
    with pytest.raises(ModelError, match=r"card"):
        read_card(folder / "random")


def test_between_two_sizes_the_threshold_goes_by_their_logarithm(folder: Path) -> None:
    card = folder / "random" / "card.json"
    write_json(card, read_json(card) | {"threshold": 0.45, "thresholds": [[0.3, 0.6], [1.2, 0.4]]})
    known = read_card(folder / "random")
    assert [known.threshold_at(size_m) for size_m in (0, 0.1, 0.3, 0.6, 1.2, 5)] == [0.45, 0.6, 0.6, 0.5, 0.4, 0.4]
