"""A recording of any kind, or a stretch of it, as the model hears it."""

import os

import numpy as np
import pytest
import soundfile

from media import UnreadableMediaError, probe_audio, save_waveform
from media.containers import StreamDecoder
from tests.media.conftest import chirp, load_waveform, load_waveform_with_notes


def assert_is_chirp(waveform, tolerance=5e-3):
    assert waveform.dtype == np.float32
    assert 0 <= len(waveform) - 31999 < 512  # block codecs pad the end
    middle = slice(1000, 31000)
    np.testing.assert_allclose(waveform[middle], chirp(16000)[middle], atol=tolerance)


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", "PCM_U8", 0.01),
        *(("a.wav", f"PCM_{bits}", 1e-3) for bits in (16, 24, 32)),
        *(("a.wav", kind, 1e-3) for kind in ("FLOAT", "DOUBLE")),
        ("a.wav", "MS_ADPCM", 0.05),
        ("a.flac", "PCM_24", 1e-3),
        ("a.ogg", "VORBIS", 0.05),
        ("a.ogg", "OPUS", 0.05),
        ("a.mp3", "MPEG_LAYER_III", 0.05),
        ("a.aiff", "PCM_16", 1e-3),
    ],
)
def test_every_kind_of_samples_has_the_same_scale(recording, name, subtype, tolerance):
    path = recording(name, subtype=subtype)
    path = path.rename(path.with_name("Gruña – 山雀 🐦 #%s{0}" + "x" * 200 + ".mp3"))
    assert_is_chirp(load_waveform(path), tolerance)
    info = probe_audio(path)
    assert (info.sample_rate_hz, info.num_channels) == (16000, 1)
    assert info.duration_seconds == pytest.approx(2, abs=0.03)


@pytest.mark.parametrize(
    ("name", "codec", "container_format"),
    [
        ("http:山雀 %03d.m4a", "aac", "mp4"),
        ("a.aac", "aac", "adts"),
        (os.fsdecode(b"caf\xe9.webm"), "libopus", "webm"),
    ],
)
def test_what_soundfile_cannot_is_read_by_pyav(compressed_recording, name, codec, container_format):
    path = compressed_recording("a", codec, container_format)
    path = path.rename(path.with_name(name))
    info = probe_audio(path)
    assert (info.sample_rate_hz, info.num_channels) == (48000, 1)
    assert info.duration_seconds == pytest.approx(4, abs=0.1)
    whole = load_waveform(path)
    delay = 1024 / 3 if name == "a.aac" else 0  # raw AAC has no place to tell its start-up delay
    heard = np.interp(np.arange(1000, 50000) + delay, np.arange(len(whole)), whole)
    assert np.corrcoef(heard, chirp(16000, 4)[1000:50000])[0, 1] > 0.98
    stretch = load_waveform(path, offset_seconds=2.5, max_seconds=1.0)
    np.testing.assert_allclose(stretch, whole[40000:56000], atol=1e-4)


@pytest.mark.parametrize("resampler", ["soxr_hq", "kaiser_best"])
@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100, 44099, 48000])
def test_stretches_join_without_a_seam(recording, rate_hz, resampler):
    path = recording("a.wav", rate=rate_hz, subtype="FLOAT")
    whole = load_waveform(path, resampler=resampler)
    stretches = [
        load_waveform(path, offset_seconds=start, max_seconds=0.3, resampler=resampler)
        for start in np.arange(0, 2, 0.3)
    ]
    np.testing.assert_allclose(np.concatenate(stretches)[:31990], whole[:31990], atol=1e-4)


@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000])
@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.ogg", "a.opus"])
def test_a_stretch_of_a_compressed_file_equals_that_of_the_whole(recording, name, rate_hz):
    options = {"format": "OGG", "subtype": "OPUS"} if name == "a.opus" else {}
    rate_hz = 48000 if name == "a.opus" else rate_hz
    path = recording(name, chirp(rate_hz, 5.0) / 2, rate=rate_hz, **options)
    whole = load_waveform(path)
    stretch = load_waveform(path, offset_seconds=3.1, max_seconds=0.5)
    np.testing.assert_allclose(stretch, whole[49600:57600], atol=2e-3)


@pytest.mark.parametrize("name", ["long.wav", "long.mp3", "long.m4a"])
def test_no_more_than_the_stretch_is_decoded(recording, compressed_recording, monkeypatch, name):
    if name == "long.m4a":
        path = compressed_recording(name, "aac", "mp4", seconds=120)
    else:
        path = recording(name, np.zeros(48000 * 120), rate=48000)
    decoded = []
    read, iterate = soundfile.SoundFile.read, StreamDecoder.__iter__

    def counting_read(file, *args, **kwargs):
        samples = read(file, *args, **kwargs)
        decoded.append(len(samples))
        return samples

    def counting_iterate(decoder):
        for frame in iterate(decoder):
            decoded.append(frame.samples)
            yield frame

    monkeypatch.setattr(soundfile.SoundFile, "read", counting_read)
    monkeypatch.setattr(StreamDecoder, "__iter__", counting_iterate)
    load_waveform(path, offset_seconds=60, max_seconds=5)
    assert sum(decoded) <= 48000 * (5.2 if name == "long.wav" else 6)


def test_a_file_of_two_gigabytes_is_opened_at_once(recording):
    path = recording("huge.wav", np.zeros(100), rate=48000)
    header = bytearray(path.read_bytes()[:44])
    header[4:8] = header[40:44] = (2**31).to_bytes(4, "little")
    path.write_bytes(header)
    os.truncate(path, 44 + 2**31)  # sparse: takes no space
    assert len(load_waveform(path, offset_seconds=20_000, max_seconds=1)) == 16000


def test_the_last_stretch_is_what_is_left_and_beyond_it_is_no_sound(recording):
    path = recording("a.wav")
    assert len(load_waveform(path, offset_seconds=1.5, max_seconds=5)) == 8000
    with pytest.raises(UnreadableMediaError, match=r"no samples at or after 7.000 s"):
        load_waveform(path, offset_seconds=7)


def test_what_is_warned_of_names_the_file_and_can_be_had_as_notes_instead(recording, caplog):
    name = "60 % of %s.wav"
    path = recording(name, np.stack([chirp(8000), -chirp(8000)], axis=1), rate=8000)
    path.write_bytes(path.read_bytes()[:-16_000])
    waveform, notes = load_waveform_with_notes(path)
    assert caplog.messages == []
    np.testing.assert_array_equal(load_waveform(path), waveform)
    assert caplog.messages == [note % path for note in notes]
    damaged, low_rate, cancelling = caplog.messages
    assert damaged == (
        f"'{path}' is damaged: it holds 48000 of the 64000 bytes of sound that its header "
        "announces. 1.50 s are used."
    )
    assert f"{name}' has 8000 samples per second, the model wants 16000" in low_rate
    assert "above 4000 Hz it holds no sound" in low_rate
    assert f"{name}' cancel when mixed" in cancelling
    assert len(load_waveform_with_notes(path, max_seconds=1)[1]) == 2  # before the damage


def test_very_short_silent_and_loud_recordings_load_as_they_are(recording):
    assert len(load_waveform(recording("short.wav", chirp(48000, 0.01), rate=48000))) == 160
    silence = load_waveform(recording("silence.wav", np.zeros(16000)))
    assert len(silence) == 16000
    assert not silence.any()
    loud = load_waveform(recording("loud.wav", np.full(999, 1.5), subtype="FLOAT"))
    np.testing.assert_array_equal(loud, 1.5)
    path = recording("unscaled.wav", chirp(16000) * 32768, subtype="FLOAT")
    with pytest.raises(UnreadableMediaError, match=r"expected -1 to 1.* divided by 32768"):
        load_waveform(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_located(recording, bad):
    samples = np.stack([chirp(16000), chirp(16000)], axis=1)
    samples[8000:8003, 1] = bad
    path = recording("a.wav", samples, subtype="FLOAT")
    with pytest.raises(UnreadableMediaError, match=r"NaN or infinite samples, the first at 0.500"):
        load_waveform(path)
    assert len(load_waveform(path, offset_seconds=1)) == 16000


@pytest.mark.parametrize("extension", [".mp3", ".wav", ".raw"])
def test_what_is_no_recording_is_refused_and_named(tmp_path, extension):
    path = tmp_path / f"song{extension}"
    path.write_bytes(b"%PDF-1.7" + bytes(999))
    for read in (load_waveform, probe_audio):
        with pytest.raises(UnreadableMediaError, match="expected a recording, found a PDF"):
            read(path)
        with pytest.raises(FileNotFoundError, match=r"absent.wav' does not exist"):
            read(tmp_path / "absent.wav")


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_what_is_saved_loads_again(tmp_path, name):
    save_waveform(tmp_path / name, chirp(16000), 16000)
    np.testing.assert_allclose(load_waveform(tmp_path / name), chirp(16000), atol=1e-4)
    save_waveform(tmp_path / name, 2 * np.ones(99), 16000)
    assert load_waveform(tmp_path / name).min() > 0.999


def test_what_cannot_be_saved_is_refused_and_leaves_nothing(tmp_path, full_disk):
    with pytest.raises(ValueError, match=r"ending with .wav or .flac, received .*a.mp3"):
        save_waveform(tmp_path / "a.mp3", np.zeros(9), 16000)
    with pytest.raises(ValueError, match=r"received \[2\], 1 not finite"):
        save_waveform(tmp_path / "a.wav", np.array([0, np.nan]), 16000)
    with full_disk(), pytest.raises(OSError, match=r"Cannot write .*a.wav"):
        save_waveform(tmp_path / "a.wav", chirp(16000), 16000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.data
def test_all_real_recordings_load_whole_and_their_stretches_agree(data_dir):
    paths = sorted(data_dir.glob("nine_species/audio/*/*.mp3"))
    assert len(paths) == 65
    for path in paths:
        start, notes = load_waveform_with_notes(path, max_seconds=3)
        stretch = load_waveform(path, offset_seconds=1, max_seconds=2)
        assert (len(start), len(stretch), notes) == (48000, 32000, ())
        np.testing.assert_allclose(start[16000:], stretch, atol=1e-3)
        assert start.any()
