"""Windows of a sound that comes block by block are those of the whole sound."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archives.embed.settings import ArchiveSettings
from archives.embed.sound_windows import SoundWindows
from fused_encoder.front_ends.contract import FrontEndSpec
from media import SoundBlock

PLAIN = ArchiveSettings()
YAMNET = FrontEndSpec(
    name="like yamnet",
    sample_rate_hz=16_000,
    window_seconds=0.975,
    hop_seconds=0.48,
    embedding_size=1024,
)
OTHER = FrontEndSpec(
    name="like birdnet",
    sample_rate_hz=48_000,
    window_seconds=3.0,
    hop_seconds=1.5,
    embedding_size=3,
)
CELL_SAMPLES = 160


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    num_samples = round(seconds * YAMNET.sample_rate_hz)
    return np.random.default_rng(seed).uniform(-0.5, 0.5, num_samples).astype(np.float32)


def blocks_of(waveform: np.ndarray, cells_per_block: int, **marks: np.ndarray):
    """The waveform in blocks; marks are of cells, and True, True, 0 where they are not given."""
    num_cells = -(-len(waveform) // CELL_SAMPLES)
    is_finite = marks.get("is_finite", np.ones(num_cells, bool))
    is_changing = marks.get("is_changing", np.ones(num_cells, bool))
    clipped = marks.get("clipped_share", np.zeros(num_cells, np.float32))
    for cell in range(0, num_cells, cells_per_block):
        cells = slice(cell, cell + cells_per_block)
        samples = waveform[cell * CELL_SAMPLES : (cell + cells_per_block) * CELL_SAMPLES]
        yield SoundBlock(
            cell * CELL_SAMPLES, samples, is_finite[cells], is_changing[cells], clipped[cells]
        )


def sums(sound: np.ndarray) -> np.ndarray:
    """A YAMNet that gives of each frame the sum of its samples, and the first and last of them."""
    num_frames = YAMNET.frames_in_samples(len(sound))
    padded = np.pad(
        sound, (0, num_frames * YAMNET.hop_samples + YAMNET.window_samples - len(sound))
    )
    frames = np.zeros((num_frames, 1024), np.float32)
    for row, frame in enumerate(frames):
        heard = padded[row * YAMNET.hop_samples :][: YAMNET.window_samples]
        frame[:3] = heard.sum(), heard[0], heard[-1]
    return frames


def windows_of(waveform, cells_per_block=1000, cut=PLAIN, **marks):
    sound = SoundWindows(cut, YAMNET)
    found = []
    for block in blocks_of(waveform, cells_per_block, **marks):
        sound.add_block(block)
        for piece in sound.take_pieces():
            sound.add_frames(sums(piece))
            found += sound.take_windows()
    sound.end()
    for piece in sound.take_pieces():
        sound.add_frames(sums(piece))
    return [*found, *sound.take_windows()]


def naive_windows(waveform, cut=PLAIN):
    """First frame and frames of each window, out of the whole sound at once."""
    frames = sums(waveform)
    length = round((cut.window_seconds - 0.975) / 0.48 + 0.5) + 1  # as many frames as begin in it
    starts = []
    while (start := round(len(starts) * cut.hop_seconds / 0.48)) + length <= len(frames):
        starts.append(start)
    if not starts or starts[-1] + length < len(frames):
        starts.append(max(0, len(frames) - length))
    return [(start, frames[start : start + length]) for start in starts]


WHOLE_PIECES = 63 * 0.48 + 0.975
"""So long is a sound of which the last piece is as full as all others: 64 frames."""


@settings(max_examples=30)
@given(st.floats(0.1, 80), st.integers(1, 1500), st.sampled_from([PLAIN, ArchiveSettings(2, 1)]))
@example(WHOLE_PIECES, 1000, ArchiveSettings(2, 1))
@example(WHOLE_PIECES + 64 * 0.48, 1000, ArchiveSettings(2, 1))
def test_blocks_leave_no_trace(seconds, cells_per_block, cut):
    waveform = noise(seconds)
    found, expected = windows_of(waveform, cells_per_block, cut), naive_windows(waveform, cut)
    assert [window.start_sample // YAMNET.hop_samples for window in found] == [
        start for start, _ in expected
    ]
    for window, (_, frames) in zip(found, expected, strict=True):
        np.testing.assert_allclose(window.frames, frames, atol=2e-3)


@pytest.mark.parametrize("seconds", [0.1, 0.97, 0.98, 4.9, 5.0, 5.1, 7.4, 7.6, 31.0, 61.3])
def test_all_sound_is_in_a_window(seconds):
    assert windows_of(noise(0.09)) == []
    windows = windows_of(noise(seconds))
    assert windows[0].start_seconds == 0
    assert windows[-1].end_seconds == pytest.approx(seconds, abs=1e-4)
    for before, after in pairwise(windows):
        assert after.start_seconds < before.end_seconds


def test_the_position_of_a_window_is_a_whole_number_of_samples_however_late_it_is():
    [*_, last] = windows_of(noise(600), cut=ArchiveSettings(hop_seconds=0.48))
    assert last.start_sample % 7680 == 0
    assert last.start_seconds == pytest.approx(last.start_sample / 16_000, abs=1e-9)


@pytest.mark.parametrize(
    ("mark", "value", "fault"),
    [
        ("is_finite", False, "non_finite"),
        ("is_changing", False, "silent"),
        ("clipped_share", 1, "clipped"),
    ],
)
def test_windows_with_a_fault_are_told_and_not_given(mark, value, fault):
    waveform = noise(40)
    marks = {
        "is_finite": np.ones(4000, bool),
        "is_changing": np.ones(4000, bool),
        "clipped_share": np.zeros(4000, np.float32),
    }
    marks[mark][1000:2000] = value  # from 10 s to 20 s
    windows = windows_of(waveform, 700, **marks)
    for window in windows:
        last_heard = window.start_seconds + 9 * 0.48 + 0.975
        overlap = min(last_heard, 20) - max(window.start_seconds, 10)
        if overlap <= 0:
            assert window.fault is None
        if overlap > 5.2:
            assert window.fault == fault
        assert (window.frames is None) == (window.fault is not None)
    assert {window.fault for window in windows} == {None, fault}


def test_one_bad_sample_spoils_every_window_that_hears_it_and_no_other():
    is_finite = np.ones(3000, bool)
    is_finite[1234] = False
    for window in windows_of(noise(30), is_finite=is_finite):
        hears = window.start_seconds < 12.35 and window.start_seconds + 9 * 0.48 + 0.975 > 12.34
        assert (window.fault == "non_finite") == hears


def test_a_window_with_some_sound_is_no_silence_and_tells_its_own_clipped_share():
    is_changing, clipped = np.zeros(500, bool), np.zeros(500, np.float32)
    is_changing[250] = True
    clipped[:50] = 0.5
    [window] = windows_of(noise(5), is_changing=is_changing, clipped_share=clipped)
    assert (window.fault, window.clipped_share) == (None, pytest.approx(0.05))


@pytest.mark.parametrize("hop_seconds", [1e-300, 0.01, 0.25, 0.48])
def test_a_hop_shorter_than_a_frame_gives_a_window_at_every_frame(hop_seconds):
    cut = ArchiveSettings(1.0, hop_seconds)
    starts = [window.start_seconds for window in windows_of(noise(4.0), cut=cut)]
    np.testing.assert_allclose(starts, 0.48 * np.arange(len(starts)), atol=1e-9)
    assert len(starts) > 5


def test_a_window_shorter_than_a_frame_says_how_much_is_heard():
    windows = windows_of(noise(4.0), cut=ArchiveSettings(0.1, 0.05))[:-1]
    heard = [window.end_seconds - window.start_seconds for window in windows]
    np.testing.assert_allclose(heard, 0.975, atol=1e-9)


def test_another_front_end_has_windows_of_its_own_frames():
    sound = SoundWindows(ArchiveSettings(6.0, 3.0), OTHER)
    marks = np.ones(1000, bool)
    sound.add_block(SoundBlock(0, np.zeros(480_000, np.float32), marks, marks, np.zeros(1000)))
    sound.end()
    for piece in sound.take_pieces():
        sound.add_frames(np.ones((OTHER.frames_in_samples(len(piece)), 3), np.float32))
    windows = [
        (one.start_seconds, one.end_seconds, len(one.frames)) for one in sound.take_windows()
    ]
    assert windows == [(0.0, 6.0, 3), (3.0, 9.0, 3), (4.5, 10.0, 3)]


def test_what_is_kept_of_a_long_sound_does_not_grow():
    sound = SoundWindows(PLAIN, YAMNET)
    largest = 0
    for block in blocks_of(noise(600), 1000):
        sound.add_block(block)
        for piece in sound.take_pieces():
            sound.add_frames(np.zeros((YAMNET.frames_in_samples(len(piece)), 1024), np.float32))
        list(sound.take_windows())
        largest = max(largest, sound._samples.end - sound._samples.start)
        assert sound._frames.end - sound._frames.start < 2 * 64
    assert largest < 45 * YAMNET.sample_rate_hz


@settings(max_examples=20)
@given(st.floats(1, 40), st.floats(-3, 45))
def test_the_window_around_a_moment_is_what_exists_of_it(seconds, moment):
    waveform = noise(seconds)
    sound = SoundWindows(PLAIN, YAMNET)
    for block in blocks_of(waveform, 500):
        sound.add_block(block)
    sound.end()
    frames = sums(waveform)
    for piece in sound.take_pieces():
        sound.add_frames(sums(piece))
    first = round((moment - 2.5) / 0.48)
    expected = frames[max(0, first) : max(0, first + 10)]
    window = sound.window_around(moment)
    assert sound.is_ready_around(moment)
    if len(expected) == 0:
        assert window is None
    else:
        np.testing.assert_allclose(window.frames, expected, atol=2e-3)
