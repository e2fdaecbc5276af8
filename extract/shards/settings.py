"""Which settings of a cache decide what its features are, and which say only on what machine they were computed.

The latter decide the last bits of a value. They must be the same for all clips of a cache, so a run that is not
finished goes on only where they are. Nobody who reads a finished cache depends on them.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.errors import UserError

COMPUTED_WITH = frozenset({"device", "clips_at_once", "torch", "timm", "code", "libavcodec", "pictures_decoder"})
THREADS = re.compile(r", (\d+) threads\)$")  # at the end of a CPU's name, see `common.device.device_name`


def recorded_threads(settings: Mapping[str, Any]) -> int | None:
    """Return with how many of torch's threads a run was begun; None where it was begun on a GPU."""
    found = THREADS.search(str(settings.get("device", "")))
    return int(found[1]) if found else None


def refuse_other_content(there: Mapping[str, Any], wanted: Mapping[str, Any], cache: Path) -> None:
    """Refuse a run whose features would be other ones than those wanted, on whatever machine.

    Raises:
        UserError: naming the settings that differ, with both values.
    """
    if differing := _differing(_content(there), _content(wanted)):
        raise UserError(
            f"{cache} was begun with other settings ({differing}); choose another output, and what is there stays "
            "as it is"
        )


def refuse_other_settings(there: Mapping[str, Any], wanted: Mapping[str, Any], cache: Path) -> None:
    """Refuse to add features to a run that differ from those that are there, be it in their last bits.

    Raises:
        UserError: naming the settings that differ, with both values, and a way on that loses nothing.
    """
    refuse_other_content(there, wanted, cache)
    if differing := _differing(there, wanted):
        on_cpu = str(there.get("device", "")).startswith("cpu") and not str(wanted.get("device", "")).startswith("cpu")
        raise UserError(
            f"{cache} is not finished, and its first features were computed on another machine or by other versions "
            f"({differing}), so the last bits of the next ones would differ. Nothing is lost: give the same command "
            f"where it was begun{', or --device cpu here' if on_cpu else ''}, and it goes on; "
            "or give another output here, which begins anew"
        )


def _content(settings: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in settings.items() if key not in COMPUTED_WITH}
    if "decoder" in kept:
        kept["decoder"] = str(kept["decoder"]).partition(" ")[0]  # without its version
    return kept


def _differing(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    keys = sorted(key for key in there.keys() | wanted.keys() if there.get(key) != wanted.get(key))
    return "; ".join(f"{key}: {there.get(key)!r} there, {wanted.get(key)!r} now" for key in keys)
