"""`python -m evaluate decide`: what it costs to decide early, by each decision rule."""

import json
from pathlib import Path
from typing import Annotated

import typer

from common.errors import UserError
from common.options import Json

PRICES = (0.1, 0.3, 0.5)


def decide(
    predictions: Annotated[list[Path], typer.Argument(help="Predictions files, of any methods and seeds.")],
    manifest: Annotated[Path, typer.Option(help="The manifest with the labels and the splits.")],
    price: Annotated[
        list[float],
        typer.Option(help="Price of waiting, 0 to 1; give it several times for several prices.", min=0, max=1),
    ] = list(PRICES),  # noqa: B006  typer needs a list
    out: Annotated[Path | None, typer.Option(help="CSV file for the table with all numbers.")] = None,
    as_json: Json = False,
) -> None:
    """Compare rules of when to decide: a threshold, learned rules, and a fixed ratio.

    A decision costs (1 - price) if it is wrong, and price times the observed fraction. Every rule is fitted on the
    validation clips after temperature scaling, for each price, and judged on the test clips.

    Example: `python -m evaluate decide out/demo/predictions/with-seed*.h5 --manifest out/demo/videos/manifest.csv`
    """
    import pandas as pd

    from common.files import write_text
    from common.progress import progress_bars
    from evaluate.decisions.judgement import judge_rules
    from evaluate.decisions.predicted_splits import read_splits
    from evaluate.tables.decision_table import short_decisions
    from evaluate.tables.formats import csv_table
    from manifests.manifest import read_manifest

    if out is not None and out.is_dir():
        raise UserError(f"--out {out} is a folder; give the name of a CSV file")
    splits = read_splits(predictions, read_manifest(manifest))
    prices = sorted(set(price))
    with progress_bars() as bar:
        tables = {method: judge_rules(own, prices, progress=bar(method, "rules")) for method, own in splits.items()}
    every = pd.concat([table.assign(method=method) for method, table in tables.items()], ignore_index=True)
    if out is not None:
        write_text(out, csv_table(every))
    if as_json:
        print(json.dumps({"decisions": every.to_dict("records")}))
        return
    for method, table in tables.items():
        first = splits[method][0]
        clips = f"{len(first.validation_labels)} validation clips, {len(first.test_labels)} test clips"
        print(f"{method}: {len(splits[method])} models, {clips}\n")
        for value in table["price"].unique():
            print(f"{short_decisions(value, table[table['price'] == value])}\n")
    print("Seen: observed part at the decision. H. mean: of the accuracy and of what was not seen.")
    print("Valid.: cost on the validation clips, cross-validated. *: the rule where it is lowest.")
    print("All other numbers are of the test clips.")
    if out is not None:
        print(f"in {out}: all numbers")
