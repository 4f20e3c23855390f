import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media import (
    Moment,
    UnreadableMediaError,
    iter_moments,
    probe_audio,
    probe_video,
    write_video,
)
from media.sound_track import _without_gaps

Film = Callable[..., Path]
EVEN_TIMES = [index / 25 for index in range(100)]
UNEVEN_TIMES = [*np.arange(0, 1, 0.02), *np.arange(1, 2, 0.25), *np.arange(2, 4, 0.05)]


def find_flash(path: Path, audio_seconds: float = 1.0) -> Moment:
    moments = list(iter_moments(path, frames_per_second=None, audio_seconds=audio_seconds))
    return max(moments, key=lambda moment: moment.frame.mean())


def click_offset_seconds(moment: Moment, audio_seconds: float = 1.0) -> float:
    """Where the click is heard, from the middle of a full window."""
    assert moment.waveform is not None
    assert len(moment.waveform) == round(audio_seconds * 16000)
    is_loud = np.abs(moment.waveform) > 0.3
    assert is_loud.any()
    return int(np.argmax(is_loud)) / 16000 - audio_seconds / 2


def black_frames(num_frames: int) -> Iterator[np.ndarray]:
    for _ in range(num_frames):
        yield np.zeros((48, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.mov"])
def test_flash_and_click_are_of_one_moment(flash_and_click: Film, name: str) -> None:
    path = flash_and_click(EVEN_TIMES, flash_index=50, click_seconds=2.0, name=name)
    flash = find_flash(path)
    assert flash.frame_index == 50
    assert flash.time_seconds == pytest.approx(2.0, abs=0.03)
    assert click_offset_seconds(flash) == pytest.approx(0, abs=0.005)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_video_that_starts_after_its_sound_stays_in_step(
    flash_and_click: Film, name: str
) -> None:
    late_times = [time + 1.5 for time in EVEN_TIMES[:50]]
    path = flash_and_click(late_times, flash_index=25, click_seconds=2.5, name=name)
    info = probe_video(path)
    assert info.audio_start_seconds == pytest.approx(0, abs=0.03)
    assert info.video_start_seconds == pytest.approx(1.5, abs=0.03)
    flash = find_flash(path)
    assert flash.frame_index == 25
    assert flash.time_seconds == pytest.approx(2.5, abs=0.03)
    assert click_offset_seconds(flash) == pytest.approx(0, abs=0.005)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_sound_that_starts_after_the_video_stays_in_step(flash_and_click: Film, name: str) -> None:
    path = flash_and_click(
        EVEN_TIMES,
        flash_index=75,
        click_seconds=3.0,
        audio_start_seconds=1.0,
        audio_seconds=3.0,
        name=name,
    )
    assert probe_video(path).audio_start_seconds == pytest.approx(1.0, abs=0.03)
    assert click_offset_seconds(find_flash(path)) == pytest.approx(0, abs=0.005)
    first = next(iter_moments(path, audio_seconds=1.0))
    assert first.waveform is None  # the window from -0.5 to 0.5 s holds no sound


def test_a_variable_frame_rate_stays_in_step(flash_and_click: Film) -> None:
    flash_index = UNEVEN_TIMES.index(1.5)
    path = flash_and_click(UNEVEN_TIMES, flash_index=flash_index, click_seconds=1.5)
    flash = find_flash(path)
    assert (flash.frame_index, flash.time_seconds) == (flash_index, pytest.approx(1.5))
    assert click_offset_seconds(flash) == pytest.approx(0, abs=0.005)


def test_frames_are_sampled_by_their_times_and_not_by_their_numbers(flash_and_click: Film) -> None:
    path = flash_and_click(UNEVEN_TIMES, flash_index=0, click_seconds=None)
    times = [moment.time_seconds for moment in iter_moments(path, frames_per_second=2)]
    np.testing.assert_allclose(times, [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5], atol=1e-3)


def test_a_gap_in_the_frames_is_not_filled_with_repeats(flash_and_click: Film) -> None:
    path = flash_and_click([0, 0.1, 0.2, 2.3, 2.4], flash_index=0, click_seconds=None)
    moments = list(iter_moments(path, frames_per_second=2))
    assert [moment.frame_index for moment in moments] == [0, 3]


def test_every_frame_comes_once_on_request(flash_and_click: Film) -> None:
    path = flash_and_click(EVEN_TIMES, flash_index=0, click_seconds=None)
    moments = list(iter_moments(path, frames_per_second=None))
    assert [moment.frame_index for moment in moments] == list(range(100))
    np.testing.assert_allclose([m.time_seconds for m in moments], EVEN_TIMES, atol=1e-3)


def test_sound_is_clipped_at_the_ends_of_the_track(flash_and_click: Film) -> None:
    path = flash_and_click(EVEN_TIMES, flash_index=0, click_seconds=2.0)
    moments = list(iter_moments(path, audio_seconds=2.0))
    lengths = [len(moment.waveform) for moment in moments if moment.waveform is not None]
    assert lengths[:3] == [16000, 32000, 32000]
    assert lengths[3] == pytest.approx(32000, abs=800)


def test_without_a_sound_track_or_without_need_there_is_no_waveform(flash_and_click: Film) -> None:
    silent = flash_and_click(EVEN_TIMES, flash_index=0, click_seconds=None, name="silent.mp4")
    assert not probe_video(silent).has_audio
    assert probe_video(silent).audio_start_seconds is None
    assert all(moment.waveform is None for moment in iter_moments(silent))
    loud = flash_and_click(EVEN_TIMES, flash_index=0, click_seconds=1.0, name="loud.mp4")
    assert all(moment.waveform is None for moment in iter_moments(loud, audio_seconds=None))


def test_frames_are_turned_as_the_metadata_ask(flash_and_click: Film) -> None:
    import av

    if not hasattr(av.VideoStream, "set_display_rotation"):
        pytest.skip("this PyAV cannot write a rotation")
    path = flash_and_click(EVEN_TIMES, flash_index=-1, click_seconds=None, rotation_degrees=90)
    info = probe_video(path)
    assert (info.width, info.height, info.rotation_degrees) == (48, 64, 90)
    frame = next(iter_moments(path)).frame
    assert frame.shape == (64, 48, 3)
    assert frame[-8:, :8].min() > 200  # counter-clockwise: the upper left mark is now lower left
    assert frame[:8].max() < 50


def test_a_probe_tells_what_was_written(tmp_path: Path) -> None:
    sound = np.zeros(16000, dtype=np.float32)
    write_video(tmp_path / "a.mp4", black_frames(20), frames_per_second=20, waveform=sound)
    info = probe_video(tmp_path / "a.mp4")
    assert (info.width, info.height, info.rotation_degrees, info.has_audio) == (64, 48, 0, True)
    assert info.duration_seconds == pytest.approx(1, abs=0.1)
    assert info.average_frames_per_second == pytest.approx(20)


def test_colours_and_sound_survive_writing_and_reading(tmp_path: Path) -> None:
    colours = [(200, 40, 40), (40, 200, 40), (40, 40, 200)]
    frames = (np.full((48, 64, 3), colours[index // 10], np.uint8) for index in range(30))
    sound = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(48000) / 16000)
    write_video(tmp_path / "a.mp4", frames, frames_per_second=10, waveform=sound)
    moments = list(iter_moments(tmp_path / "a.mp4", audio_seconds=0.5))
    for moment, colour in zip(moments, colours, strict=True):
        np.testing.assert_allclose(moment.frame.mean((0, 1)), colour, atol=12)
    heard = moments[1].waveform
    assert heard is not None
    assert np.corrcoef(heard, sound[16000 - 4000 : 16000 + 4000])[0, 1] > 0.99


def joined_sound(times: list[float]) -> np.ndarray:
    """Blocks of 0.1 s at 1 kHz, holding 1, 2, 3, ..., laid out by these timestamps."""
    blocks = [(time, np.full((100, 1), value)) for value, time in enumerate(times, start=1)]
    return np.concatenate(list(_without_gaps(blocks[0], iter(blocks[1:]), 1000)))[:, 0]


def test_a_pause_in_the_sound_keeps_what_follows_at_its_time() -> None:
    joined = joined_sound([0.5, 1.5, 1.6, 1.7])
    np.testing.assert_array_equal(joined, np.repeat([1, *[0] * 9, 2, 3, 4], 100))


def test_sound_that_comes_twice_is_heard_once() -> None:
    joined = joined_sound([0, 0.1, 0.15, 0.25, 0.35])
    np.testing.assert_array_equal(joined, np.repeat([1, 1, 2, 2, 3, 4, 4, 5, 5], 50))


@pytest.mark.parametrize("wrong_time", [-50.0, 300.0, 1e9])
def test_one_damaged_timestamp_moves_nothing(wrong_time: float) -> None:
    joined = joined_sound([0, 0.1, wrong_time, 0.3, 0.4])
    np.testing.assert_array_equal(joined, np.repeat([1, 2, 3, 4, 5], 100))


def test_a_truncated_video_gives_its_good_part_and_a_warning(
    flash_and_click: Film, caplog: pytest.LogCaptureFixture
) -> None:
    path = flash_and_click(EVEN_TIMES, flash_index=10, click_seconds=None, name="a.mkv")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    moments = list(iter_moments(path, frames_per_second=None))
    assert 5 < len(moments) < 90
    assert "a.mkv' is damaged: its frames end at" in caplog.text


def test_a_faststart_video_cut_in_the_middle_says_how_far_it_goes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (60, 48, 64, 3), dtype=np.uint8)
    path = tmp_path / "a.mp4"
    write_video(path, noise, frames_per_second=20)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    moments = list(iter_moments(path, frames_per_second=None))
    assert 10 < len(moments) < 50
    assert "a.mp4' is damaged: " in caplog.text
    assert f"{len(moments)} frames are used" in caplog.text


def test_a_video_without_its_index_is_refused(flash_and_click: Film) -> None:
    path = flash_and_click(EVEN_TIMES, flash_index=0, click_seconds=1.0)
    path.write_bytes(path.read_bytes()[:-800])
    for read in (probe_video, lambda path: next(iter_moments(path))):
        with pytest.raises(UnreadableMediaError, match="expected a video, found an MP4"):
            read(path)


def test_broken_sound_does_not_cost_the_frames(
    flash_and_click: Film, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = flash_and_click(EVEN_TIMES, flash_index=0, click_seconds=1.0)

    def refuse(path: Path, _: int) -> None:
        raise UnreadableMediaError(path, "a codec of the future")

    monkeypatch.setattr("media.video.read_sound_track", refuse)
    moments = list(iter_moments(path))
    assert len(moments) == 4
    assert all(moment.waveform is None for moment in moments)
    assert "is not used: a codec of the future" in caplog.text


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"this is a text, not a film\n" * 99, r"text \('this is a text"),
        (bytes(5000), "nothing but zero bytes"),
        (b"", None),
    ],
)
def test_what_is_no_video_is_refused_and_named(
    tmp_path: Path, content: bytes, found: str | None
) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    message = f"expected a video, found {found}" if found else "empty \\(0 bytes\\)"
    with pytest.raises(UnreadableMediaError, match=message):
        probe_video(path)
    with pytest.raises(UnreadableMediaError, match=message):
        next(iter_moments(path))


def test_a_recording_is_no_video(recording: Callable[..., Path]) -> None:
    path = recording("song.wav").rename(recording("song.wav").with_name("film.mp4"))
    with pytest.raises(UnreadableMediaError, match="found a WAV recording without moving pictures"):
        next(iter_moments(path))


def test_a_silent_film_is_no_recording(flash_and_click: Film) -> None:
    path = flash_and_click(EVEN_TIMES, flash_index=0, click_seconds=None)
    with pytest.raises(UnreadableMediaError, match="found an MP4 or MOV video without sound"):
        probe_audio(path)


def test_mistakes_of_the_caller_are_told_at_the_call(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent.mp4' does not exist"):
        iter_moments(tmp_path / "absent.mp4")
    with pytest.raises(ValueError, match="frames_per_second > 0, received 0"):
        iter_moments(tmp_path / "absent.mp4", frames_per_second=0)
    with pytest.raises(ValueError, match="audio_seconds > 0, received -1"):
        iter_moments(tmp_path / "absent.mp4", audio_seconds=-1)


@pytest.fixture
def short_film(tmp_path: Path) -> bytes:
    """Written once: the encoder does not always give as many bytes."""
    sound = np.sin(np.arange(8000, dtype=np.float32))
    write_video(tmp_path / "a.mp4", black_frames(5), frames_per_second=10, waveform=sound)
    return (tmp_path / "a.mp4").read_bytes()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_flipped_bytes_give_frames_or_a_refusal_and_nothing_else(
    tmp_path: Path, short_film: bytes, data: st.DataObject
) -> None:
    path = tmp_path / "fuzz.mp4"
    content = bytearray(short_film)
    places = st.integers(0, len(content) - 1)
    flips = data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=8))
    for place, value in flips:
        content[place] = value
    path.write_bytes(content)
    try:
        moments = list(iter_moments(path, frames_per_second=5))
    except UnreadableMediaError:
        return
    for moment in moments:
        assert moment.frame.dtype == np.uint8
        assert moment.waveform is None or np.isfinite(moment.waveform).all()


def test_what_cannot_be_written_is_refused_and_leaves_nothing(
    tmp_path: Path, full_disk: Callable
) -> None:
    path = tmp_path / "a.mp4"
    odd = [np.zeros((47, 64, 3), dtype=np.uint8)]
    changing = [np.zeros((48, side, 3), dtype=np.uint8) for side in (64, 64, 32)]
    for frames, message in [
        (odd, r"even sides, received uint8 \[47, 64, 3\]"),
        (changing, r"frame 2 of the same size as the first, \[48, 64, 3\], received \[48, 32, 3\]"),
        ([], "at least one frame"),
    ]:
        with pytest.raises(ValueError, match=message):
            write_video(path, frames, frames_per_second=10)
    with pytest.raises(ValueError, match=r"ending with .mp4"):
        write_video(tmp_path / "a.avi", black_frames(2), frames_per_second=10)
    with pytest.raises(ValueError, match=r"that AAC knows .* received 44099"):
        write_video(
            path, black_frames(2), frames_per_second=9, waveform=np.zeros(9), sample_rate_hz=44099
        )
    noise = np.random.default_rng(0).integers(0, 255, (20, 48, 64, 3), dtype=np.uint8)
    with full_disk(), pytest.raises(OSError, match="Cannot write the video"):
        write_video(path, noise, frames_per_second=10)
    assert list(tmp_path.iterdir()) == []


def test_importing_media_does_not_load_what_is_slow() -> None:
    program = (
        "import sys, media;"
        "print(sorted({'tensorflow', 'keras', 'librosa', 'resampy', 'numba'} & set(sys.modules)))"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "[]"


@pytest.mark.data
def test_the_chaffinch_is_seen_and_heard_on_one_clock(data_dir: Path) -> None:
    path = data_dir / "video" / "chaffinch_singing.mp4"
    info = probe_video(path)
    assert info.video_start_seconds == pytest.approx(5.338, abs=1e-3)
    assert info.audio_start_seconds == 0
    moments = list(iter_moments(path))
    np.testing.assert_allclose([m.time_seconds for m in moments], 5.338 + np.arange(5), atol=0.04)
    lengths = [len(m.waveform) for m in moments if m.waveform is not None]
    assert lengths[:3] == [80000] * 3  # the sound before the first frame is part of its window
    assert lengths[4] == pytest.approx((10.008 - (9.342 - 2.5)) * 16000, abs=800)


@pytest.mark.data
def test_the_gulls_have_a_track_without_a_sound(data_dir: Path) -> None:
    moments = list(iter_moments(data_dir / "video" / "gulls_silent_track.mp4"))
    assert [moment.frame_index for moment in moments] == list(range(0, 259, 25))
    assert all(m.waveform is not None and not m.waveform.any() for m in moments)


def test_only_the_frames_that_are_asked_for_come(flash_and_click: Film) -> None:
    path = flash_and_click([n / 25 for n in range(20)], flash_index=7, click_seconds=None)
    moments = list(iter_moments(path, frames_per_second=None, frame_indices=[3, 7, 99]))
    assert [moment.frame_index for moment in moments] == [3, 7]
    assert [moment.frame.mean() > 200 for moment in moments] == [False, True]


def test_no_frames_are_asked_for_and_none_come(flash_and_click: Film) -> None:
    path = flash_and_click([0.0, 0.1], flash_index=0, click_seconds=None)
    assert list(iter_moments(path, frames_per_second=None, frame_indices=[])) == []
