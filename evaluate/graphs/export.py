"""Export a trained model as graphs: the backbone of each stream, the step from segment to segment, and model.json."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common.files import new_folder, sha256_of
from distill.checkpoint import load_classifier
from distill.model_description import MODEL, segment_seconds
from evaluate.graphs.description import (
    KIND,
    SEGMENTS,
    SEGMENTS_OF_TIME,
    STATE,
    GraphDescription,
    GraphsDescription,
    StreamGraph,
    TensorDescription,
    describe_images,
    describe_weights,
    write_graphs_description,
)
from evaluate.graphs.formats import FORMATS
from evaluate.graphs.formats.graph import Graph, write_checked
from evaluate.graphs.segment_features import segment_features
from evaluate.live.model_step import ModelStep
from evaluate.live.stream_network import load_stream_backbone
from evaluate.live.trained_model import TrainedModel
from extract.networks.backbone import Backbone
from extract.recorded_features import recorded_weights_name

SKELETONS = (
    "The images are drawn from skeletons by extract/va_cnn/pictures.py of this project. The drawing is no part of the "
    "graph."
)


@dataclass(frozen=True)
class ExportedGraphs:
    """What was exported: the folder and its files."""

    folder: Path
    files: tuple[str, ...]


def export_graphs(
    model: TrainedModel, out: Path, format_name: str, weights: dict[str, Path] | None = None
) -> ExportedGraphs:
    """Write a model as graphs into a folder of its own. The folder is complete or absent.

    Args:
        model: with the networks that are wanted.
        out: the folder; it must not exist or be empty.
        format_name: a name of `FORMATS`.
        weights: by stream, the file of weights of its backbone, if that is not near the model.

    Raises:
        UserError: the networks see the whole recording, a backbone is no network or its weights are missing, a graph
            cannot be written, or the folder holds something else.
    """
    form = FORMATS[format_name]
    networks = model.description.networks
    streams = tuple(name for name in model.description.streams if any(name in each.streams for each in networks))
    loaded = [load_classifier(file) for file in model.files]
    step = ModelStep([(network, own.streams) for network, own in zip(loaded, networks, strict=True)], streams).eval()
    backbones = {name: load_stream_backbone(name, model, (weights or {}).get(name)) for name in streams}
    graphs = graphs_of(backbones, step)
    with new_folder(out) as folder:
        files = [write_checked(graph, form, folder) for graph in graphs]
        sha256 = {name: sha256_of(folder / name) for own in files for name in own}
        described = [_describe_graph(graph, own[0]) for graph, own in zip(graphs, files, strict=True)]
        write_graphs_description(folder, _describe(model, format_name, backbones, described, sha256))
    return ExportedGraphs(out, (MODEL, *sha256))


def graphs_of(backbones: Mapping[str, Backbone], step: ModelStep) -> list[Graph]:
    """Return the graph of each backbone, and last the graph of the step."""
    several = len(backbones) > 1
    features = {name: segment_features(backbone) for name, backbone in backbones.items()}
    graphs = [
        Graph(f"backbone-{name}" if several else "backbone", own, own.inputs, own.outputs)
        for name, own in features.items()
    ]
    inputs = {f"features_{name}" if several else "features": (own.width(),) for name, own in features.items()}
    return [*graphs, Graph("step", step, inputs | {"state": (step.state_width,)}, ("probabilities", "new_state"))]


@torch.no_grad()
def _describe_graph(graph: Graph, file: str) -> GraphDescription:
    outputs = graph.network(*graph.examples(1))
    shapes = [tuple(each.shape[1:]) for each in ((outputs,) if isinstance(outputs, Tensor) else outputs)]
    inputs, results = (
        [TensorDescription(name=name, shape=["batch", *shape]) for name, shape in named]
        for named in (graph.inputs.items(), zip(graph.outputs, shapes, strict=True))
    )
    return GraphDescription(file=file, inputs=inputs, outputs=results)


def _describe(
    model: TrainedModel,
    format_name: str,
    backbones: Mapping[str, Backbone],
    graphs: Sequence[GraphDescription],
    sha256: dict[str, str],
) -> GraphsDescription:
    """Return the content of model.json.

    Args:
        model: what was exported.
        format_name: a name of `FORMATS`.
        backbones: by stream.
        graphs: of the backbones in this order, and last that of the step.
        sha256: of each file.
    """
    *of_backbones, step = graphs
    own = model.description
    packages = {name: version(name) for name in ("early-recognition", "torch", "timm")}
    return GraphsDescription(
        kind=KIND,
        format=format_name,
        summary=model.summary,
        method=own.method,
        title=own.title,
        seeds=list(model.seeds),
        classes=list(own.classes),
        num_segments=own.num_segments,
        observation_ratios=list(own.observation_ratios),
        segments=SEGMENTS if segment_seconds(own) is None else SEGMENTS_OF_TIME,
        streams={
            name: _describe_stream(backbone, graph, own.streams[name].settings)
            for (name, backbone), graph in zip(backbones.items(), of_backbones, strict=True)
        },
        step=step,
        state_width=int(step.inputs[-1].shape[1]),
        initial_state=STATE,
        protocol=own.protocol,
        sha256=sha256,
        versions={"training": own.versions, "export": packages | FORMATS[format_name].versions()},
    )


def _describe_stream(backbone: Backbone, graph: GraphDescription, settings: dict[str, Any]) -> StreamGraph:
    videos = backbone.input == "video"
    return StreamGraph(
        takes=backbone.input,
        backbone=graph,
        images=describe_images(settings) if videos else None,
        note=None if videos else SKELETONS,
        state=None if backbone.along_clip is None else STATE,
        weights=describe_weights(settings, recorded_weights_name(settings)),
        settings=settings,
    )
