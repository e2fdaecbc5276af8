"""Training of a VA-CNN: Adam, random rotations, the rate falls on a plateau, the best epoch on validation is kept.

Zhang et al. (TPAMI 2019) and Microsoft's va-cnn.py, except that stretches of a clip are its samples: segments by
themselves, which is what features are made of, and observed beginnings, cut at any frame. Everything random of an epoch
comes from (seed, epoch), so a training goes on bit for bit on a CPU. Files are in `run_folder.py`.
"""

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.errors import UserError
from common.seeding import random_state
from extract.va_cnn.network import VaCnnNetwork, rotations
from extract.va_cnn.pictures import make_pictures
from extract.va_cnn.samples import Samples, cut
from manifests.recipes.recipe import VaCnn

VALIDATION_BATCHES = 4  # training batches at once: there is nothing to keep for gradients


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to."""

    epoch: int  # from 1
    learning_rate: float
    loss: float  # mean over the training samples, as they were seen
    accuracy: float
    validation_loss: float  # mean over all segments and beginnings of the validation clips
    validation_accuracy: float
    validation_segments: float  # accuracy of the segments by themselves
    validation_whole: float  # … and of the whole clips


@dataclass(frozen=True)
class State:
    """A training after some epochs: copies on the host, all that it takes to go on."""

    history: tuple[Epoch, ...] = ()
    weights: Mapping[str, Tensor] | None = None
    adam: Mapping[str, Tensor] | None = None  # "parameter/moment"
    best: Mapping[str, Tensor] | None = None  # weights of the selected epoch

    @property
    def selected(self) -> Epoch:
        """The best validation accuracy; of equals the lower validation loss, then the earlier epoch."""
        return max(self.history, key=_merit)


def train(
    network: VaCnnNetwork,
    training: Samples,
    validation: Samples,
    table: VaCnn,
    state: State | None = None,
    after_epoch: Callable[[State], None] = lambda state: None,
) -> State:
    """Train a network, or go on.

    Args:
        network: with its initial weights, on the device of the samples.
        training: of the training split.
        validation: of the validation split.
        table: how.
        state: where an earlier call with the same arguments stood.
        after_epoch: called with the state after each epoch.

    Raises:
        UserError: the loss is no longer finite.
    """
    state = state or State()
    device = training.points.device
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), table.learning_rate)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, "max", factor=0.1, patience=table.plateau, cooldown=table.cooldown, threshold=0
    )
    if state.weights and state.adam:
        network.load_state_dict(state.weights)
        _restore(optimizer, state.adam)
    for epoch in state.history:
        plateau.step(epoch.validation_accuracy)
    while len(state.history) < table.epochs and not _exhausted(state, table.patience):
        number = len(state.history) + 1
        rate = optimizer.param_groups[0]["lr"]
        with random_state(table.seed, number, device):
            loss, accuracy = _train_epoch(network, optimizer, training, table, number)
        if not math.isfinite(loss):
            raise UserError(f"the VA-CNN's loss of epoch {number} is {loss}; lower its learning_rate")
        epoch = Epoch(number, rate, loss, accuracy, *_validate(network, validation, table))
        plateau.step(epoch.validation_accuracy)
        history = (*state.history, epoch)
        weights = _on_host(network.state_dict())
        best = _on_host(weights) if max(history, key=_merit) is epoch else state.best
        state = State(history, weights, _moments(optimizer), best)
        after_epoch(state)
    return state


def _train_epoch(
    network: VaCnnNetwork, optimizer: torch.optim.Adam, samples: Samples, table: VaCnn, number: int
) -> tuple[float, float]:
    """One pass: of every clip `samples_per_clip` stretches, cut anew."""
    device = samples.points.device
    chance = np.random.default_rng((table.seed, number))
    order = chance.permutation(np.repeat(np.arange(len(samples.labels)), table.samples_per_clip))
    clips = torch.from_numpy(order).to(device)
    segments = torch.from_numpy(chance.integers(samples.stretches.shape[1], size=len(order))).to(device)
    stretches = cut(samples.stretches[clips, segments], chance)
    angles = torch.from_numpy(chance.uniform(-table.rotation, table.rotation, (len(order), 3))).float().to(device)
    network.train()
    loss_sum = torch.zeros((), dtype=torch.float64, device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    batches = list(torch.split(torch.arange(len(clips), device=device), table.batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:  # batch normalisation needs two
        batches[-2:] = [torch.cat(batches[-2:])]
    for batch in batches:
        pictures = make_pictures(samples.points, stretches[batch], table.image_size)
        # Turning the drawn coordinates is drawing the turned ones: drawing is linear.
        pictures = torch.einsum("bij,bjhw->bihw", rotations(angles[batch]), pictures)
        labels = samples.labels[clips[batch]]
        with _mixed_precision(device):
            logits = network(pictures.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits.float(), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loss_sum += loss.detach() * len(batch)
        correct += (logits.argmax(1) == labels).sum()
    return loss_sum.item() / len(clips), correct.item() / len(clips)


@torch.no_grad()
def _validate(network: nn.Module, samples: Samples, table: VaCnn) -> tuple[float, float, float, float]:
    """Mean cross-entropy and accuracy of all stretches, accuracy of the segments, accuracy of the whole clips."""
    device = samples.points.device
    network.eval()
    logits = []
    for stretches in torch.split(samples.stretches.flatten(0, 2), VALIDATION_BATCHES * table.batch_size):
        with _mixed_precision(device):
            pictures = make_pictures(samples.points, stretches, table.image_size)
            logits.append(network(pictures.contiguous(memory_format=torch.channels_last)).float())
    all_logits = torch.cat(logits)  # (clips · 2 N, C)
    labels = samples.labels.repeat_interleave(samples.stretches[0, :, :, 0].numel())
    correct = (all_logits.argmax(1) == labels).view(samples.stretches.shape[:3]).double()  # (clips, N, 2)
    loss = F.cross_entropy(all_logits, labels).item()
    return loss, correct.mean().item(), correct[:, :, 0].mean().item(), correct[:, -1, 1].mean().item()


def _exhausted(state: State, patience: int) -> bool:
    return bool(state.history) and len(state.history) - state.selected.epoch > patience


def _merit(epoch: Epoch) -> tuple[float, float]:
    return epoch.validation_accuracy, -epoch.validation_loss


def _mixed_precision(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """bf16 on a GPU; on a CPU nothing, and so the same bits every time."""
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else contextlib.nullcontext()


def _moments(optimizer: torch.optim.Adam) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    return _on_host({f"{index}/{name}": value for index, own in state.items() for name, value in own.items()})


def _restore(optimizer: torch.optim.Adam, moments: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in moments.items():
        index, name = key.split("/")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    for parameter, own in optimizer.state.items():
        for name in ("exp_avg", "exp_avg_sq"):  # in the parameter's memory format again, or every step is slower
            own[name] = torch.empty_like(parameter).copy_(own[name])


def _on_host(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    # The checkpoint's files know one memory format only.
    return {
        name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
