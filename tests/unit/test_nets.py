"""The contract that every network passes, on every encoder and with every fusion."""

from collections.abc import Iterator

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from benchmarks.seams import FIELD_PX
from core.cli import main
from core.config import scheme
from core.errors import InputError, ModelError, UnknownNameError
from core.nets import ARCHITECTURES, build
from core.nets.blocks import ContextPool, Merged
from core.nets.cost import cost
from core.nets.fstf_net import FUSIONS
from core.nets.network import Network

LITE = {"encoder": "efficientnet_lite0"}
SLIM = {"width": 16, "pool_window": 3}
VARIANTS = [
    ("basic_fcn", {"encoder": "vgg16_bn", "hidden": 32}),
    ("fcn_8s", {"encoder": "vgg16", "hidden": 32}),
    *((name, LITE) for name in ARCHITECTURES),
    ("aspp", SLIM | {"pool_window": 0}),
    *((name, SLIM) for name in ("deeplab_v3plus", "rae_d")),
    *(("fstf_net", SLIM | {"fusion": fusion}) for fusion in FUSIONS),
    *(("fstf_net", LITE | {"fusion": fusion}) for fusion in FUSIONS[1:]),
    ("fstf_net", LITE | {"branch": "vgg16_bn"}),
]
MERGED = LITE | {"finer": "paper"}


def name_of(variant: tuple[str, dict[str, object]]) -> str:
    return "-".join([variant[0], *(f"{value}" for value in variant[1].values())])


@pytest.fixture(scope="module", params=VARIANTS, ids=name_of)
def network(request) -> Iterator[Network]:
    torch.manual_seed(2)
    name, arguments = request.param
    yield build(name, 3, **arguments).eval()


def inputs(network: Network, height: int, width: int, batch: int = 1) -> list[Tensor]:
    torch.manual_seed(0)
    made = [torch.randn(batch, 3, height, width)]
    if network.topography_channels:
        made.append(torch.randn(batch, len(network.topography_channels), height, width))
    return made


@pytest.mark.parametrize(("batch", "height", "width"), [(1, 97, 130), (2, 20, 33)])
def test_maps_any_size_to_logits_of_that_size(network: Network, batch: int, height: int, width: int) -> None:
    given = inputs(network, height, width, batch)
    with torch.inference_mode():
        logits = network(*given)
        assert logits.shape == (batch, 3, height, width)
        assert torch.isfinite(logits).all()
        assert torch.equal(logits, network(*given))
        assert torch.isfinite(network(*(torch.zeros_like(x) for x in given))).all()


def test_every_parameter_gets_a_gradient_and_every_weight_survives_a_round_trip(network: Network) -> None:
    given = inputs(network, 48, 64, batch=3)
    network.train()(*given).square().mean().backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    network.eval().zero_grad()
    assert without == []
    with torch.inference_mode():
        before, stored = network(*given), save(network.state_dict())
        for value in network.state_dict().values():
            value.zero_()
        network.load_state_dict(load(stored))
        assert torch.equal(network(*given), before)


def test_topography_counts_where_there_is_a_branch_and_only_there(network: Network) -> None:
    image, *topography = inputs(network, 48, 48)
    with torch.inference_mode():
        if topography:
            assert not torch.equal(network(image, *topography), network(image, torch.zeros_like(topography[0])))
        else:
            with pytest.raises(TypeError):
                network(image, torch.zeros(1, 6, 48, 48))


def shape(x: Tensor) -> tuple[int, ...]:
    return tuple(x.shape[1:])


def test_lite_encoder_keeps_a_sixteenth_and_has_skips_at_a_quarter_and_an_eighth() -> None:
    encoder = build("rae_d", 2, **LITE).encoder.eval()
    skip4, skip8, at16 = encoder.near(torch.randn(1, 3, 64, 96))
    assert [shape(x) for x in (skip4, skip8, at16)] == [(24, 16, 24), (40, 8, 12), (80, 4, 6)]
    assert shape(encoder.far(at16)) == (320, 4, 6)


@pytest.mark.parametrize(("name", "channels"), [("rae_d", (64, 128)), ("deeplab_v3plus", (256, 512))])
def test_resnet_keeps_a_sixteenth_and_has_the_papers_skips(name: str, channels: tuple[int, int]) -> None:
    encoder = build(name, 2, width=8).encoder.eval()
    skip4, skip8, at16 = encoder.near(torch.randn(1, 3, 64, 96))
    assert [shape(x) for x in (skip4, skip8, at16)] == [(channels[0], 16, 24), (channels[1], 8, 12), (1024, 4, 6)]
    assert shape(encoder.far(at16)) == (2048, 4, 6)
    rates = [block.conv2.dilation[0] for stage in (encoder.layer3, encoder.layer4) for block in stage]
    assert rates == [1] * 6 + [2] * 3


@pytest.mark.parametrize(("encoder", "sizes"), [
    ("vgg16_bn", [(256, 8, 12), (512, 4, 6), (4096, 2, 3)]),
    ("efficientnet_lite0", [(40, 8, 12), (112, 4, 6), (320, 2, 3)]),
])
def test_fcn_encoders_go_down_to_a_thirtysecond(encoder: str, sizes: list[tuple[int, ...]]) -> None:
    with torch.device("meta"):
        fcn_8s, basic = build("fcn_8s", 2, encoder=encoder), build("basic_fcn", 2, encoder=encoder)
        features = fcn_8s.encoder(torch.zeros(1, 3, 64, 96))
        assert [shape(x) for x in features] == sizes
        assert [shape(network.score(*features)) for network in (fcn_8s, basic)] == [(2, 8, 12), (2, 2, 3)]


@pytest.mark.parametrize(("name", "millions"), [
    ("basic_fcn", 134.3), ("fcn_8s", 134.3), ("aspp", 39.0), ("deeplab_v3plus", 40.3), ("rae_d", 41.6),
    ("fstf_net", 57.5),
])
def test_paper_sized_networks_have_the_parameters_they_should(name: str, millions: float) -> None:
    with torch.device("meta"):
        network = build(name, 6)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)


def test_operations_are_counted_as_by_hand() -> None:
    features = 15.3466e9 * (512 / 224) ** 2  # multiplications of VGG-16's convolutions, known for 224 pixels
    hidden = 16 * 16 * (7 * 7 * 512 * 4096 + 4096 * 4096 + 4096 * 6)
    counted = cost("basic_fcn")
    assert counted.gflop == pytest.approx(2e-9 * (features + hidden), rel=1e-4)
    assert counted.parameters == 134_293_574


def test_the_command_line_lists_every_network(capsys, monkeypatch) -> None:
    monkeypatch.setattr("core.nets.cost.ARCHITECTURES", ["rae_d", "fstf_net"])
    assert main(["models", "--networks"]) == 0
    shown = capsys.readouterr().out
    assert "57.54 million weights" in shown
    assert "encoder efficientnet_lite0, fusion stack" in shown


def test_fstf_net_fuses_a_pyramid_of_256_with_a_branch_of_512() -> None:
    with torch.device("meta"):
        network = build("fstf_net", 6).eval()
        _, _, image, topography = network.near(torch.zeros(1, 3, 64, 96), torch.zeros(1, 6, 64, 96))
        assert shape(topography) == (512, 4, 6)
        assert shape(network.aspp(network.encoder.far(image))) == (256, 4, 6)
        assert shape(network.far(image, topography)) == (768, 4, 6)
        assert [tuple(branch[0].dilation) for branch in network.aspp.branches] == [(1, 1), (6, 6), (12, 12), (18, 18)]
        assert network.aspp.merge[0].in_channels == 1280
        assert network.decoder.stage4.reduce[0].weight.shape == (48, 64, 1, 1)


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_imagenet_weights_change_only_the_encoder(name: str) -> None:
    torch.manual_seed(1)
    network = build(name, 2, **LITE)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network.load_imagenet()
    changed = {key.split(".")[0] for key, value in network.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {"encoder"}


def test_a_stacked_network_starts_as_the_one_that_sees_the_image_alone() -> None:
    network = build("fstf_net", 2, fusion="stack", **LITE).eval()
    network.load_imagenet()
    image, topography = inputs(network, 48, 48)
    with torch.inference_mode():
        assert torch.allclose(network(image, topography), network(image, torch.zeros_like(topography)), atol=1e-5)


def test_no_imagenet_weights_come_for_the_papers_encoders() -> None:
    with torch.device("meta"), pytest.raises(ModelError, match="convert-weights"):
        build("rae_d", 2).load_imagenet()


def test_training_and_evaluation_share_one_dilated_convolution() -> None:
    block = build("rae_d", 2, **LITE).encoder._blocks[13]._depthwise_conv
    x = torch.randn(2, block.in_channels, 12, 8)
    assert torch.allclose(block.train()(x), block.eval()(x), atol=1e-5)


def test_a_fixed_pooling_window_makes_the_context_local() -> None:
    pool = ContextPool(4, 4, window=5).eval()
    x = torch.randn(1, 4, 20, 20)
    far = x.clone()
    far[..., 15:, 15:] += 9
    assert torch.equal(pool(x)[..., :10, :10], pool(far)[..., :10, :10])
    whole = ContextPool(4, 4, window=0).eval()
    assert not torch.equal(whole(x)[..., :10, :10], whole(far)[..., :10, :10])


@pytest.mark.parametrize("name", ["aspp", "fstf_net"])
def test_merged_classes_leave_landslide_the_probability_it_had(name: str) -> None:
    torch.manual_seed(3)
    whole, merged = build(name, 6, **LITE).eval(), build(name, 2, **MERGED).eval()
    assert merged.state_dict().keys() == whole.state_dict().keys()
    merged.load_state_dict(whole.state_dict())
    features = torch.randn(2, whole.decoder.classify[1].in_channels, 5, 7)
    with torch.inference_mode():
        fine, coarse = (each.decoder.classify(features).softmax(1) for each in (whole, merged))
        assert merged(*inputs(merged, 48, 64)).shape == (1, 2, 48, 64)
    assert torch.allclose(coarse[:, scheme("binary").landslide], fine[:, scheme("paper").landslide], atol=1e-6)


@pytest.mark.parametrize("kept", [0, 2, 4])
def test_merging_takes_the_other_classes_together(kept: int) -> None:
    logits = torch.randn(3, 5, 4, 4) * 40
    merged, probabilities = Merged(kept)(logits).softmax(1), logits.softmax(1)
    assert torch.allclose(merged[:, 1], probabilities[:, kept], atol=1e-6)


def test_unknown_names_and_arguments_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="basic_fcn, deeplab_v3plus, fcn_8s, fstf_net"):
        build("unet", 2)
    with pytest.raises(InputError, match="classes"):
        build("rae_d", 0)
    with pytest.raises(InputError, match="colour"):
        build("rae_d", 2, colour="red")
    with pytest.raises(InputError, match="hidden"):
        build("basic_fcn", 2, hidden=64, **LITE)
    wrong = [{"encoder": "vgg16"}, {"fusion": "product"}, {"branch": "wide"}, {"fusion": "stack", "branch": "slim"}]
    for arguments in wrong:
        with pytest.raises(InputError, match=next(reversed(arguments))):
            build("fstf_net", 2, **arguments)
    with pytest.raises(UnknownNameError, match="vgg16_bn"):
        build("fcn_8s", 2, encoder="resnet50")
    with pytest.raises(UnknownNameError, match="paper"):
        build("rae_d", 2, **LITE, finer="seven")
    for architecture, classes in (("rae_d", 6), ("fcn_8s", 2)):
        with pytest.raises(InputError, match="finer"):
            build(architecture, classes, **MERGED)


@pytest.mark.parametrize("name", ["rae_d", "fstf_net"])
def test_no_lite_network_sees_further_than_the_seam_measurement_assumes(name: str) -> None:
    network = build(name, 2, **LITE).eval()
    network.load_imagenet()
    given = [t[..., :16, :] for t in inputs(network, 32, 1312)]
    centre = 656

    def seen(reach: int) -> float:
        changed = [t.clone() for t in given]
        for t in changed:
            t[..., : centre - reach] += 3
            t[..., centre + reach:] -= 3
        with torch.inference_mode():
            return float((network(*changed) - network(*given))[..., centre].abs().max())

    assert seen(FIELD_PX) < 1e-6 < 1e-5 < seen(256)  # rounding depends on where vector lanes begin
