"""One file by its header: what is told of it, and what is found wrong."""

import json
import os
import shutil
from datetime import UTC, datetime

import cv2
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archives.survey.clock_faults import with_clock_faults
from archives.survey.coverage import coverage_of
from archives.survey.gaps import schedule_of
from archives.survey.mp4_boxes import missing_box_bytes
from archives.survey.photo_header import read_photo_header
from archives.survey.probe import probe_file
from archives.survey.series import series_of
from archives.survey.tables import file_row
from archives.survey.wav_header import read_wav_header
from media import write_video

PIXELS = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
JPEG = cv2.imencode(".jpg", PIXELS, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
PNG = cv2.imencode(".png", PIXELS)[1].tobytes()


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("videos") / "clip.mp4"
    frames = np.random.default_rng(0).integers(0, 255, (10, 64, 96, 3), dtype=np.uint8)
    write_video(path, frames, frames_per_second=5.0)
    return path


def kinds(file):
    return [fault.kind for fault in file.faults]


def test_a_recordings_header_is_told(tmp_path, wav):
    comment = (
        "Recorded at 05:30:00 14/05/2023 (UTC+1) by AudioMoth 24F31901603710E1 at medium gain."
    )
    file = probe_file(wav(tmp_path / "20230514_053000.WAV", comment=comment))
    assert (file.kind, file.format, file.sample_rate_hz) == ("recording", "WAV", 16_000)
    assert (file.num_channels, file.bits_per_sample, file.duration_seconds) == (1, 16, 0.1)
    assert (file.serial, file.clock.source) == ("24F31901603710E1", "name")
    assert [clock.source for clock in file.other_clocks] == ["header"]
    assert kinds(file) == []


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
@pytest.mark.parametrize("ending", ["flac", "wav", "aiff"])
def test_bits_are_told_of_what_has_them(ending, subtype, tmp_path):
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, np.zeros((800, 2)), 8000, subtype=subtype)
    file = probe_file(path)
    assert (file.bits_per_sample, file.num_channels) == (int(subtype[-2:]), 2)
    assert (file.format, file.notes) == (ending.upper(), ())


def test_a_wav_that_announces_more_than_it_holds_is_cut_short(tmp_path, wav):
    file = probe_file(wav(tmp_path / "a.wav", announced=100_000))
    assert kinds(file) == ["truncated"]
    assert "announces 100000 bytes of sound, the file holds 3200" in file.faults[0].text
    assert file.is_readable


def test_a_recording_too_short_for_yamnet_is_told(tmp_path, wav):
    file = probe_file(wav(tmp_path / "a.wav", samples=np.ones(1599, "<i2")))
    assert kinds(file) == ["too_short"]
    assert "0.0999 s of sound, expected at least 0.1 s" in file.faults[0].text


@pytest.mark.parametrize("announced", [0xFFFFFFFF, 0x7FFFFFFF, 0x80000000])
def test_a_wav_of_unknown_length_is_not_called_cut_short(announced, tmp_path, wav):
    path = tmp_path / "a.wav"
    wav(path, announced=3200)
    content = bytearray(path.read_bytes())
    content[40:44] = announced.to_bytes(4, "little")
    path.write_bytes(content)
    assert not read_wav_header(path).is_cut_short


def test_a_recorder_that_lost_power_leaves_a_file_without_sound(tmp_path, wav):
    path = wav(tmp_path / "a.wav", samples=np.ones(9000, "<i2"), announced=0)
    (fault,) = probe_file(path).faults
    assert fault.kind == "no_sound"
    assert "0 bytes of sound, though 18000 bytes follow" in fault.text


@pytest.mark.parametrize("length", [*range(1, 60, 3), 200, 1000])
def test_a_wav_cut_anywhere_is_told_and_never_raises(length, tmp_path, wav):
    path = wav(tmp_path / "a.wav", guano="Timestamp: 2023-05-14 05:30:00\n")
    path.write_bytes(path.read_bytes()[:length])
    assert kinds(probe_file(path))


def test_a_photos_header_is_told(tmp_path, exif_block):
    block = b"Exif\x00\x00" + exif_block(">", "Bushnell", "2023:05:14 05:30:00", "")
    segment = b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    (tmp_path / "a.jpg").write_bytes(JPEG[:2] + segment + JPEG[2:])
    file = probe_file(tmp_path / "a.jpg")
    assert (file.format, file.width, file.height) == ("JPEG", 400, 300)
    assert (file.recorder, file.clock.source) == ("Bushnell", "exif")


@pytest.mark.parametrize(("ending", "content"), [("jpg", JPEG), ("png", PNG)])
@pytest.mark.parametrize("kept", [0.6, 0.99])
def test_a_photo_without_its_end_is_told_and_a_whole_one_is_not(ending, content, kept, tmp_path):
    whole, torn = tmp_path / f"whole.{ending}", tmp_path / f"torn.{ending}"
    whole.write_bytes(content)
    torn.write_bytes(content[: int(kept * len(content))])
    assert len(content) > 1 << 17  # so large that its middle is not read
    assert kinds(probe_file(whole)) == []
    assert kinds(probe_file(torn)) == ["truncated"]


def test_a_large_tiff_whose_directory_is_at_its_end_is_read(tmp_path):
    path = tmp_path / "a.tiff"
    cv2.imwrite(str(path), PIXELS, [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    header = read_photo_header(path, path.stat().st_size)
    assert (header.image.width, header.image.height) == (400, 300)


def test_a_videos_header_is_told(video):
    file = probe_file(video)
    assert (file.kind, file.format, file.width, file.height) == ("video", "MP4", 96, 64)
    assert (file.frames_per_second, file.has_sound) == (5.0, False)
    assert file.duration_seconds == pytest.approx(2.0)
    assert kinds(file) == []


def test_an_mp4_that_lacks_bytes_is_told(video, tmp_path):
    torn = tmp_path / "torn.mp4"
    torn.write_bytes(video.read_bytes()[:-100])
    assert missing_box_bytes(video) == 0
    assert missing_box_bytes(torn) == 100
    assert set(kinds(probe_file(torn))) & {"truncated", "unreadable"}


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.jpg", b"", "empty"),
        ("a.wav", b"\x00" * 5000, "empty"),
        ("a.jpg", b"<!DOCTYPE html><html>not found</html>", "other_content"),
        ("a.jpg", b"RIFF\x00\x00\x00\x00WAVE", "other_content"),
        ("a.wav", JPEG[:400], "other_content"),
        ("a.mp4", b"%PDF-1.7 and so on", "other_content"),
        ("a.jpg", JPEG[:10], "unreadable"),
        ("a.flac", b"fLaC" + b"\x01" * 90, "unreadable"),
        ("a.mp4", b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00", "unreadable"),
    ],
)
def test_what_cannot_be_read_says_why(name, content, kind, tmp_path):
    (tmp_path / name).write_bytes(content)
    file = probe_file(tmp_path / name)
    assert kinds(file) == [kind]
    assert not file.is_readable


def test_another_format_than_the_name_says_is_only_noted(tmp_path):
    (tmp_path / "a.png").write_bytes(JPEG)
    file = probe_file(tmp_path / "a.png")
    assert kinds(file) == []
    assert file.notes == ("named .png, holds JPEG: read by its content all the same",)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_byte_whatever_it_is_ends_a_survey(data, tmp_path, wav, video):
    comment = (
        "Recorded at 05:30:00 14/05/2023 (UTC+1) by AudioMoth 24F31901603710E1 at medium gain."
    )
    sound = wav(tmp_path / "a.wav", comment=comment).read_bytes()
    contents = {"jpg": JPEG[:3000], "wav": sound[:400], "mp4": video.read_bytes()}
    ending = data.draw(st.sampled_from(sorted(contents)))
    content = bytearray(contents[ending])
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"20230514_053000.{ending}"
    path.write_bytes(content)
    file = with_clock_faults(probe_file(path), datetime(2026, 11, 26, tzinfo=UTC))
    for one in series_of([file, file]):
        schedule_of(one), coverage_of(one)
    json.dumps(file_row(file), allow_nan=False)


def test_a_link_that_leads_nowhere_and_a_kind_that_is_never_read(tmp_path):
    (tmp_path / "a.wav").symlink_to(tmp_path / "gone.wav")
    (tmp_path / "a.heic").write_bytes(b"....ftypheic")
    assert "a link that leads nowhere" in probe_file(tmp_path / "a.wav").faults[0].text
    assert (probe_file(tmp_path / "a.heic").kind, kinds(probe_file(tmp_path / "a.heic"))) == (
        "other",
        [],
    )


def test_a_name_that_is_not_utf8_is_kept(tmp_path, wav):
    path = tmp_path / os.fsdecode(b"v\xf6gel_20230514_053000.wav")
    shutil.move(wav(tmp_path / "a.wav"), path)
    file = probe_file(path)
    assert (file.path, file.clock.time.year, kinds(file)) == (path, 2023, [])
