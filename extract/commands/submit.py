"""The verb `submit`: start workers for a planned run through one of the engines of `extract.cluster`."""

import contextlib
import inspect
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.exits import resumable
from common.log import LOGGER
from common.options import Json, with_logs
from extract.cluster.engine import EngineCallbacks
from extract.cluster.engines import ENGINES
from extract.commands.options import CacheFile
from extract.commands.outcome import print_outcome

if TYPE_CHECKING:
    from extract.cluster.submission import Submission

ENGINE = f"What starts the workers: {', '.join(ENGINES)}."
AT_ONCE = "Maximum number of shards at a time. Default: of local, one per GPU; else no limit."


def _with_engine_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for every setting of every engine to a command's signature, which Typer reads.

    The engines declare their settings once; the command receives those that were given as keyword arguments.
    """
    signature = inspect.signature(command)
    own = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    fields = {name: field for engine in ENGINES.values() for name, field in engine.settings.model_fields.items()}
    options = []
    for name, field in fields.items():
        titles = ", ".join(engine.title for engine in ENGINES.values() if name in engine.settings.model_fields)
        option = typer.Option(help=f"{titles}: {field.description}.")
        kind: Any = field.annotation
        optional: Any = Annotated[kind | None, option]
        options.append(
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=optional)
        )
    command.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    return command


@resumable
@with_logs
@_with_engine_options
def submit(
    out: CacheFile,
    engine: Annotated[str, typer.Option(help=ENGINE)] = "local",
    retry: Annotated[bool, typer.Option("--retry", help="Take the clips that failed, not those never tried.")] = False,
    at_once: Annotated[int | None, typer.Option(min=1, help=AT_ONCE)] = None,
    device: Annotated[str | None, typer.Option(help="Of the workers. Default: a GPU where there is one.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Decode processes of each worker: the cores it needs.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write the job, but start nothing.")] = False,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Start workers for the unfinished shards of a planned run. Local and Ray wait for them; the others do not.

    Exit status of the engines that wait: 0 done, 3 done with failed clips in the ledgers, 1 an error. After Ctrl-C or
    SIGTERM the workers finish their clips.

    Example: `python -m extract submit tsm.h5 --engine slurm --sbatch "--gres=gpu:1 --cpus-per-task=8 --time=4:00:00"`

    Example: `python -m extract submit tsm.h5 --engine kubernetes --image ours:1 --volume data:/data --at-once 16`
    """
    from extract.cluster import submit as library
    from extract.cluster.submission import SubmitConfig, prepare_submission

    given = {name: value for name, value in options.items() if value not in (None, [], "")}
    settings = library.engine_settings(engine, given)
    submission = prepare_submission(out, SubmitConfig(retry, device, workers, at_once))
    sentences: list[str] = []
    report: Callable[[str], None] = sentences.append if as_json else print
    chosen = library.find_engine(engine)
    ended = not submission.shards
    if ended:
        report("no clip has failed" if retry else "every shard is done already")
    else:
        with _followed(submission, show=chosen.waits and not dry_run) as follow:
            callbacks = EngineCallbacks(report, LOGGER.warning, follow)
            ended = library.submit(submission, chosen, settings, callbacks, dry_run=dry_run)
    if ended:
        print_outcome(submission.out, library.finish_submission(submission.out), as_json=as_json)
    elif as_json:
        print(json.dumps({"engine": engine, "shards": submission.shards, "sentences": sentences}))


@contextlib.contextmanager
def _followed(submission: "Submission", *, show: bool) -> Iterator[Callable[[], None]]:
    """Give a function that updates a progress bar; without `show`, one that does nothing."""
    from common.progress import progress_bars
    from extract.cluster.submit import follow_run, show_run

    if not show:
        yield lambda: None
        return
    with progress_bars() as bar:
        progress = bar("retry" if submission.retry else "extract", "clips")
        yield follow_run(submission.out, progress)
        show_run(submission.out, progress)  # the clips since the last look
