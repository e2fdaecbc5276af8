"""The costs of decision rules as a short table for the terminal, at most 80 columns wide."""

import pandas as pd

from evaluate.tables.formats import left_aligned

HEAD = {
    "title": "Rule",
    "accuracy": "Accuracy",
    "earliness": "Seen",
    "harmonic_mean": "H. mean",
    "validation_cost": "Valid.",
    "cost": "Cost",
    "interval": "95 % interval",
}


def short_decisions(price: float, table: pd.DataFrame) -> str:
    """Return the rows of one price as text.

    Args:
        price: of waiting.
        table: these rows of the result of `evaluate.decisions.judgement.judge_rules`.
    """
    percent = {name: (100 * table[name]).map("{:.1f}".format) for name in ("accuracy", "earliness", "harmonic_mean")}
    cells = table.assign(
        title=table["title"].str.cat(table["best"].map({True: " *", False: ""})),
        **percent,
        validation_cost=table["validation_cost"].map("{:.3f}".format),
        cost=table["cost"].map("{:.3f}".format),
        interval=table["low"].map("{:.3f}".format).str.cat(table["high"].map("{:.3f}".format), sep=" - "),
    )[list(HEAD)].rename(columns=HEAD)
    text = left_aligned(cells, "Rule").to_string(index=False)
    return f"price of waiting {price:g}; the lowest cost that is possible is {table['lowest_cost'].iloc[0]:.3f}\n{text}"
