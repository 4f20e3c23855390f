"""The whole run: every file gets its due, and nothing is done twice or lost."""

import os
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from archives.embed.archive import Archive, merge_archives
from archives.embed.embed_archive import NotWholeError, embed_archive
from archives.embed.embed_sources import Decoding
from archives.embed.settings import ArchiveSettings
from fused_encoder.photo import prepare_photo
from media import load_image, load_waveform, save_waveform
from tests.archives.embed.conftest import assert_same_embeddings, embeddings_in, tone

RATE = 16_000
ROOT = Path(__file__).resolve().parents[3]
HERE = Decoding(num_workers=0)
"""Without worker processes: their own tests are elsewhere, and a process takes half a second to start."""


@pytest.fixture
def embed(embedder, tmp_path):
    def run(*inputs, out="out", decoding=HERE, **options):
        return embed_archive(embedder, inputs, tmp_path / out, decoding=decoding, **options)

    return run


def test_each_file_gets_a_row_and_its_embeddings(embed, archive, tmp_path):
    summary = embed(archive)
    assert summary.by_status == {"ok": 6}
    told = {row.file.removeprefix(f"{archive}/"): row.num_embeddings for row in summary.rows}
    assert told == {
        "Zaunkönig/1.png": 1,
        "wren/1.png": 1,
        "Zaunkönig/1.wav": 2,
        "wren/1.wav": 2,
        "short.flac": 1,
        "film.mp4": 4,
    }
    assert parquet.read_table(tmp_path / "out/files.parquet").num_rows == 6
    assert len(embeddings_in(tmp_path / "out")) == summary.num_embeddings == 11


def test_a_photo_is_embedded_as_by_the_embedder(embed, archive, tmp_path, embedder):
    embed(archive)
    path = archive / "wren/1.png"
    found = embeddings_in(tmp_path / "out")[str(path)]
    np.testing.assert_allclose(found, embedder.embed([path])[0], atol=1e-5)


def test_a_window_is_embedded_as_its_frames_of_the_whole(embed, archive, tmp_path, embedder):
    embed(archive, settings=ArchiveSettings(window_seconds=2.0, hop_seconds=1.0))
    path = archive / "wren/1.wav"
    frames = embedder.front_end(load_waveform(path, sample_rate_hz=16_000))
    for row, vector in embeddings_in(tmp_path / "out").items():
        if row.startswith(f"{path}#t="):
            start = round(float(row.rpartition("=")[2].split(",")[0]) / 0.48)
            expected = embedder.embed_features([None], [frames[start : start + 4]])
            np.testing.assert_allclose(vector, expected[0], atol=1e-4)


def test_a_moment_of_a_film_is_its_frame_with_the_sound_around_it(embed, archive, tmp_path):
    embed(archive / "film.mp4")
    [(ids, _, told)] = Archive(tmp_path / "out").batches()
    assert ids == [f"{archive / 'film.mp4'}#t={second}.000" for second in range(4)]
    assert {one["modality"] for one in told} == {"fused"}
    assert [one["frame_index"] for one in told] == [0, 1, 2, 3]
    for one in told:
        assert one["start_seconds"] <= one["time_seconds"] <= one["end_seconds"]


def test_a_pair_gives_each_window_with_the_photo(embed, archive, tmp_path, embedder):
    (archive / "pairs.csv").write_text("image,recording\nwren/1.png,wren/1.wav\n")
    embed(pairs=archive / "pairs.csv", settings=ArchiveSettings(2.0, 1.0))
    [(ids, embeddings, told)] = Archive(tmp_path / "out").batches()
    frames = embedder.front_end(load_waveform(archive / "wren/1.wav", sample_rate_hz=16_000))
    seen = prepare_photo(load_image(archive / "wren/1.png"))
    assert ids[0] == f"{archive}/wren/1.png+{archive}/wren/1.wav#t=0.00,2.00"
    assert told[0]["modality"] == "fused"
    assert (told[0]["image"], told[0]["class"]) == (f"{archive}/wren/1.png", "wren")
    np.testing.assert_allclose(
        embeddings[0], embedder.embed_features([seen], [frames[:4]])[0], atol=1e-4
    )


def test_worker_processes_give_the_same(embed, archive, tmp_path):
    embed(archive)
    embed(archive, out="by_workers", decoding=Decoding(num_workers=2))
    assert_same_embeddings(tmp_path / "out", tmp_path / "by_workers")


def test_what_is_done_is_not_done_again(embed, archive, tmp_path):
    embed(archive)
    again = embed(archive)
    assert (again.num_new, again.num_embeddings, again.by_status) == (0, 11, {"ok": 6})
    assert len(Archive(tmp_path / "out").shards) == 1
    assert embed(archive, resume=False).num_new == 6
    assert embed(archive, settings=ArchiveSettings(hop_seconds=1.0)).num_new == 6


def test_a_changed_file_is_embedded_again_and_its_old_rows_do_not_count(embed, archive, tmp_path):
    embed(archive)
    before = embeddings_in(tmp_path / "out")
    save_waveform(archive / "wren/1.wav", tone(1.5, 3000), RATE)
    summary = embed(archive)
    after = embeddings_in(tmp_path / "out")
    assert (summary.num_new, len(after)) == (1, len(before) - 1)
    name = f"{archive}/wren/1.wav#t=0.00,"
    assert f"{name}5.00" in before
    assert f"{name}1.50" in after
    assert f"{name}5.00" not in after


def test_a_renamed_file_keeps_its_embeddings_under_its_new_name(embed, archive, tmp_path):
    embed(archive)
    before = embeddings_in(tmp_path / "out")
    (archive / "wren/1.wav").rename(archive / "wren/troglodytes.wav")
    summary = embed(archive)
    [row] = [row for row in summary.rows if row.copy_of]
    after = embeddings_in(tmp_path / "out")
    assert (summary.num_new, row.copy_of) == (0, f"{archive}/wren/1.wav")
    old, new = f"{archive}/wren/1.wav#t=1.92,7.00", f"{archive}/wren/troglodytes.wav#t=1.92,7.00"
    np.testing.assert_array_equal(after[new], before[old])
    assert embed(archive).num_new == 0


def test_machines_divide_the_work_and_merging_gives_the_whole(embed, archive, tmp_path):
    embed(archive)
    for number in (1, 2, 3):
        embed(archive, out=f"part{number}", shard=(number, 3))
    parts = [tmp_path / f"part{number}" for number in (1, 2, 3)]
    merge_archives(parts, tmp_path / "all")
    assert_same_embeddings(tmp_path / "out", tmp_path / "all")


def write_floats(path, samples):
    import soundfile

    soundfile.write(path, samples, RATE, subtype="FLOAT")


BAD = {
    "silent": lambda path: save_waveform(path, np.zeros(RATE * 3, np.float32), RATE),
    "non_finite": lambda path: write_floats(path, np.full(RATE * 3, np.nan)),
    "clipped": lambda path: save_waveform(path, np.sign(tone(6.0, 300)), RATE),
    "too_short": lambda path: save_waveform(path, np.linspace(-0.5, 0.5, 800), RATE),
    "unreadable": lambda path: path.write_bytes(b"RIFF, but no more than that"),
}


@pytest.mark.parametrize("status", BAD)
def test_a_bad_recording_is_a_row_that_says_why(embed, archive, status):
    BAD[status](archive / "bad.wav")
    summary = embed(archive)
    [row] = summary.not_whole
    assert row.status == ("unreadable" if status == "clipped" else status)
    assert row.num_embeddings == 0
    assert len(row.reason) > 20
    if status == "clipped":
        assert "clipped throughout" in row.reason
        assert row.clipped_share == pytest.approx(1.0, abs=0.01)
    assert summary.by_status["ok"] == 6


def test_a_recording_that_breaks_off_keeps_its_good_part(embed, archive):
    path = archive / "wren/1.wav"
    os.truncate(path, 44 + 2 * RATE * 3)
    [row] = embed(archive).not_whole
    assert (row.status, row.num_embeddings, row.decoded_seconds) == ("partial", 1, 3.0)
    assert row.expected_seconds == 7.0
    assert "announces" in row.reason


def test_nan_in_the_middle_costs_the_windows_that_hear_it(embed, archive, tmp_path):
    samples = tone(30.0)
    samples[RATE * 12] = np.nan
    write_floats(archive / "nan.wav", samples)
    [row] = embed(archive).not_whole
    assert (row.status, row.decoded_seconds) == ("partial", 30.0)
    [stretch] = row.skipped
    assert stretch.start_seconds < 12 < stretch.end_seconds
    assert "NaN or infinite samples between" in row.reason
    assert np.isfinite(list(embeddings_in(tmp_path / "out").values())).all()


def test_silence_within_a_recording_is_told_and_not_embedded(embed, archive):
    samples = np.concatenate([tone(10), np.zeros(RATE * 20, np.float32), tone(10)])
    save_waveform(archive / "night.wav", samples, RATE)
    row = next(row for row in embed(archive).rows if row.file.endswith("night.wav"))
    assert row.status == "ok"
    [stretch] = row.skipped
    assert stretch.reason == "silent"
    assert 9.5 <= stretch.start_seconds < stretch.end_seconds <= 30.6


def test_a_pair_with_a_silent_recording_is_no_photo_alone(embed, archive):
    BAD["silent"](archive / "mute.wav")
    (archive / "pairs.csv").write_text("image,recording\nwren/1.png,mute.wav\n")
    [row] = embed(archive / "short.flac", pairs=archive / "pairs.csv").not_whole
    assert (row.kind, row.status, row.num_embeddings) == ("pair", "silent", 0)


def test_strict_stops_at_the_first_bad_file_and_keeps_what_was_finished(embed, archive, tmp_path):
    BAD["unreadable"](archive / "short.flac")
    with pytest.raises(NotWholeError, match=r"short\.flac' is unreadable: .* \(strict"):
        embed(archive, strict=True)
    done = [row.file for row in Archive(tmp_path / "out").files]
    assert f"{archive}/wren/1.png" in done
    assert (tmp_path / "out/files.parquet").exists()


@pytest.mark.parametrize("engine_workers", [0, 2])
def test_an_interrupted_run_is_taken_up_again(
    embed, archive, tmp_path, monkeypatch, engine_workers
):
    from archives.embed import embed_archive as module

    embed(archive, out="whole")
    note = module._Work.note_new

    def interrupt(self, row):
        note(self, row)
        if len(self.rows) == 3:
            raise KeyboardInterrupt

    decoding = Decoding(engine_workers)
    with monkeypatch.context() as patched:
        patched.setattr(module._Work, "note_new", interrupt)
        with pytest.raises(KeyboardInterrupt):
            embed(archive, decoding=decoding)
    assert len(Archive(tmp_path / "out").files) == 3
    assert embed(archive).num_new == 3
    assert_same_embeddings(tmp_path / "whole", tmp_path / "out")
    assert not list((tmp_path / "out/shards").glob(".*"))


def test_a_crash_is_tried_again_by_the_next_run(embed, archive, monkeypatch):
    from archives.embed import decode_source

    def fall_over(*_):
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as broken:
        broken.setattr(decode_source, "load_image", fall_over)
        rows = [row for row in embed(archive).rows if row.kind == "image"]
    expected = ("crashed", "its decoder stopped with RuntimeError: a fault of ours.")
    assert [(row.status, row.reason) for row in rows] == [expected] * 2
    again = embed(archive)
    assert (again.num_new, again.by_status) == (2, {"ok": 6})
