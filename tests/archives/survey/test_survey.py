"""A whole archive: the walk, copies, what is not heard, what `embed` will make, and what is written."""

import csv
import json
import os
import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
from pyarrow import parquet

from archives.embed.settings import ArchiveSettings
from archives.embed.sound_windows import SoundWindows
from archives.survey import survey_archive, survey_to_record, write_survey
from archives.survey.deep import decoded_files
from archives.survey.forecast import num_windows
from archives.survey.high_frequencies import unheard_share, unheard_shares
from archives.survey.probe import probe_file
from archives.survey.survey import equal_contents, equal_names
from fused_encoder.front_ends import YAMNET
from media import SoundBlock, save_image, save_waveform, write_video

NOW = datetime(2026, 11, 26, tzinfo=UTC)
RNG = np.random.default_rng(0)


def tone(frequency_hz, seconds=2.0, rate=48_000):
    return 0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(int(seconds * rate)) / rate)


@pytest.fixture
def archive(tmp_path, wav):
    """Two good recordings, a truncated one, a photo and its copy, and a file that is never read."""
    root = tmp_path / "season"
    for minute in ("00", "10"):
        noise = RNG.integers(-3000, 3000, 16_000).astype("<i2")
        wav(root / "pond" / f"20230514_05{minute}00.WAV", samples=noise)
    wav(root / "pond" / "20230514_052000.WAV", announced=100_000)
    save_image(root / "a.jpg", RNG.integers(0, 255, (60, 80, 3), dtype=np.uint8))
    shutil.copy(root / "a.jpg", root / "pond" / "b.jpg")
    (root / "notes.txt").write_text("rain")
    return root


def test_a_folder_that_cannot_be_listed_is_told_and_does_not_end_the_survey(archive, monkeypatch):
    scandir = os.scandir

    def refusing(folder):
        if Path(folder).name == "pond":
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    survey = survey_archive([archive], now=NOW)
    [(folder, reason)] = survey.closed_folders
    assert folder == str(archive / "pond")
    assert reason.startswith("the folder cannot be listed: Permission denied")
    assert [file.path.name for file in survey.media] == ["a.jpg"]
    assert not survey.is_sound


def test_a_survey_tells_what_is_wrong_and_what_will_be_made(archive):
    survey = survey_archive([archive], now=NOW)
    assert [(file.path.name, file.faults[0].kind) for file in survey.faulty] == [
        ("20230514_052000.WAV", "truncated")
    ]
    assert survey.copies == ((archive / "a.jpg", archive / "pond" / "b.jpg"),)
    assert (survey.forecast.num_photos, survey.forecast.num_windows) == (2, 3)
    assert [len(one.files) for one in survey.series] == [3]


def test_where_there_is_nothing_to_survey_it_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(FileNotFoundError, match=r"Not there: '.*gone' \(seen from"):
        survey_archive([tmp_path / "gone"])
    with pytest.raises(ValueError, match=r"No photo, recording or video in .* \(1 other files\)"):
        survey_archive([tmp_path])


def test_decoding_finds_silence_clipping_damage_and_nan(tmp_path):
    song = tone(100, seconds=1.0, rate=16_000)
    part = np.where(np.arange(16_000) < 160, np.nan, song)
    sounds = {"silent": 0 * song, "clipped": np.sign(song), "good": song, "nan": np.nan * song}
    for name, sound in {**sounds, "part": part}.items():
        soundfile.write(tmp_path / f"{name}.wav", sound, 16_000, subtype="FLOAT")
    save_waveform(tmp_path / "torn.flac", RNG.normal(size=160_000) * 0.1, 16_000)
    torn = (tmp_path / "torn.flac").read_bytes()
    (tmp_path / "torn.flac").write_bytes(torn[: len(torn) // 2])
    save_image(tmp_path / "blank.png", np.full((60, 80, 3), 7, np.uint8))
    write_video(tmp_path / "film.mp4", np.zeros((4, 64, 96, 3), np.uint8), frames_per_second=2.0)
    assert survey_archive([tmp_path], now=NOW).is_sound
    survey = survey_archive([tmp_path], deep=True, now=NOW)
    assert {file.path.stem: [fault.kind for fault in file.faults] for file in survey.files} == {
        "blank": ["blank"],
        "clipped": ["clipped"],
        "film": [],
        "good": [],
        "nan": ["no_sound"],
        "part": ["non_finite"],
        "silent": ["silent"],
        "torn": ["damaged"],
    }


def die(file):
    """A decoder that a file takes along."""
    yield None
    os.kill(os.getpid(), signal.SIGSEGV)


def test_a_file_whose_decoder_dies_is_told_as_unreadable(tmp_path, wav):
    (file,) = decoded_files([probe_file(wav(tmp_path / "a.wav"))], decode=die)
    assert [fault.kind for fault in file.faults] == ["unreadable"]
    assert "SIGSEGV" in file.faults[0].text


def test_equal_contents_and_equal_names_are_different_things(tmp_path):
    head, tail = b"\x01" * 20_000, b"\x02" * 20_000
    middle = {"a/1.wav": b"x", "b/1.wav": b"y", "b/2.wav": b"x", "c/3.wav": b"x"}
    for name, letter in middle.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(head + letter + tail)
    files = [probe_file(tmp_path / name) for name in middle]
    assert equal_contents(files) == (
        tuple(tmp_path / n for n in ("a/1.wav", "b/2.wav", "c/3.wav")),
    )
    assert equal_names(files) == ((tmp_path / "a/1.wav", tmp_path / "b/1.wav"),)


@pytest.mark.parametrize("rate", [22_050, 48_000, 192_000])
def test_the_share_is_welchs(rate):
    waveform = scipy.signal.lfilter([1], [1, -0.7], RNG.normal(size=rate)).astype(np.float32)
    frequencies, power = scipy.signal.welch(waveform, rate, nperseg=round(0.05 * rate))
    expected = power[frequencies > 7500].sum() / power[frequencies >= 125].sum()
    assert unheard_share(waveform, rate) == pytest.approx(expected, rel=0.01)


def test_the_share_is_told_by_folder(tmp_path):
    for place, frequency_hz in (("bats", 20_000), ("owls", 500)):
        (tmp_path / place / "20230514").mkdir(parents=True)
        for number in range(2):
            path = tmp_path / place / "20230514" / f"{number}.wav"
            save_waveform(path, tone(frequency_hz), 48_000)
    files = [probe_file(path) for path in sorted(tmp_path.rglob("*.wav"))]
    bats, owls = unheard_shares(files)
    assert (bats.folder.name, owls.folder.name) == ("bats", "owls")
    assert (bats.mean_share, owls.mean_share) == pytest.approx((1, 0), abs=1e-3)
    assert (bats.num_files, bats.highest_rate_hz) == (2, 48_000)
    assert unheard_share(np.zeros(48_000, np.float32), 48_000) is None


@pytest.mark.parametrize("duration_seconds", [0.1, 4.9, 5.0, 5.3, 5.4, 7.6, 33.3, 60.0, 299.99])
def test_windows_are_counted_as_embed_cuts_them(duration_seconds):
    num_samples = round(duration_seconds * YAMNET.sample_rate_hz)
    marks = np.ones(-(-num_samples // 160), bool)
    cutter = SoundWindows(ArchiveSettings(), YAMNET)
    cutter.add_block(SoundBlock(0, np.zeros(num_samples, np.float32), marks, marks, 0.0 * marks))
    cutter.end()
    list(cutter.take_pieces())
    size = (YAMNET.frames_in_samples(num_samples), YAMNET.embedding_size)
    cutter.add_frames(np.zeros(size, np.float32))
    assert len(list(cutter.take_windows())) == num_windows(duration_seconds)


def test_files_whatever_their_names_are_written_as_tables_and_json(archive, tmp_path):
    (archive / "a.jpg").rename(archive / os.fsdecode(b"v\xf6gel.jpg"))
    survey = survey_archive([archive], now=NOW)
    write_survey(tmp_path / "files.parquet", survey)
    written = write_survey(tmp_path / "out", survey)
    assert [path.name for path in written] == ["files.csv", "hours.csv", "survey.json"]
    assert json.loads(written[-1].read_text("utf-8")) == survey_to_record(survey)
    with written[0].open(newline="", errors="surrogateescape") as lines:
        as_csv = list(csv.DictReader(lines))
    as_parquet = parquet.read_table(tmp_path / "files.parquet").to_pylist()
    assert [row["path"] for row in as_csv] == [str(file.path) for file in survey.files]
    assert as_parquet[1]["path"].endswith("v\\udcf6gel.jpg")
    assert [row["faults"] or None for row in as_csv] == [row["faults"] for row in as_parquet]
    begins = [row["begins"] for row in as_parquet if row["kind"] == "recording"]
    assert begins == [f"2023-05-14T05:{minute}:00" for minute in ("00", "10", "20")]
