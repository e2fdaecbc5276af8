"""Comparison of two caches: what is the same bit for bit, how large other differences are, and what is printed."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.command_line import new_app, run_cli
from common.errors import UserError
from extract import cache_rows
from extract.cache_rows import Row
from extract.cache_writer import write_cache
from extract.commands.diff import diff
from extract.diff import CacheDifference, compare_caches

SETTINGS = {"backbone": "b", "precision": "fp32", "segments": 3}


def rows_of(count: int) -> list[Row]:
    chance = np.random.default_rng(0)
    return [
        Row(f"clip{number}", chance.standard_normal((3, 5), dtype=np.float32), 30 + number, True)
        for number in range(count)
    ]


def written(path: Path, rows: list[Row], settings: dict[str, Any] | None = None) -> Path:
    shape = rows[0].features.shape
    write_cache(path, rows, [row.clip_id for row in rows], (shape[0], shape[1]), settings or SETTINGS)
    return path


def compared(folder: Path, a: list[Row], b: list[Row], settings: dict[str, Any] | None = None) -> CacheDifference:
    return compare_caches(written(folder / "a.h5", a), written(folder / "b.h5", b, settings))


def changed(rows: list[Row], number: int, features: NDArray[np.float32]) -> list[Row]:
    return [replace(row, features=features) if index == number else row for index, row in enumerate(rows)]


def test_the_same_in_any_order_and_with_other_settings(tmp_path: Path) -> None:
    rows = rows_of(20)
    shuffled = [rows[number] for number in np.random.default_rng(1).permutation(20)]
    settings = {"backbone": "b", "precision": "bf16", "decoder": "pyav", "compiled": False}
    difference = compared(tmp_path, rows, shuffled, settings)
    assert difference.same_content
    assert (difference.common, difference.features, difference.worst) == (20, 0, [])
    assert {(quantile.cosine, quantile.largest) for quantile in difference.quantiles} == {(1.0, 0.0)}
    assert difference.settings == {
        "compiled": {"b": False},
        "decoder": {"b": "pyav"},
        "precision": {"a": "fp32", "b": "bf16"},
        "segments": {"a": 3},
    }


def test_clips_of_one_only_keep_their_order(tmp_path: Path) -> None:
    rows = rows_of(12)
    difference = compared(tmp_path, rows[::-1][:9], rows[:10])
    assert not difference.same_content
    assert difference.only_in_a == ["clip11", "clip10"]
    assert difference.only_in_b == ["clip0", "clip1", "clip2"]
    assert (difference.common, difference.features) == (7, 0)


def test_no_clip_in_both(tmp_path: Path) -> None:
    rows = rows_of(4)
    difference = compared(tmp_path, rows[:2], rows[2:])
    assert (difference.common, difference.quantiles, difference.worst) == (0, [], [])
    assert not difference.same_content


def test_validity_and_frames(tmp_path: Path) -> None:
    rows = rows_of(4)
    other = [replace(rows[0], valid=False), replace(rows[1], num_frames=7), *rows[:1:-1]]
    difference = compared(tmp_path, rows, other)
    assert (difference.valid, difference.num_frames, difference.features) == (["clip0"], ["clip1"], 0)
    assert not difference.same_content
    assert not replace(difference, valid=[]).same_content
    assert not replace(difference, num_frames=[]).same_content
    assert replace(difference, valid=[], num_frames=[]).same_content


def test_clips_are_named_in_the_order_of_the_first_cache(tmp_path: Path) -> None:
    rows = rows_of(12)[::-1]
    difference = compared(tmp_path, rows, [replace(row, num_frames=1, valid=False) for row in sorted(rows, key=str)])
    assert difference.valid == difference.num_frames == [row.clip_id for row in rows]


def test_the_lowest_cosine_and_the_largest_difference(tmp_path: Path) -> None:
    rows = rows_of(20)
    turned = rows[3].features.copy()
    turned[1] *= -1
    near = rows[8].features * np.float32(1.001)
    difference = compared(tmp_path, rows, changed(changed(rows, 3, turned), 8, near))
    assert difference.features == 2
    assert [clip.clip_id for clip in difference.worst] == ["clip3", "clip8"]
    assert difference.worst[0].cosine == pytest.approx(-1)
    assert difference.worst[0].largest == pytest.approx(2 * float(np.abs(rows[3].features[1]).max()))
    assert difference.worst[1].cosine == pytest.approx(1) and difference.worst[1].cosine <= 1
    assert difference.worst[1].largest == pytest.approx(float(np.abs(near - rows[8].features).max()))
    first, *_, half = difference.quantiles
    assert (first.share, first.cosine, first.largest) == (0, difference.worst[0].cosine, difference.worst[0].largest)
    assert (half.share, half.cosine, half.largest) == (0.5, 1, 0)


def test_segments_of_zeros(tmp_path: Path) -> None:
    """The cosine is 1 if both are zero, 0 if one is; minus zero differs in a bit, but not in value."""
    rows = rows_of(3)
    zero, one_zero = np.zeros((3, 5), np.float32), rows[0].features.copy()
    one_zero[2] = 0
    a = changed(changed(rows, 1, zero), 2, zero)
    difference = compared(tmp_path, a, changed(changed(a, 0, one_zero), 2, -zero))
    assert [(clip.clip_id, clip.cosine) for clip in difference.worst] == [("clip0", 0.0), ("clip2", 1.0)]
    assert difference.worst[1].largest == 0
    assert difference.features == 2


def test_only_the_ten_worst_are_kept(tmp_path: Path) -> None:
    rows = rows_of(30)
    difference = compared(tmp_path, rows, [replace(row, features=row.features[::-1].copy()) for row in rows])
    assert difference.features == 30
    cosines = [clip.cosine for clip in difference.worst]
    assert len(cosines) == 10 and cosines == sorted(cosines)
    assert cosines[0] == difference.quantiles[0].cosine


@given(
    order=st.permutations(range(9)),
    missing_a=st.sets(st.integers(0, 8), max_size=7),
    missing_b=st.sets(st.integers(0, 8), max_size=7),
    touched=st.sets(st.integers(0, 8)),
    block_bytes=st.integers(1, 8000),
)
def test_against_a_comparison_clip_by_clip(
    tmp_path_factory: pytest.TempPathFactory,
    order: list[int],
    missing_a: set[int],
    missing_b: set[int],
    touched: set[int],
    block_bytes: int,
) -> None:
    rows = rows_of(9)
    a = {number: rows[number] for number in range(9) if number not in missing_a}
    b = {
        number: replace(rows[number], features=np.roll(rows[number].features, 1) if number in touched else a_row)
        for number in order
        if number not in missing_b
        for a_row in [rows[number].features]
    }
    common = [number for number in a if number in b]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache_rows, "BLOCK_BYTES", block_bytes)
        difference = compared(tmp_path_factory.mktemp("caches"), list(a.values()), list(b.values()))
    assert difference.only_in_a == [rows[number].clip_id for number in a if number not in b]
    assert difference.only_in_b == [rows[number].clip_id for number in b if number not in a]
    assert difference.common == len(common)
    expected = {}
    for number in touched.intersection(common):
        x, y = a[number].features.astype(float), b[number].features.astype(float)
        cosine = min(float(u @ v / np.linalg.norm(u) / np.linalg.norm(v)) for u, v in zip(x, y, strict=True))
        expected[rows[number].clip_id] = (pytest.approx(cosine), pytest.approx(float(np.abs(x - y).max())))
    assert {clip.clip_id: (clip.cosine, clip.largest) for clip in difference.worst} == expected
    assert difference.same_content == (set(a) == set(b) and not expected)


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    rows = rows_of(2)
    a = written(tmp_path / "a.h5", rows)
    wider = [replace(row, features=np.ones((3, 6), np.float32)) for row in rows]
    b = written(tmp_path / "b.h5", wider, {**SETTINGS, "backbone": "c"})
    with pytest.raises(UserError, match=r"\(3, 5\), those of .* \(3, 6\): .*; settings that differ: backbone"):
        compare_caches(a, b)
    with pytest.raises(UserError, match="no feature cache"):
        compare_caches(a, tmp_path / "nothing.h5")
    unreal = changed(rows, 1, np.full((3, 5), np.nan, np.float32))
    with pytest.raises(UserError, match=r"n\.h5 has features that are not finite numbers"):
        compare_caches(a, written(tmp_path / "n.h5", unreal))
    content = bytearray(a.read_bytes())
    content[-1] ^= 1
    content[content.index(rows[0].features.tobytes())] ^= 1
    a.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.h5 is damaged"):
        compare_caches(a, written(tmp_path / "b.h5", rows))


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """A function that runs the command and returns its status, what it printed, and its errors."""
    app = new_app("The command under test.")
    app.command()(diff)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["diff", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            run_cli(app)
        assert isinstance(end.value.code, int)
        return end.value.code, *capsys.readouterr()

    return run


def test_the_command_on_caches_that_are_the_same(tmp_path: Path, command: Callable[..., tuple[int, str, str]]) -> None:
    rows = rows_of(5)
    a, b = written(tmp_path / "a.h5", rows), written(tmp_path / "b.h5", rows[::-1], {**SETTINGS, "segments": 4})
    status, said, errors = command(a, b)
    assert (status, errors) == (0, "")
    assert "the same 5 clips, bit for bit" in said
    assert "settings that differ" in said and "segments" in said
    assert "how far apart" not in said
    status, said, errors = command(a, b, "--json")
    found = json.loads(said)
    assert (status, found["same_content"], found["common"]) == (0, True, 5)
    assert found["settings"] == {"segments": {"a": 3, "b": 4}}


def test_the_command_on_caches_that_differ(tmp_path: Path, command: Callable[..., tuple[int, str, str]]) -> None:
    rows = [replace(row, clip_id=f"[red]{row.clip_id}") for row in rows_of(8)]
    turned = changed(changed(rows, 4, -rows[4].features), 0, rows[0].features + np.float32(1e-6))
    b = [replace(turned[0], valid=False), replace(turned[1], num_frames=3), *turned[2:]]
    a_path, b_path = written(tmp_path / "a.h5", rows), written(tmp_path / "b.h5", b[:6])
    status, said, errors = command(a_path, b_path)
    assert (status, errors) == (1, "")
    assert "6 clips in both; the features of 2 differ" in said
    assert "clips only in A: 2 ([red]clip6, [red]clip7)" in said
    assert "only in B" not in said
    assert "clips valid in one only: 1 ([red]clip0)" in said
    assert "clips with other numbers of frames: 1 ([red]clip1)" in said
    assert "[red]clip4" in said and "-1.00000000" in said
    status, said, errors = command(a_path, b_path, "--json")
    found = json.loads(said)
    assert status == 1
    assert found == {"same_content": False} | asdict(compare_caches(a_path, b_path))


def test_the_command_on_a_file_that_is_no_cache(tmp_path: Path, command: Callable[..., tuple[int, str, str]]) -> None:
    (tmp_path / "a.h5").write_text("text")
    status, said, errors = command(tmp_path / "a.h5", tmp_path / "b.h5")
    assert (status, said) == (1, "")
    assert errors.startswith("error: ") and errors.count("\n") == 1
