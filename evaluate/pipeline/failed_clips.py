"""The clips without features: an error that names them, or a run without them as a subset of the protocol."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from common.callbacks import Notify
from common.errors import UserError, first_few
from distill.early_fusion import clips_without_features
from evaluate.pipeline.extraction_plan import ExtractionPlan
from evaluate.pipeline.stream_cache import Stream
from extract.shards.run_folder import RunFolder
from manifests.manifest import Manifest, write_manifest


def without_failed(plan: ExtractionPlan, streams: Mapping[str, Stream], notify: Notify) -> Manifest:
    """Return the clips that every stream has features of, as a subset of the protocol if that is not all.

    Args:
        plan: has all clips, and says whether to continue without those that failed.
        streams: their features.
        notify: gets the clips that failed, and the reasons.

    Raises:
        UserError: clips failed, and the plan does not allow to continue without them.
    """
    manifest = plan.clips.manifest
    caches = {name: stream.cache for name, stream in streams.items()}
    failed = clips_without_features(caches, manifest.clips["clip_id"])
    if not failed:
        return manifest
    counts, repairs = [], []
    for name, missing in failed.items():
        path, where = streams[name].path, f" in stream {name}" if len(streams) > 1 else ""
        count = f"{len(missing)} of {len(manifest.clips)} clips have no features{where}"
        counts.append(f"{count}: {_reasons(path, missing)}")
        here = RunFolder(path).is_planned
        retry = f"run `python -m extract retry {shlex.quote(str(path))}`"
        repairs.append(retry if here else f"extract them where {path} was made")
    if not plan.skip_failed:
        raise UserError(
            f"{'. '.join(counts)}. Repair them and {' and '.join(repairs)}, "
            "or give --skip-failed to continue without them as a subset of the protocol"
        )
    for sentence in counts:
        notify(f"{sentence}. They are left out")
    subset = _subset(manifest, {clip_id for missing in failed.values() for clip_id in missing})
    write_manifest(subset, plan.out / "manifest-without-failed.csv")
    return subset


def _subset(manifest: Manifest, left_out: Collection[str]) -> Manifest:
    """Return the manifest without some clips, under the name of a subset."""
    clips = manifest.clips[~manifest.clips["clip_id"].isin(left_out)].reset_index(drop=True)
    clips["protocol"] = manifest.protocol.removesuffix("-subset") + "-subset"
    return Manifest(clips, manifest.classes)


def _reasons(path: Path, missing: Sequence[str]) -> str:
    """Return the first clips without features, each with its reason, and where all reasons are."""
    run = RunFolder(path)
    reasons = run.failures() if run.is_planned else {}
    named = [
        f"{clip} (stage {reasons[clip].stage}: {reasons[clip].reason})" if clip in reasons else clip for clip in missing
    ]
    where = f"all reasons are in {run.folder}/shards/*/failures.jsonl" if reasons else "its run has no reasons here"
    return f"{first_few(named)}; {where}"
