"""Three layouts of one network, the key map of the facts, and files that must be refused."""

import os
import pickle
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from common.errors import UserError
from extract.networks.checkpoint_names import layout_of, names_in_file
from extract.networks.checkpoints import LoadReport, load_checkpoint, read_checkpoint
from extract.networks.non_local import insert_non_local
from extract.networks.temporal_shift import insert_temporal_shift

FACTS = Path(os.environ.get("EARLY_FACTS") or Path(__file__).parents[4] / "shared" / "facts")
LAYOUTS = ("official", "mmaction2", "timm")
FRAMES = 3
State = dict[str, Tensor]

pytestmark = pytest.mark.usefixtures("one_thread")


def shift_loop(x: Tensor) -> Tensor:
    out, fold = x.clone(), x.shape[1] // 8
    for row in range(len(x)):
        first, last = row % FRAMES == 0, row % FRAMES == FRAMES - 1
        out[row, :fold] = 0 if last else x[row + 1, :fold]
        out[row, fold : 2 * fold] = 0 if first else x[row - 1, fold : 2 * fold]
    return out


def randomise(network: nn.Module) -> None:
    """Random values everywhere, small enough for 50 layers."""
    generator = torch.Generator().manual_seed(7)
    for name, tensor in network.state_dict().items():
        if tensor.dtype == torch.int64:
            tensor.fill_(3)
        elif tensor.ndim > 1:
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=generator)
        elif name.endswith(("running_var", "weight")):
            tensor.uniform_(0.5, 1, generator=generator)
        else:
            tensor.uniform_(-0.1, 0.1, generator=generator)


# --- ResNet-50: torchvision is the reference, with a shift of loops in hooks ------------------------------------


def resnet_reference() -> nn.Module:
    network = torchvision.models.resnet50(num_classes=400)
    randomise(network)
    for layer in (network.layer1, network.layer2, network.layer3, network.layer4):
        for block in layer:
            block.conv1.register_forward_pre_hook(lambda _, inputs: shift_loop(inputs[0]))
    return network.eval()


def resnet_official(state: State) -> State:
    out = {}
    for key, tensor in state.items():
        parts = key.split(".")
        if parts[0] == "fc":
            out[f"module.new_fc.{parts[1]}"] = tensor
            continue
        if parts[0].startswith("layer") and parts[2] == "conv1":
            parts.insert(3, "net")
        out["module.base_model." + ".".join(parts)] = tensor
    return out


def resnet_mmaction2(state: State) -> State:
    """Names from the order of tensors alone: each convolution is followed by its normalisation."""
    units = ["backbone.conv1"]
    for layer, count in ((1, 3), (2, 4), (3, 6), (4, 3)):
        for i in range(count):
            units += [f"backbone.layer{layer}.{i}.conv{n}" for n in (1, 2, 3)]
            units += [f"backbone.layer{layer}.{i}.downsample"] if i == 0 else []
    names = []
    for unit in units:
        shifted = unit.endswith("conv1") and "layer" in unit
        names.append(f"{unit}.conv.net.weight" if shifted else f"{unit}.conv.weight")
        names += [f"{unit}.bn.{leaf}" for leaf in BN_LEAVES]
    names += ["cls_head.fc_cls.weight", "cls_head.fc_cls.bias"]
    return dict(zip(names, state.values(), strict=True))


BN_LEAVES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


# --- MobileNetV2: a network of our own under the authors' names -------------------------------------------------


class Shifted(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.shift = shift_loop

    def forward(self, x: Tensor) -> Tensor:
        return self.net(self.shift(x))


class Inverted(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = inputs * expand
        self.skip = stride == 1 and inputs == outputs
        layers = [nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False), nn.BatchNorm2d(hidden)]
        layers += [nn.ReLU6(), nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        if expand != 1:
            first = nn.Conv2d(inputs, hidden, 1, bias=False)
            layers = [Shifted(first) if self.skip else first, nn.BatchNorm2d(hidden), nn.ReLU6(), *layers]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.skip else self.conv(x)


STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def mobilenet_reference() -> nn.Module:
    features = [nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6())]
    width = 32
    for expand, outputs, count, stride in STAGES:
        for i in range(count):
            features.append(Inverted(width, outputs, stride if i == 0 else 1, expand))
            width = outputs
    features.append(nn.Sequential(nn.Conv2d(320, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6()))
    network = nn.Module()
    network.features = nn.Sequential(*features)
    network.classifier = nn.Linear(1280, 400)
    randomise(network)
    return network.eval()


def mobilenet_official(state: State) -> State:
    return {f"module.base_model.{key}": tensor for key, tensor in state.items()}


def mobilenet_mmaction2(state: State) -> State:
    """Names from the order of tensors alone, as for ResNet."""
    units = ["backbone.conv1"]
    for layer, (expand, _, count, stride) in enumerate(STAGES, start=1):
        for i in range(count):
            skip = (i > 0 or stride == 1) and expand != 1 and not (i == 0 and layer in (1, 5, 7))
            units += [f"backbone.layer{layer}.{i}.conv.0" + (".net" if skip else "")]
            units += [f"backbone.layer{layer}.{i}.conv.{n}" for n in ((1, 2) if expand != 1 else (1,))]
    units.append("backbone.conv2")
    names = [f"{unit}.{leaf}" for unit in units for leaf in ("conv.weight", *(f"bn.{leaf}" for leaf in BN_LEAVES))]
    names += ["cls_head.fc_cls.weight", "cls_head.fc_cls.bias"]
    return dict(zip(names, state.values(), strict=True))


def mobilenet_timm(state: State) -> State:
    plain = timm.create_model("mobilenetv2_100", pretrained=False, num_classes=400).state_dict()
    return dict(zip(plain, state.values(), strict=True))


# --- the same features from every layout -------------------------------------------------------------------------

Family = tuple[str, Callable[[], nn.Module], dict[str, Callable[[State], State]]]
FAMILIES: dict[str, Family] = {
    "resnet50": (
        "resnet50",
        resnet_reference,
        {"official": resnet_official, "mmaction2": resnet_mmaction2, "timm": dict},
    ),
    "mobilenetv2": (
        "mobilenetv2_100",
        mobilenet_reference,
        {"official": mobilenet_official, "mmaction2": mobilenet_mmaction2, "timm": mobilenet_timm},
    ),
}


def shifted_network(name: str) -> nn.Module:
    network = timm.create_model(name, pretrained=False, num_classes=0)
    insert_temporal_shift(network, FRAMES)
    return network.eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_three_layouts_give_the_reference_features(family: str, tmp_path: Path) -> None:
    timm_name, build, layouts = FAMILIES[family]
    reference = build()
    images = torch.randn(2 * FRAMES, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    network, features = shifted_network(timm_name), []
    for layout, rename in layouts.items():
        path = tmp_path / f"{layout}.pth"
        torch.save({"state_dict": rename(reference.state_dict()), "epoch": 50, "arch": "any"}, path)
        for tensor in network.state_dict().values():
            tensor.zero_()
        report = load_checkpoint(network, path, LAYOUTS)
        assert report.layout == layout
        assert set(report.used) | set(report.unused) == set(rename(reference.state_dict()))
        assert all("fc" in name or "classifier" in name or "num_batches" in name for name in report.unused)
        with torch.inference_mode():
            features.append(network(images))
    assert all(torch.equal(features[0], others) for others in features[1:])
    reference, network, images = reference.double(), network.double(), images.double()
    with torch.inference_mode():
        if family == "resnet50":
            reference.fc = nn.Identity()
            expected = reference(images)
        else:
            expected = reference.features(images).mean((2, 3))
        found = network(images)
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11 * float(expected.abs().max()))


def test_all_rows_of_the_key_map() -> None:
    table = FACTS / "tsm_resnet50_keymap.tsv"
    if not table.exists():
        pytest.skip(f"no {table.name}; set EARLY_FACTS to its folder")
    _, *rows = (line.split("\t") for line in table.read_text().splitlines())
    network = shifted_network("resnet50")
    own = network.state_dict()
    official, mmaction2, plain = (names_in_file(network, layout) for layout in LAYOUTS)
    expected = {(row[0], row[1], row[2], row[3]) for row in rows if not row[0].startswith("fc.")}
    shape = {key: "x".join(map(str, tensor.shape)) or "scalar" for key, tensor in own.items()}
    assert {(plain[key], official[key], mmaction2[key], shape[key]) for key in own} == expected
    assert len(rows) == 320 and len(expected) == 318


def test_non_local_names_and_single_process_prefix(tmp_path: Path) -> None:
    network = shifted_network("resnet50")
    insert_non_local(network, FRAMES)
    names = names_in_file(network, "official")
    blocks = [f"module.base_model.layer{layer}.{i}" for layer, i in ((2, 0), (2, 2), (3, 0), (3, 2), (3, 4))]
    leaves = ["g.0", "theta", "phi.0", "W.0", "W.1"]
    assert {f"{block}.nl.{leaf}.bias" for block in blocks for leaf in leaves} < set(names.values())
    assert "module.base_model.layer2.0.block.conv1.net.weight" in names.values()
    randomise(network.eval())
    file = {names[key].removeprefix("module."): tensor for key, tensor in network.state_dict().items()}
    torch.save({"state_dict": file | {"new_fc.weight": torch.zeros(400, 2048)}}, tmp_path / "nl.pth")
    again = shifted_network("resnet50")
    insert_non_local(again, FRAMES)
    assert load_checkpoint(again, tmp_path / "nl.pth", ("official",)).unused[-1] == "new_fc.weight"
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    with torch.inference_mode():
        images = torch.randn(2 * FRAMES, 3, 32, 32)
        changed = torch.cat([images[:FRAMES], torch.randn(FRAMES, 3, 32, 32)])
        assert torch.equal(network(images)[:FRAMES], network(changed)[:FRAMES])
    with pytest.raises(UserError, match="has non-local blocks and the backbone has none"):
        load_checkpoint(shifted_network("resnet50"), tmp_path / "nl.pth", ("official",))


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def official() -> State:
    return mobilenet_official(mobilenet_reference().state_dict())


def load(state: State, tmp_path: Path, **changes: Any) -> LoadReport:
    torch.save({"state_dict": state, **changes}, tmp_path / "file.pth")
    return load_checkpoint(shifted_network("mobilenetv2_100"), tmp_path / "file.pth", LAYOUTS)


def test_missing_extra_and_misshapen_tensors(official: State, tmp_path: Path) -> None:
    key = "module.base_model.features.3.conv.0.net.weight"
    with pytest.raises(UserError, match=r"lacks module\.base_model\.features\.3\.conv\.0\.net\.weight.*144, 24, 1, 1"):
        load({name: tensor for name, tensor in official.items() if name != key}, tmp_path)
    with pytest.raises(UserError, match=r"no place for: module\.base_model\.extra"):
        load(official | {"module.base_model.extra": torch.zeros(1)}, tmp_path)
    with pytest.raises(UserError, match=r"net\.weight has the shape \(2, 2\), expected \(144, 24, 1, 1\)"):
        load(official | {key: torch.zeros(2, 2)}, tmp_path)


def test_counters_may_be_absent_and_safetensors_is_read(official: State, tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in official.items() if "num_batches" not in name}
    save_file(state, tmp_path / "file.safetensors")
    report = load_checkpoint(shifted_network("mobilenetv2_100"), tmp_path / "file.safetensors", LAYOUTS)
    assert report.unused == tuple(f"module.base_model.classifier.{leaf}" for leaf in ("bias", "weight"))


def test_the_file_format_of_2019_is_read(official: State, tmp_path: Path) -> None:
    """The official checkpoints are older than torch's zip format."""
    torch.save({"state_dict": official}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert load_checkpoint(shifted_network("mobilenetv2_100"), tmp_path / "old.pth", LAYOUTS).layout == "official"
    (tmp_path / "half.pth").write_bytes((tmp_path / "old.pth").read_bytes()[:5000])
    with pytest.raises(UserError, match="no checkpoint, or is damaged"):
        read_checkpoint(tmp_path / "half.pth")


def test_checkpoints_of_another_kind(official: State, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no temporal shift and the backbone does"):
        load({name.replace(".net.", "."): tensor for name, tensor in official.items()}, tmp_path)
    with pytest.raises(UserError, match="non-local blocks of MMAction2"):
        load({"backbone.layer2.0.non_local_block.g.conv.weight": torch.zeros(1)}, tmp_path)
    with pytest.raises(UserError, match="'efficientnet-lite'; this backbone is read from official or mmaction2"):
        load({"_conv_stem.weight": torch.zeros(1)}, tmp_path)
    assert layout_of(["base_model.conv1.weight"]) == "official"


def before_the_first_frame(x: Tensor) -> Tensor:
    out = x.clone()
    out[:, : x.shape[1] // 8] = 0
    return out


def online(state: State, tmp_path: Path) -> tuple[nn.Module, LoadReport]:
    """The file of the authors' online demo: a plain state under the names of its network, without `.net`."""
    torch.save(state, tmp_path / "online.pth.tar")
    network = timm.create_model("mobilenetv2_100", pretrained=False, num_classes=0)
    insert_temporal_shift(network, FRAMES, "previous")
    return network, load_checkpoint(network, tmp_path / "online.pth.tar", ("online-demo", "timm"))


def test_the_layout_of_the_online_demo(tmp_path: Path) -> None:
    """Blocks 3 5 6 8 9 10 12 13 15 16 of `features` shift; the file does not show it."""
    reference = mobilenet_reference()
    state = {name.replace(".net.", "."): tensor for name, tensor in reference.state_dict().items()}
    state |= {"classifier.weight": torch.zeros(27, 1280), "classifier.bias": torch.zeros(27)}
    network, report = online(state, tmp_path)
    assert report.layout == "online-demo"
    assert set(report.used) | set(report.unused) == set(state)
    assert all("classifier" in name or "num_batches" in name for name in report.unused)
    for module in reference.modules():
        if isinstance(module, Shifted):
            module.shift = before_the_first_frame
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        found = network.eval()(image.expand(FRAMES, 3, 64, 64))[0]
        torch.testing.assert_close(found, reference.features(image).mean((2, 3))[0])
    name = "features.3.conv.0.weight"
    with pytest.raises(UserError, match=r"lacks features\.3\.conv\.0\.weight"):
        online({key: tensor for key, tensor in state.items() if key != name}, tmp_path)
    with pytest.raises(UserError, match=r"no place for: features\.19\.weight"):
        online(state | {"features.19.weight": torch.zeros(1)}, tmp_path)
    with pytest.raises(UserError, match="has the layout 'official'; this backbone is read from online-demo or timm"):
        online(mobilenet_official(reference.state_dict()), tmp_path)


class Payload:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


class SystemPayload(Payload):
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("payload", [Payload, SystemPayload])
def test_code_is_refused_and_not_run(payload: type[Payload], official: State, tmp_path: Path) -> None:
    target = tmp_path / "executed"
    with pytest.raises(UserError, match="holds Python code beside tensors"):
        load(official, tmp_path, extra=payload(target))
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(payload(target)))
    with pytest.raises(UserError, match="is no checkpoint"):
        read_checkpoint(tmp_path / "plain.pth")
    assert not target.exists()


def test_leftovers_of_mmengine_are_skipped(official: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What MMAction2 1.x publishes beside its weights: HistoryBuffer objects with arrays in them."""
    buffer = type("HistoryBuffer", (), {"__module__": "mmengine.logging.history_buffer"})
    for name in ("mmengine", "mmengine.logging", "mmengine.logging.history_buffer"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setattr(sys.modules["mmengine.logging.history_buffer"], "HistoryBuffer", buffer, raising=False)
    history = buffer()
    history.max_length, history._log_history = 10, np.arange(3.0)
    message_hub = {"log_scalars": {"train/loss": history}, "best": np.float64(71.2), "statistics": getattr}
    assert load(official, tmp_path, message_hub=message_hub).layout == "official"


def test_damaged_files(official: State, tmp_path: Path) -> None:
    load(official, tmp_path)
    whole = (tmp_path / "file.pth").read_bytes()
    save_file({"a": torch.zeros(3)}, tmp_path / "whole.safetensors")
    damaged = {
        "half.pth": whole[: len(whole) // 2],
        "start.pth": whole[:100],
        "empty.pth": b"",
        "page.pth": b"<html>404 Not Found</html>",
        "half.safetensors": (tmp_path / "whole.safetensors").read_bytes()[:-4],
    }
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match="no checkpoint, or is damaged"):
            read_checkpoint(tmp_path / name)
    torch.save({"epoch": 3}, tmp_path / "none.pth")
    with pytest.raises(UserError, match="no table of named tensors"):
        read_checkpoint(tmp_path / "none.pth")
    with pytest.raises(UserError, match="No such file"):
        read_checkpoint(tmp_path / "absent.pth")
