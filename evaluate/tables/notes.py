"""The notes of a table or a figure: what a reader must know of the scores."""

from collections.abc import Mapping, Sequence

from evaluate.scoring.scores import Scores, check_comparable, stream_of

KINDS = {  # key of the provenance → words; a note names the methods with this key
    "random_weights": "random weights",
    "synthetic_data": "synthetic data",
    "features_saw_labels": "a VA-CNN trained with all labels",
}


def notes(scores: Mapping[str, Sequence[Scores]]) -> list[str]:
    """Return the notes on `scores`: classes, clips, seeds, backbones, labels, random weights, synthetic data."""
    first = check_comparable(scores)
    runs = [run for method in scores.values() for run in method]
    tested = "" if first.classes_tested == first.classes else f"{first.classes_tested} of "
    found = [
        f"{tested}{first.classes} classes",
        ", ".join(f"{count} {split}" for split, count in first.clips.items() if count) + " clips",
        _seeds(scores),
    ]
    backbones = sorted({backbone for run in runs for backbone in _backbones(run)})
    found += [f"backbone {', '.join(backbones)}"] if backbones else []
    shares = {str(run.provenance.get("labels", "all")) for run in runs}
    found += [f"{' and '.join(sorted(shares))} of the training labels"] if shares != {"all"} else []
    for key, words in KINDS.items():
        methods = [name for name, own in scores.items() if any(run.provenance.get(key) for run in own)]
        others = [name for name in scores if name not in methods]
        if methods:
            found.append(f"{words} in {_listed(methods, others)}" if others else words)
    return found


def _backbones(run: Scores) -> list[str]:
    own = run.provenance.get("backbone", [])
    return [str(backbone) for backbone in own] if isinstance(own, list) else [str(own)]


def _listed(methods: Sequence[str], others: Sequence[str]) -> str:
    """Return names of methods, or only their features if these tell them from the others: `rgb` for both on it."""
    kinds = list(dict.fromkeys(stream_of(method) for method in methods))
    return ", ".join(methods if set(kinds) & {stream_of(method) for method in others} else kinds)


def _seeds(scores: Mapping[str, Sequence[Scores]]) -> str:
    counts = sorted({len(runs) for runs in scores.values()})
    number = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{number} seed{'' if counts == [1] else 's'}"
