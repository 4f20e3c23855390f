"""The marks of a stream are those of the slow version, whatever the kind of samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.sound_marks import mark_cells, starts_of_cells
from media.waveforms import regroup
from tests.media.conftest import load_waveform


def marks_one_by_one(samples, rate_hz):
    """The slow obvious version, for cells of 160 samples at 16 kHz."""
    is_finite = np.isfinite(samples).all(axis=1)
    samples = np.where(np.isfinite(samples), samples, 0)
    cells = {}
    for index, sample in enumerate(samples):
        changes = index > 0 and any(sample != samples[index - 1])
        is_clipped = any(
            start >= 0
            and start + 3 <= len(samples)
            and len(set(samples[start : start + 3, channel])) == 1
            and abs(sample[channel]) >= 0.999
            for channel in range(samples.shape[1])
            for start in range(index - 2, index + 1)
        )
        cell = index * 100 // rate_hz
        cells.setdefault(cell, []).append((is_finite[index], changes, is_clipped))
    columns = [list(zip(*cells[cell], strict=True)) for cell in sorted(cells)]
    return [(all(finite), any(changes), np.mean(clip)) for finite, changes, clip in columns]


@settings(max_examples=60)
@given(
    seed=st.integers(0, 999),
    rate_hz=st.sampled_from([100, 400, 1103, 11025]),
    num_channels=st.integers(1, 2),
    num_levels=st.integers(1, 1500),
)
def test_marks_are_those_of_the_slow_version(seed, rate_hz, num_channels, num_levels):
    generator = np.random.default_rng(seed)
    levels = generator.choice([-1, 0, 0.3, 1], (num_levels, num_channels))
    samples = np.repeat(levels, generator.integers(1, 5, num_levels), axis=0).astype(np.float32)
    samples[generator.random(len(samples)) < 0.01, 0] = np.nan
    starts, length = starts_of_cells(rate_hz, 16000)
    passed, marks = zip(*mark_cells(regroup(iter([samples]), length), starts, 0.999), strict=True)
    np.testing.assert_array_equal(np.concatenate(passed), np.nan_to_num(samples))
    np.testing.assert_allclose(np.concatenate(marks), marks_one_by_one(samples, rate_hz), atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rate_hz", [16000, 48000])
def test_what_is_no_number_is_marked_and_does_not_spread(recording, streamed, bad, rate_hz):
    samples = 0.1 * np.random.default_rng(0).standard_normal((2 * rate_hz, 2))
    samples[rate_hz, 1] = bad
    path = recording("a.wav", samples, rate=rate_hz, subtype="FLOAT")
    waveform, blocks, outcome = streamed(path, block_seconds=0.5)
    is_finite = np.concatenate([block.is_finite for block in blocks])
    assert list(np.flatnonzero(~is_finite)) == [100]
    assert outcome.damage is None
    samples[rate_hz, 1] = 0
    mended = recording("mended.wav", samples, rate=rate_hz, subtype="FLOAT")
    np.testing.assert_allclose(waveform, load_waveform(mended), atol=1e-5)


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
@pytest.mark.parametrize("level", [0.0, 0.25])
def test_samples_that_hold_still_are_marked_at_any_level(recording, streamed, name, level):
    samples = 0.1 * np.random.default_rng(0).standard_normal((48000, 2))
    samples[12000:36000] = [level, -level / 2]
    _, blocks, _ = streamed(recording(name, samples, rate=24000), block_seconds=1)
    is_changing = np.concatenate([block.is_changing for block in blocks])
    assert list(np.flatnonzero(~is_changing)) == list(range(51, 150))  # 50 holds the step


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "ULAW"])
def test_flattened_tops_are_marked_in_every_kind_of_samples(recording, streamed, subtype):
    tone = np.sin(2 * np.pi * 200 * np.arange(16000) / 16000)  # a period of 80 samples
    # Floats beyond full scale are clipped only where they are flat.
    gain = np.where(np.arange(16000) < 8000, 1.1 if subtype == "FLOAT" else 0.9, 1.5)
    flat = np.where(np.arange(16000) < 8000, gain * tone, np.clip(gain * tone, -1, 1))
    _, blocks, _ = streamed(recording("a.wav", flat, subtype=subtype))
    assert not blocks[0].clipped_share[:50].any()
    true_share = np.mean(np.abs(1.5 * tone) >= 1)
    np.testing.assert_allclose(blocks[0].clipped_share[50:], true_share, atol=0.06)
