"""The verb `verify`: check a cache against its checksum."""

import json
import shlex
from dataclasses import asdict

from common.errors import UserError
from common.options import Json, with_logs
from extract.commands.options import CacheFile


@with_logs
def verify(out: CacheFile, as_json: Json = False) -> None:
    """Check a cache against its checksum, and its parts against theirs.

    Example: `python -m extract verify tsm.h5`
    """
    from common.progress import progress_bars
    from extract.shards.verify import verify_cache

    with progress_bars() as bar:
        found = verify_cache(out, bar("verify", "clips"), bar("verify parts", "shards"))
    facts = found.facts
    if as_json:
        checks = {
            "damaged_parts": found.damaged_parts,
            "missing_clips": found.missing_clips,
            "as_merged": found.as_merged,
        }
        print(json.dumps(asdict(facts) | checks))
    else:
        print(f"{out}: {facts.valid} of {facts.clips} clips valid, features {(facts.segments, facts.feature_dim)}")
        print(f"content sha256 {facts.content_sha256}: as written")
        for key, value in sorted(facts.settings.items()):
            print(f"  {key}: {value}")
    if problems := found.problems():
        raise UserError(f"{'; '.join(problems)}; `python -m extract run --out {shlex.quote(str(out))}` repairs it")
