"""A benchmark of the training: one student, and seeds × methods side by side, compared with a plain loop.

The plain loop has a data loader and nn.GRU, and trains one model at a time. The problem has the size of UCF101, with
random features. The teachers are random networks, because their outputs cost the same.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from common.device import choose_device, device_name
from distill.feature_set import FeatureSet, Split
from distill.losses import combined_loss
from distill.method import HiddenSizes
from distill.models import Classifier, predict_outputs
from distill.side_by_side import models_at_once, train_together
from distill.training import new_network
from distill.training_plan import TrainingPlan, plan_methods
from distill.training_state import ModelId, TrainingState
from manifests.recipes.training import Distillation, Labels, Training

CLIPS, STEPS, FEATURE_DIM, CLASSES = 8056, 10, 2048, 101  # UCF101's training split with features of a ResNet-50
METHODS = ("without", "teacher_student", "self_distillation", "with")
SIZES = HiddenSizes(student=512, teacher=256)  # the paper's
VALIDATION = 64  # clips: so few that an epoch is nearly only training
SQUARE = 2048  # side of two matrices whose product runs at nearly full speed


def measure_training(device_wanted: str, clips: int, seeds: int, epochs: int) -> dict[str, float | str | int]:
    """Measure epochs per second with `clips` clips, scaled to an epoch of UCF101's 8,056 clips.

    Args:
        device_wanted: auto, cpu, cuda.
        clips: number of training clips; the result is scaled by the number of batches.
        seeds: of each of the four methods.
        epochs: to measure, after one epoch that is not measured.

    Returns:
        Epochs per second of the plain loop (`plain_…`, mean of four methods), of one student (`one_…`), and
        model-epochs per second of seeds × methods side by side (`together_…`); the ratios `ratio_one` and
        `ratio_together` to the plain loop. A multiply-add counts as two operations: `gflop_per_epoch` of one model, the
        rates `gflop_per_s_…` that were reached, `gflop_per_s_product` of one large matrix product, and `ratio_limit`,
        the ratio if everything ran at that rate.
    """
    device = choose_device(device_wanted)
    plan = _plan(epochs + 1)
    data = _made_up(clips).to(device)
    teacher = Classifier("bigru", FEATURE_DIM, SIZES.teacher, CLASSES).to(device).eval()
    scale = -(-clips // plan.training.batch_size) / -(-CLIPS // plan.training.batch_size)

    plain = scale * len(METHODS) / sum(_plain(method, data, plan, teacher, epochs) for method in METHODS)
    one = scale / _stacked([ModelId("with", 0)], data, plan, teacher, epochs)
    models = [ModelId(method, seed) for method, seed in product(METHODS, range(seeds))]
    together = scale * len(models) / _stacked(models, data, plan, teacher, epochs)
    product_rate = _product_rate(torch.device(device))
    work = _gflop_per_epoch()
    return {
        "device": device_name(torch.device(device)),
        "threads": torch.get_num_threads(),
        "clips": clips,
        "models_together": len(models),
        "plain_epochs_per_s": plain,
        "one_epochs_per_s": one,
        "together_model_epochs_per_s": together,
        "ratio_one": one / plain,
        "ratio_together": together / plain,
        "gflop_per_epoch": work,
        "gflop_per_s_plain": work * plain,
        "gflop_per_s_together": work * together,
        "gflop_per_s_product": product_rate,
        "ratio_limit": product_rate / work / plain,
    }


def _plain(method: str, data: FeatureSet, plan: TrainingPlan, teacher: Classifier, epochs: int) -> float:
    """Return seconds per epoch of the plain loop, with the same loss functions."""
    train, training = data.splits["train"], plan.training
    teacher_logits = predict_outputs(teacher, train.features).logits
    loader = DataLoader(TensorDataset(train.features, train.labels, teacher_logits), training.batch_size, shuffle=True)
    gru = nn.GRU(FEATURE_DIM, SIZES.student, batch_first=True).to(train.features.device)
    classifier = nn.Linear(SIZES.student, CLASSES).to(train.features.device)
    parameters = [*gru.parameters(), *classifier.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=training.learning_rate, momentum=training.momentum)
    alpha = 0.5 if method in ("with", "teacher_student") else 0.0
    beta = 0.5 if method in ("with", "self_distillation") else 0.0

    def run(times: int) -> None:
        for _ in range(times):
            for features, labels, of_teacher in loader:
                loss = combined_loss(classifier(gru(features)[0]), labels, of_teacher, alpha=alpha, beta=beta).total
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(parameters, training.gradient_clip)
                optimizer.step()

    run(1)
    return _seconds(lambda: run(epochs), train.features.device) / epochs


def _stacked(models: list[ModelId], data: FeatureSet, plan: TrainingPlan, teacher: Classifier, epochs: int) -> float:
    """Return seconds per epoch of all models, as many side by side as in a run, without the first epoch."""
    at_once = models_at_once(new_network(models[0], plan, data), data.splits["train"].features.device)
    seconds = 0.0
    for first in range(0, len(models), at_once):
        some, moments = models[first : first + at_once], list[float]()

        def after_epoch(state: TrainingState, moments: list[float] = moments) -> None:
            moments.append(time.perf_counter())  # the losses of the epoch were read, so its work is finished

        teachers = [teacher if plan.trained[model.method].method.teacher else None for model in some]
        train_together(some, plan, data, teachers, after_epoch=after_epoch)
        seconds += (moments[-1] - moments[0]) / epochs
    return seconds


def _product_rate(device: torch.device) -> float:
    """Return GFLOP/s of a large matrix product in float32."""
    one, other = torch.randn(2, SQUARE, SQUARE, device=device)
    one @ other
    times = 10
    return times * 2 * SQUARE**3 / _seconds(lambda: [one @ other for _ in range(times)], device) / 1e9


def _gflop_per_epoch() -> float:
    """Return GFLOP of the matrix products in an epoch of one student.

    A product counts three times: forward, gradient of the weights, gradient of the states. The projection of the
    features counts twice, because features need no gradient.
    """
    hidden = SIZES.student
    projected, recurrent, classified = FEATURE_DIM * 3 * hidden, hidden * 3 * hidden, hidden * CLASSES
    return 2 * CLIPS * STEPS * (2 * projected + 3 * recurrent + 3 * classified) / 1e9


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    with _finished(device):
        started = time.perf_counter()
        work()
    return time.perf_counter() - started


@contextmanager
def _finished(device: torch.device) -> Iterator[None]:
    """Wait before and after until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    yield
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _made_up(clips: int) -> FeatureSet:
    generator = torch.Generator().manual_seed(0)

    def split(name: str, count: int) -> Split:
        features: Tensor = torch.randn(count, STEPS, FEATURE_DIM, generator=generator)
        labels = torch.randint(CLASSES, (count,), generator=generator)
        return Split(tuple(f"{name}{index}" for index in range(count)), features, labels)

    splits = {"train": split("train", clips), "validation": split("validation", VALIDATION)}
    return FeatureSet(splits, CLASSES, "made-up", "0" * 64)


def _plan(epochs: int) -> TrainingPlan:
    """Return the paper's training of UCF101's students."""
    training = Training(
        epochs=epochs,
        batch_size=64,
        learning_rate=0.01,
        schedule="constant",
        standardize=False,
        input_dropout=0.0,
        output_dropout=0.0,
        feature_noise=0.0,
        mixup=0.0,
    )
    trained, _ = plan_methods(METHODS, {"distillation": Distillation(alpha=0.5, beta=0.5)}, SIZES)
    return TrainingPlan("bench", METHODS, trained, {}, (0,), Labels(), training)
