"""`cleaned.json` in a run folder: which parts `clean` has removed, because the cache holds their features.

The record is written before the parts are removed. It is valid as long as the cache is the file that it names. So a
removed part counts as damaged, and its clips are extracted again, if the cache is lost or changed.
"""

from collections.abc import Mapping
from pathlib import Path

from common.files import sha256_of, write_text
from extract.shards.checked_json import dump_checked, load_checked

NAME = "cleaned.json"


def part_name(record: Path) -> str:
    """Return the name of a part in the record, as in 00003/000001, from its completion record or its own file."""
    return f"{record.parent.name}/{record.stem}"


def write_cleaned(folder: Path, cache_sha256: str, parts: Mapping[str, str]) -> None:
    """Write the record.

    Args:
        folder: the run folder.
        cache_sha256: checksum of the cache.
        parts: the checksum of each part, by `part_name`.
    """
    write_text(folder / NAME, dump_checked({"cache_sha256": cache_sha256, "parts": dict(parts)}))


def read_cleaned(folder: Path, cache: Path) -> dict[str, str]:
    """Return the checksum of each part that was removed and is in the cache; none if the cache is another file now."""
    try:
        record = load_checked((folder / NAME).read_bytes())
        parts: dict[str, str] = record["parts"]
        return parts if sha256_of(cache) == record["cache_sha256"] else {}
    except (OSError, ValueError, KeyError):
        return {}


def remove_cleaned(folder: Path) -> None:
    """Remove the record, after all parts were restored."""
    (folder / NAME).unlink(missing_ok=True)
