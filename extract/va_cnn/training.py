"""The training of a VA-CNN: Adam, random rotations, a learning rate that falls on a plateau, selection on validation.

The training follows Zhang et al. (TPAMI 2019) and Microsoft's `va-cnn.py`, but its samples are parts of clips: single
segments, from which features are made, and clips from their start up to any frame. Everything random depends on seed
and epoch only, so a training on a CPU resumes to the same bits. Files are written in `run_folder.py`.
"""

import contextlib
import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.errors import UserError
from common.seeding import random_state
from extract.va_cnn.network import VaCnnNetwork, rotations
from extract.va_cnn.pictures import make_pictures
from extract.va_cnn.samples import Samples, cut
from extract.va_cnn.training_state import VaCnnEpoch, VaCnnState, merit
from manifests.recipes.extraction import VaCnn

VALIDATION_BATCHES = 4  # training batches in one validation batch, which needs no memory for gradients


def train_network(
    network: VaCnnNetwork,
    training: Samples,
    validation: Samples,
    config: VaCnn,
    state: VaCnnState | None = None,
    after_epoch: Callable[[VaCnnState], None] = lambda state: None,
) -> VaCnnState:
    """Train a network, or resume its training.

    Args:
        network: with its initial weights, on the device of the samples.
        training: samples of the training split.
        validation: samples of the validation split.
        config: how it is trained.
        state: of an earlier call with the same arguments.
        after_epoch: gets the state after each epoch.

    Raises:
        UserError: the loss is not finite.
    """
    state = state or VaCnnState()
    device = training.points.device
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), config.learning_rate)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, "max", factor=0.1, patience=config.plateau, cooldown=config.cooldown, threshold=0
    )
    if state.weights and state.adam:
        network.load_state_dict(state.weights)
        _restore(optimizer, state.adam)
    for epoch in state.history:
        plateau.step(epoch.validation_accuracy)
    while len(state.history) < config.epochs and not _exhausted(state, config.patience):
        number = len(state.history) + 1
        rate = optimizer.param_groups[0]["lr"]
        with random_state(config.seed, number, device):
            loss, accuracy = _train_epoch(network, optimizer, training, config, number)
        if not math.isfinite(loss):
            raise UserError(f"the VA-CNN's loss of epoch {number} is {loss}; lower its learning_rate")
        epoch = VaCnnEpoch(number, rate, loss, accuracy, *_validate(network, validation, config))
        plateau.step(epoch.validation_accuracy)
        history = (*state.history, epoch)
        weights = _on_host(network.state_dict())
        best = _on_host(weights) if max(history, key=merit) is epoch else state.best
        state = VaCnnState(history, weights, _moments(optimizer), best)
        after_epoch(state)
    return state


def _train_epoch(
    network: VaCnnNetwork, optimizer: torch.optim.Adam, samples: Samples, config: VaCnn, number: int
) -> tuple[float, float]:
    """Train on `samples_per_clip` new samples of every clip; return the mean loss and the accuracy."""
    device = samples.points.device
    chance = np.random.default_rng((config.seed, number))
    order = chance.permutation(np.repeat(np.arange(len(samples.labels)), config.samples_per_clip))
    clips = torch.from_numpy(order).to(device)
    segments = torch.from_numpy(chance.integers(samples.stretches.shape[1], size=len(order))).to(device)
    stretches = cut(samples.stretches[clips, segments], chance)
    angles = torch.from_numpy(chance.uniform(-config.rotation, config.rotation, (len(order), 3))).float().to(device)
    network.train()
    loss_sum = torch.zeros((), dtype=torch.float64, device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    batches = list(torch.split(torch.arange(len(clips), device=device), config.batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:  # batch normalisation needs two
        batches[-2:] = [torch.cat(batches[-2:])]
    for batch in batches:
        pictures = make_pictures(samples.points, stretches[batch], config.image_size)
        # Drawing is linear, so rotated pictures are pictures of rotated skeletons.
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
def _validate(network: nn.Module, samples: Samples, config: VaCnn) -> tuple[float, float, float, float]:
    """Return mean cross-entropy and accuracy of all samples, accuracy of segments, accuracy of whole clips."""
    device = samples.points.device
    network.eval()
    logits = []
    for stretches in torch.split(samples.stretches.flatten(0, 2), VALIDATION_BATCHES * config.batch_size):
        with _mixed_precision(device):
            pictures = make_pictures(samples.points, stretches, config.image_size)
            logits.append(network(pictures.contiguous(memory_format=torch.channels_last)).float())
    all_logits = torch.cat(logits)  # (clips · 2 N, C)
    labels = samples.labels.repeat_interleave(samples.stretches[0, :, :, 0].numel())
    correct = (all_logits.argmax(1) == labels).view(samples.stretches.shape[:3]).double()  # (clips, N, 2)
    loss = F.cross_entropy(all_logits, labels).item()
    return loss, correct.mean().item(), correct[:, :, 0].mean().item(), correct[:, -1, 1].mean().item()


def _exhausted(state: VaCnnState, patience: int) -> bool:
    return bool(state.history) and len(state.history) - state.selected.epoch > patience


def _mixed_precision(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Use bf16 on a GPU. A CPU computes in float32, and gives the same bits every time."""
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
        for name in ("exp_avg", "exp_avg_sq"):  # in the parameter's memory format: other formats slow down every step
            own[name] = torch.empty_like(parameter).copy_(own[name])


def _on_host(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    # A safetensors file has one memory format only.
    return {
        name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
