"""Missing modalities: tokens take an absent branch's place, and dropout hides one branch at most."""

import keras
import numpy as np
import pytest

from fused_encoder.fusion import IsPresent, MissingModality

BATCH = 4000


def _inputs(has_image: bool = True, has_audio: bool = True, batch: int = BATCH) -> list[np.ndarray]:
    ones = np.ones((batch, 2), np.float32)
    return [ones, ones, np.full(batch, has_image), np.full(batch, has_audio)]


def _hidden(layer: MissingModality, inputs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """For each item, whether the photo and whether the call was hidden in training."""
    image, audio = layer(inputs, training=True)
    return image.numpy()[:, 0] == 0, audio.numpy()[:, 0] == 0


def test_only_what_is_all_zero_is_absent():
    values = np.zeros((4, 3, 2), np.float32)
    values[1, 2, 1] = 1e-30
    values[2] = -1
    assert IsPresent()(values).numpy().tolist() == [False, True, True, False]


@pytest.mark.parametrize("training", [False, True])
def test_nothing_is_hidden_at_inference_or_without_dropout(training):
    layer = MissingModality(0.0 if training else 0.9, seed=0)
    for value in layer(_inputs(), training=training):
        np.testing.assert_array_equal(value, 1)


@pytest.mark.parametrize("rate", [0.2, 0.9])
def test_about_the_stated_share_is_hidden_and_of_each_item_one_branch_at_most(rate):
    no_image, no_audio = _hidden(MissingModality(rate, seed=1), _inputs())
    assert not (no_image & no_audio).any()
    assert (no_image | no_audio).mean() == pytest.approx(rate, abs=0.03)
    assert no_image.mean() == pytest.approx(rate / 2, abs=0.03)


@pytest.mark.parametrize(("has_image", "has_audio"), [(True, False), (False, True)])
def test_the_only_branch_that_is_there_is_never_hidden(has_image, has_audio):
    no_image, no_audio = _hidden(MissingModality(0.9, seed=1), _inputs(has_image, has_audio))
    assert (no_image.any(), no_audio.any()) == (not has_image, not has_audio)


def test_each_step_hides_other_items_and_the_same_seed_the_same_ones():
    layer, twin = MissingModality(0.5, seed=3), MissingModality(0.5, seed=3)
    first, second = (_hidden(layer, _inputs())[0] for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(_hidden(twin, _inputs())[0], first)


def test_an_absent_branch_is_replaced_by_its_token_item_by_item():
    layer = MissingModality()
    image, audio, _, _ = _inputs(batch=3)
    layer([image, audio, np.ones(3, bool), np.ones(3, bool)])
    layer.set_weights([np.array([5.0, 6.0]), np.array([7.0, 8.0])])
    image, audio = layer(
        [image, audio, np.array([True, False, True]), np.array([True, True, False])]
    )
    assert image.numpy().tolist() == [[1, 1], [5, 6], [1, 1]]
    assert audio.numpy().tolist() == [[1, 1], [1, 1], [7, 8]]


def test_the_layer_is_rebuilt_from_its_config():
    layer = MissingModality(0.3, seed=7, name="missing")
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert twin.get_config() == layer.get_config()
    np.testing.assert_array_equal(_hidden(twin, _inputs())[0], _hidden(layer, _inputs())[0])
