"""A whole archive: the walk, copies, what is not heard, what `embed` will make, and what is written."""

import csv
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from archives.survey import survey_archive, survey_to_record, write_survey
from archives.survey.duplicates import equal_contents, equal_names
from archives.survey.forecast import num_windows
from archives.survey.high_frequencies import share_above, unheard_shares
from archives.survey.probe import probe_file
from media import save_image, save_waveform

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
    assert survey.closed_folders == (
        (
            str(archive / "pond"),
            "the folder cannot be listed: Permission denied. Check its permissions.",
        ),
    )
    assert [file.path.name for file in survey.media] == ["a.jpg"]
    assert not survey.is_sound


def test_a_survey_tells_what_is_wrong_and_what_will_be_made(archive):
    survey = survey_archive([archive], now=NOW)
    assert [(file.path.name, file.faults[0].kind) for file in survey.faulty] == [
        ("20230514_052000.WAV", "truncated")
    ]
    assert survey.copies == ((archive / "a.jpg", archive / "pond" / "b.jpg"),)
    assert (survey.forecast.num_photos, survey.forecast.num_windows) == (2, 3)
    assert [len(one.series.files) for one in survey.series] == [3]


def test_the_same_archive_gives_the_same_survey(archive):
    assert survey_archive([archive], now=NOW) == survey_archive([archive], now=NOW)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ("gone", FileNotFoundError, r"Not there: '.*gone' \(seen from"),
        ("texts", ValueError, r"No photo, recording or video in .*texts \(1 other files\)"),
    ],
)
def test_where_there_is_nothing_to_survey_it_is_refused(given, error, text, tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a")
    with pytest.raises(error, match=text):
        survey_archive([tmp_path / given])


def test_decoding_finds_silence_clipping_damage_and_nan(tmp_path):
    import soundfile

    square = np.where(tone(100, rate=16_000) > 0, 1.0, -1.0)
    save_waveform(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    save_waveform(tmp_path / "clipped.wav", square, 16_000)
    save_waveform(tmp_path / "good.wav", tone(100, rate=16_000), 16_000)
    soundfile.write(tmp_path / "nan.wav", np.full(1600, np.nan), 16_000, subtype="FLOAT")
    part = np.where(np.arange(16_000) < 160, np.nan, tone(100, rate=16_000)[:16_000])
    soundfile.write(tmp_path / "part.wav", part, 16_000, subtype="FLOAT")
    save_waveform(tmp_path / "torn.flac", RNG.normal(size=160_000) * 0.1, 16_000)
    torn = (tmp_path / "torn.flac").read_bytes()
    (tmp_path / "torn.flac").write_bytes(torn[: len(torn) // 2])
    assert survey_archive([tmp_path], now=NOW).is_sound
    survey = survey_archive([tmp_path], deep=True, now=NOW)
    assert {file.path.stem: [fault.kind for fault in file.faults] for file in survey.files} == {
        "clipped": ["clipped"],
        "good": [],
        "nan": ["no_sound"],
        "part": ["non_finite"],
        "silent": ["silent"],
        "torn": ["damaged"],
    }


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
def test_the_share_above_is_welchs(rate):
    waveform = scipy.signal.lfilter([1], [1, -0.7], RNG.normal(size=rate)).astype(np.float32)
    size = round(0.05 * rate)
    window = np.hanning(size)
    frequencies, power = scipy.signal.welch(
        waveform, rate, window, noverlap=size - size // 2, nperseg=size, detrend="constant"
    )
    power[1:-1] /= 2  # one-sided densities count twice what ours counts once
    expected = power[frequencies > 7500].sum() / power[frequencies >= 125].sum()
    assert share_above(waveform, rate) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    ("frequency_hz", "share"), [(3_000, 0), (7_000, 0), (8_000, 1), (20_000, 1)]
)
def test_a_tone_lies_on_its_side(frequency_hz, share):
    assert share_above(tone(frequency_hz).astype(np.float32), 48_000) == pytest.approx(
        share, abs=1e-3
    )


def test_silence_and_nothing_have_no_share():
    assert share_above(np.zeros(48_000, np.float32), 48_000) is None
    assert share_above(np.zeros(10, np.float32), 48_000) is None


def test_the_share_is_told_by_folder(tmp_path):
    for place, frequency_hz in (("bats", 20_000), ("owls", 500)):
        (tmp_path / place / "20230514").mkdir(parents=True)
        for number in range(2):
            path = tmp_path / place / "20230514" / f"{number}.wav"
            save_waveform(path, tone(frequency_hz), 48_000)
    files = [probe_file(path) for path in sorted(tmp_path.rglob("*.wav"))]
    with ThreadPoolExecutor(2) as executor:
        bats, owls = unheard_shares(files, executor=executor)
    assert (bats.folder.name, owls.folder.name) == ("bats", "owls")
    assert (bats.mean_share, owls.mean_share) == pytest.approx((1, 0), abs=1e-3)
    assert (bats.num_files, bats.highest_rate_hz) == (2, 48_000)


@given(st.floats(0.1, 400.0))
def test_windows_are_counted_as_by_walking_over_yamnets_frames(duration_seconds):
    num_frames = 1
    while num_frames * 0.48 + 0.495 < duration_seconds - 1e-9:  # where the last one ends
        num_frames += 1
    starts = [round(turn * 2.5 / 0.48) for turn in range(num_frames)]
    full = [start for start in starts if start + 10 <= num_frames]
    has_rest = not full or full[-1] + 10 < num_frames
    assert num_windows(duration_seconds) == len(full) + has_rest


@pytest.mark.parametrize("duration_seconds", [0.1, 4.9, 5.0, 5.3, 5.4, 7.6, 33.3, 60.0, 299.99])
def test_windows_are_counted_as_embed_cuts_them(duration_seconds):
    from archives.embed.front_end import YAMNET
    from archives.embed.settings import ArchiveSettings
    from archives.embed.sound_windows import SoundWindows
    from media import SoundBlock

    waveform = RNG.normal(size=round(duration_seconds * 16_000)).astype(np.float32)
    marks = np.ones(-(-len(waveform) // 160), bool)
    cutter = SoundWindows(ArchiveSettings(), YAMNET)
    cutter.add_block(SoundBlock(0, waveform, marks, marks, np.zeros(len(marks), np.float32)))
    cutter.end()
    num_frames = 1 + max(0, -(-(len(waveform) - 15_600) // 7_680))
    list(cutter.take_pieces())
    cutter.add_frames(np.zeros((num_frames, 1024), np.float32))
    assert len(list(cutter.take_windows())) == num_windows(len(waveform) / 16_000)


def test_the_table_has_a_row_for_each_file_in_both_forms(archive, tmp_path):
    from pyarrow import parquet

    survey = survey_archive([archive], now=NOW)
    write_survey(tmp_path / "files.csv", survey)
    write_survey(tmp_path / "files.parquet", survey)
    with (tmp_path / "files.csv").open(newline="") as lines:
        as_csv = list(csv.DictReader(lines))
    as_parquet = parquet.read_table(tmp_path / "files.parquet").to_pylist()
    assert [row["path"] for row in as_csv] == [str(file.path) for file in survey.files]
    assert [row["path"] for row in as_parquet] == [row["path"] for row in as_csv]
    assert [row["faults"] or None for row in as_csv] == [row["faults"] for row in as_parquet]
    begins = [row["begins"] for row in as_parquet if row["kind"] == "recording"]
    assert begins == [f"2023-05-14T05:{minute}:00" for minute in ("00", "10", "20")]


def test_a_folder_gets_files_hours_and_a_summary(archive, tmp_path):
    survey = survey_archive([archive], now=NOW)
    written = write_survey(tmp_path / "out", survey)
    assert [path.name for path in written] == ["files.csv", "hours.csv", "survey.json"]
    assert json.loads(written[-1].read_text("utf-8")) == json.loads(
        json.dumps(survey_to_record(survey))
    )


def test_names_that_are_not_utf8_can_be_written_everywhere(archive, tmp_path):
    os.rename(archive / "a.jpg", archive / os.fsdecode(b"v\xf6gel.jpg"))  # noqa: PTH104
    survey = survey_archive([archive], now=NOW)
    write_survey(tmp_path / "out", survey)
    write_survey(tmp_path / "out.parquet", survey)
    assert b"v\xf6gel.jpg" in (tmp_path / "out" / "files.csv").read_bytes()
