"""The provenance of the report's numbers: recipes, caches, settings, versions, seeds, and the files' fingerprints.

The writer of a predictions file may put anything into its provenance. A value of an unexpected type is left out.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import sha256_of
from evaluate.report.runs import Method
from extract.poses.settings import PoseSettings
from extract.recorded_features import recorded_poses
from manifests.manifest import Manifest, path_columns


@dataclass(frozen=True)
class Origin:
    """The provenance of methods with the same recipe and the same caches.

    Attributes:
        methods: their names, with the seeds in words.
        recipe: as JSON; empty if the files contain none.
        caches: (stream, sha256 of the features, settings as JSON).
        files: (run's folder and file, sha256).
    """

    methods: tuple[str, ...]
    recipe: str
    caches: tuple[tuple[str, str, str], ...]
    files: tuple[tuple[str, str], ...]


def origins(methods: Iterable[Method]) -> list[Origin]:
    """Return the origins of methods; methods with the same recipe and caches share one."""
    grouped: dict[str, list[Method]] = {}
    for method in methods:
        own = {key: method.provenance.get(key) for key in ("recipe", "caches")}
        grouped.setdefault(_json(own), []).append(method)
    return [_origin(group) for group in grouped.values()]


def licences(methods: Iterable[Method]) -> list[str]:
    """Return the licence of the weights of each backbone, each once. Random weights and earlier caches have none."""
    found = []
    for method in methods:
        for about in _mapping(method.provenance.get("caches")).values():
            own = _mapping(_mapping(about).get("settings"))
            if own.get("licence") and own.get("weights") != "random":
                found.append(f"licence of the weights {own.get('weights')} of {own.get('backbone')}: {own['licence']}")
    return list(dict.fromkeys(found))


def drawn_poses(provenance: Mapping[str, Any]) -> tuple[PoseSettings | None, str]:
    """Return how the joints are found that a method has seen in videos, and a sentence about their drawing.

    Returns:
        None and "" for a method that has seen none; None and the reason if they cannot be found here.
    """
    every = (_mapping(_mapping(about).get("settings")) for about in _mapping(provenance.get("caches")).values())
    settings = next((own for own in every if isinstance(own.get("poses"), Mapping)), None)
    if settings is None:
        return None, ""
    try:
        return recorded_poses(settings), f"The joints of {settings.get('backbone')} are drawn; grey ones are hidden."
    except UserError as error:
        return None, f"The joints of {settings.get('backbone')} are not drawn: {error}."


def versions(folders: Iterable[Path]) -> list[str]:
    """Return the versions that the runs were trained with, `torch 2.6, device cpu`, each once."""
    found = []
    for path in sorted(path for folder in folders for path in (folder / "runs").rglob("recipe.json")):
        try:
            own = json.loads(path.read_text(encoding="utf-8"))["versions"]
            found.append(", ".join(f"{name} {version}" for name, version in own.items()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return list(dict.fromkeys(found))


def shown_column(provenance: Mapping[str, Any], manifest: Manifest) -> str:
    """Return the manifest's column with the files of a method's first stream; `path` if its provenance has none."""
    recipe = _mapping(provenance.get("recipe"))
    streams = [_mapping(stream) for stream in _mapping(recipe.get("streams")).values()]
    own = _mapping(provenance.get("caches"))
    streams = [_mapping(_mapping(recipe.get("streams")).get(name)) for name in own] or streams
    columns = [stream.get("column") for stream in (*streams, _mapping(recipe.get("extract")))]
    return next((column for column in columns if column in path_columns(manifest.clips)), "path")


def _origin(group: list[Method]) -> Origin:
    first = group[0].provenance
    caches = tuple(
        (name, str(_mapping(about).get("content_sha256", "")), _json(_mapping(about).get("settings")))
        for name, about in _mapping(first.get("caches")).items()
    )
    return Origin(
        tuple(f"{method.name} (seeds {', '.join(str(run.seed) for run in method.scores)})" for method in group),
        _json(first["recipe"]) if first.get("recipe") else "",
        caches,
        tuple((_short(path), sha256_of(path)) for method in group for path in method.files),
    )


def _short(path: Path) -> str:
    """Return the path of a predictions file from its run's folder on, without the folders above it."""
    parts = path.resolve().parts
    return "/".join(parts[max(len(parts) - 1 - parts[::-1].index("predictions") - 1, 0) :])


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
