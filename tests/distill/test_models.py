"""The networks: sizes, arithmetic against a GRU written in NumPy, and who may see the future."""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from distill.models import KINDS, Classifier, Kind, predict_outputs, predict_probabilities
from extract.runtimes import RUNTIMES, Preparation

Array = NDArray[np.float64]


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("classes", [12, 101])
def test_parameter_counts(classes: int) -> None:
    student, teacher = Classifier("gru", 2048, 512, classes), Classifier("bigru", 2048, 256, classes)
    assert student.recurrent is not None and count(student.recurrent) == 3_935_232
    assert teacher.recurrent is not None and count(teacher.recurrent) == 3_542_016
    assert count(student) == 3_935_232 + 512 * classes + classes
    assert count(teacher) == 3_542_016 + 512 * classes + classes  # both directions, concatenated


def gru(x: Array, weights: dict[str, Array], suffix: str) -> Array:
    """Cho et al.'s unit in PyTorch's parametrisation, one sequence (N, D) → states (N, hidden)."""

    def sigmoid(z: Array) -> Array:
        return 1 / (1 + np.exp(-z))

    w_r, w_z, w_n = np.split(weights[f"weight_ih_l0{suffix}"], 3)
    u_r, u_z, u_n = np.split(weights[f"weight_hh_l0{suffix}"], 3)
    b_r, b_z, b_n = np.split(weights[f"bias_ih_l0{suffix}"], 3)
    c_r, c_z, c_n = np.split(weights[f"bias_hh_l0{suffix}"], 3)
    state, states = np.zeros(len(u_r)), []
    for x_n in x:
        reset = sigmoid(w_r @ x_n + b_r + u_r @ state + c_r)
        update = sigmoid(w_z @ x_n + b_z + u_z @ state + c_z)
        proposal = np.tanh(w_n @ x_n + b_n + reset * (u_n @ state + c_n))
        state = (1 - update) * proposal + update * state
        states.append(state)
    return np.stack(states)


def lstm(x: Array, weights: dict[str, Array], suffix: str) -> Array:
    """Hochreiter and Schmidhuber's unit with a forget gate, one sequence (N, D) → states (N, hidden)."""

    def sigmoid(z: Array) -> Array:
        return 1 / (1 + np.exp(-z))

    state = cell = np.zeros(weights[f"weight_hh_l0{suffix}"].shape[1])
    states = []
    for x_n in x:
        gates = weights[f"weight_ih_l0{suffix}"] @ x_n + weights[f"bias_ih_l0{suffix}"]
        gates = gates + weights[f"weight_hh_l0{suffix}"] @ state + weights[f"bias_hh_l0{suffix}"]
        enter, forget, proposal, output = np.split(gates, 4)
        cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(proposal)
        state = sigmoid(output) * np.tanh(cell)
        states.append(state)
    return np.stack(states)


@pytest.mark.parametrize(("kind", "unit"), [("gru", gru), ("bigru", gru), ("lstm", lstm), ("bilstm", lstm)])
def test_logits_against_numpy(kind: Kind, unit: Callable[[Array, dict[str, Array], str], Array]) -> None:
    torch.manual_seed(0)
    model = Classifier(kind, 7, 5, 3).double().eval()
    assert model.recurrent is not None
    features = torch.randn(4, 6, 7, dtype=torch.float64)
    weights = {name: tensor.numpy() for name, tensor in model.recurrent.state_dict().items()}
    classifier = {name: tensor.numpy() for name, tensor in model.classifier.state_dict().items()}
    expected = []
    for x in features.numpy():
        states = unit(x, weights, "")
        if kind.startswith("bi"):
            states = np.concatenate([states, unit(x[::-1], weights, "_reverse")[::-1]], axis=1)
        expected.append(states @ classifier["weight"].T + classifier["bias"])
    np.testing.assert_allclose(predict_outputs(model, features).logits.numpy(), expected, rtol=1e-10, atol=1e-12)


def test_cumulative_mean_against_numpy() -> None:
    torch.manual_seed(0)
    model = Classifier("cumulative_mean", 7, 0, 3).double().eval()
    features = torch.randn(4, 6, 7, dtype=torch.float64)
    means = np.stack([features[:, : n + 1].numpy().mean(1) for n in range(6)], axis=1)
    expected = means @ model.classifier.weight.detach().numpy().T + model.classifier.bias.detach().numpy()
    np.testing.assert_allclose(predict_outputs(model, features).logits.numpy(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [1, 7, 64])
@pytest.mark.parametrize("seen", [1, 4, 9])
def test_the_future_reaches_teachers_only(kind: Kind, batch: int, seen: int) -> None:
    torch.manual_seed(0)
    features = torch.randn(batch, 10, 64)
    other_future = features.clone()
    other_future[:, seen:] = torch.randn(batch, 10 - seen, 64)
    model = Classifier(kind, 64, 16, 5)
    before, after = (predict_outputs(model, sequence).logits for sequence in (features, other_future))
    assert not torch.equal(before, after)
    if kind.startswith("bi"):
        assert (before[:, :seen] != after[:, :seen]).any(-1).all()  # at every clip and step
    else:
        assert torch.equal(before[:, :seen], after[:, :seen])


def test_probabilities() -> None:
    torch.manual_seed(0)
    student = Classifier("gru", 6, 8, 4)
    features = torch.randn(11, 5, 6)
    probabilities = predict_probabilities(student, features, batch_size=4)
    assert probabilities.shape == (11, 5, 4)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-6)
    np.testing.assert_allclose(probabilities, predict_probabilities(student, features), rtol=1e-5)
    assert (probabilities.argmax(-1) == predict_outputs(student, features).logits.argmax(-1).numpy()).all()


@pytest.mark.skipif(find_spec("openvino") is None, reason="the package openvino is not installed")
@pytest.mark.parametrize("kind", KINDS)
def test_another_runtime_gives_the_same_logits(kind: Kind) -> None:
    torch.manual_seed(0)
    network = Classifier(kind, 48, 16, 6).eval().requires_grad_(False)
    features = torch.randn(3, 10, 48)
    how = Preparation(torch.device("cpu"), "fp32", casts_input=True, threads=1)
    found = RUNTIMES["openvino"].prepare(network, features, how).compute(features)
    torch.testing.assert_close(found, network(features), rtol=1e-5, atol=1e-5)
