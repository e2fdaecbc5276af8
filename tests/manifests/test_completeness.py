"""`manifests unpack`: unpacked data sets are complete or not, and the sentence says where to get the rest."""

import zipfile
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from common.command_line import run_cli
from manifests.commands.app import app
from manifests.completeness import check_complete
from manifests.datasets import DATASETS, DataSet, ntu60, sysu, ucf101
from manifests.published import WHOLE

LISTS = ["classInd.txt", *(f"{name}list0{split}.txt" for name in ("train", "test") for split in (1, 2, 3))]


def call(*arguments: object) -> int:
    try:
        run_cli(partial(app, [str(argument) for argument in arguments], standalone_mode=False))
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def pack(path: Path, names: Iterable[str], content: bytes = b"x") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return path


def ucf101_names() -> list[str]:
    return [f"UCF-101/{path}" for path in ucf101.complete("ucf101-split1").clips["path"]]


def test_all_of_ucf101_is_whole_and_one_clip_less_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """13,320 clips of one byte; the folder and both spellings of HandstandPushups as in the archive."""
    names, out = ucf101_names(), tmp_path / "data"
    assert len(names) == 13320
    archive = pack(tmp_path / "clips.zip", names)
    assert call("unpack", "ucf101", archive, "--out", out) == 0
    printed = capsys.readouterr()
    assert f"13320 files unpacked into {out}, 0 were there" in printed.out
    assert printed.out.splitlines()[-1] == f"UCF101 in {out} is complete, by the names of its files"
    assert printed.err == ""
    for number in "12":
        (out / "holiday" / number).mkdir(parents=True)
        (out / "holiday" / number / "movie.mp4").touch()
    assert call("unpack", "ucf101", "--out", out) == 0, "what lies beside it is the owner's"
    assert f"UCF101 in {out} is complete" in capsys.readouterr().out
    (out / names[5]).unlink()
    assert call("unpack", "ucf101", "--out", out) == 1
    printed = capsys.readouterr()
    assert f"1 of the 13320 clips are not in {out}; the first: {Path(names[5]).stem}" in printed.out
    assert printed.err.startswith(f"error: UCF101 in {out} is not complete; download UCF101.rar (7 GB) from https://")
    assert call("unpack", "ucf101", archive, "--out", out) == 0
    assert f"1 files unpacked into {out}, 13319 were there" in capsys.readouterr().out
    (out / names[7]).write_bytes(b"")
    assert call("unpack", "ucf101", "--out", out) == 1
    assert f"1 files are empty, as {names[7]}; remove them and unpack again" in capsys.readouterr().out


def test_the_official_lists_are_ours(early_data: Path, tmp_path: Path) -> None:
    """The seven files of UCF101's own zip, byte for byte."""
    folder = early_data / "ucf101_splits"
    assert ucf101.compare_official_lists(folder) == [
        f"UCF101's own lists in {folder} are the ones that come with the project"
    ]
    for name in LISTS:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    for name in ("classInd.txt", "trainlist02.txt", "testlist03.txt"):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: content[:-1].rindex(b"\n")])
        assert f"{name} in {tmp_path} differ from the project's lists" in ucf101.compare_official_lists(tmp_path)[0]
        (tmp_path / name).write_bytes(content)
    (tmp_path / "trainlist02.txt").unlink()
    assert ucf101.compare_official_lists(tmp_path)[0].startswith("trainlist02.txt in ")


def test_the_lists_are_found_among_the_clips(early_data: Path, tmp_path: Path) -> None:
    archive = tmp_path / "lists.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in LISTS:
            file.write(early_data / "ucf101_splits" / name, f"ucfTrainTestlist/{name}")
    clips = pack(tmp_path / "clips.zip", ucf101_names()[::120])
    unpacked = tmp_path / "out"
    assert call("unpack", "ucf101", clips, archive, "--out", unpacked) == 1
    complete, printed = check_complete(ucf101.UCF101, unpacked)
    assert not complete
    lists = unpacked / "ucfTrainTestlist"
    assert printed[-1] == f"UCF101's own lists in {lists} are the ones that come with the project"


def test_real_clips_are_found_and_the_others_named(early_data: Path) -> None:
    complete, printed = check_complete(ucf101.UCF101, early_data / "ucf101_six")
    assert not complete
    assert printed[0].startswith("13170 of the 13320 clips are not in ")


def test_ntu60_counts_usable_clips_and_says_how_to_ask_for_access(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two actions of eight subjects, three of which validate or test; and one of the 302."""
    names = [
        f"S001C00{camera}P{subject:03d}R001A{action:03d}"
        for camera in (1, 2, 3)
        for subject in (1, 2, 3, 6, 27, 28)
        for action in (1, 60)
    ]
    missing = sorted(ntu60.MISSING)[0]
    paths = [f"nturgb+d_skeletons/{name}.skeleton" for name in (*names, missing)]
    archive = pack(tmp_path / "skeletons.zip", paths)
    assert call("unpack", "ntu60", archive, "--out", tmp_path / "out") == 1
    printed = capsys.readouterr()
    assert "1 of the 302 recordings whose skeletons are missing or incomplete were left out" in printed.out
    assert "of the 56578 clips are not in" in printed.out
    assert "ask for access at https://rose1.ntu.edu.sg/" in printed.err
    assert "a signed form" in printed.err
    few = replace(ntu60.PROTOCOLS["ntu60-xsub"], counts=(24, 12))
    monkeypatch.setitem(ntu60.PROTOCOLS, "ntu60-xsub", few)
    monkeypatch.setitem(WHOLE, "ntu60-xsub", (60, 24, 12))
    assert call("unpack", "ntu60", "--out", tmp_path / "out") == 0


def sysu_names(*kinds: str) -> list[str]:
    actors, videos = [f"actor{n:02d}" for n in range(40)], [f"video{n}" for n in range(1, 13)]
    return [f"SYSU3DAction/3DvideoNorm/{actor}/{clip}/{kind}" for actor in actors for clip in videos for kind in kinds]


def test_sysu_needs_pictures_and_skeletons_of_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skeletons = pack(tmp_path / "1.zip", sysu_names("sklWorld.mat"))
    assert call("unpack", "sysu", skeletons, "--out", tmp_path / "out") == 1
    printed = capsys.readouterr()
    assert "no manifest column path_rgb: not every clip has its files" in printed.out
    assert "are not confirmed here" in printed.err
    pictures = pack(tmp_path / "2.zip", sysu_names("rgb/1.jpg", "rgb/2.jpg"))
    assert call("unpack", "sysu", skeletons, pictures, "--out", tmp_path / "out") == 0
    assert "960 files unpacked into" in capsys.readouterr().out
    whole, sentences = check_complete(sysu.SYSU, tmp_path / "out" / "SYSU3DAction" / "3DvideoNorm")
    assert (whole, sentences) == (True, [])
    assert sysu.FIXED == "sysu-xsub-fixed"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("ucf101", "none.rar", "--out", "out"), "there is no archive none.rar; download UCF101.rar (7 GB) from"),
        (("ntu60", "--out", "none"), "the folder none does not exist; ask for access at"),
        (("hmdb51", "--out", "out"), "the archives of 'hmdb51' are not known; known: ucf101, ntu60, ntu120, sysu"),
    ],
)
def test_missing_archives_are_reported_with_their_source(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("unpack", *arguments) == 1
    assert capsys.readouterr().err.startswith(f"error: {sentence}")


def test_a_download_that_is_not_the_known_one_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = pack(tmp_path / "nturgbd_skeletons_s001_to_s017.zip", ["a.skeleton"])
    assert call("unpack", "ntu60", archive, "--out", tmp_path / "out") == 1
    assert "67d9e24f858e5736a9826a2065e229fe is known of nturgbd_skeletons_s001_to_s017.zip" in capsys.readouterr().err


def test_checksums_are_of_known_kinds_and_lengths() -> None:
    archives = [one.archives for one in DATASETS.values() if isinstance(one, DataSet) and one.archives is not None]
    known = [value for own in archives for value in own.checksums.values()]
    assert len(known) == 4
    lengths = {"md5": 32, "sha256": 64}
    for value in known:
        algorithm, _, digest = value.partition(":")
        assert len(bytes.fromhex(digest)) * 2 == lengths[algorithm]
