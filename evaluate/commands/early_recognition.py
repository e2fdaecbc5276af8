"""The command `early-recognition`: the command lines of all packages, the version, and shell completion."""

import importlib
import importlib.metadata
from typing import Annotated

import typer
from typer.core import TyperCommand, TyperGroup

PACKAGES = {
    "manifests": "Data sets: make and check a manifest, unpack archives, generate the synthetic data set.",
    "extract": "Features: from videos and skeletons to a feature cache, on one machine or on a cluster.",
    "distill": "Models: train teachers and students on a feature cache.",
    "evaluate": "Results: reproduce a recipe from its videos, score predictions, write reports.",
}


class _Package(TyperGroup):
    """The commands of a package, which is imported when one of them is needed."""

    def _load(self) -> TyperGroup:
        group = typer.main.get_command(importlib.import_module(f"{self.name}.commands.app").app)
        assert isinstance(group, TyperGroup)
        return group

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return self._load().list_commands(ctx)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | None:  # type: ignore[override]
        return self._load().get_command(ctx, cmd_name)  # type: ignore[return-value]


class _AllPackages(TyperGroup):
    """One group of commands a package."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return list(PACKAGES)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> _Package | None:  # type: ignore[override]
        if cmd_name not in PACKAGES:
            return None
        return _Package(
            name=cmd_name, help=PACKAGES[cmd_name], no_args_is_help=True, rich_markup_mode=self.rich_markup_mode
        )


app = typer.Typer(
    cls=_AllPackages,
    help="Early action recognition: from raw videos to accuracy by observation ratio.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"early-recognition {importlib.metadata.version('early-recognition')}")
        raise typer.Exit


@app.callback()
def early_recognition(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Early action recognition: from raw videos to accuracy by observation ratio."""
