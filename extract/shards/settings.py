"""Which settings of a cache decide what its features are, and which only say on what machine they were computed.

The latter decide the last bits of a value. They must be the same for all clips of a cache, so an unfinished run can be
resumed only where they are the same. A finished cache can be read anywhere. Remarks decide nothing and are never
compared: earlier caches lack them.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.errors import UserError

COMPUTED_WITH = frozenset(
    {"device", "clips_at_once", "torch", "openvino", "timm", "code", "libavcodec", "pictures_decoder"}
)
REMARKS = frozenset({"licence"})
THREADS = re.compile(r", (\d+) threads\)$")  # at the end of a CPU's name, see `common.device.device_name`


def recorded_threads(settings: Mapping[str, Any]) -> int | None:
    """Return the number of the network's threads that a run was begun with; None if it was begun on a GPU."""
    found = THREADS.search(str(settings.get("device", "")))
    return int(found[1]) if found else None


def recorded_runtime(settings: Mapping[str, Any]) -> str:
    """Return the runtime that computed the features. Where none is recorded it was torch."""
    return str(settings.get("runtime", "torch"))


def refuse_other_content(existing: Mapping[str, Any], wanted: Mapping[str, Any], cache: Path) -> None:
    """Refuse a run whose features differ from those wanted, whatever the machine.

    Raises:
        UserError: naming the settings that differ, with both values.
    """
    if differing := _differing(decisive_settings(existing), decisive_settings(wanted)):
        raise UserError(
            f"{cache} was begun with other settings ({differing}); choose another output, and what is there stays "
            "as it is"
        )


def refuse_other_settings(existing: Mapping[str, Any], wanted: Mapping[str, Any], cache: Path) -> None:
    """Refuse to add features to a run if they would differ from its features, even if only in the last bits.

    Raises:
        UserError: naming the settings that differ, with both values, and what to do.
    """
    refuse_other_content(existing, wanted, cache)
    if differing := _differing(existing, wanted):
        on_cpu = str(existing.get("device", "")).startswith("cpu") and not str(wanted.get("device", "")).startswith(
            "cpu"
        )
        raise UserError(
            f"{cache} is not finished, and its first features were computed on another machine or by other versions "
            f"({differing}), so the last bits of the next ones would differ. Nothing is lost: give the same command "
            f"where it was begun{', or choose the device cpu here (--device cpu)' if on_cpu else ''}, and it resumes; "
            "or give another output here to begin again"
        )


def decisive_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that decide what the features are, without those of the machine and the versions."""
    kept = {key: value for key, value in settings.items() if key not in COMPUTED_WITH | REMARKS}
    if "decoder" in kept:
        kept["decoder"] = str(kept["decoder"]).partition(" ")[0]  # without its version
    return kept


def _differing(existing: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    existing, wanted = ({**settings, "runtime": recorded_runtime(settings)} for settings in (existing, wanted))
    every = (existing.keys() | wanted.keys()) - REMARKS
    keys = sorted(key for key in every if existing.get(key) != wanted.get(key))
    return "; ".join(f"{key}: {existing.get(key)!r} there, {wanted.get(key)!r} now" for key in keys)
