"""Frames and sound of a video are of the same moments; damage costs what it hits, and is told of."""

from pathlib import Path

import av
import numpy as np
import pytest

from media import UnreadableMediaError, containers, probe_audio, probe_video, video
from media.containers import StreamDecoder
from media.moments import read_sound_track
from tests.bad_inputs.good_media import film, flipped, song, wav_of
from tests.media.conftest import iter_moments, load_waveform, stream_sound_track, write_video

EVEN_TIMES = [index / 25 for index in range(100)]
UNEVEN_TIMES = [*np.arange(0, 1, 0.02), *np.arange(1, 2, 0.25), *np.arange(2, 4, 0.05)]


def check_flash(path, flash_index, flash_seconds):
    """The white frame has this number and time, and the click is heard in the middle of its window."""
    moments = list(iter_moments(path, frames_per_second=None, audio_seconds=1.0))
    flash = max(moments, key=lambda moment: moment.frame.mean())
    assert flash.frame_index == flash_index
    assert flash.time_seconds == pytest.approx(flash_seconds, abs=0.03)
    assert len(flash.waveform) == 16000
    is_loud = np.abs(flash.waveform) > 0.3
    assert is_loud.any()
    assert np.argmax(is_loud) / 16000 == pytest.approx(0.5, abs=0.005)


def black_frames(num_frames):
    for _ in range(num_frames):
        yield np.zeros((48, 64, 3), dtype=np.uint8)


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.mov"])
def test_flash_and_click_are_of_one_moment(flash_and_click, name):
    path = flash_and_click(EVEN_TIMES, flash_index=50, click_seconds=2.0, name=name)
    check_flash(path, 50, 2.0)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_video_that_starts_after_its_sound_stays_in_step(flash_and_click, name):
    late_times = [time + 1.5 for time in EVEN_TIMES[:50]]
    path = flash_and_click(late_times, flash_index=25, click_seconds=2.5, name=name)
    assert next(iter_moments(path)).time_seconds == pytest.approx(1.5, abs=0.03)
    check_flash(path, 25, 2.5)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_sound_that_starts_after_the_video_stays_in_step(flash_and_click, name):
    path = flash_and_click(
        EVEN_TIMES,
        flash_index=75,
        click_seconds=3.0,
        audio_start_seconds=1.0,
        audio_seconds=3.0,
        name=name,
    )
    check_flash(path, 75, 3.0)
    first = next(iter_moments(path, audio_seconds=1.0))
    assert first.waveform is None  # the window from -0.5 to 0.5 s holds no sound
    track, start_seconds = read_sound_track(path, 22050)
    with stream_sound_track(path, sample_rate_hz=22050, block_seconds=0.5) as stream:
        assert stream.start_seconds == start_seconds == pytest.approx(1.0, abs=0.03)
        waveform = np.concatenate([block.waveform for block in stream])
    np.testing.assert_allclose(waveform, track, atol=1e-5)


def test_a_variable_frame_rate_stays_in_step_and_is_sampled_by_its_times(flash_and_click):
    path = flash_and_click(UNEVEN_TIMES, flash_index=52, click_seconds=1.5)
    assert UNEVEN_TIMES[52] == 1.5
    check_flash(path, 52, 1.5)
    times = [moment.time_seconds for moment in iter_moments(path, frames_per_second=2)]
    np.testing.assert_allclose(times, [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5], atol=1e-3)


def test_a_gap_in_the_frames_is_not_filled_with_repeats(flash_and_click):
    path = flash_and_click([0, 0.1, 0.2, 2.3, 2.4], flash_index=0, click_seconds=None)
    moments = list(iter_moments(path, frames_per_second=2))
    assert [moment.frame_index for moment in moments] == [0, 3]


def test_every_frame_or_those_that_are_asked_for_come_once(flash_and_click):
    path = flash_and_click(EVEN_TIMES, flash_index=7, click_seconds=None)
    moments = list(iter_moments(path, frames_per_second=None))
    assert [moment.frame_index for moment in moments] == list(range(100))
    np.testing.assert_allclose([m.time_seconds for m in moments], EVEN_TIMES, atol=1e-3)
    moments = list(iter_moments(path, frames_per_second=None, frame_indices=[3, 7, 999]))
    assert [moment.frame_index for moment in moments] == [3, 7]
    assert [moment.frame.mean() > 200 for moment in moments] == [False, True]
    assert list(iter_moments(path, frames_per_second=None, frame_indices=[])) == []


def test_sound_is_clipped_at_the_ends_of_the_track_and_may_be_absent(flash_and_click):
    path = flash_and_click(EVEN_TIMES, flash_index=0, click_seconds=2.0, name="loud.mp4")
    moments = list(iter_moments(path, audio_seconds=2.0))
    lengths = [len(moment.waveform) for moment in moments]
    assert lengths[:3] == [16000, 32000, 32000]
    assert lengths[3] == pytest.approx(32000, abs=800)
    assert all(moment.waveform is None for moment in iter_moments(path, audio_seconds=None))
    silent = flash_and_click(EVEN_TIMES, flash_index=0, click_seconds=None, name="silent.mp4")
    assert not probe_video(silent).has_audio
    assert all(moment.waveform is None for moment in iter_moments(silent))
    with pytest.raises(UnreadableMediaError, match="found an MP4 or MOV video without sound"):
        probe_audio(silent)


def test_frames_are_turned_as_the_metadata_ask(flash_and_click):
    path = flash_and_click(EVEN_TIMES, flash_index=-1, click_seconds=None, rotation_degrees=90)
    info = probe_video(path)
    assert (info.width, info.height, info.rotation_degrees) == (48, 64, 90)
    frame = next(iter_moments(path)).frame
    assert frame.shape == (64, 48, 3)
    assert frame[-8:, :8].min() > 200  # counter-clockwise: the upper left mark is now lower left
    assert frame[:8].max() < 50


def test_colours_and_sound_survive_writing_and_reading(tmp_path):
    colours = [(200, 40, 40), (40, 200, 40), (40, 40, 200)]
    frames = (np.full((48, 64, 3), colours[index // 10], np.uint8) for index in range(30))
    sound = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(48000) / 16000)
    write_video(tmp_path / "a.mp4", frames, frames_per_second=10, waveform=sound)
    info = probe_video(tmp_path / "a.mp4")
    assert (info.width, info.height, info.rotation_degrees, info.has_audio) == (64, 48, 0, True)
    assert info.duration_seconds == pytest.approx(3, abs=0.1)
    assert info.average_frames_per_second == pytest.approx(10)
    moments = list(iter_moments(tmp_path / "a.mp4", audio_seconds=0.5))
    for moment, colour in zip(moments, colours, strict=True):
        np.testing.assert_allclose(moment.frame.mean((0, 1)), colour, atol=12)
    heard = moments[1].waveform
    assert np.corrcoef(heard, sound[16000 - 4000 : 16000 + 4000])[0, 1] > 0.99


def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path, full_disk):
    path = tmp_path / "a.mp4"
    odd = [np.zeros((47, 64, 3), dtype=np.uint8)]
    changing = [np.zeros((48, side, 3), dtype=np.uint8) for side in (64, 64, 32)]
    for frames, message in [
        (odd, r"even sides.* received uint8 \[47, 64, 3\]"),
        (changing, r"frame 2 .*the first, \[48, 64, 3\]; received uint8 \[48, 32, 3\]"),
        ([], "at least one frame"),
    ]:
        with pytest.raises(ValueError, match=message):
            write_video(path, frames, frames_per_second=10)
    with pytest.raises(ValueError, match=r"ending with .mp4"):
        write_video(tmp_path / "a.avi", black_frames(2), frames_per_second=10)
    sound = {"waveform": np.zeros(9), "sample_rate_hz": 44099}
    with pytest.raises(ValueError, match=r"that AAC knows .* received 44099"):
        write_video(path, black_frames(2), frames_per_second=9, **sound)
    noise = np.random.default_rng(0).integers(0, 255, (20, 48, 64, 3), dtype=np.uint8)
    with full_disk(), pytest.raises(OSError, match="Cannot write the video"):
        write_video(path, noise, frames_per_second=10)
    assert list(tmp_path.iterdir()) == []


def test_a_video_cut_in_the_middle_gives_its_good_part_and_a_warning(file, caplog):
    whole = film(np.random.default_rng(0), is_fast_start=True)
    path = file("a.mp4", whole[: len(whole) * 2 // 3])
    moments = list(iter_moments(path, frames_per_second=None))
    assert 5 < len(moments) < 20
    assert "a.mp4' is damaged: its frames end at" in caplog.text
    assert f"{len(moments)} frames are used" in caplog.text
    assert "The sound of " in caplog.text


@pytest.mark.parametrize("seed", range(5))
def test_frames_with_holes_are_left_out_and_told_of(file, caplog, seed):
    rng = np.random.default_rng(seed)
    whole = film(rng, is_fast_start=True, sound_codec=None)
    good = list(iter_moments(file("a.mp4", whole), frames_per_second=None))
    last_third = len(whole) - (len(whole) - whole.index(b"mdat")) // 3
    path = file("b.mp4", flipped(whole, rng, 30, last_third, len(whole)))
    moments = list(iter_moments(path, frames_per_second=None))
    assert 0 < len(moments) < len(good)
    assert f"{len(moments)} frames are used" in caplog.text
    assert "frames came out with holes and are left out" in caplog.text or "packet" in caplog.text
    by_index = {moment.frame_index: moment.frame for moment in moments}
    assert all(np.array_equal(by_index[index], good[index].frame) for index in range(8))


def test_broken_sound_does_not_cost_the_frames(flash_and_click, caplog, monkeypatch):
    path = flash_and_click(EVEN_TIMES, flash_index=0, click_seconds=1.0)

    def refuse(path, _):
        raise UnreadableMediaError(path, "a codec of the future")

    monkeypatch.setattr("media.moments.read_sound_track", refuse)
    moments = list(iter_moments(path))
    assert len(moments) == 4
    assert all(moment.waveform is None for moment in moments)
    assert "is not used: a codec of the future" in caplog.text


def test_frames_of_enormous_size_are_refused_before_they_are_decoded(file, monkeypatch):
    monkeypatch.setattr(containers, "MAX_FRAME_PIXELS", 3071)
    path = file("a.mp4", film(np.random.default_rng(0)))
    with pytest.raises(UnreadableMediaError, match="announces frames of 64 x 48 pixels, more than"):
        next(iter_moments(path))


def test_a_playlist_does_not_pass_for_the_sound_that_it_names(file):
    file("good.wav", wav_of(song(np.random.default_rng(0))))
    playlist = file("list.m4a", b"ffconcat version 1.0\nfile good.wav\n")
    with pytest.raises(UnreadableMediaError, match=r"found text \('ffconcat version 1.0"):
        load_waveform(playlist)


def test_packets_of_a_stream_that_was_not_announced_are_passed_over(file):
    class Surprising:
        """As PyAV does it: the first packet is of a stream that it does not know."""

        def __init__(self, container):
            self._container, self._is_surprised = container, False

        def demux(self, stream):
            if not self._is_surprised:
                self._is_surprised = True
                raise IndexError("list index out of range")
            yield from self._container.demux(stream)

    with av.open(str(file("a.mp4", film(np.random.default_rng(0))))) as container:
        decoder = StreamDecoder(Surprising(container), container.streams.video[0])
        assert len(list(decoder)) == 20
        assert decoder.damage is None


def test_colours_that_no_standard_knows_are_shown_by_the_usual_ones():
    usual, unknown = (av.VideoFrame(16, 16, "yuv420p") for _ in range(2))
    for frame in (usual, unknown):
        for plane in frame.planes:
            plane.update(bytes([90]) * plane.buffer_size)
    unknown.colorspace = 65
    shown = [video.frame_to_rgb(Path("a.mp4"), frame) for frame in (usual, unknown)]
    np.testing.assert_array_equal(*shown)


@pytest.mark.data
def test_the_chaffinch_is_seen_and_heard_on_one_clock(data_dir):
    path = data_dir / "video" / "chaffinch_singing.mp4"
    moments = list(iter_moments(path))
    np.testing.assert_allclose([m.time_seconds for m in moments], 5.338 + np.arange(5), atol=0.04)
    lengths = [len(m.waveform) for m in moments if m.waveform is not None]
    assert lengths[:3] == [80000] * 3  # the sound before the first frame is part of its window
    assert lengths[4] == pytest.approx((10.008 - (9.342 - 2.5)) * 16000, abs=800)


@pytest.mark.data
def test_the_gulls_have_a_track_without_a_sound(data_dir):
    moments = list(iter_moments(data_dir / "video" / "gulls_silent_track.mp4"))
    assert [moment.frame_index for moment in moments] == list(range(0, 259, 25))
    assert all(m.waveform is not None and not m.waveform.any() for m in moments)
