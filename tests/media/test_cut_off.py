"""Of a recording that is cut off or damaged on the way, the good part is used, and it says so."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from media import UnreadableMediaError, probe_audio
from tests.bad_inputs.good_media import mp3_without_table
from tests.media.conftest import load_waveform, load_waveform_with_notes

CONSTANT = {"bitrate_mode": "CONSTANT", "compression_level": 0.5}
VARIABLE = {"bitrate_mode": "VARIABLE", "compression_level": 0.5}
NOISE = 0.1 * np.random.default_rng(0).standard_normal(16000 * 6)
RISING = NOISE * np.linspace(0, 1, len(NOISE)) ** 4  # an encoder of variable bit rate starts low


def cut(path, num_bytes):
    path.write_bytes(path.read_bytes()[:num_bytes])
    return path


def without_table(path):
    path.write_bytes(mp3_without_table(path.read_bytes()))
    return path


def load_damage(path):
    return [note % "it" for note in load_waveform_with_notes(path)[1] if "is damaged" in note]


def check_cut(path, streamed, num_bytes):
    """Cut off, and the outcome; the good part must be that of the whole, in both readers."""
    whole, num_whole = load_waveform(path), path.stat().st_size
    cut(path, num_bytes)
    waveform, _, outcome = streamed(path, block_seconds=0.7)
    np.testing.assert_allclose(waveform, load_waveform(path), atol=1e-5)
    assert -0.02 < num_bytes / num_whole - len(waveform) / len(whole) < 0.3
    num_good = len(waveform) - 4000
    np.testing.assert_allclose(waveform[:num_good], whole[:num_good], atol=1e-4)
    assert load_damage(path) == [
        f"'it' is damaged: {outcome.damage}. {outcome.decoded_seconds:.2f} s are used."
    ]
    return outcome


@pytest.mark.parametrize("num_kept", [0.5, 0.9])
@pytest.mark.parametrize(
    ("name", "options", "damage"),
    [
        ("a.wav", {}, "bytes of sound that its header announces"),
        ("a.aiff", {}, "bytes of sound that its header announces"),
        ("a.au", {}, "bytes of sound that its header announces"),
        ("a.rf64", {}, "samples that its header announces"),
        ("a.flac", {}, "it breaks off"),
        ("a.mp3", CONSTANT, "s of 6.00 s"),
        ("a.mp3", VARIABLE, "s of 6.00 s"),
    ],
)
def test_a_file_of_known_length_says_what_is_missing(
    recording, streamed, name, options, damage, num_kept
):
    path = recording(name, NOISE, **options)
    outcome = check_cut(path, streamed, int(num_kept * path.stat().st_size) // 2 * 2)
    assert damage in outcome.damage
    assert outcome.expected_seconds == pytest.approx(6, abs=1e-3)
    assert outcome.decoded_seconds < 5.95


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_without_its_last_page_is_noticed(recording, streamed, subtype):
    path = recording("a.ogg", NOISE, subtype=subtype)
    outcome = check_cut(path, streamed, int(0.95 * path.stat().st_size))
    assert outcome.damage == "it has no last page, as if it were cut off"
    assert outcome.expected_seconds is None


def test_an_m4a_that_was_cut_says_so_or_is_refused(compressed_recording, streamed):
    path = compressed_recording("a.m4a", "aac", "mp4", movflags="faststart")
    _, _, outcome = streamed(cut(path, int(path.stat().st_size * 0.8)))
    assert "it ends at" in outcome.damage
    assert "s of 4.00 s" in outcome.damage
    assert outcome.damage in load_damage(path)[0]
    path = compressed_recording("b.m4a", "aac", "mp4")  # the table of contents stands at the end
    with pytest.raises(UnreadableMediaError, match="cannot be decoded"):
        streamed(cut(path, path.stat().st_size // 2))


@pytest.mark.parametrize(("options", "samples"), [(CONSTANT, NOISE), (VARIABLE, RISING)])
def test_an_mp3_without_a_table_is_read_to_its_end(recording, streamed, options, samples):
    path = without_table(recording("a.mp3", samples, **options))
    waveform, _, outcome = streamed(path)
    assert len(waveform) == pytest.approx(len(NOISE), abs=2500)
    assert (outcome.damage, outcome.expected_seconds) == (None, None)
    outcome = check_cut(path, streamed, path.stat().st_size - 700)
    assert "bytes of its last frame, as if it were cut off" in outcome.damage


@pytest.mark.parametrize("has_table", [True, False])
@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (b"ID3\x04\x00\x00\x00\x10\x00\x00" + bytes(1 << 18), b""),  # with a picture
        (b"", b"TAG" + bytes(125)),
        (b"", bytes(1 << 18) + b"APETAGEX\xd0\x07\x00\x00\x20\x00\x04\x00" + bytes(16)),
        (b"", b"some recorder's own note"),
    ],
)
def test_tags_and_padding_are_no_damage(recording, streamed, before, behind, has_table):
    path = recording("a.mp3", NOISE, **CONSTANT)
    path = path if has_table else without_table(path)
    path.write_bytes(before + path.read_bytes() + behind)
    waveform, _, outcome = streamed(path)
    assert outcome.damage is None
    assert len(waveform) == pytest.approx(len(NOISE), abs=2500)


def test_of_joined_mp3_files_all_are_heard(recording, streamed):
    path = recording("a.mp3", NOISE)
    path.write_bytes(3 * path.read_bytes())
    waveform, _, outcome = streamed(path)
    assert len(waveform) == pytest.approx(3 * len(NOISE), abs=8000)
    assert outcome.damage is None


@pytest.mark.parametrize("has_table", [True, False])
def test_behind_foreign_bytes_an_mp3_goes_on(recording, streamed, has_table):
    path = recording("a.mp3", np.tile(NOISE, 3), **CONSTANT)
    path = path if has_table else without_table(path)
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes(5000) + content[middle:])
    waveform, _, _ = streamed(path)
    assert len(waveform) == pytest.approx(3 * len(NOISE), abs=4000)
    np.testing.assert_allclose(waveform, load_waveform(path), atol=1e-5)


def test_a_damaged_table_or_start_of_an_mp3_costs_no_more_than_itself(recording):
    path = recording("a.mp3", NOISE)
    content = path.read_bytes()
    table = max(content.find(b"Xing"), content.find(b"Info"))
    path.write_bytes(content[: table + 8] + b"\x7f\xff\xff\xff" + content[table + 12 :])
    assert len(load_waveform(path)) == pytest.approx(96000, abs=2000)
    assert load_damage(path) == []
    path.write_bytes(bytes(2000) + content[2000:])
    assert 16000 * 5 < len(load_waveform(path)) < 16000 * 6.1


@pytest.mark.parametrize("name", ["a.flac", "a.wav"])
def test_a_file_that_leaves_its_length_open_is_whole(recording, streamed, name):
    path = recording(name, NOISE)
    content = bytearray(path.read_bytes())
    if name == "a.flac":
        content[21] &= 0xF0
        content[22:26] = bytes(4)
    else:
        content[4:8] = content[40:44] = b"\xff\xff\xff\xff"  # written to a pipe
    path.write_bytes(content)
    waveform, _, outcome = streamed(path)
    assert (len(waveform), outcome.damage, load_damage(path)) == (96000, None, [])
    if name == "a.flac":
        assert outcome.expected_seconds is probe_audio(path).duration_seconds is None


@pytest.mark.parametrize("file_format", ["WAV", "FLAC", "OGG", "MP3"])
@settings(max_examples=40)
@given(data=st.data())
def test_of_flipped_bytes_a_stream_makes_what_a_load_makes(tmp_path, streamed, file_format, data):
    file = io.BytesIO()
    soundfile.write(file, NOISE[:4000], 16000, format=file_format)
    content = bytearray(file.getvalue())
    places = st.one_of(st.integers(0, 99), st.integers(0, len(content) - 1))
    flips = data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=8))
    for place, value in flips:
        content[place] = value
    path = tmp_path / "fuzz.bin"
    path.write_bytes(content)
    try:
        whole, notes = load_waveform_with_notes(path)
    except UnreadableMediaError:
        with pytest.raises(UnreadableMediaError):
            streamed(path)
        return
    waveform, _, outcome = streamed(path)
    np.testing.assert_allclose(waveform, whole, atol=1e-5)
    assert (outcome.damage is not None) == any("is damaged" in note for note in notes)


@pytest.mark.data
def test_no_real_recording_is_called_damaged(data_dir, streamed):
    for path in sorted(data_dir.glob("nine_species/audio/*/*.mp3"))[44:52]:
        waveform, _, outcome = streamed(path, block_seconds=7)
        assert outcome.damage is None
        np.testing.assert_allclose(waveform, load_waveform(path), atol=1e-5)
