"""Verify a cache against its checksum, and against the parts that it was made of."""

from dataclasses import dataclass
from pathlib import Path

from common.callbacks import ProgressCallback, no_progress
from extract.cache import CacheFacts, check_cache
from extract.shards.merge import is_merged
from extract.shards.run_folder import RunFolder
from extract.shards.run_rows import read_run_rows


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes:
        facts: of the cache, whose checksum is right.
        damaged_parts: completion records of damaged parts, relative to the run folder.
        missing_clips: planned clips that are neither done nor failed.
        as_merged: the cache is the one that was merged of its parts. True where the run folder was removed.
    """

    facts: CacheFacts
    damaged_parts: list[str]
    missing_clips: list[str]
    as_merged: bool

    def problems(self) -> list[str]:
        """Return a sentence for everything that is wrong."""
        damaged, missing = self.damaged_parts, self.missing_clips
        found = [
            f"parts {', '.join(damaged)} are damaged" if damaged else "",
            f"{len(missing)} clips are missing (first: {missing[0]})" if missing else "",
            "" if damaged or missing or self.as_merged else "the cache is not the one that was merged of its parts",
        ]
        return [problem for problem in found if problem]


def verify_cache(
    cache: Path, progress: ProgressCallback = no_progress, parts_progress: ProgressCallback = no_progress
) -> Verification:
    """Verify a cache and, if its run folder is still there, the parts.

    Args:
        cache: the feature cache.
        progress: called with the number of clips of the cache that are read and of all clips.
        parts_progress: called with the number of shards whose parts are read and of all shards.

    Raises:
        UserError: the cache is missing or damaged, or the plan or its list of clips is.
    """
    facts, run = check_cache(cache, progress), RunFolder(cache)
    if not run.folder.exists():  # the user may remove it once the cache is made
        return Verification(facts, [], [], True)
    run.clip_ids().verify()
    damaged, found = run.damaged_parts(parts_progress), read_run_rows(run)
    return Verification(
        facts,
        damaged_parts=[str(record.relative_to(run.folder)) for record in damaged],
        missing_clips=found.missing,
        as_merged=is_merged(run, found.done),
    )
