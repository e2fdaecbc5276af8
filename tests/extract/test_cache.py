"""The cache and its parts: whole or absent, the same bytes however they came about, damage found."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from extract.cache import Row, read_cache, write_cache
from extract.parts import PartsFolder
from extract.pool import Failure
from manifests.errors import UserError

IDS = [f"clip{number}" for number in range(12)]
SETTINGS = {"backbone": "b", "segments": 3, "weights": "random"}


def row(clip_id: str) -> Row:
    generator = np.random.default_rng(IDS.index(clip_id))
    return Row(clip_id, generator.standard_normal((3, 5), dtype=np.float32), 30 + IDS.index(clip_id), True)


def extract_in(cache: Path, *parts: list[str], failed: list[str] | None = None) -> bytes:
    with PartsFolder(cache) as folder:
        folder.start(SETTINGS, IDS)
        for clip_ids in parts:
            folder.write_part([row(clip_id) for clip_id in clip_ids])
        for clip_id in failed or []:
            folder.add_failure(Failure(clip_id, "decode", "because"))
        folder.merge()
    return cache.read_bytes()


def test_the_same_bytes_however_the_clips_were_cut_into_parts(tmp_path: Path) -> None:
    one = extract_in(tmp_path / "one.h5", IDS)
    two = extract_in(tmp_path / "two.h5", IDS[7:], IDS[3:7][::-1], IDS[:3])
    many = extract_in(tmp_path / "many.h5", *[[clip_id] for clip_id in reversed(IDS)])
    assert one == two == many


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    extract_in(tmp_path / "c.h5", IDS[:5], IDS[6:], failed=[IDS[5]])
    cache = read_cache(tmp_path / "c.h5")
    assert cache.clip_id == IDS
    assert cache.valid.tolist() == [index != 5 for index in range(12)]
    assert cache.num_frames.tolist() == [0 if index == 5 else 30 + index for index in range(12)]
    assert not cache.features[5].any()
    assert all(np.array_equal(cache.features[index], row(IDS[index]).features) for index in range(12) if index != 5)
    assert cache.settings == SETTINGS
    assert cache.features.dtype == np.float32


def test_no_time_and_no_place_in_the_file(tmp_path: Path) -> None:
    content = extract_in(tmp_path / "c.h5", IDS)
    assert str(tmp_path).encode() not in content


def test_every_damaged_byte_of_the_features_is_found(tmp_path: Path) -> None:
    path = tmp_path / "c.h5"
    content = bytearray(extract_in(path, IDS))
    with h5py.File(path) as file:
        start = file["features"].id.get_offset()
    for offset in (0, 17, 12 * 3 * 5 * 4 - 1):
        damaged = bytearray(content)
        damaged[start + offset] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="damaged"):
            read_cache(path)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n" + b"\0" * 100])
def test_not_a_cache(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.h5"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a whole feature cache"):
        read_cache(path)
    with h5py.File(path, "w") as file:
        file["features"] = np.zeros(3)
    with pytest.raises(UserError, match="not a whole feature cache"):
        read_cache(path)
    with pytest.raises(UserError, match="no feature cache"):
        read_cache(tmp_path / "nothing.h5")


def test_merge_wants_every_clip(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"2 clips are not extracted yet \(first: clip4\)"):
        extract_in(tmp_path / "c.h5", IDS[:4], IDS[6:])
    with pytest.raises(UserError, match="every one of the 12 clips failed"):
        extract_in(tmp_path / "d.h5", failed=IDS)
    assert not (tmp_path / "c.h5").exists()


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    extract_in(tmp_path / "c.h5", IDS)
    with PartsFolder(tmp_path / "c.h5") as folder:
        with pytest.raises(UserError, match="backbone: 'b' there, 'other' now; new: None there, 1 now"):
            folder.start({**SETTINGS, "backbone": "other", "new": 1}, IDS)
        folder.start(SETTINGS, IDS)


def test_a_cache_of_unknown_making_is_never_overwritten(tmp_path: Path) -> None:
    content = extract_in(tmp_path / "c.h5", IDS)
    (tmp_path / "c.h5").rename(tmp_path / "copy.h5")
    with pytest.raises(UserError, match=r"copy\.h5 is there, and .*, which says how it was made, is not"):
        extract_in(tmp_path / "copy.h5", IDS[:6])
    assert (tmp_path / "copy.h5").read_bytes() == content


def test_a_part_without_its_record_does_not_exist(tmp_path: Path) -> None:
    with PartsFolder(tmp_path / "c.h5") as folder:
        folder.start(SETTINGS, IDS)
        folder.write_part([row("clip0")])
        folder.write_part([row("clip1")])
        (folder.folder / "parts" / "000002.json").unlink()
        assert list(folder.done()) == ["clip0"]
        folder.write_part([row("clip2")])  # takes the dead part's place
        assert sorted(folder.done()) == ["clip0", "clip2"]
        assert not folder.damaged_parts()


def test_damaged_and_deleted_parts_are_found_and_made_again(tmp_path: Path) -> None:
    whole = extract_in(tmp_path / "c.h5", IDS[:4], IDS[4:8], IDS[8:])
    with PartsFolder(tmp_path / "c.h5") as folder:
        (folder.folder / "parts" / "000001.safetensors").unlink()
        flipped = folder.folder / "parts" / "000003.safetensors"
        content = bytearray(flipped.read_bytes())
        content[-1] ^= 1
        flipped.write_bytes(content)
        assert [record.stem for record in folder.damaged_parts()] == ["000001", "000003"]
        with pytest.raises(UserError, match="2 parts in .* are damaged"):
            folder.merge()
        assert folder.drop_damaged_parts() == 2
        assert set(folder.done()) == set(IDS[4:8])
        folder.write_part([row(clip_id) for clip_id in IDS[:4] + IDS[8:]])
        folder.merge()
    assert (tmp_path / "c.h5").read_bytes() == whole


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"clip_id": ["clip0"]', b"\xff\xfe"])
def test_a_damaged_record_costs_its_part_only(tmp_path: Path, content: bytes) -> None:
    whole = extract_in(tmp_path / "c.h5", IDS[:4], IDS[4:])
    with PartsFolder(tmp_path / "c.h5") as folder:
        (folder.folder / "parts" / "000001.json").write_bytes(content)
        assert set(folder.done()) == set(IDS[4:])
        assert folder.drop_damaged_parts() == 1
        folder.write_part([row(clip_id) for clip_id in IDS[:4]])
        folder.merge()
    assert (tmp_path / "c.h5").read_bytes() == whole


def test_ledger_counts_attempts_and_forgets_what_succeeded(tmp_path: Path) -> None:
    with PartsFolder(tmp_path / "c.h5") as folder:
        folder.start(SETTINGS, IDS)
        for reason in ("first", "second"):
            folder.add_failure(Failure("clip1", "decode", reason))
        folder.add_failure(Failure("clip2", "network", "nan"))
        folder.write_part([row("clip2")])
        failures = folder.failures()
        assert list(failures) == ["clip1"]
        assert (failures["clip1"].attempt, failures["clip1"].reason) == (2, "second")


def test_a_torn_ledger_line_costs_that_line_only(tmp_path: Path) -> None:
    with PartsFolder(tmp_path / "c.h5") as folder:
        folder.start(SETTINGS, IDS)
        folder.add_failure(Failure("clip1", "decode", "one"))
        with (folder.folder / "failures.jsonl").open("ab") as ledger:
            ledger.write(b'{"clip_id": "cli')
        folder.add_failure(Failure("clip2", "decode", "two"))
        assert list(folder.failures()) == ["clip1", "clip2"]


def test_two_processes_on_one_output(tmp_path: Path) -> None:
    with PartsFolder(tmp_path / "c.h5"), pytest.raises(UserError, match="another process is writing"):
        PartsFolder(tmp_path / "c.h5").__enter__()
    with PartsFolder(tmp_path / "c.h5"):
        pass


def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        PartsFolder(tmp_path / "file" / "c.h5").__enter__()


def test_merged_notices_what_came_after(tmp_path: Path) -> None:
    extract_in(tmp_path / "c.h5", IDS[:11], failed=[IDS[11]])
    with PartsFolder(tmp_path / "c.h5") as folder:
        assert folder.merged()
        folder.write_part([row(IDS[11])])
        assert not folder.merged()
        folder.merge()
        assert folder.merged()
        (tmp_path / "c.h5").unlink()
        assert not folder.merged()
    shutil.rmtree(folder.folder)


def test_settings_are_readable_without_this_project(tmp_path: Path) -> None:
    extract_in(tmp_path / "c.h5", IDS)
    with h5py.File(tmp_path / "c.h5") as file:
        assert json.loads(file.attrs["settings"])["backbone"] == "b"
        assert set(file) == {"features", "clip_id", "num_frames", "valid"}


def test_rows_are_written_one_at_a_time(tmp_path: Path) -> None:
    """A generator is enough: nobody keeps all features in memory."""
    write_cache(tmp_path / "c.h5", (row(clip_id) for clip_id in IDS), IDS, (3, 5), SETTINGS)
    assert read_cache(tmp_path / "c.h5").clip_id == IDS


def test_leftovers_of_a_kill_are_cleared_away_and_nothing_else(tmp_path: Path) -> None:
    extract_in(tmp_path / "c.h5", IDS)
    mine = [tmp_path / ".c.h5.x1.tmp", tmp_path / "c.h5.run" / "parts" / ".000002.json.x2.tmp"]
    others = [tmp_path / ".other.h5.x3.tmp", tmp_path / "c.h5.tmp"]
    for path in mine + others:
        path.write_text("half")
    with PartsFolder(tmp_path / "c.h5"):
        pass
    assert [path.exists() for path in mine + others] == [False, False, True, True]


def test_an_output_that_is_a_folder_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder; give the file to write"):
        PartsFolder(tmp_path).__enter__()
