"""`python -m evaluate decide`: what it costs to decide early, by each rule; and the best rule for `predict`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.errors import UserError
from common.options import Json

if TYPE_CHECKING:  # they load pandas and torch, which --help does without
    import pandas as pd

    from evaluate.live.store_rule import Stored
    from manifests.manifest import Manifest

PRICES = (0.1, 0.3, 0.5)


def decide(
    predictions: Annotated[list[Path], typer.Argument(help="Predictions files, of any methods and seeds.")],
    manifest: Annotated[Path, typer.Option(help="The manifest with the labels and the splits.")],
    price: Annotated[
        list[float],
        typer.Option(help="Price of waiting, 0 to 1; give it several times for several prices.", min=0, max=1),
    ] = list(PRICES),  # noqa: B006  typer needs a list
    store: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL",
            help="A trained model to store the best rule with, for `predict`: the --out folder of `reproduce`, a run "
            "folder, or an exported model. Give the predictions of all its seeds, and one price.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="CSV file for the table with all numbers.")] = None,
    as_json: Json = False,
) -> None:
    """Compare rules of when to decide: a threshold, learned rules, and a fixed ratio.

    A decision costs (1 - price) if it is wrong, and price times the observed fraction. Every rule is fitted on the
    validation clips after temperature scaling, for each price, and judged on the test clips.

    With `--store`, the rules see what `predict` answers: the mean of the probabilities of all seeds. The rule that
    costs least on the validation clips is stored with the model, and `predict` decides by it.

    Examples:

    - `python -m evaluate decide out/demo/predictions/with-seed*.h5 --manifest out/demo/videos/manifest.csv`

    - `python -m evaluate decide out/demo/predictions/with-seed*.h5 --manifest out/demo/videos/manifest.csv --price 0.3
      --store out/demo`
    """
    from common.files import write_text
    from evaluate.tables.formats import csv_table
    from manifests.manifest import read_manifest

    if out is not None and out.is_dir():
        raise UserError(f"--out {out} is a folder; give the name of a CSV file")
    prices, stored = sorted(set(price)), None
    clips = read_manifest(manifest)
    if store is None:
        heads, table = _compare(predictions, clips, prices)
    else:
        heads, table, stored = _store(predictions, clips, prices, store)
    if out is not None:
        write_text(out, csv_table(table))
    if as_json:
        print(json.dumps({"decisions": table.to_dict("records"), **({"stored": _as_json(stored)} if stored else {})}))
        return
    _print_tables(heads, table)
    if out is not None:
        print(f"in {out}: all numbers")
    if stored is not None:
        print(f"stored in {stored.file}: {stored.rule.summary}; `predict` decides by it")


def _compare(
    predictions: Sequence[Path], manifest: "Manifest", prices: Sequence[float]
) -> tuple[dict[str, str], "pd.DataFrame"]:
    """Return a headline for each method, and the rows of all methods."""
    from common.progress import progress_bars
    from evaluate.decisions.judgement import judge_methods
    from evaluate.decisions.predicted_splits import read_splits

    splits = read_splits(predictions, manifest)
    with progress_bars() as bar:
        table = judge_methods(splits, prices, lambda method: bar(method, "rules"))
    heads = {
        method: f"{len(own)} models, {_clips(len(own[0].validation_labels), len(own[0].test_labels))}"
        for method, own in splits.items()
    }
    return heads, table


def _store(
    predictions: Sequence[Path], manifest: "Manifest", prices: Sequence[float], folder: Path
) -> tuple[dict[str, str], "pd.DataFrame", "Stored"]:
    """Store the best rule; return what `_compare` returns, of the mean of the seeds, and what was stored."""
    from common.progress import progress_bars
    from evaluate.live.store_rule import store_rule
    from evaluate.live.trained_model import find_model

    if len(prices) != 1:
        raise UserError("--store needs exactly one --price, because the rule is fitted for it; give it, as --price 0.3")
    model = find_model(folder)
    method = model.description.title
    with progress_bars() as bar:
        stored = store_rule(predictions, manifest, model, prices[0], bar(method, "rules"))
    which = f"the mean over the seeds {', '.join(map(str, model.seeds))}" if len(model.seeds) > 1 else "1 model"
    return {method: f"{which}; {_clips(*stored.clips)}"}, stored.table.assign(method=method), stored


def _clips(validation: int, test: int) -> str:
    return f"{validation} validation clips, {test} test clips"


def _print_tables(heads: dict[str, str], table: "pd.DataFrame") -> None:
    from evaluate.tables.decision_table import short_decisions

    for method, head in heads.items():
        print(f"{method}: {head}\n")
        own = table[table["method"] == method]
        for value in own["price"].unique():
            print(f"{short_decisions(value, own[own['price'] == value])}\n")
    print("Seen: observed part at the decision. H. mean: of the accuracy and of what was not seen.")
    print("Valid.: cost on the validation clips, cross-validated. *: the rule where it is lowest.")
    print("All other numbers are of the test clips.")


def _as_json(stored: "Stored") -> dict[str, object]:
    rule = stored.rule
    return {
        **rule.as_json(),
        "file": str(stored.file),
        "method": rule.method,
        "seeds": list(rule.seeds),
        "temperature": rule.temperature,
    }
