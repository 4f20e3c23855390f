from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import load_waveform
from media.sound_marks import SoundMarker

Recording = Callable[..., Path]
Streamed = Callable[..., tuple]


def marks_one_by_one(samples: np.ndarray, is_finite: np.ndarray, rate_hz: int) -> list[tuple]:
    """The slow obvious version, for cells of 160 samples at 16 kHz."""
    cells: dict[int, list[tuple[bool, bool, bool]]] = {}
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
        cells.setdefault(cell, []).append((bool(is_finite[index]), changes, is_clipped))
    return [
        (all(finite), any(changes), np.mean(clipped, dtype=np.float32))
        for finite, changes, clipped in (zip(*cells[cell], strict=True) for cell in sorted(cells))
    ]


@settings(max_examples=60, deadline=None)
@given(data=st.data(), rate_hz=st.sampled_from([400, 1103, 11025]), num_channels=st.integers(1, 2))
def test_marks_are_those_of_the_slow_version_however_the_samples_are_cut(
    data: st.DataObject, rate_hz: int, num_channels: int
) -> None:
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    num_samples = data.draw(st.integers(1, 400))
    levels = generator.choice([-1, 0, 0.3, 1], (num_samples, num_channels))
    samples = np.repeat(levels, generator.integers(1, 5, num_samples), axis=0).astype(np.float32)
    is_finite = generator.random(len(samples)) < 0.99
    cuts = sorted(data.draw(st.lists(st.integers(0, len(samples)), max_size=8)))
    marker = SoundMarker(rate_hz, 16000, 0.999)
    for piece, numbers in zip(np.split(samples, cuts), np.split(is_finite, cuts), strict=True):
        marker.add(piece, numbers)
    expected = marks_one_by_one(samples, is_finite, rate_hz)
    num_ready = marker.num_ready_cells
    assert num_ready >= len(expected) - 2 - (rate_hz == 400)
    first = marker.take(num_ready)
    marker.finish(len(expected) - num_ready)
    last = marker.take(len(expected) - num_ready)
    for index, name in enumerate(("is_finite", "is_changing", "clipped_share")):
        marks = np.concatenate([getattr(first, name), getattr(last, name)])
        np.testing.assert_allclose(marks, [cell[index] for cell in expected], atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rate_hz", [16000, 48000])
def test_what_is_no_number_is_marked_and_does_not_spread(
    recording: Recording, streamed: Streamed, bad: float, rate_hz: int
) -> None:
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
def test_samples_that_hold_still_are_marked_at_any_level(
    recording: Recording, streamed: Streamed, name: str, level: float
) -> None:
    samples = 0.1 * np.random.default_rng(0).standard_normal((48000, 2))
    samples[12000:36000] = [level, -level / 2]
    _, blocks, _ = streamed(recording(name, samples, rate=24000), block_seconds=1)
    is_changing = np.concatenate([block.is_changing for block in blocks])
    assert list(np.flatnonzero(~is_changing)) == list(range(51, 150))  # 50 holds the step


def test_one_channel_that_changes_is_enough(recording: Recording, streamed: Streamed) -> None:
    samples = np.zeros((16000, 2))
    samples[:, 1] = 0.1 * np.random.default_rng(0).standard_normal(16000)
    _, blocks, _ = streamed(recording("a.wav", samples))
    assert blocks[0].is_changing.all()


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "ULAW", "ALAW"]
)
def test_flattened_tops_are_marked_in_every_kind_of_samples(
    recording: Recording, streamed: Streamed, subtype: str
) -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(16000) / 16000)  # a period of 80 samples
    gain = np.where(np.arange(16000) < 8000, 0.9, 1.5)
    path = recording("a.wav", np.clip(gain * tone, -1, 1), subtype=subtype)
    _, blocks, _ = streamed(path)
    assert not blocks[0].clipped_share[:50].any()
    true_share = np.mean(np.abs(1.5 * tone) >= 1)
    np.testing.assert_allclose(blocks[0].clipped_share[50:], true_share, atol=0.06)


def test_float_samples_beyond_full_scale_are_clipped_only_if_flat(
    recording: Recording, streamed: Streamed
) -> None:
    tone = 1.5 * np.sin(2 * np.pi * 200 * np.arange(16000) / 16000)
    tone[8000:] = np.clip(tone[8000:], -1.2, 1.2)
    _, blocks, _ = streamed(recording("a.wav", tone, subtype="FLOAT"))
    assert not blocks[0].clipped_share[:50].any()
    assert (blocks[0].clipped_share[50:] > 0.3).all()
