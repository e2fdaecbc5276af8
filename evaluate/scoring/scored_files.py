"""The scores of several predictions files, by method."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from evaluate.scoring.predictions import read_predictions
from evaluate.scoring.scores import Scores, score_predictions
from manifests.manifest import Manifest


def score_files(paths: Iterable[Path], manifest: Manifest) -> dict[str, list[Scores]]:
    """Score predictions files on the test split of a manifest.

    Returns:
        Method → one `Scores` per file, in the order of the paths.

    Raises:
        UserError: a file is no predictions file, or it is of another protocol, other classes or other clips.
    """
    scores = defaultdict(list)
    for path in paths:
        scored = score_predictions(read_predictions(path), manifest)
        scores[scored.method].append(scored)
    return dict(scores)
