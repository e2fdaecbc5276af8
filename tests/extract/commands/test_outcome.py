"""`--json` on the verbs that work on a run: one JSON object on standard output, and the same exit status as without."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "features.h5"


def printed(finished: Any, status: int = 0) -> dict[str, Any]:
    assert finished.status == status, finished.stderr
    record: dict[str, Any] = json.loads(finished.stdout)
    return record


def test_from_plan_to_merge(command: Any, footage: Path, out: Path) -> None:
    clips = [footage / "clips.csv", "--videos", footage / "videos", "--out", out]
    planned = printed(command("plan", *clips, "--shards", "2", "--quick", "--json"))
    assert (planned["cache"], planned["clips"], sum(planned["shard_sizes"])) == (str(out), 8, 8)
    assert planned["added"] == planned["removed"] == [] and len(planned["shard_sizes"]) == 2

    handed = printed(command("submit", out, "--dry-run", "--json"))
    assert (handed["engine"], handed["shards"]) == ("local", [0, 1])
    assert [sentence.split()[-1] for sentence in handed["sentences"]] == ["0/2", "1/2"]

    (footage / "videos" / "c4.avi").write_text("not a video")
    options = ["--device", "cpu", "--workers", "1", "--json"]
    one = printed(command("run", "--out", out, "--shard", "1/2", *options), status=3 * ("c4" in shard_ids(out, 1)))
    assert (one["shard"], one["unfinished_shards"], one["clips"], one["content_sha256"]) == (1, [0], None, None)

    ended = printed(command("run", "--out", out, *options), status=3)
    assert (ended["num_shards"], ended["unfinished_shards"], ended["clips"], ended["valid"]) == (2, [], 8, 7)
    assert [failure["clip_id"] for failure in ended["failures"]] == ["c4"]
    for verb in (["merge", out, "--json"], ["submit", out, "--json"]):
        assert printed(command(*verb), status=3) == ended
    again = printed(command("retry", out, *options), status=3)
    assert again["failures"][0]["attempt"] == 2 and again["content_sha256"] == ended["content_sha256"]
    verified = printed(command("verify", out, "--json"))
    assert verified["content_sha256"] == ended["content_sha256"] and verified["valid"] == 7


def shard_ids(out: Path, shard: int) -> list[str]:
    from extract.shards.run_folder import RunFolder

    clips = RunFolder(out).clips
    return list(clips.loc[clips["shard"] == shard, "clip_id"])
