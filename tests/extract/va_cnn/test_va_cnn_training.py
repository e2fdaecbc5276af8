import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from common.errors import UserError
from extract.cache import read_cache
from extract.extraction import Extraction
from extract.machine import Machine
from extract.run import extract
from extract.skeletons.segment_points import observed_points, pack_points
from extract.skeletons.skeleton import Skeleton
from extract.skeletons.synthetic_skeleton import write_synthetic_skeleton
from extract.va_cnn.initial import initial_network, refuse_unfit
from extract.va_cnn.pictures import make_pictures
from extract.va_cnn.run_folder import VaCnnData, train_va_cnn
from extract.va_cnn.samples import Samples, cut, read_samples
from extract.va_cnn.training import train_network
from extract.va_cnn.training_state import VaCnnEpoch, VaCnnState, load_state, save_state
from extract.va_cnn.weights import load_va_cnn
from manifests.manifest import COLUMNS, Manifest, read_manifest, write_manifest
from manifests.recipes.extraction import Extract, VaCnn

pytestmark = pytest.mark.usefixtures("one_thread")
SEGMENTS = 4
CPU, CUDA = Machine(device="cpu", workers=1), torch.device("cuda")


def data_of(manifest: Manifest, root: Path, skip_failed: bool = False) -> VaCnnData:
    return VaCnnData(manifest, root, num_segments=SEGMENTS, skip_failed=skip_failed)


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def samples_of(folder: Path, split: str) -> Samples:
    clips = read_manifest(folder / "clips.csv").split(split)
    paths = {clip: folder / path for clip, path in zip(clips["clip_id"], clips["path"], strict=True)}
    return read_samples(paths, dict(zip(clips["clip_id"], clips["label"], strict=True)), SEGMENTS, workers=2)


@pytest.fixture(scope="module")
def training(drawn_skeletons: Path) -> Samples:
    return samples_of(drawn_skeletons, "train")


@pytest.fixture(scope="module")
def validation(drawn_skeletons: Path) -> Samples:
    return samples_of(drawn_skeletons, "validation")


def state_of(training: Samples, validation: Samples, table: VaCnn, *, stop_after: int = 99) -> list[VaCnnState]:
    """Train from the start and return the state after each epoch; with `stop_after`, fall over there and go on."""
    states: list[VaCnnState] = []

    def after_epoch(state: VaCnnState) -> None:
        states.append(state)
        if len(states) == stop_after:
            raise KeyboardInterrupt

    def begin() -> None:
        network, _ = initial_network(table, 2, training.to(torch.device("cpu")))
        train_network(
            network.to(training.points.device), training, validation, table, states[-1] if states else None, after_epoch
        )

    if stop_after < table.epochs:
        with pytest.raises(KeyboardInterrupt):
            begin()
    begin()
    return states


def test_samples_are_the_segments_and_beginnings(training: Samples, drawn_skeletons: Path) -> None:
    assert training.stretches.shape == (12, SEGMENTS, 2, 4) and training.labels.tolist() == [0, 1] * 6
    joints = np.load(drawn_skeletons / "s3.npy")
    joints = joints - joints[0, 1]
    first, frames, count, actors = training.stretches[3, 2, 0].tolist()
    stretch = training.points[first : first + frames * count * actors].numpy()
    assert np.array_equal(stretch.reshape(frames, count, 3), joints[23 * 2 // 4 : 23 * 3 // 4])
    first, frames, count, actors = training.stretches[3, 2, 1].tolist()
    assert frames == 23 * 3 // 4


def test_samples_are_cut_at_any_frame_of_their_segment(training: Samples) -> None:
    chance = np.random.default_rng(0)
    pairs = training.stretches.flatten(0, 1)  # (clips · N, 2, 4)
    cuts = torch.stack([cut(pairs, chance) for _ in range(200)])  # (200, clips · N, 4)
    first, frames, joints, actors = cuts.unbind(-1)
    begins, end = pairs[:, 1, 0], pairs[:, 1, 0] + pairs[:, 1, 1] * 20
    ends = first + frames * joints * actors
    assert (joints == 20).all() and (actors == 1).all() and (frames >= 1).all()
    assert ((first - begins) % 20 == 0).all(), "whole frames"
    assert (first >= begins).all() and (ends <= end).all(), "nothing after the segment"
    assert (ends > end - 20 * pairs[:, 0, 1]).all(), "the recording stops within the segment"
    whole = (first == begins)[:, pairs[:, 1, 1] > 3 * pairs[:, 0, 1]].double().mean()
    assert 0.45 < whole < 0.55
    length = int(pairs[3, 0, 1])
    parts = set(frames[:, 3][first[:, 3] > begins[3]].tolist())
    assert parts == set(range(round(0.7 * length), round(1.4 * length) + 1))
    assert len(set(map(tuple, cuts[:, 3].tolist()))) > 20


@pytest.mark.slow
def test_it_learns_what_can_be_learned(training: Samples, validation: Samples, table: VaCnn) -> None:
    more = table.model_copy(update={"network": "resnet10t", "epochs": 12, "samples_per_clip": 4})
    last = state_of(training, validation, more)[-1]
    assert last.selected.validation_whole == 1
    assert last.history[-1].loss < last.history[0].loss


@pytest.mark.gpu
def test_mixed_precision_learns_on_a_gpu(training: Samples, validation: Samples, table: VaCnn) -> None:
    more = table.model_copy(update={"network": "resnet10t", "epochs": 12, "samples_per_clip": 4})
    last = state_of(training.to(CUDA), validation.to(CUDA), more)[-1]
    assert last.selected.validation_whole == 1
    assert last.history[-1].loss < last.history[0].loss
    assert not any(weight.is_cuda or weight.dtype == torch.bfloat16 for weight in last.weights.values())


def test_a_resumed_training_ends_in_the_same_bits(training: Samples, validation: Samples, table: VaCnn) -> None:
    through = state_of(training, validation, table)[-1]
    resumed = state_of(training, validation, table, stop_after=2)[-1]
    assert through.weights and through.best and resumed.weights and resumed.best
    assert through.history == resumed.history and len(through.history) == 4
    assert equal(dict(through.weights), dict(resumed.weights)) and equal(dict(through.best), dict(resumed.best))


def test_a_state_survives_its_file(training: Samples, validation: Samples, table: VaCnn, tmp_path: Path) -> None:
    (state,) = state_of(training, validation, table.model_copy(update={"epochs": 1}))
    save_state(tmp_path / "state", state)
    again = load_state(tmp_path / "state")
    assert again.history == state.history
    for name in ("weights", "adam", "best"):
        assert equal(dict(getattr(again, name)), dict(getattr(state, name)))
    (tmp_path / "state").write_bytes((tmp_path / "state").read_bytes()[:-9])
    with pytest.raises(UserError, match="not a whole file"):
        load_state(tmp_path / "state")


def test_the_rate_falls_on_a_plateau_and_patience_ends(
    training: Samples, validation: Samples, table: VaCnn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.va_cnn.training._validate", lambda *arguments: (1.0, 0.5, 0.5, 0.5))
    short = table.model_copy(update={"epochs": 30, "plateau": 2, "patience": 6, "samples_per_clip": 1})
    last = state_of(training, validation, short, stop_after=4)[-1]  # resumed: the plateau is remembered
    rates = [epoch.learning_rate for epoch in last.history]
    assert len(rates) == 8 and last.selected.epoch == 1
    assert rates == pytest.approx([1e-3] * 4 + [1e-4] * 4)


def test_other_seeds_are_other_trainings(training: Samples, validation: Samples, table: VaCnn) -> None:
    one = table.model_copy(update={"epochs": 1})
    a, b = (state_of(training, validation, one.model_copy(update={"seed": seed}))[-1] for seed in (0, 1))
    assert a.weights and b.weights and not equal(dict(a.weights), dict(b.weights))


def test_the_extremes_are_of_the_training_split(training: Samples, table: VaCnn) -> None:
    network, remark = initial_network(table, 2, training)
    assert network.minimum.item() == training.points.min().item()
    assert network.maximum.item() == training.points.max().item()
    assert remark == "main network from scratch"


def test_initial_weights_of_the_main_network(training: Samples, table: VaCnn, tmp_path: Path) -> None:
    import timm
    from safetensors.torch import save_file

    source = timm.create_model("test_resnet", num_classes=5)
    save_file(source.state_dict(), tmp_path / "imagenet.safetensors")
    named = table.model_copy(update={"initial_weights": str(tmp_path / "imagenet.safetensors")})
    network, remark = initial_network(named, 2, training)
    assert torch.equal(network.main.conv1[0].weight, source.conv1[0].weight)
    assert "imagenet.safetensors, sha256 " in remark
    with pytest.raises(UserError, match="no model 'resnet18x'"):
        refuse_unfit(table.model_copy(update={"network": "resnet18x"}))


@pytest.fixture(scope="module")
def trained(drawn_skeletons: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a finished training."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    table = VaCnn(network="test_resnet", image_size=40, batch_size=8, epochs=1, samples_per_clip=1)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    manifest = read_manifest(drawn_skeletons / "clips.csv")
    train_va_cnn(folder, data_of(manifest, drawn_skeletons), table, CPU)
    torch.set_num_threads(before)
    return folder


def test_a_finished_run_returns_at_once_and_others_are_refused(trained: Path, drawn_skeletons: Path) -> None:
    manifest = read_manifest(drawn_skeletons / "clips.csv")
    table = VaCnn(network="test_resnet", image_size=40, batch_size=8, epochs=1, samples_per_clip=1)
    empty = trained  # no skeletons in it
    assert train_va_cnn(trained, data_of(manifest, empty), table, CPU) == trained / "weights.safetensors"
    with pytest.raises(UserError, match=r"other settings \(va_cnn.epochs: 1 there, 2 wanted\)"):
        train_va_cnn(trained, data_of(manifest, empty), table.model_copy(update={"epochs": 2}), CPU)


def test_test_clips_play_no_part(trained: Path, drawn_skeletons: Path, tmp_path: Path) -> None:
    """Other test labels, and no test files at all: the same bytes."""
    manifest = read_manifest(drawn_skeletons / "clips.csv")
    clips = manifest.clips.copy()
    test = clips["split"] == "test"
    clips.loc[test, "label"] = 1 - clips.loc[test, "label"]
    clips.loc[test, "class_name"] = [manifest.classes[label] for label in clips.loc[test, "label"]]
    for path in clips.loc[~test, "path"]:
        shutil.copy(drawn_skeletons / path, tmp_path / path)
    table = VaCnn(network="test_resnet", image_size=40, batch_size=8, epochs=1, samples_per_clip=1)
    weights = train_va_cnn(tmp_path / "run", data_of(Manifest(clips, manifest.classes), tmp_path), table, CPU)
    assert weights.read_bytes() == (trained / "weights.safetensors").read_bytes()


def test_files_that_cannot_be_read_are_refused_or_named(drawn_skeletons: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(drawn_skeletons, tmp_path / "damaged"))
    (folder / "s4.npy").write_bytes(b"no array")
    said: list[str] = []
    table = VaCnn(network="test_resnet", image_size=40, batch_size=8, epochs=1, samples_per_clip=1)
    manifest = read_manifest(folder / "clips.csv")
    with pytest.raises(UserError, match=r"1 of 12 skeletons of split train cannot be read; .*s4.npy: .*--skip-failed"):
        train_va_cnn(tmp_path / "run", data_of(manifest, folder), table, CPU)
    weights = train_va_cnn(
        tmp_path / "run", data_of(manifest, folder, skip_failed=True), table, CPU, notify=said.append
    )
    assert said[1].startswith("1 of 12 skeletons of split train cannot be read") and "s4.npy" in said[1]
    assert "s4.npy" in load_va_cnn(weights)[1]["left_out"]["train"][0]
    with pytest.raises(UserError, match="trained without 1 clips that could not be read"):
        train_va_cnn(tmp_path / "run", data_of(manifest, folder), table, CPU)
    assert train_va_cnn(tmp_path / "run", data_of(manifest, folder, skip_failed=True), table, CPU) == weights


def test_a_training_does_not_go_on_with_other_files(drawn_skeletons: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(drawn_skeletons, tmp_path / "replaced"))
    table = VaCnn(network="test_resnet", image_size=40, batch_size=8, epochs=3, samples_per_clip=1)
    manifest = read_manifest(folder / "clips.csv")

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_va_cnn(tmp_path / "run", data_of(manifest, folder), table, CPU, progress=interrupt)
    assert len(load_state(tmp_path / "run" / "resume.safetensors").history) == 1, "what was done is kept"
    shutil.copy(folder / "s3.npy", folder / "s2.npy")
    with pytest.raises(UserError, match=r"other settings \(samples_sha256.train"):
        train_va_cnn(tmp_path / "run", data_of(manifest, folder), table, CPU)


def test_a_typo_claims_nothing(drawn_skeletons: Path, tmp_path: Path) -> None:
    table = VaCnn(network="test_resnet", image_size=40, batch_size=8, epochs=1, samples_per_clip=1)
    manifest = read_manifest(drawn_skeletons / "clips.csv")
    wrong = [
        ({"network": "resnet10"}, "timm has no model 'resnet10'"),
        ({"network": "vit_tiny_patch16_224"}, "does not take pictures of 40 x 40"),
        ({"initial_weights": "imagenet.pth"}, "there are no initial weights imagenet.pth"),
    ]
    for update, sentence in wrong:
        with pytest.raises(UserError, match=sentence):
            misspelt = table.model_copy(update=update)
            train_va_cnn(tmp_path / "run", data_of(manifest, drawn_skeletons), misspelt, CPU)
    with pytest.raises(UserError, match="the folder of the skeletons .*nowhere does not exist"):
        train_va_cnn(tmp_path / "run", data_of(manifest, tmp_path / "nowhere"), table, CPU)
    assert train_va_cnn(tmp_path / "run", data_of(manifest, drawn_skeletons), table, CPU).exists()


def test_a_sample_is_drawn_as_the_segment_it_is_cut_of() -> None:
    """The second person leaves: segments without him are one person wide, and so are the samples of them."""
    chance = np.random.default_rng(0)
    joints = chance.standard_normal((80, 2, 25, 3)).astype(np.float32).cumsum(0) * 0.01
    joints += np.linspace(0, 1.7, 25, dtype=np.float32)[:, None] * np.array([0, 1, 0], np.float32)
    joints[25:, 1] = np.nan
    tracking = np.full((80, 2, 25), 2, np.uint8)
    points, stretches = pack_points(observed_points(Skeleton(joints, tracking, ("1", "2"), 1), 10))
    assert stretches[:, 0, 3].tolist() == [2] * 4 + [1] * 6 and stretches[:, 1, 3].tolist() == [2] * 10
    cuts = torch.cat([cut(torch.from_numpy(stretches), chance) for _ in range(100)])
    late = torch.arange(10).repeat(100) >= 4
    alone = cuts[:, 1] <= 12  # frames; beginnings are longer
    assert (cuts[late & alone][:, 3] == 1).all() and (cuts[late & ~alone][:, 3] == 2).all()
    width = cuts[:, 2] * cuts[:, 3]
    assert (cuts[:, 0] + cuts[:, 1] * width <= len(points)).all()
    for first, frames, count, actors in cuts[late & alone].tolist():
        shown = points[first : first + frames * count * actors].reshape(frames, -1)
        assert np.abs(shown - shown[:1]).max() < 0.2, "one person moves little; two taken for one would jump"


def test_skeletons_of_another_kind_are_refused(trained: Path, tmp_path: Path) -> None:
    write_synthetic_skeleton(tmp_path / "a.skeleton", 30)
    write_synthetic_skeleton(tmp_path / "b.skeleton", 30)
    rows = [(name, f"{name}.skeleton", 0, "any", name, split, "x") for name, split in (("a", "train"), ("b", "test"))]
    write_manifest(Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), ("any",)), tmp_path / "clips.csv")
    recipe = Extract(backbone="va_cnn", weights=str(trained / "weights.safetensors"), segments=SEGMENTS)
    with pytest.raises(UserError, match="trained on skeletons of 20 joints"):
        extract(Extraction(tmp_path / "clips.csv", tmp_path, tmp_path / "f.h5", recipe, CPU))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_coordinates_stay_exact_in_half_precision(training: Samples, table: VaCnn, precision: str) -> None:
    network, _ = initial_network(table, 2, training)
    torch.nn.init.normal_(network.view_adaptation.view.bias, std=0.3)
    pictures = make_pictures(training.points, training.stretches.flatten(0, 2), 40)
    exact = network.eval()(pictures)
    seen: list[torch.Tensor] = []
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    extremes = network.minimum.item(), network.maximum.item()
    network.to(half)
    assert (network.minimum.item(), network.maximum.item()) == extremes and network.minimum.dtype == torch.float32
    network.main.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    cosine = torch.nn.functional.cosine_similarity(network(pictures).float(), exact)
    assert cosine.min() > 0.995 and seen[0].dtype == half


def test_the_weights_tell_how_they_were_made(trained: Path) -> None:
    network, made = load_va_cnn(trained / "weights.safetensors")
    assert made["va_cnn"]["network"] == "test_resnet" and made["segments"] == SEGMENTS
    assert made["initial_weights"] == "main network from scratch" and made["protocol"] == "made-up"
    assert not network.training
    curves = pd.read_csv(trained / "metrics.csv")
    assert list(curves["epoch"]) == [1] and list((trained / "tensorboard").glob("events*"))
    assert json.loads((trained / "done.json").read_text())["selected"]["epoch"] == 1


def test_what_is_no_weights_file_is_a_sentence(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="train-vacnn` makes them"):
        load_va_cnn(tmp_path / "none")
    for damage in (b"", b"x" * 100, (trained / "weights.safetensors").read_bytes()[:-5]):
        (tmp_path / "bad").write_bytes(damage)
        with pytest.raises(UserError, match="not a whole file of VA-CNN weights"):
            load_va_cnn(tmp_path / "bad")


@pytest.mark.parametrize(("pictures", "dim"), [("segment", 96), ("beginning", 96), ("both", 192)])
def test_features_are_extracted_with_it(
    trained: Path, drawn_skeletons: Path, tmp_path: Path, pictures: str, dim: int
) -> None:
    recipe = Extract.model_validate(
        {
            "backbone": "va_cnn",
            "weights": str(trained / "weights.safetensors"),
            "segments": SEGMENTS,
            "pictures": pictures,
        }
    )
    extract(Extraction(drawn_skeletons / "clips.csv", drawn_skeletons, tmp_path / "f.h5", recipe, CPU))
    cache = read_cache(tmp_path / "f.h5")
    assert cache.features.shape == (20, SEGMENTS, dim) and cache.valid.all()
    assert cache.num_frames.tolist() == list(range(20, 40))
    assert cache.settings["legacy_sequence_actors"] is False and cache.settings["pictures"] == pictures
    with pytest.raises(UserError, match="trained on 4 segments a clip, and 5 are wanted"):
        wrong = recipe.model_copy(update={"segments": 5})
        extract(Extraction(drawn_skeletons / "clips.csv", drawn_skeletons, tmp_path / "g.h5", wrong, CPU))


def test_both_is_segment_and_beginning_side_by_side(trained: Path, drawn_skeletons: Path, tmp_path: Path) -> None:
    features = {}
    for pictures in ("segment", "beginning", "both"):
        recipe = Extract.model_validate(
            {"backbone": "va_cnn", "weights": str(trained / "weights.safetensors"), "segments": SEGMENTS}
            | {"pictures": pictures}
        )
        extract(Extraction(drawn_skeletons / "clips.csv", drawn_skeletons, tmp_path / f"{pictures}.h5", recipe, CPU))
        features[pictures] = read_cache(tmp_path / f"{pictures}.h5").features
    parts = np.concatenate([features["segment"], features["beginning"]], axis=2)
    np.testing.assert_allclose(features["both"], parts, atol=1e-4)
    np.testing.assert_allclose(features["segment"][:, 0], features["beginning"][:, 0], atol=1e-4)


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_bytes(command: Any, drawn_skeletons: Path, tmp_path: Path) -> None:
    """kill -9 after the first state is on disk; the command again; the weights of an undisturbed run."""
    small = "--network test_resnet --image-size 40 --batch-size 8 --epochs 6 --samples-per-clip 3 --segments 4"
    words = ["train-vacnn", drawn_skeletons / "clips.csv", "--videos", drawn_skeletons, "--device", "cpu"]
    words += [*small.split(), "--workers", "1", "--out"]
    assert command(*words, tmp_path / "whole", before=EAGER).status == 0
    running = command.start(*words, tmp_path / "killed", before=EAGER)
    until = time.monotonic() + 240
    while not (tmp_path / "killed" / "resume.safetensors").exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    assert running.wait().status == -signal.SIGKILL, "it was in the middle"
    assert command(*words, tmp_path / "killed", before=EAGER).status == 0
    a, b = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "killed"))
    assert equal(a, b)
    assert (tmp_path / "whole/metrics.csv").read_bytes() == (tmp_path / "killed/metrics.csv").read_bytes()


# The state is written after every epoch here, not every 20 s.
EAGER = "from extract.va_cnn import run_folder; run_folder.SAVE_SECONDS = 0"


def test_the_selected_epoch_is_the_best_then_the_surest_then_the_first() -> None:
    def epoch(number: int, accuracy: float, loss: float) -> VaCnnEpoch:
        return VaCnnEpoch(number, 1e-4, 1.0, 0.5, loss, accuracy, 0.5, 0.5)

    history = (epoch(1, 0.5, 2.0), epoch(2, 0.7, 1.5), epoch(3, 0.7, 1.2), epoch(4, 0.7, 1.2), epoch(5, 0.6, 0.1))
    assert VaCnnState(history).selected.epoch == 3
