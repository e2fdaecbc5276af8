"""The verb `merge`: make the cache of finished parts."""

from common.options import Json
from extract.commands.options import CacheFile
from extract.commands.outcome import print_outcome


def merge(out: CacheFile, as_json: Json = False) -> None:
    """Make the cache of its finished parts, as `run` does at its end.

    Example: `python -m extract merge tsm.h5`
    """
    from extract.shards import merge as library
    from extract.shards.run_folder import RunFolder

    print_outcome(out, library.merge(RunFolder(out)), as_json=as_json)
