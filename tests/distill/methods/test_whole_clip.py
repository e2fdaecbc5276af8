"""Two whole-clip teachers: the loss by loops, the targets, how they are judged, and whose labels they read."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from distill.agreed_labels import agreed_labels
from distill.feature_set import FeatureSet
from distill.label_fraction import labelled_clips
from distill.label_spreading import Spreading, given_labels, similarity_graph, spread
from distill.method import LossInputs, Method
from distill.methods.whole_clip import WHOLE_CLIP, judge_targets, predictions, targets, teacher_prediction
from distill.models import Classifier, Outputs, predict_probabilities
from distill.side_by_side import train_together
from distill.training_plan import TrainingPlan
from distill.training_state import ModelId
from manifests.recipes.recipe import Recipe


@pytest.fixture
def teacher(data: FeatureSet, recipe: Recipe) -> Classifier:
    torch.manual_seed(0)
    return Classifier("bigru", data.feature_dim, recipe.teacher.hidden, data.num_classes).eval()


def test_loss_against_numpy(outputs: Outputs, make_inputs: Callable[[Method], LossInputs]) -> None:
    inputs = make_inputs(WHOLE_CLIP)
    found = WHOLE_CLIP.loss(outputs, inputs, Spreading()).total
    logits = outputs.logits.numpy()
    student = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    assert inputs.targets is not None
    for model, probabilities in enumerate(student):
        clips, steps, classes = probabilities.shape
        terms = []
        for clip in range(clips):
            target = inputs.targets[model, clip].numpy()
            for n in range(steps):
                terms.append(sum(target[c] * np.log(target[c] / probabilities[clip, n, c]) for c in range(classes)))
        assert found[model].item() == pytest.approx(np.mean(terms))


def test_with_all_labels_it_is_the_baseline(
    data: FeatureSet, make_plan: Callable[..., TrainingPlan], teacher: Classifier
) -> None:
    plan = make_plan(mixup=0.5, feature_noise=0.6, standardize=True)
    ours = train_together([ModelId("whole_clip", 0)], plan, data, [teacher])
    baseline = train_together([ModelId("without", 0)], plan, data)
    for name, tensor in baseline.weights.items():
        torch.testing.assert_close(ours.weights[name], tensor, rtol=1e-5, atol=1e-7)
    assert [epoch.validation_auc for epoch in ours.histories[0]] == [
        epoch.validation_auc for epoch in baseline.histories[0]
    ]


def test_targets_are_the_labels_and_what_the_teachers_agree_on(data: FeatureSet, teacher: Classifier) -> None:
    train = data.splits["train"]
    kept = labelled_clips(train.labels, 0.2, 0)
    found = targets(data, kept, Spreading(), teacher)
    given = given_labels(train.labels, kept, data.num_classes).float()
    graph = similarity_graph(train.features, Spreading())
    by_graph = spread(graph, given, Spreading().reach)
    expected = agreed_labels(teacher_prediction(teacher, train), by_graph, given)
    assert torch.equal(found, expected)
    assert torch.equal(found[kept], given[kept])


def test_teachers_are_judged_on_validation_clips_whose_labels_do_not_spread(
    data: FeatureSet, teacher: Classifier
) -> None:
    kept = labelled_clips(data.splits["train"].labels, 0.2, 0)
    judged = judge_targets(data, kept, Spreading(), teacher)
    validation = data.splits["validation"]
    both = [data.splits["train"], validation]
    known = torch.cat([kept, torch.zeros(len(validation.labels), dtype=torch.bool)])
    found = predictions(both, data.num_classes, known, Spreading(), teacher)
    hidden = replace(validation, labels=(validation.labels + 1) % 3)
    again = predictions([both[0], hidden], data.num_classes, known, Spreading(), teacher)
    assert list(judged) == ["teacher", "graph", "both"]
    for name in judged:
        own = getattr(found, name)
        assert torch.equal(own, getattr(again, name))
        right = own[len(kept) :].argmax(1) == validation.labels
        assert judged[name] == right.double().mean().item()


def test_hidden_labels_of_training_clips_are_never_read(data: FeatureSet, teacher: Classifier) -> None:
    train = data.splits["train"]
    kept = labelled_clips(train.labels, 0.2, 0)
    lies = replace(train, labels=torch.where(kept, train.labels, (train.labels + 1) % 3))
    lied = replace(data, splits={**data.splits, "train": lies})
    assert torch.equal(targets(data, kept, Spreading(), teacher), targets(lied, kept, Spreading(), teacher))


def test_a_teachers_prediction_is_its_mean_over_the_steps(data: FeatureSet, teacher: Classifier) -> None:
    validation = data.splits["validation"]
    expected = predict_probabilities(teacher, validation.features).mean(1)
    np.testing.assert_allclose(teacher_prediction(teacher, validation).numpy(), expected, rtol=1e-5)


def test_with_lengths_it_is_the_mean_over_a_clip_s_own_segments(
    data: FeatureSet, teacher: Classifier, with_lengths: Callable[..., FeatureSet]
) -> None:
    validation = with_lengths(data).splits["validation"]
    every = predict_probabilities(teacher, validation.features).astype(np.float64)
    assert validation.lengths is not None and len(set(validation.lengths.tolist())) > 1
    expected = [own[:length].mean(0) for own, length in zip(every, validation.lengths.tolist(), strict=True)]
    np.testing.assert_allclose(teacher_prediction(teacher, validation).numpy(), expected, rtol=1e-5)


def test_targets_do_not_read_what_follows_a_clip(
    data: FeatureSet, teacher: Classifier, with_lengths: Callable[..., FeatureSet]
) -> None:
    kept = labelled_clips(data.splits["train"].labels, 0.2, 0)
    zeros, nothing = (with_lengths(data, padding) for padding in (0.0, torch.nan))
    found = [targets(each, kept, Spreading(), teacher) for each in (zeros, nothing)]
    assert torch.equal(*found)
    judged = [judge_targets(each, kept, Spreading(), teacher) for each in (zeros, nothing)]
    assert judged[0] == judged[1]
    assert not torch.equal(found[0], targets(data, kept, Spreading(), teacher))


def test_clips_that_all_have_n_segments_have_the_targets_and_the_loss_of_equal_parts(
    data: FeatureSet, teacher: Classifier, outputs: Outputs, make_inputs: Callable[[Method], LossInputs]
) -> None:
    kept = labelled_clips(data.splits["train"].labels, 0.2, 0)
    whole = {
        name: replace(split, lengths=torch.full_like(split.labels, data.num_segments))
        for name, split in data.splits.items()
    }
    equal = replace(data, splits=whole)
    assert torch.equal(targets(data, kept, Spreading(), teacher), targets(equal, kept, Spreading(), teacher))
    judged = [judge_targets(each, kept, Spreading(), teacher) for each in (data, equal)]
    assert judged[0] == judged[1]
    for name, split in data.splits.items():
        assert torch.equal(teacher_prediction(teacher, split), teacher_prediction(teacher, whole[name]))
    inputs = make_inputs(WHOLE_CLIP)
    running = torch.ones(outputs.logits.shape[:-1], dtype=torch.bool)
    losses = [WHOLE_CLIP.loss(outputs, inputs._replace(running=mask), Spreading()).total for mask in (None, running)]
    assert torch.equal(*losses)
