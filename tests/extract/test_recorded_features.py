"""The settings of a cache lead back to the section `extract`, the decoder and the joint list that they came from."""

import pytest

from common.config import parse_config
from extract.decoding.decoders import DECODERS
from extract.feature_settings import feature_settings
from extract.machine import Machine
from extract.network_loader import load_segment_network
from extract.recorded_features import recorded_config, recorded_decoder, recorded_joint_list, recorded_weights_name
from extract.skeletons.joint_list import JointList
from manifests.recipes.extraction import Extract

JOINTS = JointList(("hip", "spine", "head"), 1, "cm", zeros_mean_unseen=False)


@pytest.mark.parametrize("joint_list", [None, JOINTS])
@pytest.mark.parametrize(
    "options",
    [
        {"backbone": "tsm_mobilenetv2", "weights": "random", "frames_per_segment": 4, "segments": 5, "image_size": 64},
        {"backbone": "timm:resnet18", "weights": "random", "frames_per_segment": 2, "precision": "bf16"},
        {"backbone": "va_cnn", "weights": "random", "pictures": "both", "image_size": 64},
        {"backbone": "joints", "weights": "none", "frames_per_segment": 3, "column": "path_skeleton"},
        {"backbone": "joint_statistics", "weights": "none"},
    ],
    ids=lambda options: options["backbone"],
)
def test_there_and_back(options: dict[str, object], joint_list: JointList | None) -> None:
    config, machine = parse_config(Extract, options, "test"), Machine(device="cpu")
    network = load_segment_network(config, machine)
    if network.backbone.input == "video":
        joint_list = None
    settings = feature_settings(config, machine, network, joint_list)
    name = recorded_weights_name(settings)
    assert name == config.weights
    again = recorded_config(settings, name, config.segments)
    network_again = load_segment_network(again, machine)
    assert feature_settings(again, machine, network_again, recorded_joint_list(settings)) == settings
    assert recorded_joint_list(settings) == joint_list
    assert recorded_decoder(settings) == "pyav"


def test_a_released_file_is_found_by_its_name_and_ones_own_is_not() -> None:
    released = {"backbone": "tsm_resnet50", "weights": "TSM_kinetics_RGB_resnet50_shift8_blockres_avg_segment8_e50.pth"}
    assert recorded_weights_name({**released, "backbone": "tsm_mobilenetv2"}) is None
    assert recorded_weights_name({**released, "weights": "mine.pth"}) is None
    assert recorded_weights_name(released) == "tsm-r50-8f-kinetics400"


@pytest.mark.parametrize(("available", "decoder"), [(False, "pyav"), (True, "nvdec")])
def test_a_gpu_decoder_becomes_pyav_where_there_is_no_gpu(
    monkeypatch: pytest.MonkeyPatch, available: bool, decoder: str
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: available)
    assert recorded_decoder({"decoder": f"{DECODERS['nvdec'].recorded_as} 1.0"}) == decoder
