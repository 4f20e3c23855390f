"""What every step promises: shapes, labels, padding, seeds, batches of one, tf.data."""

import numpy as np
import pytest
import tensorflow as tf

from soundscapes.augmentation import (
    AddSameSpecies,
    BackgroundNoise,
    FloorChange,
    FrequencyMask,
    Gain,
    LevelChange,
    PitchShift,
    RandomCrop,
    RemoveStart,
    SpectrogramMixup,
    TimeCutMix,
    TimeMask,
    TimeStretch,
    WaveformMixup,
)

ALWAYS = {"probability": 1.0}
OF_FRAMES = [
    TimeMask(most=0.9),
    FrequencyMask(most=0.5, num_bands=10),
    LevelChange(),
    FloorChange(),
    TimeStretch(most=0.5, **ALWAYS),
    PitchShift(num_bands=10, **ALWAYS),
    TimeCutMix(**ALWAYS),
    SpectrogramMixup(alpha=1.0, **ALWAYS),
]
OF_WAVEFORMS = [
    RandomCrop(num_samples=6000),
    RemoveStart(**ALWAYS),
    WaveformMixup(**ALWAYS),
    AddSameSpecies(**ALWAYS),
    Gain(),
    BackgroundNoise(**ALWAYS),
]


def name(step: object) -> str:
    return type(step).__name__


@pytest.fixture(params=[*OF_FRAMES, *OF_WAVEFORMS], ids=name)
def step(request):
    return request.param


@pytest.fixture
def clips(step, frames, waveforms):
    return frames if step in OF_FRAMES else waveforms


def test_shapes_stay_and_numbers_are_finite_and_labels_between_0_and_1(step, clips, labels):
    for number in range(20):
        varied, mixed = step(clips, labels, (1, number))
        assert varied.shape == clips.shape
        assert mixed.shape == labels.shape
        assert np.isfinite(varied).all()
        assert 0 <= np.min(mixed) <= np.max(mixed) <= 1
        assert (np.sum(mixed, axis=1) > 0.999).all()


def test_the_same_seed_gives_the_same_and_another_seed_another(step, clips, labels):
    first, again, other = (
        step(clips, labels, seed)[0].numpy() for seed in ((1, 2), (1, 2), (1, 3))
    )
    np.testing.assert_array_equal(first, again)
    if not isinstance(step, RandomCrop):  # all of these clips is one crop
        assert (first != other).any()


def test_a_batch_of_one_is_taken_and_keeps_its_label(step, clips, labels):
    varied, mixed = step(clips[1:2], labels[1:2], (0, 0))
    assert varied.shape == clips[1:2].shape
    np.testing.assert_allclose(mixed, labels[1:2], atol=1e-6)


def test_it_works_in_tf_data_on_batches_of_any_length(step, clips, labels):
    spec = tf.TensorSpec([None] * (clips.ndim - 1) + [clips.shape[-1]], tf.float32)
    if clips.ndim == 2:
        spec = tf.TensorSpec([None, None], tf.float32)
    traced = tf.function(
        step, input_signature=[spec, tf.TensorSpec([None, 5]), tf.TensorSpec([2], tf.int64)]
    )
    seed = tf.constant([1, 7], tf.int64)
    np.testing.assert_allclose(
        traced(clips, labels, seed)[0], step(clips, labels, (1, 7))[0], rtol=1e-4, atol=1e-4
    )


def test_digital_silence_stays_finite(step, clips, labels):
    silent = np.full_like(clips, -100.0 if clips.ndim == 3 else 0.0)
    assert np.isfinite(step(silent, labels, (0, 0))[0]).all()


@pytest.mark.parametrize("step", [*OF_FRAMES[1:4], OF_FRAMES[5]], ids=name)
def test_padding_of_frames_stays_padding(step, frames, labels):
    for number in range(10):
        varied = step(frames, labels, (2, number))[0].numpy()
        np.testing.assert_array_equal((varied != 0).any(axis=-1), (frames != 0).any(axis=-1))


@pytest.mark.parametrize(
    "kind",
    [
        PitchShift,
        TimeStretch,
        TimeCutMix,
        SpectrogramMixup,
        RemoveStart,
        WaveformMixup,
        AddSameSpecies,
        BackgroundNoise,
    ],
)
def test_a_probability_of_0_changes_nothing_and_one_above_1_is_refused(
    kind, frames, waveforms, labels
):
    step = kind(probability=0.0)
    clips = waveforms if kind in map(type, OF_WAVEFORMS) else frames
    varied, mixed = step(clips, labels, (0, 0))
    np.testing.assert_array_equal(varied, clips)
    np.testing.assert_array_equal(mixed, labels)
    with pytest.raises(ValueError, match=r"probability in \[0, 1\], received 1.5"):
        kind(probability=1.5)
