"""The notes of a table or a figure: what a reader must know of the scores."""

from collections.abc import Iterable, Mapping, Sequence

from evaluate.scoring.scores import Scores, check_comparable, stream_of

KINDS = {  # key of the provenance → words; a note names the methods with this key
    "random_weights": "random weights",
    "synthetic_data": "synthetic data",
    "features_saw_labels": "a VA-CNN trained with all labels",
}


def labels_in_words(share: str, kept: float | None) -> str:
    """Return the share of the training labels as it was asked for, and as it is if it differs.

    Args:
        share: as asked: "all" or "10%".
        kept: the share of the training clips that kept their label, in (0, 1]; None: not known.
    """
    asked = f"{share} of the training labels"
    if kept is None or share == "all" or f"{_percent(kept)}%" == share:
        return asked
    return f"{asked} asked, {_percent(kept)}% kept"


def kept_labels(runs: Iterable[Scores]) -> float | None:
    """Return the share of the training clips that kept their label, in (0, 1]; None: no provenance says so."""
    shares = (run.provenance.get("labels_kept") for run in runs)
    return next((share for share in shares if isinstance(share, float)), None)


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
    of_share: dict[str, list[Scores]] = {}
    for run in runs:
        of_share.setdefault(str(run.provenance.get("labels", "all")), []).append(run)
    if of_share.keys() != {"all"}:
        found.append(" and ".join(labels_in_words(share, kept_labels(of_share[share])) for share in sorted(of_share)))
    for key, words in KINDS.items():
        methods = [name for name, own in scores.items() if any(run.provenance.get(key) for run in own)]
        others = [name for name in scores if name not in methods]
        if methods:
            found.append(f"{words} in {_listed(methods, others)}" if others else words)
    return found


def _percent(fraction: float) -> str:
    """Return a fraction in per cent with two digits, as in 8.4 or 17."""
    return f"{float(f'{100 * fraction:.2g}'):g}"


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
