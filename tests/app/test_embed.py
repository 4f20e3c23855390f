"""`embed DIR` and `merge`, as typed: what they say, their exit codes, and an interrupt in the middle."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from archives.embed.archive import Archive
from inference import EmbeddingIndex
from media import save_waveform
from tests.app.conftest import run

RATE = 16_000
NUM_SONGS = 100


@pytest.fixture
def embed(journey, tmp_path):
    def typed(*arguments, out: str = "out") -> int:
        options = ("--encoder", journey.encoder, "--out", tmp_path / out, "--workers", 0)
        return run("embed", *arguments, *options)

    return typed


def write_song(path: Path, seconds: float, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * RATE))
    save_waveform(path, noise, RATE)
    return path


def test_a_good_archive_ends_with_0_and_says_what_there_is(embed, aviary, capsys, tmp_path):
    assert embed(aviary.images, aviary.audio) == 0
    assert capsys.readouterr().out.startswith(
        f"40 files: 40 ok.\n40 embeddings in '{tmp_path / 'out'}'; files.parquet lists each file.\n"
    )
    assert embed(aviary.images, aviary.audio) == 0
    assert "40 files: 40 ok; 40 of them were done before." in capsys.readouterr().out


def test_bad_files_end_with_1_and_are_listed(embed, journey, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("not a photo")
    assert embed(journey.photo, journey.broken, tmp_path / "notes.txt") == 1
    printed = capsys.readouterr()
    assert "3 files: 1 ok, 2 unreadable." in printed.out
    assert f"{journey.broken}: unreadable: " in printed.err
    assert "notes.txt: unreadable: neither a photo nor a recording nor a video" in printed.err


def test_what_is_not_read_in_folders_is_counted(embed, journey, tmp_path, capsys):
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards/IMG_1.HEIC").touch()
    assert embed(journey.photo, tmp_path / "cards") == 0
    assert "Passed over, of kinds that are not read: 1 .heic." in capsys.readouterr().out


def test_nothing_but_bad_files_is_refused_and_each_is_explained(embed, journey, tmp_path, capsys):
    assert embed(journey.broken) == 2
    assert "None of the 1 inputs can be embedded" in capsys.readouterr().err
    assert [row.status for row in Archive(tmp_path / "out").files] == ["unreadable"]
    assert run("index", "build", tmp_path / "birds.index", tmp_path / "out") == 2
    assert "holds no embeddings" in capsys.readouterr().err
    assert not (tmp_path / "birds.index").exists()


def test_strict_ends_with_2_at_the_first_bad_file(embed, journey, capsys):
    assert embed(journey.broken, journey.photo, "--strict") == 2
    assert "is unreadable" in capsys.readouterr().err


def test_a_folder_with_other_things_is_left_alone(embed, journey, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").touch()
    assert embed(journey.photo) == 2
    assert "holds other things" in capsys.readouterr().err


@pytest.mark.parametrize("shard", ["0/2", "3/2", "2", "a/b"])
def test_a_shard_that_is_none_is_refused(embed, journey, shard, capsys):
    with pytest.raises(SystemExit):
        embed(journey.photo, "--shard", shard)
    assert f"expected I/N such as 2/3, received '{shard}'" in capsys.readouterr().err


def test_another_window_than_the_encoder_was_trained_with_is_told(embed, tmp_path, caplog):
    embed(write_song(tmp_path / "a.wav", 3.0), "--window-seconds", 2)
    assert "was trained on windows of 5 s; --window-seconds is 2" in caplog.text
    [row] = Archive(tmp_path / "out").files
    assert row.num_embeddings == 2


def test_machines_share_the_work_and_an_index_is_built_of_all(embed, aviary, tmp_path, capsys):
    for number in (1, 2):
        embed(aviary.images, "--shard", f"{number}/2", out=f"part{number}")
    assert run("merge", tmp_path / "part1", tmp_path / "part2", "--out", tmp_path / "all") == 0
    assert "20 files, 20 embeddings of 2 folders" in capsys.readouterr().out
    assert run("index", "build", tmp_path / "birds.index", tmp_path / "all") == 0
    assert "20 new of 20 rows from" in capsys.readouterr().out
    with EmbeddingIndex.open(tmp_path / "birds.index") as index:
        assert {row.metadata["class"] for row in index} == set(aviary.class_names)


def test_an_interrupt_ends_within_five_seconds_and_the_next_run_goes_on(journey, tmp_path, embed):
    songs = tmp_path / "songs"
    song = write_song(songs / "000.wav", 60.0)
    for number in range(1, NUM_SONGS):
        (songs / f"{number:03}.wav").symlink_to(song)
    out, log = tmp_path / "out", tmp_path / "log"
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"  # may be ignored
        "from app.cli.main import main; main()"
    )
    command = ["-c", program, "embed", songs, "--encoder", journey.encoder, "--out", out]
    with log.open("w") as screen:
        process = subprocess.Popen(
            [sys.executable, *map(str, command)], stdout=screen, stderr=screen, process_group=0
        )
        _wait_for(lambda: (out / "shards").is_dir() or process.poll() is not None)
        time.sleep(0.3)
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.wait(timeout=30) == 130, log.read_text()[-2000:]
        assert time.monotonic() - began < 5
    assert "run again to continue" in log.read_text()
    done = len(Archive(out).files)
    assert done < NUM_SONGS
    assert (out / "files.parquet").exists()
    assert embed(songs) == 0
    assert len(Archive(out).files) == NUM_SONGS


def _wait_for(is_so) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
