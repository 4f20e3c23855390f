"""What each step of frames does, beside slow versions of it."""

import numpy as np
import pytest

from soundscapes import ClipScale
from soundscapes.augmentation import (
    FloorChange,
    FrequencyMask,
    LevelChange,
    PitchShift,
    SpectrogramMixup,
    TimeCutMix,
    TimeMask,
    TimeStretch,
)
from soundscapes.mel_settings import SILENCE_DB

SEEDS = [(3, number) for number in range(30)]


def is_one_stretch(masked: np.ndarray) -> bool:
    return np.abs(np.diff(np.pad(masked.astype(int), 1))).sum() <= 2


@pytest.mark.parametrize(("most", "longest"), [(0.2, 12), (0.0, 0), (1.0, 60)])
def test_a_time_mask_is_one_stretch_of_padding_no_longer_than_allowed(
    frames, labels, most, longest
):
    frames[1] = -50
    lengths = []
    for seed in SEEDS:
        masked = ~TimeMask(most=most)(frames, labels, seed)[0].numpy().any(axis=-1)
        assert all(map(is_one_stretch, masked))
        lengths += masked.sum(axis=1).tolist()
    assert (min(lengths), max(lengths)) == (0, longest)


def test_a_frequency_mask_silences_the_same_bands_of_every_window_length(frames, labels):
    widths = []
    for seed in SEEDS:
        masked = FrequencyMask(most=0.3, num_bands=10)(frames + 1, labels, seed)[0] == SILENCE_DB
        masked = masked.numpy().all(axis=1)
        np.testing.assert_array_equal(masked[:, :10], masked[:, 10:])
        assert all(map(is_one_stretch, masked[:, :10]))
        widths += masked[:, :10].sum(axis=1).tolist()
    assert (min(widths), max(widths)) == (0, 3)


def test_masks_reach_both_ends(frames, labels):
    masked = [~TimeMask()(frames, labels, seed)[0].numpy().any(axis=-1)[2:] for seed in SEEDS]
    assert np.concatenate(masked)[:, [0, -1]].any(axis=0).all()


def test_a_level_changes_alike_in_a_clip_and_stops_at_silence(frames, labels):
    changed = LevelChange(most_db=6)(frames, labels, (0, 0))[0].numpy()
    for before, after in zip(frames, changed, strict=True):
        is_heard = (before != 0) & (after > SILENCE_DB)
        changes = (after - before)[is_heard]
        assert np.ptp(changes) < 1e-4
        assert abs(changes[0]) <= 6
    assert changed.min() >= SILENCE_DB


def test_the_changed_floor_is_that_of_another_clip_scale(frames, labels):
    changed = FloorChange(least_db=55, most_db=55, top_db=80)(frames, labels, (0, 0))[0]
    np.testing.assert_allclose(ClipScale(80)(changed), ClipScale(55)(frames), atol=1e-5)


def test_a_stretch_of_time_takes_the_nearest_row_and_pads_the_end(frames, labels):
    for seed in SEEDS[:5]:
        played = TimeStretch(most=0.5, probability=1)(frames[2:], labels[2:], seed)[0].numpy()
        for before, after in zip(frames[2:], played, strict=True):
            rows = [np.flatnonzero((before == row).all(axis=1)) for row in after if row.any()]
            places = np.concatenate(rows)
            speed = places[-1] / (len(places) - 1)
            assert 0.45 < speed < 1.55
            assert np.abs(places - speed * np.arange(len(places))).max() <= 1
            assert len(places) == 60 or places[-1] >= 58  # padded only where the clip has ended


def test_a_shift_of_pitch_moves_the_bands_of_every_window_length_alike(frames, labels):
    shifts = set()
    for seed in SEEDS:
        shifted = PitchShift(most_bands=2, probability=1, num_bands=10)(frames, labels, seed)[0]
        for before, after in zip(frames, shifted.numpy(), strict=True):
            fits = []
            for shift in range(-2, 3):
                bands = np.clip(np.arange(10) - shift, 0, 9)
                expected = np.concatenate([before[:, bands], before[:, 10 + bands]], axis=1)
                fits += [shift] if (expected == after).all() else []
            assert len(fits) == 1
            shifts.update(fits)
    assert shifts == {-2, -1, 0, 1, 2}


def test_cutmix_takes_a_stretch_of_another_clip_and_labels_by_what_is_sound(frames, labels):
    for seed in SEEDS:
        mixed, mixed_labels = TimeCutMix(most=0.8, probability=1)(frames, labels, seed)
        mixed = mixed.numpy()
        is_new = (mixed != frames).any(axis=-1)
        is_own = ~is_new & (frames != 0).any(axis=-1)
        is_sound = is_new & (mixed != 0).any(axis=-1)
        other = next(
            shift for shift in range(1, 8)
            if (mixed == np.where(is_new[..., None], np.roll(frames, -shift, axis=0), frames)).all()
        )  # fmt: skip
        share = is_sound.sum(axis=1) / (is_sound.sum(axis=1) + is_own.sum(axis=1))
        expected = (1 - share)[:, None] * labels + share[:, None] * np.roll(labels, -other, axis=0)
        np.testing.assert_allclose(mixed_labels, expected, atol=1e-6)
        assert share.max() <= 0.9


def test_mixup_adds_power_keeps_its_mean_and_mixes_labels_by_its_share(frames, labels):
    frames[1] = frames[1, :1]  # no padding here
    frames = np.maximum(frames, -80)
    mixed, mixed_labels = SpectrogramMixup(alpha=1.0, probability=1)(frames, labels, (5, 5))
    power, mixed_power = (10 ** (np.asarray(f, np.float64) / 10) for f in (frames, mixed))
    means = power.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(mixed_power.mean(axis=(1, 2), keepdims=True), means, rtol=1e-3)
    own_share = mixed_labels.numpy()[np.arange(8), labels.argmax(axis=1)]
    fits = []
    for shift in range(1, 8):
        same = (np.roll(labels, -shift, axis=0) == labels).all(axis=1)
        share = np.where(same, np.nan, 1 - own_share)[:, None, None]
        level = means / np.roll(means, -shift, axis=0)
        expected = (1 - share) * power + share * level * np.roll(power, -shift, axis=0)
        fits.append(np.nanmax(np.abs(expected / mixed_power - 1)))
    assert min(fits) < 1e-3


def test_mixup_where_one_clip_is_padding_is_the_other_alone(frames, labels):
    frames = np.maximum(frames, -80)  # 0 of padding stays
    mixed = SpectrogramMixup(alpha=1.0, probability=1)(frames[:2], labels[:2], (0, 0))[0].numpy()
    end = mixed[0, 50:] - frames[0, 50:]
    assert np.ptp(end) < 1e-3
    assert end.max() < 0
    assert (mixed[1] != 0).any(axis=-1).all()
