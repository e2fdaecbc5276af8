"""The features of each stream: read from a cache that exists, or extracted.

If a stream trains a VA-CNN, that is done before any extraction.
"""

from dataclasses import replace
from pathlib import Path

from common.callbacks import Notify, ProgressCallback, in_megabytes
from evaluate.pipeline.extraction_plan import ExtractedStream, ExtractionPlan
from evaluate.pipeline.inputs import StageProgress
from evaluate.pipeline.stream_cache import Stream, read_stream, va_cnn_config
from extract.extraction import Extraction, RunControl
from extract.machine import Machine
from extract.network_loader import load_segment_network
from extract.networks.weights import get_weights
from extract.planning import at_fp32
from extract.run import extract, nothing_to_extract
from extract.va_cnn.run_folder import VaCnnData, train_va_cnn
from manifests.recipes.extraction import AUTO, TRAIN, Extract
from manifests.released_weights import read_weights


def get_streams(plan: ExtractionPlan, machine: Machine, notify: Notify, progress: StageProgress) -> dict[str, Stream]:
    """Return the streams of a plan by name, in the recipe's order. Extract those that are not given.

    Raises:
        UserError: weights are missing, an extraction or the training of a VA-CNN failed, or a cache is damaged.
    """
    streams = dict(plan.given)
    _prepare_weights(plan, machine, progress.weights)
    configs = _train_va_cnns(plan, machine, notify, progress.va_cnn)
    for index, (name, stream) in enumerate(plan.extracted.items()):
        extract(
            Extraction(plan.clips.path, plan.clips.root, stream.path, configs[name], machine),
            RunControl(progress=_part(progress.clips, index, len(configs)), notify=notify),
        )
        streams[name] = read_stream(stream.path, stream.config, plan.clips.manifest, stream.title)
    return {name: streams[name] for name in plan.order}


def _prepare_weights(plan: ExtractionPlan, machine: Machine, progress: ProgressCallback) -> None:
    """Refuse missing weights of any stream before the work on the first one; download them if the plan says so."""
    for stream in plan.extracted.values():
        config = stream.config
        if config.weights == TRAIN:
            continue
        if nothing_to_extract(Extraction(plan.clips.path, plan.clips.root, stream.path, config, machine)):
            continue  # its network is not needed
        if plan.get_weights and config.weights in read_weights():
            get_weights(config.weights, machine.weights_folder, progress=in_megabytes(progress))
        load_segment_network(at_fp32(config), _quick_to_load(machine))


def _quick_to_load(machine: Machine) -> Machine:
    """Return a machine with torch in place of "auto": another runtime takes seconds, and this is only a trial."""
    return replace(machine, runtime="torch") if machine.runtime == AUTO else machine


def _train_va_cnns(
    plan: ExtractionPlan, machine: Machine, notify: Notify, progress: ProgressCallback
) -> dict[str, Extract]:
    """Train the VA-CNN of each stream that has one; return the config of each stream, with the trained weights."""
    configs = {name: stream.config for name, stream in plan.extracted.items()}
    epochs = {name: va_cnn_config(config).epochs for name, config in configs.items() if config.weights == TRAIN}
    total, before = sum(epochs.values()), 0
    for name, own in epochs.items():

        def show(done: int, _all: int, before: int = before) -> None:
            progress(before + done, total)

        weights = _train_va_cnn(plan, plan.extracted[name], machine, notify, show)
        configs[name] = configs[name].model_copy(update={"weights": str(weights), "va_cnn": None})
        before += own
        progress(before, total)  # the training may have ended early
    return configs


def _train_va_cnn(
    plan: ExtractionPlan, stream: ExtractedStream, machine: Machine, notify: Notify, progress: ProgressCallback
) -> Path:
    """Train the VA-CNN of one stream and return the file of its weights."""
    folder, config, clips = stream.va_cnn, stream.config, plan.clips
    assert folder is not None and clips.root is not None
    if folder != stream.first_va_cnn and not folder.exists():
        notify(f"{stream.first_va_cnn} was trained on other clips; the VA-CNN of these clips is trained into {folder}")
    data = VaCnnData(clips.manifest, clips.root, config.column, config.segments, plan.skip_failed)
    return train_va_cnn(folder, data, va_cnn_config(config), machine, notify, progress)


def _part(progress: ProgressCallback, index: int, count: int) -> ProgressCallback:
    """Return the progress of part `index` of `count` equal parts, as progress of the whole."""
    return lambda done, total: progress(index * total + done, count * total)
