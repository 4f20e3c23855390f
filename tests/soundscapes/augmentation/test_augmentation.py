"""The record of what is on: its order, its JSON, its seeds."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import tensorflow as tf

from soundscapes import Augmentation
from soundscapes.augmentation import FrequencyMask, PitchShift, TimeMask, WaveformMixup


def test_it_is_json_and_comes_back():
    augmentation = replace(Augmentation(), time_mask=TimeMask(most=0.3), gain=None)
    assert Augmentation.from_dict(json.loads(json.dumps(asdict(augmentation)))) == augmentation
    assert Augmentation.from_dict({}) == Augmentation.only()


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"echo": {}}, r"Unknown augmentation \['echo'\]. Expected some of random_crop, "),
        ({"time_mask": {"share": 0.2}}, "cannot be made: .*unexpected keyword argument 'share'"),
        ({"time_mask": {"most": 2}}, r"Expected most in \[0, 1\], received 2"),
    ],
)
def test_what_is_unknown_or_out_of_range_is_refused(told, message):
    with pytest.raises(ValueError, match=message):
        Augmentation.from_dict(told)


def test_no_step_changes_nothing(frames, waveforms, labels):
    nothing = Augmentation.only()
    assert nothing.augment_frames(frames, labels, (0, 0))[0] is frames
    assert nothing.augment_waveforms(waveforms, labels, (0, 0))[0] is waveforms


def test_a_step_draws_the_same_whichever_others_are_on(waveforms, labels):
    mixup = WaveformMixup(probability=1)
    both, alone = (
        Augmentation.only(waveform_mixup=mixup, gain=Augmentation().gain),
        Augmentation.only(waveform_mixup=mixup),
    )
    loud, plain = (a.augment_waveforms(waveforms, labels, (4, 2))[0].numpy() for a in (both, alone))
    assert (np.ptp(loud / plain, axis=1) < 1e-2)[2:].all()


def test_each_batch_of_a_dataset_is_varied_in_its_own_way(frames, labels):
    dataset = tf.data.Dataset.from_tensors((frames, labels)).repeat(2).enumerate()
    augmentation = Augmentation()
    varied = dataset.map(
        lambda number, batch: augmentation.augment_frames(*batch, seed=(0, number))
    )
    one, two = ([np.asarray(clips) for clips, _ in varied] for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert (one[0] != one[1]).any()


def test_noises_reach_the_step_that_adds_them(waveforms, labels):
    noises = np.ones((1, 100), np.float32)
    step = replace(Augmentation().background_noise, probability=1.0)
    noisy = Augmentation.only(background_noise=step).augment_waveforms(
        waveforms, labels, (0, 0), noises=noises
    )[0]
    assert np.ptp(noisy.numpy()[0] - waveforms[0]) < 1e-6


def test_frames_that_are_no_decibels_are_exchanged_and_masked_and_nothing_else():
    steps = asdict(Augmentation.for_embeddings())
    assert [name for name, step in steps.items() if step] == ["time_cut_mix", "time_mask"]


def test_rows_of_several_window_lengths_are_changed_alike():
    rows = tf.random.stateless_normal((6, 20, 16), (0, 1)) - 50
    rows = tf.concat([rows, rows], axis=-1)  # two window lengths of 16 bands
    steps = Augmentation.only(
        frequency_mask=FrequencyMask(most=0.5), pitch_shift=PitchShift(probability=1)
    ).with_bands(16)
    changed = steps.augment_frames(rows, tf.eye(6), (0, 0))[0].numpy()
    np.testing.assert_array_equal(changed[..., :16], changed[..., 16:])
    assert np.any(changed != rows.numpy())
