"""The rule that is stored is the best one on what the model answers, and predictions of other models are refused."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from evaluate.decisions import RULES, decided_levels
from evaluate.decisions.cross_validation import cross_validated_cost
from evaluate.decisions.temperature import fit_temperature, scale
from evaluate.live.export import export_model
from evaluate.live.model_rule import find_rule, rule_file
from evaluate.live.recogniser import Recogniser
from evaluate.live.recognition import Recognition, Recording
from evaluate.live.store_rule import store_rule
from evaluate.live.trained_model import find_model
from evaluate.scoring.predictions import Predictions, read_predictions, write_predictions
from manifests.manifest import Manifest, read_manifest

PRICE = 0.3


@pytest.fixture
def copied(one_stream: Path, tmp_path: Path) -> Path:
    """A copy of the reproduction that a test may change."""
    shutil.copytree(one_stream, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def manifest(drawn: Path) -> Manifest:
    return read_manifest(next(drawn.glob("*.csv")))


def files_of(folder: Path, name: str = "with") -> list[Path]:
    return sorted((folder / "predictions").glob(f"{name}-seed*.h5"))


def mean_of(paths: list[Path]) -> dict[str, np.ndarray]:
    """Return the mean of the probabilities of the seeds by clip."""
    every = [read_predictions(path) for path in paths]
    mean = np.mean([own.probabilities for own in every], axis=0, dtype=np.float64)
    return dict(zip(every[0].clip_ids, mean, strict=True))


def test_the_best_rule_of_the_mean_of_the_seeds_is_stored(copied: Path, manifest: Manifest) -> None:
    model = find_model(copied)
    stored = store_rule(files_of(copied), manifest, model, PRICE)
    assert stored.file == copied / "decision_rule.safetensors" == rule_file(model)
    validation = manifest.clips[manifest.clips["split"] == "validation"]
    mean, labels = mean_of(files_of(copied)), validation["label"].to_numpy(np.int64)
    probabilities = np.stack([mean[clip] for clip in validation["clip_id"]])
    temperature = fit_temperature(probabilities, labels)
    scaled = scale(probabilities, temperature)
    found = {
        name: cross_validated_cost(lambda *own, rule=rule: rule.fit(*own, PRICE), scaled, labels, PRICE)
        for name, rule in RULES.items()
    }
    assert stored.table["validation_cost"].tolist() == pytest.approx(list(found.values()), rel=1e-4)
    assert stored.rule.rule == min(found, key=lambda name: found[name])
    assert stored.rule.temperature == pytest.approx(temperature, rel=1e-4)
    expected = RULES[stored.rule.rule].fit(scaled, labels, PRICE).stops(scaled)
    assert np.array_equal(decided_levels(stored.rule.decided(probabilities)), decided_levels(expected))
    assert (stored.rule.method, stored.rule.seeds) == ("with", (0, 1)) and stored.clips == (10, 10)


def test_predict_decides_as_the_rule_on_the_stored_predictions(copied: Path, manifest: Manifest, drawn: Path) -> None:
    stored = store_rule(files_of(copied), manifest, find_model(copied), PRICE)
    recogniser = Recogniser.load(copied, device="cpu")
    assert recogniser.decision_maker.as_json() == stored.rule.as_json()
    mean, test = mean_of(files_of(copied)), manifest.split("test")
    recordings = [
        Recording(clip, {"features": str(drawn / path)})
        for clip, path in zip(test["clip_id"], test["path"], strict=True)
    ]
    for found in recogniser.recognise_many(recordings):
        assert isinstance(found, Recognition)
        (level,) = decided_levels(stored.rule.decided(mean[found.recording.name][None]))
        decision = found.decision()
        assert decision is not None and decision.level == level
        assert decision.name == found.classes[mean[found.recording.name][level - 1].argmax()]
        assert found.decision(1.0) is None, "a threshold that is given wins"


def test_test_labels_do_not_matter_for_what_is_stored(copied: Path, manifest: Manifest) -> None:
    model = find_model(copied)
    store_rule(files_of(copied), manifest, model, PRICE)
    content = rule_file(model).read_bytes()
    test = manifest.clips["split"] == "test"
    clips = manifest.clips.copy()
    clips.loc[test, "label"] = clips.loc[test, "label"].to_numpy()[::-1]
    store_rule(files_of(copied), replace(manifest, clips=clips), model, PRICE)
    assert rule_file(model).read_bytes() == content


def test_the_rule_of_two_streams_and_of_late_fusion(two_streams: Path, manifest: Manifest, tmp_path: Path) -> None:
    out = tmp_path / "late"
    shutil.copytree(two_streams, out)
    store_rule(files_of(out, "without"), manifest, find_model(out), PRICE)
    with pytest.raises(
        UserError, match="predictions of 'Without distillation, late fusion', and those of 'Without .*, early"
    ):
        store_rule(files_of(out, "late-fusion-without"), manifest, find_model(out), PRICE)
    skeleton = find_model(out / "runs" / "skeleton")
    alone = sorted((out / "predictions" / "skeleton").glob("without-seed*.h5"))
    assert store_rule(alone, manifest, skeleton, PRICE).file == out / "runs" / "skeleton" / "decision_rule.safetensors"
    for seed in (0, 1):
        shutil.rmtree(out / "runs" / f"seed{seed}")
    assert find_rule(find_model(out), notify=lambda _: None) is None
    stored = store_rule(files_of(out, "late-fusion-without"), manifest, find_model(out), PRICE)
    assert len(stored.rule.networks) == 4 and find_rule(find_model(out)) is not None


def test_one_seed_and_an_exported_method_have_rules_of_their_own(
    copied: Path, manifest: Manifest, tmp_path: Path
) -> None:
    run = copied / "runs" / "seed1" / "with"
    assert store_rule(files_of(copied)[1:], manifest, find_model(run), PRICE).rule.seeds == (1,)
    assert find_rule(find_model(run)) is not None
    exported = export_model(find_model(copied, "without"), tmp_path / "without").folder
    store_rule(files_of(copied, "without"), manifest, find_model(exported), PRICE)
    assert find_rule(find_model(exported)) is not None and find_rule(find_model(copied)) is None


def changed(path: Path, **changes: object) -> Path:
    """Write predictions again with other values."""
    own: Predictions = replace(read_predictions(path), **changes)  # type: ignore[arg-type]
    write_predictions(path, own)
    return path


def test_predictions_of_another_model_are_refused_with_the_command_that_fits(
    copied: Path, manifest: Manifest, tmp_path: Path
) -> None:
    model, files = find_model(copied), files_of(copied)
    fits = f"`python -m evaluate decide {copied}/predictions/with-seed\\*.h5 --manifest FILE --price PRICE --store"

    def refused(paths: list[Path], sentence: str) -> None:
        with pytest.raises(UserError, match=sentence):
            store_rule(paths, manifest, model, PRICE)
        assert not rule_file(model).exists()

    refused(
        files_of(copied, "without"), f"predictions of 'Without distillation', and .*{fits}.*export .*--method METHOD"
    )
    refused(files[:1], f"predictions are of seeds 0, and .*seeds 0, 1 are .*: {fits} {copied}` fits. For one seed")
    refused([*files, *files_of(copied, "without")], "without-seed0.h5 has the predictions of 'Without")
    twice = tmp_path / "twice.h5"
    shutil.copyfile(files[1], twice)
    refused([*files, twice], "are of seeds 0, 1, 1")
    (copied / "other").mkdir()
    other = copied / "other" / "with-seed0.h5"
    shutil.copyfile(files[0], other)
    settings = read_predictions(other).provenance
    caches = settings["caches"]
    caches["features"]["settings"]["frames_per_segment"] = 4
    refused([changed(other, provenance=settings), files[1]], "differ in frames_per_segment: 2 there, 4 wanted")
    refused([changed(other, provenance={}, classes=tuple("abcdefghij")), files[1]], f"differ in classes; {fits}")
    refused([changed(other, protocol="another"), files[1]], "differ in protocol, classes")
    own = read_predictions(other).probabilities
    refused([changed(other, probabilities=own[:, :4]), files[1]], "differ in protocol, classes, number of segments")
    exported = find_model(export_model(model, tmp_path / "exported", notify=lambda _: None).folder)
    with pytest.raises(UserError, match=r"decide PREDICTIONS/with-seed\*.h5 .*--store .*exported` fits$"):
        store_rule(files[:1], manifest, exported, PRICE)
    with pytest.raises(UserError, match="from 0 to 1, and not 1.5"):
        store_rule(files, manifest, model, 1.5)


def test_predictions_of_another_program_have_no_provenance(copied: Path, manifest: Manifest) -> None:
    for path in files_of(copied):
        changed(path, provenance={})
    assert store_rule(files_of(copied), manifest, find_model(copied), PRICE).file.is_file()
