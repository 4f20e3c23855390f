from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from media import UnreadableMediaError, stream_sound_track
from media.sound_track import read_sound_track

RATE_HZ = 16000
Film = Callable[..., Path]


def film_with_sound(path: Path, times: list[float], samples: np.ndarray) -> Path:
    """Matroska with the same samples [num_samples, num_channels] at each of these times."""
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE_HZ, layout=layout)
        for seconds in times:
            for start in range(0, len(samples), 1600):  # packets of 0.1 s
                piece = np.ascontiguousarray(samples[start : start + 1600].reshape(1, -1))
                frame = av.AudioFrame.from_ndarray(piece, format="s16", layout=layout)
                frame.sample_rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
                frame.pts = round(seconds * RATE_HZ) + start
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def noise(num_seconds: float, num_channels: int = 1) -> np.ndarray:
    shape = (round(num_seconds * RATE_HZ), num_channels)
    return np.random.default_rng(0).integers(-9000, 9000, shape, dtype=np.int16)


@pytest.mark.parametrize("block_seconds", [0.03, 1, 10])
def test_a_pause_is_zeros_that_do_not_change(tmp_path: Path, block_seconds: float) -> None:
    path = film_with_sound(tmp_path / "a.mkv", [0, 5.0], noise(2))
    with stream_sound_track(path, block_seconds=block_seconds) as stream:
        blocks = list(stream)
    waveform = np.concatenate([block.waveform for block in blocks])
    heard = noise(2)[:, 0] / 32768
    expected = np.concatenate([heard, np.zeros(3 * RATE_HZ), heard])
    np.testing.assert_allclose(waveform, expected, atol=1e-5)
    is_changing = np.concatenate([block.is_changing for block in blocks])
    assert list(np.flatnonzero(~is_changing)) == list(range(201, 500))  # 200 holds the step
    assert stream.outcome.decoded_seconds == 7


def test_the_whole_track_is_the_stream_joined(flash_and_click: Film) -> None:
    path = flash_and_click(
        [n / 25 for n in range(50)],
        flash_index=0,
        click_seconds=2.0,
        audio_start_seconds=1.0,
        audio_seconds=3.0,
    )
    track = read_sound_track(path, 22050)
    with stream_sound_track(path, sample_rate_hz=22050, block_seconds=0.5) as stream:
        assert stream.start_seconds == track.start_seconds == pytest.approx(1.0, abs=0.03)
        waveform = np.concatenate([block.waveform for block in stream])
    np.testing.assert_allclose(waveform, track.waveform, atol=1e-5)
    assert stream.outcome.damage is None


def test_what_is_to_be_said_of_a_track_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    samples = noise(2)
    path = film_with_sound(tmp_path / "a.mkv", [0], np.hstack([samples, -samples]))
    path.write_bytes(path.read_bytes()[:-40_000])
    track = read_sound_track(path, RATE_HZ)
    assert len(track.waveform) < 1.75 * RATE_HZ
    assert "a.mkv' cancel when mixed" in caplog.text
    assert "a.mkv': it ends at 1." in caplog.text


def test_a_file_without_a_track_is_refused(flash_and_click: Film) -> None:
    path = flash_and_click([0.0, 0.04], flash_index=0, click_seconds=None)
    with (
        pytest.raises(UnreadableMediaError, match="found an MP4 or MOV video without sound"),
        stream_sound_track(path),
    ):
        pass


def test_a_track_of_which_nothing_can_be_decoded_is_refused(flash_and_click: Film) -> None:
    path = flash_and_click([0.0, 0.04], flash_index=0, click_seconds=1.0)
    content = bytearray(path.read_bytes())
    start, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    content[start:end] = b"\xff" * (end - start)
    path.write_bytes(content)
    with pytest.raises(UnreadableMediaError, match=r"found no samples; .* could not be decoded"):
        read_sound_track(path, RATE_HZ)


def test_a_track_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("pcm_f32le", rate=RATE_HZ, layout="mono")
        samples = np.full((1, RATE_HZ), np.nan, dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="flt", layout="mono")
        frame.sample_rate, frame.pts = RATE_HZ, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(UnreadableMediaError, match="its sound holds NaN or infinite samples"):
        read_sound_track(path, RATE_HZ)
    with stream_sound_track(path) as sound:
        assert not any(block.is_finite.any() for block in sound)
