"""What each step of waveforms does, beside slow versions of it."""

import numpy as np
import pytest

from soundscapes.augmentation import (
    AddSameSpecies,
    BackgroundNoise,
    Gain,
    RandomCrop,
    RemoveStart,
    WaveformMixup,
)

SEEDS = [(3, number) for number in range(20)]


def test_a_crop_lies_anywhere_in_the_sound(labels):
    counting = np.tile(np.arange(1, 31, dtype=np.float32), (8, 1))
    counting[4, 20:] = 0
    counting[5, 6:] = 0
    starts = set()
    for seed in SEEDS:
        crops = RandomCrop(num_samples=10)(counting, labels, seed)[0].numpy()
        starts.update(crops[:4, 0].astype(int).tolist())
        np.testing.assert_array_equal(np.diff(crops[:5], axis=1), 1)
        assert crops[4, 0] <= 11
        np.testing.assert_array_equal(crops[5], [1, 2, 3, 4, 5, 6, 0, 0, 0, 0])
    assert (min(starts), max(starts)) == (1, 21)


def test_a_start_is_removed_and_the_end_padded(waveforms, labels):
    for seed in SEEDS:
        varied = RemoveStart(most=0.5, probability=1)(waveforms, labels, seed)[0].numpy()
        for before, after in zip(waveforms, varied, strict=True):
            start = np.flatnonzero(before == after[0])[0]
            assert start <= 3000
            np.testing.assert_array_equal(after, np.append(before[start:], np.zeros(start)))


def power(waveforms: np.ndarray) -> np.ndarray:
    return np.square(waveforms, dtype=np.float64).sum(axis=1) / (waveforms != 0).sum(axis=1)


def test_mixup_has_the_labels_of_both_and_keeps_the_power(waveforms, labels):
    for seed in SEEDS:
        mixed, both = map(np.asarray, WaveformMixup(probability=1)(waveforms, labels, seed))
        shift = next(
            s for s in range(1, 8) if (np.maximum(labels, np.roll(labels, -s, 0)) == both).all()
        )
        other = np.roll(waveforms, -shift, axis=0)
        for one, two, sum_ in zip(waveforms[2:], other[2:], mixed[2:], strict=True):
            shares = np.linalg.lstsq(np.stack([one, two]).T, sum_, rcond=None)[0] ** 2
            shares *= np.square([one, two]).mean(axis=1) / np.square(one).mean()
            assert 0.19 < shares.min() < 0.51
            if (two != 0).all():
                assert shares.sum() == pytest.approx(1, abs=1e-3)
        np.testing.assert_allclose(power(mixed)[2:], power(waveforms)[2:], rtol=0.2)


def test_only_a_recording_of_the_same_species_is_added(waveforms, labels):
    added = set()
    for seed in SEEDS:
        mixed, mixed_labels = AddSameSpecies(probability=1)(waveforms, labels, seed)
        np.testing.assert_array_equal(mixed_labels, labels)
        is_mixed = (mixed.numpy() != waveforms).any(axis=1)
        np.testing.assert_array_equal(is_mixed, [1, 1, 1, 1, 0, 0, 1, 1])
        shares = np.linalg.lstsq(waveforms.T, mixed.numpy().T, rcond=None)[0]
        added |= {tuple(np.flatnonzero(np.abs(column) > 1e-3).tolist()) for column in shares.T}
    assert added == {(0, 3), (1, 7), (2, 6), (4,), (5,)}


def test_a_second_species_of_the_recording_that_is_added_is_labelled(waveforms, labels):
    labels[3, 4] = 1
    mixed_labels = AddSameSpecies(probability=1)(waveforms[:4], labels[:4], (0, 0))[1].numpy()
    np.testing.assert_array_equal(mixed_labels[0], [1, 0, 0, 0, 1])


def test_gain_is_within_its_decibels(waveforms, labels):
    varied = Gain(most_db=6)(waveforms, labels, (0, 0))[0].numpy()
    decibels = 10 * np.log10(power(varied) / power(waveforms))
    assert np.ptp(decibels) > 1
    assert np.abs(decibels).max() <= 6


@pytest.mark.parametrize("recorded", [False, True])
def test_noise_is_added_at_the_ratio_asked_for_and_not_to_padding(waveforms, labels, recorded):
    noises = np.random.default_rng(1).uniform(-1, 1, (3, 700)).astype(np.float32)
    step = BackgroundNoise(least_db=12, most_db=12, probability=1)
    noisy = step(waveforms, labels, (0, 0), noises if recorded else None)[0].numpy()
    noise = noisy - waveforms
    ratio = np.square(waveforms).sum(axis=1) / np.square(noise).sum(axis=1)
    np.testing.assert_allclose(10 * np.log10(ratio), 12, atol=0.1)
    assert not noise[1, 5000:].any()
    if recorded:  # a recording, repeated from somewhere in it
        np.testing.assert_allclose(noise[0, :5300], noise[0, 700:], atol=1e-7)


def test_pink_noise_has_as_much_power_in_each_octave(labels):
    tone = np.sin(np.arange(2**16, dtype=np.float32))[None].repeat(8, axis=0)
    noise = BackgroundNoise(least_db=0, most_db=0, probability=1)(tone, labels, (0, 0))[0] - tone
    spectrum = np.square(np.abs(np.fft.rfft(noise, axis=1))).sum(axis=0)
    octaves = [spectrum[2**n : 2 ** (n + 1)].sum() for n in range(7, 15)]
    np.testing.assert_allclose(octaves / np.mean(octaves), 1, atol=0.15)
