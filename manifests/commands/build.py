"""`manifests ucf101`, `manifests stick-figures` …: one command for each entry of `DATASETS`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from common.errors import UserError
from common.options import Json
from manifests.datasets import DATASETS, DataSet, SyntheticDataSet
from manifests.manifest import Manifest, read_manifest, write_manifest
from manifests.summary import summarise

Out = Annotated[Path, typer.Option(help="Manifest to write; its class order is written beside it.")]


def add_build_commands(app: typer.Typer) -> None:
    """Add the command of every data set to an app."""
    for name, data_set in DATASETS.items():
        if isinstance(data_set, SyntheticDataSet):
            _add_generate(app, name, data_set)
        elif data_set.subset_builder is not None:
            _add_build_of_classes(app, name, data_set)
        else:
            _add_build(app, name, data_set)


def _add_build(app: typer.Typer, name: str, data_set: DataSet) -> None:
    def build(
        folder: Annotated[Path, typer.Argument(help=data_set.files)],
        out: Out,
        protocol: Annotated[str, typer.Option(help=_protocol_help(data_set))] = data_set.protocols[0],
        hold_out: Annotated[str | None, typer.Option(help=_hold_out_help(data_set))] = None,
        as_json: Json = False,
    ) -> None:
        manifest, sentences = data_set.build(folder, protocol, hold_out=_numbers(data_set, hold_out))
        write_manifest(manifest, out)
        _print(out, manifest, sentences, as_json)

    app.command(name, help=_help(name, data_set))(build)


def _add_build_of_classes(app: typer.Typer, name: str, data_set: DataSet) -> None:
    def build(
        folder: Annotated[Path, typer.Argument(help=data_set.files)],
        out: Out,
        protocol: Annotated[str, typer.Option(help=_protocol_help(data_set))] = data_set.protocols[0],
        classes: Annotated[
            str | None, typer.Option(help="Comma-separated subset of the classes; default: all.")
        ] = None,
        compact: Annotated[
            bool, typer.Option(help="Renumber a subset 0, 1, … instead of keeping the official indices.")
        ] = False,
        hold_out: Annotated[str | None, typer.Option(help=_hold_out_help(data_set))] = None,
        as_json: Json = False,
    ) -> None:
        wanted = [one.strip() for one in classes.split(",")] if classes else None
        manifest, sentences = data_set.build(
            folder, protocol, classes=wanted, compact=compact, hold_out=_numbers(data_set, hold_out)
        )
        write_manifest(manifest, out)
        _print(out, manifest, sentences, as_json)

    app.command(name, help=_help(name, data_set))(build)


def _add_generate(app: typer.Typer, name: str, data_set: SyntheticDataSet) -> None:
    def generate(
        folder: Annotated[Path, typer.Argument(help="Folder to write the files and the manifest into.")],
        seed: Annotated[int, typer.Option(help="Another seed makes another data set.")] = 0,
        as_json: Json = False,
    ) -> None:
        path = data_set.generate(folder, seed)
        _print(path, read_manifest(path), [f"manifest: {path}"], as_json)

    text = f"Write {data_set.files}.\n\nExample: `python -m manifests {name} {data_set.folder}`"
    app.command(name, help=text)(generate)


def _help(name: str, data_set: DataSet) -> str:
    return (
        f"Write the manifest of the {data_set.title} clips that are in a folder, and say which are missing.\n\n"
        f"Example: `python -m manifests {name} {data_set.folder} --out {name}.csv`"
    )


def _protocol_help(data_set: DataSet) -> str:
    return f"One of {data_set.protocol_help or ', '.join(data_set.protocols)}."


def _hold_out_help(data_set: DataSet) -> str:
    return (
        f"Training {data_set.group_unit}s to use for validation, as in {data_set.group_example}; "
        "they become part of the protocol's name."
    )


def _numbers(data_set: DataSet, text: str | None) -> list[int] | None:
    """Return the numbers of --hold-out."""
    if not text:
        return None
    try:
        return [int(number) for number in text.split(",")]
    except ValueError as error:
        wanted = f"{data_set.group_unit} numbers as in {data_set.group_example}"
        raise UserError(f"--hold-out {text!r}: write {wanted}") from error


def _print(path: Path, manifest: Manifest, sentences: list[str], as_json: bool) -> None:
    summary = summarise(manifest)
    if as_json:
        print(json.dumps({"manifest": str(path)} | asdict(summary) | {"remarks": sentences}))
    else:
        print("\n".join([summary.sentence(), *sentences]))
