"""The length of a training: a number of epochs, or as many as 3,000 updates need."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from manifests.recipes.training import LEAST_EPOCHS, LEAST_UPDATES, MOST_AUTO_EPOCHS, Training


@pytest.mark.parametrize(("clips", "epochs"), [(1, 1000), (64, 1000), (163, 500), (323, 273), (960, 100), (8056, 100)])
def test_a_small_data_set_is_trained_for_more_epochs(clips: int, epochs: int) -> None:
    assert Training().epochs_for(clips) == epochs


@given(clips=st.integers(1, 10**6), batch=st.integers(1, 512))
def test_auto_reaches_the_updates_and_not_an_epoch_more(clips: int, batch: int) -> None:
    epochs, in_epoch = Training(batch_size=batch).epochs_for(clips), math.ceil(clips / batch)
    assert LEAST_EPOCHS <= epochs <= MOST_AUTO_EPOCHS
    assert epochs * in_epoch >= LEAST_UPDATES or epochs == MOST_AUTO_EPOCHS
    assert (epochs - 1) * in_epoch < LEAST_UPDATES or epochs == LEAST_EPOCHS


def test_a_number_is_taken_as_it_is() -> None:
    assert Training(epochs=7).epochs_for(5) == 7
    with pytest.raises(ValidationError):
        Training(epochs=0)
    with pytest.raises(ValidationError):
        Training(epochs="many")  # type: ignore[arg-type]
