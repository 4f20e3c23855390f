"""A stream gives, in constant memory, what the whole gives; a video's sound keeps its time."""

import os
import tracemalloc
from fractions import Fraction

import av
import numpy as np
import pytest

from media import UnreadableMediaError, samples_per_cell, sound_files
from media.sound_stream import _without_gaps
from tests.media.conftest import (
    load_waveform,
    load_waveform_with_notes,
    stream_sound_track,
    stream_waveform,
)


def noise(num_samples, num_channels=1):
    shape = (num_samples, num_channels)
    return (0.1 * np.random.default_rng(0).standard_normal(shape)).astype(np.float32)


@pytest.mark.parametrize("block_seconds", [0.01, 0.37, 10])
@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100, 192000])
def test_the_blocks_joined_are_the_whole(recording, streamed, rate_hz, block_seconds):
    path = recording("a.wav", noise(rate_hz + 137, 2), rate=rate_hz)
    waveform, _, outcome = streamed(path, block_seconds=block_seconds)
    np.testing.assert_allclose(waveform, load_waveform(path), atol=1e-5)
    assert outcome.decoded_seconds == outcome.expected_seconds == (rate_hz + 137) / rate_hz


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff"])
def test_the_blocks_of_every_format_joined_are_the_whole(recording, streamed, name):
    path = recording(name, noise(3 * 44100, 2), rate=44100)
    waveform, _, outcome = streamed(path, block_seconds=0.7)
    np.testing.assert_allclose(waveform, load_waveform(path), atol=1e-5)
    assert (outcome.sample_rate_hz, outcome.num_channels, outcome.damage) == (44100, 2, None)
    assert outcome.decoded_seconds == outcome.expected_seconds == 3


@pytest.mark.parametrize(
    ("codec", "container_format"), [("aac", "mp4"), ("aac", "adts"), ("libopus", "matroska")]
)
def test_what_ffmpeg_alone_reads_streams(compressed_recording, streamed, codec, container_format):
    path = compressed_recording("a", codec, container_format)
    waveform, _, outcome = streamed(path, block_seconds=0.7)
    np.testing.assert_allclose(waveform, load_waveform(path), atol=1e-5)
    assert outcome.damage is None
    if container_format != "adts":  # which announces nothing
        assert outcome.expected_seconds == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
@pytest.mark.parametrize("num_frames", [97, 1 << 20])
def test_how_the_file_is_read_leaves_no_trace(recording, streamed, monkeypatch, name, num_frames):
    path = recording(name, np.round(noise(50_000, 2), 1), rate=22050)
    waveform, blocks, _ = streamed(path, block_seconds=0.5)
    monkeypatch.setattr(sound_files, "_BLOCK_FRAMES", num_frames)
    again, blocks_again, _ = streamed(path, block_seconds=0.5)
    np.testing.assert_array_equal(again, waveform)
    for block, block_again in zip(blocks, blocks_again, strict=True):
        np.testing.assert_array_equal(block_again.is_changing, block.is_changing)


def test_all_blocks_but_the_last_are_of_the_length_asked_for(recording, streamed):
    path = recording("a.wav", noise(44100 * 2 + 1234), rate=44100)
    _, blocks, _ = streamed(path, block_seconds=0.55)
    assert [block.first_sample for block in blocks] == [0, 8800, 17600, 26400]
    assert [len(block.waveform) for block in blocks] == [8800, 8800, 8800, 6048]
    for marks in ("is_finite", "is_changing", "clipped_share"):
        assert [len(getattr(block, marks)) for block in blocks] == [55, 55, 55, 38]


@pytest.mark.parametrize("target_hz", [8000, 22050, 44100, 48000])
def test_other_rates_have_cells_of_whole_samples(recording, streamed, target_hz):
    path = recording("a.wav", noise(96_000), rate=48000)
    waveform, blocks, _ = streamed(path, sample_rate_hz=target_hz, block_seconds=0.3)
    np.testing.assert_allclose(waveform, load_waveform(path, sample_rate_hz=target_hz), atol=1e-5)
    assert len(blocks[0].waveform) == 30 * samples_per_cell(target_hz)
    assert sum(len(block.is_finite) for block in blocks) == 200 + (target_hz == 22050)


def live_array_bytes():
    only_arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    snapshot = tracemalloc.take_snapshot().filter_traces([only_arrays])
    return sum(statistic.size for statistic in snapshot.statistics("filename"))


def test_the_memory_needed_does_not_grow_with_the_length(recording, tmp_path):
    start = recording("a.wav", noise(8000 * 50, 2), rate=8000).read_bytes()
    num_bytes = 30 * 60 * 8000 * 4
    path = tmp_path / "long.wav"
    path.write_bytes(start[:40] + num_bytes.to_bytes(4, "little") + start[44:])
    os.truncate(path, 44 + num_bytes)  # sparse: takes no space
    tracemalloc.start()
    with stream_waveform(path) as stream:
        live = [live_array_bytes() for block in stream if block.first_sample % 1_600_000 == 0]
    tracemalloc.stop()
    assert len(live) == 18
    assert max(live) < 8_000_000
    assert max(live[9:]) < 1.1 * max(live[:9])


def test_a_stream_is_left_and_its_file_closed_at_any_time(recording):
    path = recording("a.wav", noise(160_000))
    with stream_waveform(path, block_seconds=1) as stream:
        next(iter(stream))
        assert stream.expected_seconds == 10
        with pytest.raises(RuntimeError, match="known after its last block"):
            _ = stream.outcome


def test_polarity_is_decided_by_the_first_thirty_seconds_of_sound(recording, streamed):
    call, silence = noise(8000 * 50), np.zeros((8000 * 40, 2), dtype=np.float32)
    in_step, opposed = np.hstack([call, call]), np.hstack([call, -call])
    path = recording("a.wav", np.vstack([silence, in_step[: 8000 * 30], opposed]), rate=8000)
    waveform, _, outcome = streamed(path)
    assert np.abs(waveform[80 * 16000 :]).max() < 1e-4
    assert len(outcome.notes) == 1  # that of the low rate
    path = recording("b.wav", np.vstack([silence, opposed[: 8000 * 31], in_step]), rate=8000)
    waveform, _, outcome = streamed(path)
    assert np.abs(waveform[80 * 16000 :]).max() > 0.1
    assert "cancel when mixed" in outcome.notes[1]
    assert load_waveform_with_notes(path)[1] == outcome.notes
    np.testing.assert_allclose(waveform, load_waveform(path), atol=1e-5)


def test_no_samples_and_no_recording_are_refused(recording, streamed, tmp_path):
    for samples, rate in ((np.zeros(0), 16_000), (np.zeros(1), 192_000)):
        with pytest.raises(UnreadableMediaError, match="expected sound, found no samples"):
            streamed(recording("a.wav", samples, rate=rate))
    (tmp_path / "a.wav").write_bytes(b"no sound\n" * 99)
    with pytest.raises(UnreadableMediaError), stream_waveform(tmp_path / "a.wav"):
        pass


def test_another_scale_is_refused_where_it_comes(recording):
    samples = np.concatenate([noise(160_000), 30_000 * noise(160_000)])
    path = recording("unscaled.wav", samples, subtype="FLOAT")
    with stream_waveform(path, block_seconds=1) as stream:
        assert next(iter(stream)).first_sample == 0
        with pytest.raises(UnreadableMediaError, match=r"-1 to 1.* divided by 32768"):
            list(stream)


def film_with_sound(path, times, samples, codec="pcm_s16le"):
    """Matroska with the same samples [num_samples] at each of these times."""
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream(codec, rate=16000, layout="mono")
        for seconds in times:
            for start in range(0, len(samples), 1600):  # packets of 0.1 s
                piece = np.ascontiguousarray(samples[start : start + 1600].reshape(1, -1))
                sample_format = "s16" if samples.dtype == np.int16 else "flt"
                frame = av.AudioFrame.from_ndarray(piece, format=sample_format, layout="mono")
                frame.sample_rate, frame.time_base = 16000, Fraction(1, 16000)
                frame.pts = round(seconds * 16000) + start
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("block_seconds", [0.03, 1, 10])
def test_a_pause_in_a_sound_track_is_zeros_that_do_not_change(tmp_path, block_seconds):
    heard = np.random.default_rng(0).integers(-9000, 9000, 32000, dtype=np.int16)
    path = film_with_sound(tmp_path / "a.mkv", [0, 5.0], heard)
    with stream_sound_track(path, block_seconds=block_seconds) as stream:
        blocks = list(stream)
    waveform = np.concatenate([block.waveform for block in blocks])
    expected = np.concatenate([heard / 32768, np.zeros(48000), heard / 32768])
    np.testing.assert_allclose(waveform, expected, atol=1e-5)
    is_changing = np.concatenate([block.is_changing for block in blocks])
    assert list(np.flatnonzero(~is_changing)) == list(range(201, 500))  # 200 holds the step
    assert stream.outcome.decoded_seconds == 7


def test_a_sound_track_that_is_not_finite_streams_all_the_same(tmp_path):
    not_a_number = np.full(16000, np.nan, dtype=np.float32)
    path = film_with_sound(tmp_path / "a.mkv", [0], not_a_number, "pcm_f32le")
    with stream_sound_track(path) as stream:
        assert not any(block.is_finite.any() for block in stream)


def test_a_file_without_a_track_or_with_nothing_to_decode_is_refused(
    flash_and_click,
):
    path = flash_and_click([0.0, 0.04], flash_index=0, click_seconds=None)
    expected = "found an MP4 or MOV video without sound"
    with pytest.raises(UnreadableMediaError, match=expected), stream_sound_track(path):
        pass
    path = flash_and_click([0.0, 0.04], flash_index=0, click_seconds=1.0)
    content = bytearray(path.read_bytes())
    start, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    content[start:end] = b"\xff" * (end - start)
    path.write_bytes(content)
    expected = r"found no samples; .* could not be decoded"
    with pytest.raises(UnreadableMediaError, match=expected), stream_sound_track(path):
        pass


@pytest.mark.parametrize(
    ("times", "heard"),
    [
        ([0.5, 1.5, 1.6, 1.7], [1, 1, *[0] * 18, 2, 2, 3, 3, 4, 4]),  # a pause
        ([0, 0.1, 0.15, 0.25, 0.35], [1, 1, 2, 2, 3, 4, 4, 5, 5]),  # heard twice
        *(([0, 0.1, wrong, 0.3], [1, 1, 2, 2, 3, 3, 4, 4]) for wrong in (-50.0, 300.0, 1e9)),
    ],
)
def test_samples_are_laid_out_by_their_timestamps_and_one_damaged_moves_nothing(times, heard):
    blocks = [(time, np.full((100, 1), value)) for value, time in enumerate(times, start=1)]
    joined = np.concatenate(list(_without_gaps(blocks[0], iter(blocks[1:]), 1000)))
    np.testing.assert_array_equal(joined[:, 0], np.repeat(heard, 50))
