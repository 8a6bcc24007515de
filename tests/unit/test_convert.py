"""ImageNet checkpoints: torchvision's names, and no code from a pickle."""

import os
import pickle
import zipfile
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from core import convert
from core.cli import main
from core.convert import convert_weights
from core.errors import InputError, ModelError, ScarpError, UnknownNameError
from core.nets import build
from core.nets.vgg import Vgg16

State = dict[str, Tensor]


def batch_norm(name: str, channels: int) -> State:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": torch.rand(channels) + 0.5 for part in parts} | {
        f"{name}.num_batches_tracked": torch.tensor(7)}


def resnet50() -> State:
    """The names and shapes of torchvision's resnet50, written down from its checkpoint."""
    state = {"conv1.weight": torch.randn(64, 3, 7, 7)} | batch_norm("bn1", 64)
    inputs = 64
    for stage, (blocks, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), 1):
        for block in range(blocks):
            name = f"layer{stage}.{block}"
            state |= {f"{name}.conv1.weight": torch.randn(width, inputs, 1, 1),
                      f"{name}.conv2.weight": torch.randn(width, width, 3, 3),
                      f"{name}.conv3.weight": torch.randn(4 * width, width, 1, 1)}
            for index, channels in ((1, width), (2, width), (3, 4 * width)):
                state |= batch_norm(f"{name}.bn{index}", channels)
            if block == 0:
                state[f"{name}.downsample.0.weight"] = torch.randn(4 * width, inputs, 1, 1)
                state |= batch_norm(f"{name}.downsample.1", 4 * width)
            inputs = 4 * width
    return state | {"fc.weight": torch.randn(1000, 2048), "fc.bias": torch.randn(1000)}


VGG16 = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256), 12: (256, 256), 14: (256, 256),
         17: (256, 512), 19: (512, 512), 21: (512, 512), 24: (512, 512), 26: (512, 512), 28: (512, 512)}
VGG16_BN = dict(zip((0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40), VGG16.values(), strict=True))


def vgg16(*, norm: bool, hidden: int) -> State:
    """Likewise vgg16 and vgg16_bn; batch norm has the number behind its convolution's."""
    state: State = {}
    for index, (inputs, outputs) in (VGG16_BN if norm else VGG16).items():
        state |= {f"features.{index}.weight": torch.randn(outputs, inputs, 3, 3),
                  f"features.{index}.bias": torch.randn(outputs)}
        if norm:
            state |= batch_norm(f"features.{index + 1}", outputs)
    for index, inputs, outputs in ((0, 25088, hidden), (3, hidden, hidden), (6, hidden, 1000)):
        state |= {f"classifier.{index}.weight": torch.randn(outputs, inputs),
                  f"classifier.{index}.bias": torch.randn(outputs)}
    return state


def learnt(name: str) -> bool:
    return not name.endswith("num_batches_tracked")


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


@pytest.fixture(scope="module")
def checkpoint() -> State:
    torch.manual_seed(4)
    return resnet50()


def test_a_resnet50_checkpoint_becomes_the_encoder_of_every_network_that_has_one(tmp_path, checkpoint) -> None:
    out = tmp_path / "resnet50.safetensors"
    assert convert_weights(saved(tmp_path / "resnet50.pth", checkpoint), "resnet50", out) == 23_561_152
    for network in (build("rae_d", 2, width=8), build("deeplab_v3plus", 2, width=8)):
        network.load_encoder(out)
        own = network.encoder.state_dict()
        assert set(own) == set(checkpoint) - {"fc.weight", "fc.bias"}
        assert all(torch.equal(own[name], value) for name, value in checkpoint.items() if learnt(name) and name in own)
    stacked = build("fstf_net", 2, width=8, fusion="stack")
    stacked.load_encoder(out)
    first = stacked.encoder.conv1.weight
    assert torch.equal(first[:, :3], checkpoint["conv1.weight"])
    assert not first[:, 3:].any()
    with pytest.raises(ModelError, match="tensors of Vgg16"):
        build("fcn_8s", 2, encoder="vgg16", hidden=8).load_encoder(out)


@pytest.mark.parametrize("name", ["vgg16", "vgg16_bn"])
def test_a_vgg16_checkpoint_becomes_the_encoder_of_an_fcn(tmp_path, monkeypatch, name: str) -> None:
    monkeypatch.setitem(convert.ENCODERS, name, partial(Vgg16, norm=name == "vgg16_bn", hidden=8))
    state = vgg16(norm=name == "vgg16_bn", hidden=8)
    out = tmp_path / "vgg.safetensors"
    convert_weights(saved(tmp_path / "vgg.pth", {key: state[key] for key in state if learnt(key)}), name, out)
    network = build("basic_fcn", 2, encoder=name, hidden=8)
    network.load_encoder(out)
    own = network.encoder.state_dict()
    assert set(state) - set(own) == {"classifier.6.weight", "classifier.6.bias"}
    assert torch.equal(own["classifier.0.weight"].flatten(1), state["classifier.0.weight"])
    assert all(torch.equal(own[key], state[key]) for key in state if key.startswith("features") and learnt(key))


def test_the_real_vgg16_has_4096_channels_in_its_two_hidden_layers() -> None:
    with torch.device("meta"):
        own = convert.ENCODERS["vgg16"]().state_dict()
    assert own["classifier.0.weight"].shape == (4096, 512, 7, 7)
    assert own["classifier.3.weight"].shape == (4096, 4096, 1, 1)


@pytest.mark.parametrize(("change", "message"), [
    (lambda s: s.pop("layer3.5.bn2.weight"), r"1 tensors \(layer3.5.bn2.weight\) missing"),
    (lambda s: s.update({"layer5.0.weight": torch.zeros(1)}), r"none missing, 1 tensors \(layer5.0.weight\) un"),
    (lambda s: s.update({"conv1.weight": torch.zeros(64, 4, 7, 7)}), r"conv1.weight of shape \(64, 4, 7, 7\)"),
    (lambda s: s.update({"conv1.weight": torch.zeros(1).expand(10**9, 3, 7, 7)}), "conv1.weight of shape"),
    (lambda s: s.update({"bn1.bias": torch.full((64,), torch.nan)}), "not numbers in 1 tensors"),
])
def test_a_checkpoint_of_something_else_is_refused(tmp_path, checkpoint, change, message: str) -> None:
    state = dict(checkpoint)
    change(state)
    with pytest.raises(ModelError, match=message):
        convert_weights(saved(tmp_path / "c.pth", state), "resnet50", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.marker),)


def test_code_in_a_pickle_is_refused_and_does_not_run(tmp_path) -> None:
    marker = tmp_path / "ran"
    saved(tmp_path / "new.pth", {"conv1.weight": Evil(marker)})
    (tmp_path / "old.pth").write_bytes(pickle.dumps(Evil(marker), protocol=2))
    for name in ("new.pth", "old.pth"):
        with pytest.raises(ModelError, match="would run code"):
            convert_weights(tmp_path / name, "resnet50", tmp_path / "out.safetensors")
    assert not marker.exists()


def test_what_is_not_a_checkpoint_is_refused(tmp_path, monkeypatch) -> None:
    good = saved(tmp_path / "good.pth", {"a": torch.arange(6.0)}).read_bytes()
    wrong = {"empty": b"", "text": b"hello, this is no checkpoint", "noise": os.urandom(999),
             "cut": good[:len(good) // 2], "folder": None}
    for name, content in wrong.items():
        path = tmp_path / name
        path.mkdir() if content is None else path.write_bytes(content)
        with pytest.raises(InputError, match="state dict"):
            convert_weights(path, "resnet50", tmp_path / "out.safetensors")
    for name, content in {"list": [torch.zeros(2)], "nested": {"state_dict": {"a": torch.zeros(2)}},
                          "sparse": {"a": torch.eye(2).to_sparse()}}.items():
        with pytest.raises(InputError, match="named tensors"):
            convert_weights(saved(tmp_path / name, content), "resnet50", tmp_path / "out.safetensors")
    with pytest.raises(InputError, match="No such file"):
        convert_weights(tmp_path / "none.pth", "resnet50", tmp_path / "out.safetensors")
    monkeypatch.setattr(convert, "MAX_CHECKPOINT_BYTES", 100_000)
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data/0", bytes(200_000))
    with pytest.raises(InputError, match="at most"):
        convert_weights(tmp_path / "bomb.pth", "resnet50", tmp_path / "out.safetensors")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_damaged_checkpoint_never_escapes_as_another_error(tmp_path) -> None:
    torch.manual_seed(0)
    state = {f"layer{i}.weight": torch.randn(3, 2) for i in range(3)}
    for new in (True, False):
        path = tmp_path / "c.pth"
        torch.save(state, path, _use_new_zipfile_serialization=new)
        good = path.read_bytes()
        for seed in range(60):
            place = torch.randint(len(good), (3,), generator=torch.Generator().manual_seed(seed)).tolist()
            content = bytearray(good)
            for at in place:
                content[at] ^= 1 << seed % 8
            path.write_bytes(content)
            with pytest.raises(ScarpError):
                convert_weights(path, "resnet50", tmp_path / "out.safetensors")


def test_names_are_checked_before_anything_is_read(tmp_path) -> None:
    with pytest.raises(UnknownNameError, match="resnet50, vgg16, vgg16_bn"):
        convert_weights(tmp_path / "none.pth", "resnet18", tmp_path / "out.safetensors")
    with pytest.raises(InputError, match="safetensors"):
        convert_weights(tmp_path / "none.pth", "resnet50", tmp_path / "out.pth")


def test_a_file_that_is_not_safetensors_is_refused_as_encoder_weights(tmp_path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"no")
    for name in ("x.safetensors", "missing.safetensors"):
        with pytest.raises(ModelError, match="convert-weights"):
            build("rae_d", 2, encoder="efficientnet_lite0").load_encoder(tmp_path / name)


def test_the_command_says_what_it_did(tmp_path, checkpoint, capsys) -> None:
    out = tmp_path / "w.safetensors"
    path = saved(tmp_path / "resnet50.pth", checkpoint)
    assert main(["convert-weights", str(path), "--architecture", "resnet50", "--out", str(out)]) == 0
    assert "23.6 million" in capsys.readouterr().out
    assert main(["convert-weights", str(path), "--architecture", "vgg16", "--out", str(out)]) == 2
    assert "missing" in capsys.readouterr().err
