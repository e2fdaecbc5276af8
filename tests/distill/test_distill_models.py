"""The networks: sizes, arithmetic against a GRU written in NumPy, and who may see the future."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from distill.models import Student, Teacher, predict_logits, predict_probabilities

Array = NDArray[np.float64]


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("classes", [12, 101])
def test_parameter_counts(classes: int) -> None:
    student, teacher = Student(2048, 512, classes), Teacher(2048, 256, classes)
    assert count(student.gru) == 3_935_232
    assert count(teacher.gru) == 3_542_016
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


@pytest.mark.parametrize("kind", [Student, Teacher])
def test_logits_against_numpy(kind: type[Student] | type[Teacher]) -> None:
    torch.manual_seed(0)
    model = kind(7, 5, 3, 0.5, 0.5).double().eval()
    features = torch.randn(4, 6, 7, dtype=torch.float64)
    weights = {name: tensor.numpy() for name, tensor in model.gru.state_dict().items()}
    classifier = {name: tensor.numpy() for name, tensor in model.classifier.state_dict().items()}
    expected = []
    for x in features.numpy():
        states = gru(x, weights, "")
        if kind is Teacher:
            states = np.concatenate([states, gru(x[::-1], weights, "_reverse")[::-1]], axis=1)
        expected.append(states @ classifier["weight"].T + classifier["bias"])
    np.testing.assert_allclose(predict_logits(model, features).numpy(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("batch", [1, 7, 64])
@pytest.mark.parametrize("seen", [1, 4, 9])
def test_the_future_reaches_the_teacher_only(batch: int, seen: int) -> None:
    torch.manual_seed(0)
    features = torch.randn(batch, 10, 64)
    other_future = features.clone()
    other_future[:, seen:] = torch.randn(batch, 10 - seen, 64)
    student, teacher = Student(64, 32, 5), Teacher(64, 16, 5)
    assert torch.equal(predict_logits(student, features)[:, :seen], predict_logits(student, other_future)[:, :seen])
    assert not torch.equal(predict_logits(student, features), predict_logits(student, other_future))
    changed = predict_logits(teacher, features)[:, :seen] != predict_logits(teacher, other_future)[:, :seen]
    assert changed.any(-1).all()  # at every clip and step


def test_probabilities() -> None:
    torch.manual_seed(0)
    student = Student(6, 8, 4, 0.5, 0.5)  # in training mode: dropout would show
    features = torch.randn(11, 5, 6)
    probabilities = predict_probabilities(student, features, batch_size=4)
    assert probabilities.shape == (11, 5, 4)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-6)
    np.testing.assert_allclose(probabilities, predict_probabilities(student, features), rtol=1e-5)
    assert (probabilities.argmax(-1) == predict_logits(student, features).argmax(-1).numpy()).all()


def test_dropout_is_where_it_is_said_to_be() -> None:
    torch.manual_seed(0)
    features = torch.ones(1, 1, 1000)
    gone = Student(1000, 8, 4, 1.0, 0.0).train()
    assert torch.equal(gone(features), gone(torch.zeros_like(features)))  # nothing of the input gets through
    bare = Student(1000, 8, 4, 0.0, 1.0).train()
    assert torch.equal(bare(features)[0, 0], bare.classifier.bias)  # nothing of the state gets through
