"""Label spreading's loss against NumPy by loops."""

from collections.abc import Callable

import numpy as np
import pytest

from distill.method import Lesson, Method
from distill.methods.label_spreading import LABEL_SPREADING
from distill.models import Outputs
from manifests.recipe import Recipe
from manifests.training import Spreading


def test_loss_against_numpy(outputs: Outputs, make_lesson: Callable[[Method], Lesson], recipe: Recipe) -> None:
    lesson = make_lesson(LABEL_SPREADING)
    recipe = recipe.model_copy(update={"spreading": Spreading(weight=0.7)})
    found = LABEL_SPREADING.loss(outputs, lesson, recipe)
    logits = outputs.logits.numpy()
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    student = shifted / shifted.sum(-1, keepdims=True)
    assert lesson.targets is not None
    for model in range(len(student)):
        _, steps, classes = student[model].shape
        spread, classified, labelled = [], [], lesson.labelled[model].tolist()
        for clip, has_label in enumerate(labelled):
            target = lesson.targets[model, clip].numpy()
            for n in range(steps):
                said = student[model, clip, n]
                spread.append(sum(target[c] * np.log(target[c] / said[c]) for c in range(classes)))
                if has_label:
                    classified.append(-np.log(said[lesson.labels[model, clip]]))
        assert found.terms["spread"][model].item() == pytest.approx(np.mean(spread))
        assert found.terms["classification"][model].item() == pytest.approx(np.mean(classified))
        assert found.total[model].item() == pytest.approx(np.mean(classified) + 0.7 * np.mean(spread))
