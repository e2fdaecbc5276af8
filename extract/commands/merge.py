"""The verb `merge`: make the cache of finished parts."""

from common.options import Json, with_logs
from extract.commands.options import CacheFile
from extract.commands.outcome import print_outcome


@with_logs
def merge(out: CacheFile, as_json: Json = False) -> None:
    """Make the cache of its finished parts, as `run` does at its end.

    Example: `python -m extract merge tsm.h5`
    """
    from common.progress import progress_bars
    from extract.shards import merge as library
    from extract.shards.run_folder import RunFolder

    with progress_bars() as bar:
        failures = library.merge(RunFolder(out), bar("merge", "clips"))
    print_outcome(out, failures, as_json=as_json)
