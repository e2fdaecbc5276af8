"""A shard's folder: damaged files do not count, and no file is overwritten, with locks and without."""

import errno
import fcntl
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from extract.cache_rows import Row
from extract.decoding.decode_process import Failure
from extract.shards.folder_lock import BusyError
from extract.shards.shard_folder import ShardFolder


def rows(*clip_ids: str) -> list[Row]:
    return [Row(clip_id, np.full((2, 3), float(len(clip_id)), np.float32), 7, True) for clip_id in clip_ids]


@pytest.fixture
def shard(tmp_path: Path) -> ShardFolder:
    with ShardFolder(tmp_path / "00000") as shard:
        shard.write_part(rows("a", "bb"))
        shard.write_part(rows("ccc"))
        shard.add_failure(Failure("dddd", "decode", "it is cut"))
    return shard


def test_what_was_written_is_found(shard: ShardFolder) -> None:
    done = shard.done()
    assert list(done) == ["a", "bb", "ccc"]
    assert (done["bb"].part.name, done["bb"].row, done["bb"].num_frames) == ("000001.safetensors", 1, 7)
    assert {clip: row.reason for clip, row in shard.failures(done).items()} == {"dddd": "it is cut"}
    assert shard.failures({"dddd"}) == {}
    assert shard.damaged_parts() == []


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_flipped_bit_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """In a part or in its record: a damaged clip never counts as done."""
    folder = tmp_path_factory.mktemp("shard")
    with ShardFolder(folder) as shard:
        shard.write_part(rows("a", "bb"))
    name = data.draw(st.sampled_from(["000001.safetensors", "000001.json"]))
    content = bytearray((folder / name).read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    if name.endswith(".json") and bit // 8 == len(content) - 1:
        return  # the newline at its end says nothing
    (folder / name).write_bytes(content)
    with shard:
        assert [path.name for path in shard.damaged_parts()] == ["000001.json"]
        assert shard.drop_damaged_parts() == 1
        assert shard.done() == {} and not list(folder.glob("0*"))


@pytest.mark.parametrize("gone", ["000001.safetensors", "000001.json"])
def test_a_part_without_its_record_or_a_record_without_its_part(shard: ShardFolder, gone: str) -> None:
    (shard.folder / gone).unlink()
    with shard:
        shard.drop_damaged_parts()
        assert list(shard.done()) == ["ccc"]
        assert [path.name for path in sorted(shard.folder.glob("0*"))] == ["000002.json", "000002.safetensors"]


def test_a_torn_ledger_costs_one_attempt_and_counts_go_on(shard: ShardFolder) -> None:
    with shard.ledger.path.open("ab") as ledger:
        ledger.write(b'{"clip_id": "eeee')
    again = ShardFolder(shard.folder)
    with again:
        again.add_failure(Failure("dddd", "decode", "still cut"))
        again.add_failure(Failure("ffff", "decode", "empty"))
        again.add_failure(Failure("ffff", "decode", "empty"))
    attempts = {clip: (row.attempt, row.reason) for clip, row in again.failures({}).items()}
    assert attempts == {"dddd": (2, "still cut"), "ffff": (2, "empty")}
    with again.ledger.path.open("ab") as ledger:
        ledger.write(b'[1]\n"text"\n{"clip_id": "g"}\n')
    assert len(ShardFolder(shard.folder).failures({})) == 2


def test_completion_holds_for_the_clips_it_names(shard: ShardFolder) -> None:
    assert shard.completion() == {}
    shard.complete("abc", 3, 1)
    assert shard.completion() == {"clips_sha256": "abc", "done": 3, "failed": 1}
    shard.incomplete()
    shard.incomplete()
    assert shard.completion() == {}
    (shard.folder / "complete.json").write_text('["torn')
    assert shard.completion() == {}


def test_one_worker_at_a_time_and_the_next_waits(tmp_path: Path) -> None:
    with ShardFolder(tmp_path / "s"), pytest.raises(BusyError, match="another process is at work on .*s; wait for it"):
        ShardFolder(tmp_path / "s", patience=0.2).__enter__()
    with ShardFolder(tmp_path / "s"):
        pass


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: object, operation: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.usefixtures("no_locks")
def test_without_locks_two_workers_never_disturb_each_other(tmp_path: Path) -> None:
    with ShardFolder(tmp_path / "s") as one, ShardFolder(tmp_path / "s") as two:
        one.write_part(rows("a"))
        two.write_part(rows("a"))
        leftover = tmp_path / "s" / ".000009.json.abc.tmp"
        leftover.touch()  # what the other one is writing just now
        with ShardFolder(tmp_path / "s") as three:
            assert leftover.exists()
            three.write_part(rows("bb"))
    assert sorted(path.name for path in (tmp_path / "s").glob("*.safetensors")) == [
        f"00000{n}.safetensors" for n in (1, 2, 3)
    ]
    assert set(one.done()) == {"a", "bb"} and one.damaged_parts() == []


WRITE_TEN = """
import sys
from pathlib import Path
import numpy as np
from extract.cache_rows import Row
from extract.shards.shard_folder import ShardFolder
folder, clip = sys.argv[1:]
for index in range(10):
    ShardFolder(Path(folder)).write_part([Row(f"{clip}{index}", np.zeros((2, 3), np.float32), 7, True)])
"""


def test_parts_of_workers_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    """Without a lock, two workers are kept apart only because a name is taken by making its file."""
    (tmp_path / "s").mkdir()
    workers = [subprocess.Popen([sys.executable, "-c", WRITE_TEN, str(tmp_path / "s"), clip]) for clip in "abc"]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    shard = ShardFolder(tmp_path / "s")
    assert set(shard.done()) == {f"{clip}{n}" for clip, n in itertools.product("abc", range(10))}
    assert shard.damaged_parts() == [] and len(shard.records()) == 30


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*file/s: (Not a directory|File exists)"):
        ShardFolder(tmp_path / "file" / "s").__enter__()


def test_the_record_is_read_by_strangers(shard: ShardFolder) -> None:
    """Its keys are those that `docs/cluster.md` lists."""
    record = json.loads((shard.folder / "000001.json").read_text())
    assert record.keys() == {"clip_id", "num_frames", "source", "part_sha256", "sha256"}
