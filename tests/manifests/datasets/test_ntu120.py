"""NTU RGB+D 120's protocols: counts, the missing skeletons, both halves, hold-outs, subsets."""

from pathlib import Path

import pytest

from common.errors import UserError
from manifests.datasets import ntu60, ntu120, ntu_skeletons
from manifests.datasets.ntu_skeletons import Part
from manifests.published import is_whole

WHOLE = {"ntu120-xsub": (63026, 50919), "ntu120-xset": (54468, 59477)}
# Pairs of a part by (training subject, even setup). The sums are real: 176 training pairs, and 152 in even setups.
PAIRS = {
    ntu60.PART: {(True, True): 56, (True, False): 56, (False, True): 20, (False, False): 26},
    ntu120.PART: {(True, True): 30, (True, False): 34, (False, True): 46, (False, False): 50},
}


def pairs_of(part: Part) -> list[tuple[int, int]]:
    """The setups and subjects of the missing skeletons, and invented ones up to the number that there is."""
    pairs = {(int(name[1:4]), int(name[9:12])) for name in ntu120.MISSING if int(name[1:4]) in part.setups}
    for kind, wanted in PAIRS[part].items():
        candidates = [(setup, subject) for setup in part.setups for subject in part.subjects]
        candidates = [pair for pair in candidates if (pair[1] in ntu120.TRAINING, pair[0] % 2 == 0) == kind]
        known = [pair for pair in candidates if pair in pairs]
        assert len(known) <= wanted
        pairs |= set([*known, *(pair for pair in candidates if pair not in pairs)][:wanted])
    return sorted(pairs)


def names_of(part: Part) -> list[str]:
    return [
        f"S{setup:03d}C{camera:03d}P{subject:03d}R{replication:03d}A{action:03d}"
        for setup, subject in pairs_of(part)
        for camera in (1, 2, 3)
        for replication in (1, 2)
        for action in part.actions
    ]


@pytest.fixture(scope="module")
def names() -> list[str]:
    return [*names_of(ntu60.PART), *names_of(ntu120.PART)]


@pytest.mark.slow
def test_counts_and_the_rules_of_the_splits(names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(names) == 114_480
    found = {name: f"{name}.skeleton" for name in names}
    monkeypatch.setattr(ntu_skeletons, "find_clips", lambda folder, pattern: found)
    for protocol, counts in WHOLE.items():
        manifest, sentences = ntu120.NTU120.build(Path("ntu"), protocol)
        clips, rule = manifest.clips, ntu120.PROTOCOLS[protocol]
        assert manifest.protocol == protocol and is_whole(manifest) and len(manifest.classes) == 120
        test = clips["split"] == "test"
        assert ((~test).sum(), test.sum()) == counts
        assert sentences == ["535 of the 535 recordings whose skeletons are missing or incomplete were left out"]
        by_name = clips["clip_id"].str[1:4].astype(int), clips["clip_id"].str[9:12].astype(int)
        assert (test == (by_name[0] % 2 == 1 if protocol == "ntu120-xset" else ~by_name[1].isin(rule.subjects))).all()
        validation = clips[clips["split"] == "validation"]
        assert set(validation["subject"]) == set(rule.hold_out)
        assert not set(rule.hold_out) & set(clips.loc[clips["split"] == "train", "subject"])
        assert 0.07 < len(validation) / counts[0] < 0.25, "the other pairs are invented"
        assert validation["label"].nunique() == 120
    clip = clips["clip_id"][0]
    del found[clip]
    manifest, sentences = ntu120.NTU120.build(Path("ntu"), "ntu120-xset")
    assert manifest.protocol == "ntu120-xset-subset" and not is_whole(manifest)
    assert sentences[-1] == f"1 of the 113945 clips are not in ntu; the first: {clip}"


def test_the_default_hold_outs_have_the_pairs_that_are_said() -> None:
    pairs = {(int(name[1:4]), int(name[9:12])) for name in ntu120.MISSING}
    xsub, xset = (ntu120.PROTOCOLS[name] for name in WHOLE)
    assert sum(subject in xsub.hold_out for _, subject in pairs) == 15
    assert sum(subject in xset.hold_out and setup % 2 == 0 for setup, subject in pairs) == 12


def test_actions_belong_to_setups(tmp_path: Path) -> None:
    good = ["S001C001P001R001A060", "S018C001P003R001A061", "S032C003P106R002A120"]
    foreign = [
        "S018C001P001R001A060", "S017C001P001R001A061", "S001C001P041R001A001", "S033C001P001R001A061",
        "S018C001P107R001A061", "S018C004P001R001A061", "S018C001P001R001A121",
    ]  # fmt: skip
    for name in (*good, *foreign, "S032C003P067R002A077"):
        (tmp_path / f"{name}.skeleton").touch()
    manifest, sentences = ntu120.NTU120.build(tmp_path)
    assert manifest.protocol == "ntu120-xsub-subset"
    assert manifest.clips["clip_id"].tolist() == good
    assert manifest.clips["split"].tolist() == ["train", "test", "test"]
    assert manifest.clips["class_name"].tolist()[1:] == [
        "put on headphone", "finger-guessing game (playing rock-paper-scissors)"
    ]  # fmt: skip
    assert manifest.clips["label"].tolist() == [59, 60, 119]
    assert sentences[:2] == [
        "7 files are not of NTU RGB+D 120 and were left out",
        "1 of the 535 recordings whose skeletons are missing or incomplete were left out",
    ]
    manifest, _ = ntu120.NTU120.build(tmp_path, "ntu120-xset", hold_out=[])
    assert manifest.clips["split"].tolist() == ["test", "train", "train"]
    with pytest.raises(UserError, match="subject 3 is not a training subject of ntu120-xsub"):
        ntu120.NTU120.build(tmp_path, hold_out=[3])


def test_lists_of_the_authors() -> None:
    assert len(ntu120.CLASSES) == 120 == len(set(ntu120.CLASSES)) and ntu120.CLASSES[:60] == ntu60.CLASSES
    assert len(ntu120.TRAINING) == 53 and len(ntu120.MISSING) == 535
    assert all((int(name[1:4]) > 17) == (int(name[17:20]) > 60) for name in ntu120.MISSING)
    # With the missing ones, the clips of both splits are whole pairs of setup and subject, of 360 clips each.
    for protocol, (train, test) in WHOLE.items():
        rule = ntu120.PROTOCOLS[protocol]
        missing = sum(int(name[9:12]) in rule.subjects and int(name[1:4]) in rule.setups for name in ntu120.MISSING)
        assert (train + missing) % 360 == 0 == (test + 535 - missing) % 360
