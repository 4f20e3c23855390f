"""One file by its header: what is told of it, and what is found wrong."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from archives.survey.clocks import with_clock_faults
from archives.survey.probe import probe_file
from archives.survey.series import series_of
from archives.survey.summary import file_row
from media import save_image, write_video

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of damaged EXIF

PIXELS = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
COMMENT = "Recorded at 05:30:00 14/05/2023 (UTC+1) by AudioMoth 24F31901603710E1 at medium gain."
GUANO = "Timestamp: 2023-05-14 05:30:00\n"


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("videos") / "clip.mp4"
    frames = np.random.default_rng(0).integers(0, 255, (10, 64, 96, 3), dtype=np.uint8)
    write_video(path, frames, frames_per_second=5.0)
    return path


def save_with_exif(path, pixels=PIXELS):
    exif = Image.Exif()
    exif[0x0110] = "Bushnell"
    exif.get_ifd(0x8769)[0x9003] = "2023:05:14 05:30:00"
    Image.fromarray(pixels).save(path, exif=exif)
    return path


def kinds(path):
    return [fault.kind for fault in probe_file(path).faults]


def test_a_recordings_header_is_told(tmp_path, wav):
    file = probe_file(wav(tmp_path / "20230514_053000.WAV", comment=COMMENT, guano=GUANO))
    header = file.header
    assert (file.kind, header.format, header.sample_rate_hz) == ("recording", "WAV", 16_000)
    assert (header.num_channels, header.bits_per_sample, header.duration_seconds) == (1, 16, 0.1)
    assert (file.serial, file.clock.source) == ("24F31901603710E1", "name")
    assert [clock.source for clock in file.other_clocks] == ["header"]
    assert header.notes["timestamp"] == "2023-05-14 05:30:00"
    assert file.faults == ()


def test_a_wav_that_announces_more_than_it_holds_is_cut_short(tmp_path, wav):
    file = probe_file(wav(tmp_path / "a.wav", announced=100_000))
    assert [fault.kind for fault in file.faults] == ["truncated"]
    assert "announces 100000 bytes of sound, the file holds 3200" in file.faults[0].text
    assert file.is_usable


@pytest.mark.parametrize(
    ("num_samples", "announced", "kind", "text"),
    [
        (1599, None, "too_short", "0.0999 s of sound, expected at least 0.1 s."),
        (9000, 0, "no_sound", "announces 0 bytes of sound, though 18000 bytes follow"),
    ],
)
def test_a_recording_of_too_little_sound_is_told(num_samples, announced, kind, text, tmp_path, wav):
    samples = np.ones(num_samples, "<i2")
    (fault,) = probe_file(wav(tmp_path / "a.wav", samples=samples, announced=announced)).faults
    assert (fault.kind, text in fault.text) == (kind, True)


def test_a_photo_tells_its_camera_and_that_its_end_is_missing(tmp_path):
    file = probe_file(save_with_exif(tmp_path / "a.jpg"))
    assert (file.recorder, file.clock.source, file.faults) == ("Bushnell", "exif", ())
    file.path.write_bytes(file.path.read_bytes()[:-100])
    (fault,) = probe_file(file.path).faults
    assert (fault.kind, fault.text[:34]) == ("truncated", "the end of the JPEG is missing: it")


def test_a_videos_header_is_told(video):
    file = probe_file(video)
    header = file.header
    assert (file.kind, header.format, header.width, header.height) == ("video", "MP4", 96, 64)
    assert (header.frames_per_second, header.has_sound) == (5.0, False)
    assert header.duration_seconds == pytest.approx(2.0)
    assert file.faults == ()


def test_an_mp4_that_lacks_bytes_is_told(video, tmp_path):
    torn = tmp_path / "torn.mp4"
    torn.write_bytes(video.read_bytes()[:-100])
    assert kinds(torn) == ["truncated"]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.jpg", b"", "empty"),
        ("a.wav", b"\x00" * 5000, "empty"),
        ("a.jpg", b"<!DOCTYPE html><html>not found</html>", "other_content"),
        ("a.jpg", b"RIFF\x00\x00\x00\x00WAVE", "other_content"),
        ("a.wav", b"\xff\xd8\xff\xe0" + b"\x01" * 400, "other_content"),
        ("a.mp4", b"%PDF-1.7 and so on", "other_content"),
        ("a.jpg", b"\xff\xd8\xff\xe0" + b"\x01" * 400, "unreadable"),
        ("a.flac", b"fLaC" + b"\x01" * 90, "unreadable"),
        ("a.mp4", b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00", "unreadable"),
    ],
)
def test_what_cannot_be_read_says_why(name, content, kind, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert kinds(tmp_path / name) == [kind]
    assert not probe_file(tmp_path / name).is_usable


def test_another_format_than_the_name_says_is_only_noted(tmp_path):
    save_image(tmp_path / "a.jpg", PIXELS)
    file = probe_file((tmp_path / "a.jpg").rename(tmp_path / "a.png"))
    assert file.faults == ()
    assert file.notes == ("named .png, holds JPEG: read by its content all the same",)


@pytest.fixture(scope="module")
def damage(tmp_path_factory, wav, video):
    """A place for damaged files, and contents to be damaged."""
    folder = tmp_path_factory.mktemp("damaged")
    paths = [
        wav(folder / "a.wav", comment=COMMENT, guano=GUANO),
        *(save_with_exif(folder / f"a.{end}", PIXELS[:9, :9]) for end in ("jpg", "png", "tiff")),
        video,
    ]
    return folder, {path.suffix: path.read_bytes()[:8000] for path in paths}


@settings(max_examples=100)
@given(data=st.data())
def test_no_byte_whatever_it_is_ends_a_survey(data, damage):
    folder, contents = damage
    ending = data.draw(st.sampled_from(sorted(contents)))
    content = bytearray(contents[ending])
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = folder / f"20230514_053000{ending}"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    file = with_clock_faults(probe_file(path), datetime(2026, 11, 26, tzinfo=UTC))
    for one in series_of([file, file]):
        assert one.schedule is not None
        assert one.coverage is not None
    json.dumps(file_row(file), allow_nan=False)


def test_a_link_that_leads_nowhere_and_a_kind_that_is_never_read(tmp_path):
    (tmp_path / "a.wav").symlink_to(tmp_path / "gone.wav")
    (tmp_path / "a.heic").write_bytes(b"....ftypheic")
    assert "a link that leads nowhere" in probe_file(tmp_path / "a.wav").faults[0].text
    file = probe_file(tmp_path / "a.heic")
    assert (file.kind, file.faults) == ("other", ())
