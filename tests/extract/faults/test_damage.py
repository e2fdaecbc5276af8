"""Files of a finished run, deleted, cut, flipped, zeroed or longer: `verify` finds it, `run` makes the same bytes."""

import random
import shutil
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest


def delete(path: Path, chance: random.Random) -> None:
    path.unlink()


def cut(path: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: chance.randrange(len(content.rstrip()))])  # without its last newline nothing is lost


def flip_a_bit(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def zero(path: Path, chance: random.Random) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def append_garbage(path: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes() + chance.randbytes(100))


DAMAGES = {
    "deleted": delete,
    "cut": cut,
    "one bit flipped": flip_a_bit,
    "zeroed": zero,
    "garbage appended": append_garbage,
}
FILES = {
    "a part": "*.run/shards/*/0*.safetensors",
    "a completion record": "*.run/shards/*/0*.json",
    "the ledger": "*.run/shards/*/failures.jsonl",
    "complete.json": "*.run/shards/*/complete.json",
    "merged.json": "*.run/merged.json",
    "settings.json": "*.run/settings.json",
    "clips.csv": "*.run/clips.csv",
    "shards.csv": "*.run/shards.csv",
    "shards.json": "*.run/shards.json",
    "plan.json": "*.run/plan.json",
    "the cache": "features.h5",
}
# What they say, the finished cache does not hang on, or only some of it; shards.* follow from clips.csv.
PASSED_OVER = ("the ledger", "complete.json", "settings.json", "shards.csv", "shards.json")


@pytest.fixture(scope="module")
def some_broken(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str | Path]:
    """The clips; three of them are no videos, so that there is a ledger."""
    folder = tmp_path_factory.mktemp("broken")
    shutil.copytree(clips, folder, dirs_exist_ok=True)
    for name in ("c03", "c11", "c17"):
        (folder / "videos" / f"{name}.avi").write_text("no video")
    return [folder / "clips.csv", "--videos", folder / "videos"]


@pytest.fixture(scope="module")
def finished(command: Any, some_broken: list[str | Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of three shards. Not to be changed."""
    out = tmp_path_factory.mktemp("finished") / "out" / "features.h5"
    assert command("plan", *some_broken, "--out", out, "--shards", "3", "--quick").status == 0
    before = "import extract.shards.shard_worker; extract.shards.shard_worker.PART_CLIPS = 3"
    assert command("run", "--out", out, "--device", "cpu", before=before).status == 3
    return out.parent


@pytest.mark.parametrize("file", list(FILES))
def test_damaged_after_completion(
    campaign: Any,
    trial: Callable[..., Any],
    some_broken: list[str | Path],
    finished: Path,
    file: str,
) -> None:
    fault, chance = campaign.fault(f"{file}, after completion"), campaign.chance(file)
    whole = (finished / "features.h5").read_bytes()
    found = refused = 0
    kinds = cycle(sorted(DAMAGES, key=lambda kind: (kind != "one bit flipped", chance.random())))
    for kind in islice(kinds, campaign.times(2, 10)):
        damaged = trial(fault, of=some_broken, expected=whole)
        shutil.rmtree(damaged.out.parent)
        shutil.copytree(finished, damaged.out.parent)
        chosen = chance.choice(sorted(damaged.out.parent.glob(FILES[file])))
        DAMAGES[kind](chosen, chance)
        fault.times += 1

        verified = damaged.do("verify", damaged.out)
        found += verified.status == 1
        if verified.status == 0 and file not in PASSED_OVER:
            fault.trouble("wrong", f"{chosen} {kind}, and `verify` does not see it")
        ran = damaged.end(damaged.start())
        if ran.status == 1:
            refused += 1
            mend(damaged, ran.stderr)
        damaged.finish(status=3)
        damaged.out.unlink()  # the parts have to be right as well
        damaged.do("merge", damaged.out)
        if damaged.out.read_bytes() != whole:
            fault.trouble("wrong", "merged again, other bytes")
        if fault.notes:
            fault.notes.append(f"   that was {chosen.name} {kind}: {verified.stderr} {ran.stderr}")
    fault.outcome = (
        f"`verify` found {found}, `run` mended {fault.times - refused} and refused {refused}, saying what to do"
    )


def mend(damaged: Any, sentence: str) -> None:
    """Follow the instructions in the error messages until there is a plan."""
    for _ in range(3):
        if "remove that file" in sentence:
            (damaged.run.folder / "plan.json").unlink()
        elif "remove the file" in sentence:
            damaged.out.unlink()
        elif "remove" in sentence:
            shutil.rmtree(damaged.run.folder)
            damaged.out.unlink(missing_ok=True)
        elif "plan again" not in sentence and "`python -m extract plan`" not in sentence:
            break
        planned = damaged.plan()
        if planned.status == 0:
            return
        sentence = planned.stderr
    damaged.fault.trouble("wrong", f"no way to mend it: {sentence}")
