"""Why clips failed, as one sentence: the most frequent reasons, an example of each, and where all of them are."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from extract.shards.ledger import LedgerRow

NAMED = 3  # reasons that the sentence names


def describe_failures(failures: Mapping[str, LedgerRow], folder: Path) -> str:
    """Return the most frequent reasons, each with the number of its clips and the first of their names.

    Args:
        failures: the last failed attempt of each clip.
        folder: the run folder, where the ledgers are.
    """
    counts = Counter((row.stage, row.reason) for row in failures.values())
    first: dict[tuple[str, str], str] = {}
    for row in sorted(failures.values(), key=lambda row: row.clip_id):  # a ledger has the order of the decoders
        first.setdefault((row.stage, row.reason), row.clip_id)
    named = [
        f"{count} in stage {stage}: {reason} (first: {first[stage, reason]})"
        for (stage, reason), count in counts.most_common(NAMED)
    ]
    if more := len(counts) - len(named):
        clips = len(failures) - sum(count for _, count in counts.most_common(NAMED))
        named.append(f"{clips} for {more} other reason{'s' if more > 1 else ''}")
    return f"{'; '.join(named)}. All are in {folder}/shards/*/failures.jsonl"
