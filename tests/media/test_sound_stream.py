import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from media import (
    UnreadableMediaError,
    load_waveform,
    load_waveform_with_notes,
    samples_per_cell,
    soundfile_reader,
    stream_waveform,
)

Recording = Callable[..., Path]
Streamed = Callable[..., tuple]


def noise(num_samples: int, num_channels: int = 1, seed: int = 0) -> np.ndarray:
    shape = (num_samples, num_channels)
    return (0.1 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


@pytest.mark.parametrize("block_seconds", [0.01, 0.37, 10])
@pytest.mark.parametrize("num_channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])
def test_the_blocks_joined_are_the_whole(
    recording: Recording,
    streamed: Streamed,
    rate_hz: int,
    num_channels: int,
    block_seconds: float,
) -> None:
    path = recording("a.wav", noise(rate_hz + 137, num_channels), rate=rate_hz)
    waveform, _, outcome = streamed(path, block_seconds=block_seconds)
    np.testing.assert_allclose(waveform, load_waveform(path), atol=1e-5)
    assert outcome.decoded_seconds == outcome.expected_seconds == (rate_hz + 137) / rate_hz


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "PCM_U8"),
        ("a.wav", "PCM_24"),
        ("a.wav", "PCM_32"),
        ("a.wav", "FLOAT"),
        ("a.flac", "PCM_24"),
        ("a.ogg", "VORBIS"),
        ("a.mp3", "MPEG_LAYER_III"),
        ("a.aiff", "PCM_16"),
    ],
)
def test_the_blocks_of_every_format_joined_are_the_whole(
    recording: Recording, streamed: Streamed, name: str, subtype: str
) -> None:
    path = recording(name, noise(3 * 44100, 2), rate=44100, subtype=subtype)
    waveform, _, outcome = streamed(path, block_seconds=0.7)
    np.testing.assert_allclose(waveform, load_waveform(path), atol=1e-5)
    assert (outcome.sample_rate_hz, outcome.num_channels, outcome.damage) == (44100, 2, None)
    assert outcome.decoded_seconds == outcome.expected_seconds == 3


@pytest.mark.parametrize(
    ("name", "codec", "container_format"),
    [("a.m4a", "aac", "mp4"), ("a.aac", "aac", "adts"), ("a.mka", "libopus", "matroska")],
)
def test_what_only_ffmpeg_reads_streams_too(
    compressed_recording: Recording,
    streamed: Streamed,
    name: str,
    codec: str,
    container_format: str,
) -> None:
    path = compressed_recording(name, codec, container_format)
    waveform, _, outcome = streamed(path, block_seconds=0.7)
    np.testing.assert_allclose(waveform, load_waveform(path), atol=1e-5)
    assert outcome.damage is None
    if container_format != "adts":  # which announces nothing
        assert outcome.expected_seconds == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
@pytest.mark.parametrize("num_frames", [97, 5000, 1 << 20])
def test_how_the_file_is_read_leaves_no_trace(
    recording: Recording,
    streamed: Streamed,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    num_frames: int,
) -> None:
    path = recording(name, np.round(noise(50_000, 2), 1), rate=22050)
    waveform, blocks, _ = streamed(path, block_seconds=0.5)
    monkeypatch.setattr(soundfile_reader, "_BLOCK_FRAMES", num_frames)
    again, blocks_again, _ = streamed(path, block_seconds=0.5)
    np.testing.assert_array_equal(again, waveform)
    for block, block_again in zip(blocks, blocks_again, strict=True):
        np.testing.assert_array_equal(block_again.is_changing, block.is_changing)


def test_all_blocks_but_the_last_are_of_the_length_asked_for(
    recording: Recording, streamed: Streamed
) -> None:
    path = recording("a.wav", noise(44100 * 2 + 1234), rate=44100)
    _, blocks, _ = streamed(path, block_seconds=0.55)
    assert [block.first_sample for block in blocks] == [0, 8800, 17600, 26400]
    assert [len(block.waveform) for block in blocks] == [8800, 8800, 8800, 6048]
    for marks in ("is_finite", "is_changing", "clipped_share"):
        assert [len(getattr(block, marks)) for block in blocks] == [55, 55, 55, 38]


@pytest.mark.parametrize("target_hz", [8000, 22050, 44100, 48000])
def test_other_rates_have_cells_of_whole_samples(
    recording: Recording, streamed: Streamed, target_hz: int
) -> None:
    path = recording("a.wav", noise(96_000), rate=48000)
    waveform, blocks, _ = streamed(path, sample_rate_hz=target_hz, block_seconds=0.3)
    np.testing.assert_allclose(waveform, load_waveform(path, sample_rate_hz=target_hz), atol=1e-5)
    assert len(blocks[0].waveform) == 30 * samples_per_cell(target_hz)
    assert sum(len(block.is_finite) for block in blocks) == 200 + (target_hz == 22050)


def live_array_bytes() -> int:
    only_arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    snapshot = tracemalloc.take_snapshot().filter_traces([only_arrays])
    return sum(statistic.size for statistic in snapshot.statistics("filename"))


def test_the_memory_needed_does_not_grow_with_the_length(
    recording: Recording, tmp_path: Path
) -> None:
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
    assert max(live[1:]) < live[0] < 8_000_000  # at first the channels are listened to


def test_a_stream_is_left_and_its_file_closed_at_any_time(recording: Recording) -> None:
    path = recording("a.wav", noise(160_000))
    with stream_waveform(path, block_seconds=1) as stream:
        next(iter(stream))
        assert stream.expected_seconds == 10
        with pytest.raises(RuntimeError, match="known after its last block"):
            _ = stream.outcome


@pytest.mark.parametrize("num_seconds", [3, 40])
def test_opposite_polarity_is_noticed_at_the_start(
    recording: Recording, streamed: Streamed, num_seconds: int
) -> None:
    call = noise(8000 * num_seconds)
    path = recording("a.wav", np.hstack([0.8 * call, -call]), rate=8000)
    waveform, _, outcome = streamed(path)
    np.testing.assert_allclose(waveform, load_waveform(path), atol=1e-5)
    assert outcome.notes == load_waveform_with_notes(path)[1]
    assert "using channel 2 alone" in outcome.notes[1] % path


def test_polarity_is_decided_by_the_first_thirty_seconds_with_sound_and_kept(
    recording: Recording, streamed: Streamed
) -> None:
    call, silence = noise(8000 * 50), np.zeros((8000 * 40, 2), dtype=np.float32)
    in_step, opposed = np.hstack([call, call]), np.hstack([call, -call])
    path = recording("a.wav", np.vstack([silence, in_step[: 8000 * 30], opposed]), rate=8000)
    waveform, _, outcome = streamed(path)
    assert np.abs(waveform[80 * 16000 :]).max() < 1e-4
    assert len(outcome.notes) == 1  # that of the low rate
    path = recording("b.wav", np.vstack([silence, opposed[: 8000 * 31], in_step]), rate=8000)
    waveform, _, outcome = streamed(path)
    assert np.abs(waveform[80 * 16000 :]).max() > 0.1
    assert "opposite polarity" in outcome.notes[1]


def test_silence_in_between_does_not_wait_for_more_sound(
    recording: Recording, streamed: Streamed
) -> None:
    samples = np.zeros((8000 * 700, 2), dtype=np.float32)
    samples[8000:9000] = noise(1000) * [1, -1]
    samples[-9000:] = noise(9000)
    waveform, _, outcome = streamed(recording("a.wav", samples, rate=8000))
    assert waveform[16000:18000].any()
    assert "using channel 1 alone" in outcome.notes[1]
    assert len(waveform) == 16000 * 700


@pytest.mark.parametrize("block_seconds", [0, -1, 0.005, 0.015, float("nan"), float("inf")])
def test_a_block_is_a_whole_number_of_cells(recording: Recording, block_seconds: float) -> None:
    with (
        pytest.raises(ValueError, match=r"block_seconds > 0 and a multiple of 0\.01"),
        stream_waveform(recording("a.wav"), block_seconds=block_seconds),
    ):
        pass


def test_other_wrong_options_are_named(recording: Recording) -> None:
    with (
        pytest.raises(ValueError, match="sample_rate_hz > 0, received 0"),
        stream_waveform(recording("a.wav"), sample_rate_hz=0),
    ):
        pass


@pytest.mark.parametrize("content", [b"", b"no sound\n" * 99, bytes(5000)])
def test_what_is_no_recording_is_refused_before_the_first_block(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(UnreadableMediaError), stream_waveform(tmp_path / "a.wav"):
        pass


def test_no_samples_are_refused(recording: Recording, streamed: Streamed) -> None:
    with pytest.raises(UnreadableMediaError, match="expected sound, found no samples"):
        streamed(recording("a.wav", np.zeros(0)))
    with pytest.raises(UnreadableMediaError, match="expected sound, found no samples"):
        streamed(recording("a.wav", np.zeros(1), rate=192_000))


def test_another_scale_is_refused_where_it_comes(recording: Recording, tmp_path: Path) -> None:
    samples = np.concatenate([noise(160_000), 30_000 * noise(160_000)])
    path = recording("unscaled.wav", samples, subtype="FLOAT")
    with stream_waveform(path, block_seconds=1) as stream:
        assert next(iter(stream)).first_sample == 0
        with pytest.raises(UnreadableMediaError, match=r"-1 to 1.* divided by 32768"):
            list(stream)
