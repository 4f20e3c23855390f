"""Mistakes of the caller are told at the call, whatever the file holds."""

import numpy as np
import pytest

from media import resample, resize_image
from tests.media.conftest import iter_moments, load_waveform, stream_waveform

BAD_BLOCKS = (0, -1, 0.005, 0.015, float("nan"), float("inf"))
GREY = np.full((30, 40, 3), 0.5)


def stream(path, **options):
    with stream_waveform(path, **options):
        pass


@pytest.mark.parametrize(
    ("read", "options", "message"),
    [
        *(
            (read, {"sample_rate_hz": 0}, "sample_rate_hz > 0, received 0")
            for read in (load_waveform, stream)
        ),
        (load_waveform, {"offset_seconds": -1}, "offset_seconds >= 0, received -1"),
        (load_waveform, {"offset_seconds": float("nan")}, "offset_seconds >= 0, received nan"),
        (load_waveform, {"max_seconds": 0}, "max_seconds > 0, received 0"),
        *((stream, {"block_seconds": bad}, r"> 0 and a multiple of 0\.01") for bad in BAD_BLOCKS),
    ],
)
def test_options_of_sound_are_named(recording, read, options, message):
    with pytest.raises(ValueError, match=message):
        read(recording("a.wav"), **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: resample(np.zeros((9, 2)), 8000, 16000), r"mono .* received \[9, 2\]"),
        (lambda: resample(np.zeros(9), 0, 16000), "source_rate_hz > 0, received 0"),
        (lambda: resample(np.zeros(9), 8, 16, resampler="linear"), "'soxr_hq' or .* 'linear'"),
        (lambda: resize_image(GREY), r"uint8 .*, received float64 \[30, 40, 3\]"),
        (lambda: resize_image(GREY.astype(np.uint8), (0, 5)), r"received \(0, 5\)"),
        *(
            (lambda name=name: next(iter_moments("gone.mp4", **{name: 0})), f"{name} > 0, received")
            for name in ("frames_per_second", "audio_seconds", "sample_rate_hz")
        ),
    ],
)
def test_arguments_that_cannot_be_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_video_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent.mp4' does not exist"):
        next(iter_moments(tmp_path / "absent.mp4"))
