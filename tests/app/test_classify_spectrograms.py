"""`fused-encoder classify spectrograms`: what it writes, what it says, and how it ends."""

import argparse

import numpy as np
import pytest

from app.cli import classify_spectrograms
from media import save_waveform
from soundscapes import SoundTraining, mel_front_end, scan_recordings
from triplets import FeatureStore, prepare_media


@pytest.fixture
def recordings(tmp_path):
    for species in ("robin", "wren"):
        (tmp_path / "audio" / species).mkdir(parents=True)
        waveform = np.random.default_rng(len(species)).normal(0, 0.1, 48_000).astype(np.float32)
        save_waveform(tmp_path / "audio" / species / "1.wav", waveform, 32_000)
    return tmp_path / "audio"


def run(*arguments) -> int:
    parser = argparse.ArgumentParser()
    classify_spectrograms.add_options(parser.add_subparsers(dest="action"))
    return classify_spectrograms.run(parser.parse_args(["spectrograms", *map(str, arguments)]))


def test_it_makes_the_store_and_the_pictures_and_goes_on(recordings, tmp_path, capsys):
    made = tmp_path / "made"
    assert run(recordings, "--out", made, "--pictures") == 0
    printed = capsys.readouterr().out
    assert f"Spectrograms of 2 recordings, 0.00 hours, 0.0 MB in '{made}'." in printed
    assert f"2 pictures in '{made / 'pictures'}'." in printed
    assert (made / "pictures" / "wren" / "1.png").is_file()
    assert run(recordings, "--out", made) == 0


def test_training_finds_there_what_it_needs(recordings, tmp_path, monkeypatch):
    assert run(recordings, "--out", tmp_path / "made") == 0
    monkeypatch.setattr("triplets.features.load_waveform_with_notes", pytest.fail)
    found = prepare_media(
        scan_recordings(recordings).files(),
        mel_front_end(),
        max_audio_seconds=SoundTraining().max_seconds,
        store=FeatureStore(tmp_path / "made"),
        progress=False,
    )
    assert len(found.recordings) == 2


def test_a_bad_file_is_listed_and_the_others_are_made(recordings, tmp_path, capsys):
    (recordings / "wren" / "silent.wav").write_bytes(b"RIFF")
    assert run(recordings, "--out", tmp_path / "made", "--bands", 64, "--fft", 1024, 2048) == 1
    told = capsys.readouterr()
    assert "Spectrograms of 2 recordings" in told.out
    assert "Skipped 1 input:" in told.err
    assert "silent.wav" in told.err


def test_settings_are_refused_before_a_file_is_read(tmp_path):
    with pytest.raises(ValueError, match=r"max_hz <= half the sample rate \(8000 Hz\)"):
        run(tmp_path / "none", "--out", tmp_path / "made", "--sample-rate", 16000, "--max-hz", 9e3)
    assert not (tmp_path / "made").exists()


def test_another_folder_is_left_as_it_is(recordings, tmp_path):
    with pytest.raises(FileExistsError, match="holds other things"):
        run(recordings, "--out", recordings)
