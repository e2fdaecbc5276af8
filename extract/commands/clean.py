"""The verb `clean`: remove the parts of a finished run, whose features the cache has too."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from common.exits import resumable
from common.options import Json, with_logs
from extract.commands.options import CacheFile


@resumable
@with_logs
def clean(
    out: CacheFile,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed; change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Remove the parts of a finished run. Every feature is in the cache too, so about half of the disk space is freed.

    The cache is verified before. Plan, settings and ledgers stay, so `run`, `status`, `verify` and `retry` work on.

    Example: `python -m extract clean tsm.h5`
    """
    from rich.filesize import decimal

    from common.progress import progress_bars
    from extract.shards.clean import clean_run

    with progress_bars() as bar:
        cleaned = clean_run(out, dry_run=dry_run, progress=bar("compare", "parts"))
    if as_json:
        print(json.dumps({"cache": str(out), **asdict(cleaned), "dry_run": dry_run}))
        return
    if not cleaned.parts:
        print(f"{out}: there are no parts to remove")
    elif dry_run:
        print(f"{out}: clean would remove {cleaned.parts} parts and free {decimal(cleaned.bytes)}")
    else:
        print(f"{out}: {cleaned.parts} parts removed, {decimal(cleaned.bytes)} freed")
    if cleaned.kept:
        print(f"{cleaned.kept} parts stay, because they hold clips that are not in the cache, or are damaged")
