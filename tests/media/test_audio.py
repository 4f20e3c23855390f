import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media import (
    UnreadableMediaError,
    load_waveform,
    load_waveform_with_notes,
    probe_audio,
    pyav_reader,
    save_waveform,
)
from media.decoded_audio import DecodedAudio

Recording = Callable[..., Path]


def chirp(rate_hz: int, seconds: float = 2.0) -> np.ndarray:
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    return 0.3 * np.sin(2 * np.pi * (300 * time + 200 * time**2))


def assert_is_chirp(waveform: np.ndarray, tolerance: float = 5e-3) -> None:
    assert waveform.dtype == np.float32
    assert 0 <= len(waveform) - 31999 < 512  # block codecs pad the end
    middle = slice(1000, 31000)
    np.testing.assert_allclose(waveform[middle], chirp(16000)[middle], atol=tolerance)


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 44100, 48000, 96000, 192000])
def test_every_source_rate_arrives_at_16_khz(recording: Recording, rate_hz: int) -> None:
    assert_is_chirp(load_waveform(recording("a.wav", rate=rate_hz)))


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("u8.wav", "PCM_U8", 0.01),
        ("16.wav", "PCM_16", 1e-3),
        ("24.wav", "PCM_24", 1e-3),
        ("32.wav", "PCM_32", 1e-3),
        ("float.wav", "FLOAT", 1e-3),
        ("double.wav", "DOUBLE", 1e-3),
        ("adpcm.wav", "MS_ADPCM", 0.05),
        ("a.flac", "PCM_24", 1e-3),
        ("a.ogg", "VORBIS", 0.05),
        ("a.opus.ogg", "OPUS", 0.05),
        ("a.mp3", "MPEG_LAYER_III", 0.05),
        ("a.aiff", "PCM_16", 1e-3),
    ],
)
def test_every_kind_of_samples_has_the_same_scale(
    recording: Recording, name: str, subtype: str, tolerance: float
) -> None:
    assert_is_chirp(load_waveform(recording(name, subtype=subtype)), tolerance)
    assert probe_audio(recording(name, subtype=subtype)).decoder == "soundfile"


@pytest.mark.parametrize(
    ("name", "codec", "container_format"),
    [("a.m4a", "aac", "mp4"), ("a.aac", "aac", "adts"), ("a.webm", "libopus", "webm")],
)
def test_what_soundfile_cannot_open_is_read_by_pyav(
    compressed_recording: Recording, name: str, codec: str, container_format: str
) -> None:
    path = compressed_recording(name, codec, container_format)
    info = probe_audio(path)
    assert (info.decoder, info.sample_rate_hz, info.num_channels) == ("pyav", 48000, 1)
    assert info.duration_seconds == pytest.approx(4, abs=0.1)
    waveform = load_waveform(path)
    delay = 1024 / 3 if name == "a.aac" else 0  # raw AAC has no place to tell its start-up delay
    heard = np.interp(np.arange(1000, 50000) + delay, np.arange(len(waveform)), waveform)
    assert np.corrcoef(heard, chirp(16000, 4)[1000:50000])[0, 1] > 0.98


@pytest.mark.parametrize(
    ("name", "codec", "container_format"),
    [("a.m4a", "aac", "mp4"), ("a.aac", "aac", "adts"), ("a.mka", "libopus", "matroska")],
)
def test_a_stretch_read_by_pyav_equals_that_of_the_whole(
    compressed_recording: Recording, name: str, codec: str, container_format: str
) -> None:
    path = compressed_recording(name, codec, container_format)
    whole = load_waveform(path)
    stretch = load_waveform(path, offset_seconds=2.5, max_seconds=1.0)
    np.testing.assert_allclose(stretch, whole[40000:56000], atol=1e-4)


@pytest.mark.parametrize("resampler", ["soxr_hq", "kaiser_best"])
@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100, 44099, 48000])
def test_stretches_join_without_a_seam(recording: Recording, rate_hz: int, resampler: str) -> None:
    path = recording("a.wav", rate=rate_hz, subtype="FLOAT")
    whole = load_waveform(path, resampler=resampler)
    stretches = [
        load_waveform(path, offset_seconds=start, max_seconds=0.3, resampler=resampler)
        for start in np.arange(0, 2, 0.3)
    ]
    np.testing.assert_allclose(np.concatenate(stretches)[:31990], whole[:31990], atol=1e-4)


@pytest.mark.parametrize("subtype", ["MPEG_LAYER_III", "PCM_16", "VORBIS", "OPUS"])
@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000])
def test_a_stretch_of_a_compressed_file_equals_that_of_the_whole(
    recording: Recording, subtype: str, rate_hz: int
) -> None:
    if (subtype, rate_hz) == ("OPUS", 44100):
        pytest.skip("Opus has no such rate")
    extension = {"MPEG_LAYER_III": "mp3", "PCM_16": "flac"}.get(subtype, "ogg")
    path = recording(f"a.{extension}", rate=rate_hz, subtype=subtype)
    whole = load_waveform(path)
    stretch = load_waveform(path, offset_seconds=1.1, max_seconds=0.5)
    np.testing.assert_allclose(stretch, whole[17600:25600], atol=2e-3)


@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.ogg"])
def test_reading_by_blocks_leaves_no_trace(recording: Recording, name: str) -> None:
    path = recording(name, np.tile(chirp(16000), 40))
    np.testing.assert_allclose(load_waveform(path), soundfile.read(path)[0], atol=1e-3)


def test_no_more_is_decoded_than_the_stretch_needs(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recording("long.wav", np.zeros(48000 * 120), rate=48000)
    decoded: list[int] = []
    read = soundfile.SoundFile.read

    def counting_read(file: soundfile.SoundFile, *args: int, **kwargs: object) -> np.ndarray:
        samples = read(file, *args, **kwargs)
        decoded.append(len(samples))
        return samples

    monkeypatch.setattr(soundfile.SoundFile, "read", counting_read)
    load_waveform(path, offset_seconds=60, max_seconds=5)
    assert sum(decoded) <= 48000 * 5.2


def test_pyav_stops_and_starts_near_the_stretch_too(
    compressed_recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = compressed_recording("long.m4a", "aac", "mp4", seconds=60)
    decoded: list[int] = []
    convert = pyav_reader.frame_to_samples

    def counting_convert(frame: object) -> np.ndarray:
        samples = convert(frame)
        decoded.append(len(samples))
        return samples

    monkeypatch.setattr(pyav_reader, "frame_to_samples", counting_convert)
    load_waveform(path, offset_seconds=40, max_seconds=2)
    assert sum(decoded) <= 48000 * 3


def test_a_file_of_two_gigabytes_is_opened_at_once(tmp_path: Path, recording: Recording) -> None:
    path = recording("huge.wav", np.zeros(100), rate=48000)
    header = bytearray(path.read_bytes()[:44])
    header[4:8] = header[40:44] = (2**31).to_bytes(4, "little")
    path.write_bytes(header)
    os.truncate(path, 44 + 2**31)  # sparse: takes no space
    waveform = load_waveform(path, offset_seconds=20_000, max_seconds=1)
    assert len(waveform) == 16000


def test_the_last_stretch_is_what_is_left(recording: Recording) -> None:
    assert len(load_waveform(recording("a.wav"), offset_seconds=1.5, max_seconds=5)) == 8000


def test_beyond_the_end_is_no_sound(recording: Recording) -> None:
    with pytest.raises(UnreadableMediaError, match=r"no samples at or after 7.000 s"):
        load_waveform(recording("a.wav"), offset_seconds=7)


@pytest.mark.parametrize("num_channels", [1, 2, 6])
def test_channels_are_mixed_down(recording: Recording, num_channels: int) -> None:
    samples = np.repeat(chirp(16000)[:, None], num_channels, axis=1)
    path = recording("a.wav", samples)
    assert_is_chirp(load_waveform(path))
    assert probe_audio(path).num_channels == num_channels


def test_opposite_polarity_is_noticed_with_the_files_name(
    recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    samples = np.stack([chirp(16000), -0.9 * chirp(16000)], axis=1)
    assert_is_chirp(load_waveform(recording("miswired.wav", samples)))
    assert "miswired.wav' cancel when mixed" in caplog.text


def test_a_source_rate_below_the_models_is_warned_of(
    recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    load_waveform(recording("phone.wav", rate=8000))
    assert "phone.wav' has 8000 samples per second, the model wants 16000" in caplog.text
    assert "above 4000 Hz it holds no sound" in caplog.text


def test_ten_milliseconds_and_silence_load(recording: Recording) -> None:
    assert len(load_waveform(recording("short.wav", chirp(48000, 0.01), rate=48000))) == 160
    silence = load_waveform(recording("silence.wav", np.zeros(16000)))
    assert len(silence) == 16000
    assert not silence.any()


def test_float_samples_beyond_full_scale_are_left_alone(recording: Recording) -> None:
    loud = load_waveform(recording("loud.wav", np.full(999, 1.5), subtype="FLOAT"))
    np.testing.assert_array_equal(loud, 1.5)


def test_another_scale_is_refused(recording: Recording) -> None:
    path = recording("unscaled.wav", chirp(16000) * 32768, subtype="FLOAT")
    with pytest.raises(
        UnreadableMediaError, match=r"reach 9830, expected -1 to 1.* divided by 32768"
    ):
        load_waveform(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_counted_and_located(
    recording: Recording, bad: float
) -> None:
    samples = np.stack([chirp(16000), chirp(16000)], axis=1)
    samples[8000:8003, 1] = bad
    path = recording("a.wav", samples, subtype="FLOAT")
    with pytest.raises(UnreadableMediaError, match=r"3 of 32000 samples .* the first at 0.500 s"):
        load_waveform(path)
    assert len(load_waveform(path, offset_seconds=1)) == 16000


@pytest.mark.parametrize("name", ["wav named.mp3", "flac named.mp3", "mp3 named.wav"])
def test_content_counts_and_not_the_name(recording: Recording, name: str) -> None:
    real_format = name.split()[0]
    path = recording(f"a.{real_format}")
    assert_is_chirp(load_waveform(path.rename(path.with_name(name))), tolerance=0.05)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"this is a text, not a song\n" * 99, r"text \('this is a text"),
        (b"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n", r"text \('#EXTM3U"),
        (b"%PDF-1.7" + bytes(999), "a PDF document"),
        (bytes(5000), "nothing but zero bytes"),
    ],
)
@pytest.mark.parametrize("extension", [".mp3", ".wav", ".raw"])
def test_what_is_no_recording_is_refused_and_named(
    tmp_path: Path, content: bytes, found: str, extension: str
) -> None:
    path = tmp_path / f"song{extension}"
    path.write_bytes(content)
    for read in (load_waveform, probe_audio):
        with pytest.raises(UnreadableMediaError, match=f"expected a recording, found {found}"):
            read(path)


def test_a_photo_among_the_recordings_is_refused(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    content = cv2.imencode(".jpg", np.zeros((40, 40, 3), dtype=np.uint8))[1].tobytes()
    (tmp_path / "song.mp3").write_bytes(content)
    with pytest.raises(UnreadableMediaError, match="found a JPEG image without sound"):
        load_waveform(tmp_path / "song.mp3")


def test_no_bytes_or_no_samples_is_refused(tmp_path: Path, recording: Recording) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    with pytest.raises(UnreadableMediaError, match="empty \\(0 bytes\\)"):
        load_waveform(tmp_path / "empty.wav")
    with pytest.raises(UnreadableMediaError, match="expected sound, found no samples"):
        load_waveform(recording("no samples.wav", np.zeros(0)))


def test_a_path_that_does_not_exist_is_the_callers_mistake(tmp_path: Path) -> None:
    for read in (load_waveform, probe_audio):
        with pytest.raises(FileNotFoundError, match=r"absent.wav' does not exist"):
            read(tmp_path / "absent.wav")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(UnreadableMediaError, match="found a folder, pipe or device"):
        load_waveform(tmp_path / "pipe.wav")


@pytest.mark.parametrize("name", ["Gruña – 山雀 🐦.wav", "x" * 240 + ".wav", "#%s{0}.wav"])
def test_any_name_will_do(recording: Recording, name: str) -> None:
    assert_is_chirp(load_waveform(recording(name)))


def test_any_name_will_do_for_pyav_too(compressed_recording: Recording) -> None:
    path = compressed_recording("http:山雀 %03d.m4a", "aac", "mp4")
    assert len(load_waveform(path)) > 60000
    undecodable = path.with_name(os.fsdecode(b"caf\xe9.m4a"))
    assert len(load_waveform(path.rename(undecodable))) > 60000


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.aiff"])
def test_of_a_truncated_file_the_good_part_is_used_and_said(
    recording: Recording, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(16000 * 20)
    path = recording(name, noise)
    whole = load_waveform(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    part = load_waveform(path)
    assert 0.3 * len(whole) < len(part) < 0.6 * len(whole)
    np.testing.assert_allclose(part[:80000], whole[:80000], atol=1e-3)
    assert f"{name}' is damaged: it " in caplog.text
    assert "s are used" in caplog.text


def test_all_that_is_warned_of_can_be_had_as_notes_instead(
    recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    path = recording("a.wav", np.stack([chirp(8000), -chirp(8000)], axis=1), rate=8000)
    path.write_bytes(path.read_bytes()[:-16_000])
    waveform, notes = load_waveform_with_notes(path)
    assert caplog.messages == []
    np.testing.assert_array_equal(load_waveform(path), waveform)
    assert caplog.messages == [note % path for note in notes]
    assert [f"'{path}' is damaged" in caplog.text, len(notes)] == [True, 3]


def test_a_percent_sign_in_a_note_stays_one(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recording("a.wav")
    decoded = DecodedAudio(np.ones((16_000, 1), np.float32), 16_000, "60 % of %s is missing")
    monkeypatch.setattr("media.audio._decode", lambda *_: decoded)
    (note,) = load_waveform_with_notes(path)[1]
    assert note % path == f"'{path}' is damaged: 60 % of %s is missing. 1.00 s are used."


def test_a_stretch_before_the_damage_is_not_warned_of(
    recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    path = recording("a.wav")
    path.write_bytes(path.read_bytes()[:-2000])
    load_waveform(path, max_seconds=1)
    assert not caplog.records


def test_an_mp3_with_a_broken_header_is_read_from_where_it_is_whole(recording: Recording) -> None:
    path = recording("a.mp3", chirp(48000, 10), rate=48000)
    content = path.read_bytes()
    path.write_bytes(bytes(2000) + content[2000:])
    assert 16000 * 5 < len(load_waveform(path)) < 16000 * 10.5


def test_an_mp3_that_promises_an_absurd_length_gives_what_it_holds(recording: Recording) -> None:
    path = recording("a.mp3", chirp(48000, 5), rate=48000)
    content = path.read_bytes()
    table = max(content.find(b"Xing"), content.find(b"Info"))
    assert table > 0
    path.write_bytes(content[: table + 8] + b"\x7f\xff\xff\xff" + content[table + 12 :])
    assert len(load_waveform(path)) == pytest.approx(80000, abs=2000)


def test_a_wav_header_of_absurd_rate_is_refused(recording: Recording) -> None:
    path = recording("a.wav")
    content = bytearray(path.read_bytes())
    content[24:28] = (1).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(UnreadableMediaError, match="1 samples per second, expected 100 to 4000000"):
        load_waveform(path)


@pytest.mark.parametrize("file_format", ["WAV", "FLAC"])
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_flipped_bytes_give_finite_sound_or_a_refusal_and_nothing_else(
    tmp_path: Path, file_format: str, data: st.DataObject
) -> None:
    file = io.BytesIO()
    subtype = "FLOAT" if file_format == "WAV" else None
    soundfile.write(file, chirp(8000, 0.2), 8000, format=file_format, subtype=subtype)
    content = bytearray(file.getvalue())
    places = st.one_of(st.integers(0, 99), st.integers(0, len(content) - 1))
    flips = data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=8))
    for place, value in flips:
        content[place] = value
    (tmp_path / "fuzz.wav").write_bytes(content)
    try:
        waveform = load_waveform(tmp_path / "fuzz.wav", max_seconds=10)
    except UnreadableMediaError:
        return
    assert waveform.dtype == np.float32
    assert 0 < len(waveform) <= 160000
    assert np.isfinite(waveform).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_rate_hz": 0}, "sample_rate_hz > 0, received 0"),
        ({"offset_seconds": -1}, "offset_seconds >= 0, received -1"),
        ({"offset_seconds": float("nan")}, "offset_seconds >= 0, received nan"),
        ({"max_seconds": 0}, "max_seconds > 0 or None .*, received 0"),
    ],
)
def test_wrong_options_are_named(recording: Recording, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_waveform(recording("a.wav"), **options)


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_what_is_saved_loads_again(tmp_path: Path, name: str) -> None:
    save_waveform(tmp_path / name, chirp(16000), 16000)
    np.testing.assert_allclose(load_waveform(tmp_path / name), chirp(16000), atol=1e-4)
    save_waveform(tmp_path / name, 2 * np.ones(99), 16000)
    assert load_waveform(tmp_path / name).min() > 0.999


def test_what_cannot_be_saved_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ending with .wav or .flac, received .*a.mp3"):
        save_waveform(tmp_path / "a.mp3", np.zeros(9), 16000)
    with pytest.raises(ValueError, match=r"received \[2\], 1 not finite"):
        save_waveform(tmp_path / "a.wav", np.array([0, np.nan]), 16000)


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, full_disk: Callable) -> None:
    with full_disk(), pytest.raises(OSError, match=r"Cannot write .*a.wav"):
        save_waveform(tmp_path / "a.wav", chirp(16000), 16000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.data
def test_all_real_recordings_load_and_their_stretches_agree(data_dir: Path) -> None:
    paths = sorted(data_dir.glob("nine_species/audio/*/*.mp3"))
    assert len(paths) == 65
    for path in paths:
        start = load_waveform(path, max_seconds=3)
        stretch = load_waveform(path, offset_seconds=1, max_seconds=2)
        assert (len(start), len(stretch)) == (48000, 32000)
        np.testing.assert_allclose(start[16000:], stretch, atol=1e-3)
        assert start.any()
