"""The cache file: same content, same bytes; it is read as written, damage is found, and memory does not grow."""

import hashlib
import json
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from extract import cache_rows
from extract.cache import check_cache, open_cache, read_cache
from extract.cache_rows import Row
from extract.cache_writer import write_cache

IDS = [*(f"clip{number}" for number in range(12)), "Ünï/ça", "x" * 70]
SETTINGS = {"backbone": "b", "segments": 3, "weights": "random"}


def row(number: int) -> Row:
    features = (np.arange(15, dtype=np.float32).reshape(3, 5) - number) / 8
    return Row(IDS[number], features, 30 + number, number != 5)


def written(path: Path) -> Path:
    write_cache(path, (row(number) for number in range(len(IDS))), IDS, (3, 5), SETTINGS)
    return path


def test_the_bytes_are_those_of_the_first_release(tmp_path: Path) -> None:
    content = written(tmp_path / "c.h5").read_bytes()
    assert hashlib.sha256(content).hexdigest() == "c67617f0e0b40c8eb94f1391f8c83667ca85e63028c8ce96359d9a7096f71a2a"
    fingerprint = "98ac411785630824d45572a50b1ea428199dedadbe05f04d5ec8e58b8c5a0f10"
    assert read_cache(tmp_path / "c.h5").content_sha256 == fingerprint


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    read = read_cache(written(tmp_path / "c.h5"))
    assert read.clip_id == IDS
    assert read.valid.tolist() == [number != 5 for number in range(len(IDS))]
    assert read.num_frames.tolist() == [30 + number for number in range(len(IDS))]
    assert read.features.dtype == np.float32
    assert all(np.array_equal(read.features[number], row(number).features) for number in range(len(IDS)))
    assert read.settings == SETTINGS


def test_the_facts_of_a_checked_cache(tmp_path: Path) -> None:
    facts = check_cache(written(tmp_path / "c.h5"))
    assert (facts.clips, facts.valid, facts.segments, facts.feature_dim) == (14, 13, 3, 5)
    assert facts.settings == SETTINGS
    assert facts.content_sha256 == read_cache(tmp_path / "c.h5").content_sha256


@given(block_bytes=st.integers(1, 20_000), clips=st.integers(1, 20))
def test_blocks_of_any_size_make_and_read_the_same_file(
    tmp_path_factory: pytest.TempPathFactory, block_bytes: int, clips: int
) -> None:
    folder = tmp_path_factory.mktemp("blocks")
    whole = written(folder / "whole.h5").read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache_rows, "BLOCK_BYTES", block_bytes)
        assert written(folder / "blocks.h5").read_bytes() == whole
        assert check_cache(folder / "blocks.h5").valid == 13
    with open_cache(folder / "blocks.h5") as file:
        blocks = [file.rows(start, start + clips) for start in range(0, len(IDS), clips)]
    assert [clip_id for rows in blocks for clip_id in rows.clip_id] == IDS
    read = read_cache(folder / "whole.h5")
    for column in ("features", "num_frames", "valid"):
        joined = np.concatenate([getattr(rows, column) for rows in blocks])
        assert np.array_equal(joined, getattr(read, column))


def test_rows_are_let_go_one_at_a_time(tmp_path: Path) -> None:
    """Rows may come from a generator, and each may be a view that keeps a whole part in memory."""
    alive = most = 0

    def let_go() -> None:
        nonlocal alive
        alive -= 1

    def rows() -> Iterator[Row]:
        nonlocal alive, most
        for number in range(len(IDS)):
            fresh = row(number)
            weakref.finalize(fresh, let_go)
            alive += 1
            most = max(most, alive)
            yield fresh
            del fresh

    write_cache(tmp_path / "c.h5", rows(), IDS, (3, 5), SETTINGS)
    assert most <= 2
    assert read_cache(tmp_path / "c.h5").clip_id == IDS


def test_a_check_takes_the_memory_of_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"clip{number:04}" for number in range(4000)]
    features = np.ones((10, 64), np.float32)
    write_cache(tmp_path / "c.h5", (Row(clip_id, features, 1, True) for clip_id in ids), ids, (10, 64), SETTINGS)

    def peak(function: Callable[[Path], object]) -> int:
        tracemalloc.start()
        try:
            function(tmp_path / "c.h5")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    monkeypatch.setattr(cache_rows, "BLOCK_BYTES", 100_000)
    assert peak(read_cache) > 4000 * 10 * 64 * 4
    assert peak(check_cache) < 1_000_000


def test_no_time_and_no_place_in_the_file(tmp_path: Path) -> None:
    assert str(tmp_path).encode() not in written(tmp_path / "c.h5").read_bytes()


@pytest.mark.parametrize("read", [read_cache, check_cache])
def test_every_damaged_byte_of_the_features_is_found(tmp_path: Path, read: Callable[[Path], object]) -> None:
    path = written(tmp_path / "c.h5")
    content = path.read_bytes()
    with h5py.File(path) as file:
        start = file["features"].id.get_offset()
    for offset in (0, 17, 14 * 3 * 5 * 4 - 1):
        damaged = bytearray(content)
        damaged[start + offset] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="is damaged: its content does not have the checksum"):
            read(path)


@pytest.mark.parametrize("read", [read_cache, check_cache])
@pytest.mark.parametrize("column, value", [("clip_id", b"clip99"), ("num_frames", 1), ("valid", False)])
def test_every_other_column_is_part_of_the_checksum(
    tmp_path: Path, read: Callable[[Path], object], column: str, value: object
) -> None:
    path = written(tmp_path / "c.h5")
    with h5py.File(path, "r+") as file:
        file[column][13] = value
    with pytest.raises(UserError, match="is damaged: its content does not have the checksum"):
        read(path)


@pytest.mark.parametrize("read", [read_cache, check_cache])
def test_the_settings_are_part_of_the_checksum(tmp_path: Path, read: Callable[[Path], object]) -> None:
    path = written(tmp_path / "c.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["settings"] = json.dumps({**SETTINGS, "segments": 4})
    with pytest.raises(UserError, match="is damaged"):
        read(path)


@pytest.mark.parametrize("read", [read_cache, check_cache])
@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n" + b"\0" * 100])
def test_not_a_cache(tmp_path: Path, read: Callable[[Path], object], content: bytes) -> None:
    path = tmp_path / "c.h5"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a (whole )?feature cache"):
        read(path)
    with pytest.raises(UserError, match="not a (whole )?feature cache"):
        read(tmp_path)
    with pytest.raises(UserError, match="no feature cache"):
        read(tmp_path / "nothing.h5")


@pytest.mark.parametrize("read", [read_cache, check_cache])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.pop("clip_id"),
        lambda file: (file.pop("features"), file.create_group("features")),
        lambda file: (file.pop("features"), file.create_dataset("features", data=np.zeros((14, 15)))),
        lambda file: (file.pop("features"), file.create_dataset("features", data=np.float32(1))),
        lambda file: (file.pop("valid"), file.create_dataset("valid", data=np.ones(13, np.bool_))),
        lambda file: (file.pop("clip_id"), file.create_dataset("clip_id", data=np.ones(14))),
        lambda file: file.attrs.pop("settings"),
        lambda file: file.attrs.modify("settings", "{"),
        lambda file: file.attrs.create("settings", 3),
    ],
)
def test_an_hdf5_file_that_is_no_cache(
    tmp_path: Path, read: Callable[[Path], object], spoil: Callable[[h5py.File], object]
) -> None:
    path = written(tmp_path / "c.h5")
    with h5py.File(path, "r+") as file:
        spoil(file)
    with pytest.raises(UserError, match=r"is not a whole feature cache \(.*\); merge it again"):
        read(path)


def test_settings_are_readable_without_this_project(tmp_path: Path) -> None:
    with h5py.File(written(tmp_path / "c.h5")) as file:
        assert json.loads(file.attrs["settings"])["backbone"] == "b"
        assert set(file) == {"features", "clip_id", "num_frames", "valid"}
