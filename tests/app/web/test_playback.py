"""What a browser plays is the recording, whichever range of bytes it asks for."""

import asyncio
import io

import numpy as np
import pytest
import soundfile

from app.web.playback import PlayableSound, byte_range
from media import UnreadableMediaError, load_waveform, save_waveform

RATE = 16_000 + 25


@pytest.fixture
def sound(tmp_path):
    waveform = np.random.default_rng(0).uniform(-0.5, 0.5, 3 * RATE)
    path = tmp_path / "sound.flac"
    save_waveform(path, waveform, RATE)

    async def waveform_of(rate, offset, seconds):
        return load_waveform(path, sample_rate_hz=rate, offset_seconds=offset, max_seconds=seconds)

    return PlayableSound(waveform_of, 3.0, RATE), waveform


def read(sound, first, last):
    async def joined():
        return b"".join([block async for block in sound.read(first, last)])

    return asyncio.run(joined())


def test_the_whole_is_a_wav_of_the_recording(sound):
    playable, waveform = sound
    content = read(playable, 0, playable.num_bytes - 1)
    assert len(content) == playable.num_bytes
    samples, rate = soundfile.read(io.BytesIO(content))
    assert rate == RATE
    np.testing.assert_allclose(samples, waveform, atol=1e-4)


@pytest.mark.parametrize("first", [0, 1, 43, 44, 45, 5000, 90_001])
def test_any_range_is_a_part_of_the_whole(sound, first):
    playable, _ = sound
    whole = read(playable, 0, playable.num_bytes - 1)
    for last in (first, first + 1, first + 777):
        assert read(playable, first, last) == whole[first : last + 1]


def test_what_cannot_be_decoded_is_silence(sound):
    async def broken(*_):
        raise UnreadableMediaError("a.wav", "it is damaged.")

    playable = PlayableSound(broken, 1.0, 8000)
    assert read(playable, 44, 99) == bytes(56)


def test_ultrasound_is_slowed_down():
    playable = PlayableSound(None, 1.0, 384_000, slower=10)
    assert playable.rate_hz == 384_000
    assert int.from_bytes(playable._header()[24:28], "little") == 38_400


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (0, 99)),
        ("bytes=0-", (0, 99)),
        ("bytes=10-19", (10, 19)),
        ("bytes=90-500", (90, 99)),
        ("bytes=-5", (95, 99)),
        ("bytes=100-", None),
        ("bytes=9-3", None),
        ("bytes=-", None),
        ("bytes=0-1,4-5", None),
        ("rows=1-2", None),
    ],
)
def test_ranges_are_read_as_rfc_9110_has_them(header, expected):
    assert byte_range(header, 100) == expected
