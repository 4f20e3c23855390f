"""Spectrograms made beforehand: small on the disk, made once, and what a network would hear itself."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from media import load_image, load_waveform, save_waveform
from soundscapes import MelSettings, MelSpectrogram, mel_front_end
from soundscapes.spectrogram_pictures import spectrogram_picture, write_spectrogram_pictures
from soundscapes.spectrogram_store import (
    StoredSpectrograms,
    load_stored_spectrograms,
    make_spectrograms,
    spectrogram_totals,
)
from triplets import FeatureStore, LabelledFiles, MediaFile, prepare_media, scan_folders

SETTINGS = MelSettings(
    sample_rate_hz=22_050, num_bands=40, fft_lengths=(512, 1024), hop_samples=256
)
MADE_WITH = StoredSpectrograms(settings=SETTINGS, max_seconds=None)


@pytest.fixture
def recordings(tmp_path):
    """Two species with two recordings of a rising tone each, and one file that is none."""
    rng = np.random.default_rng(0)
    time = np.arange(33_075) / 22_050
    for species in ("wren", "robin"):
        (tmp_path / "audio" / species).mkdir(parents=True)
        for number in range(2):
            tone = 0.3 * np.sin(2 * np.pi * (500 + 1500 * number) * time) * time
            sound = (tone + rng.normal(0, 0.001, time.size)).astype(np.float32)
            save_waveform(tmp_path / "audio" / species / f"{number}.wav", sound, 22_050)
    (tmp_path / "audio" / "wren" / "broken.wav").write_bytes(b"RIFF no sound")
    return tmp_path / "audio"


@pytest.fixture
def files(recordings):
    return scan_folders(None, recordings, min_sources_per_class=1)


@pytest.fixture
def prepared(files, tmp_path):
    return make_spectrograms(files, tmp_path / "made", MADE_WITH, progress=False)


def test_a_clip_from_the_store_is_what_the_waveform_gives_within_float16(prepared):
    layer = MelSpectrogram(padding="valid", **asdict(SETTINGS))
    for file in prepared.recordings:
        stored = file.feature()
        assert stored.dtype == np.float16
        waveform = load_waveform(file.path, sample_rate_hz=22_050)
        clip = waveform[30 * 256 : (30 + 59) * 256 + 1024]
        np.testing.assert_allclose(stored[30:90], layer(clip[None])[0], atol=0.032)


def test_how_much_there_is(prepared, tmp_path):
    totals = spectrogram_totals(prepared)
    num_rows = prepared.front_end.frames_in_samples(33_075)
    assert totals.num_recordings == 4
    assert totals.hours * 3600 == pytest.approx(4 * num_rows * 256 / 22_050)
    assert totals.num_bytes == 4 * (num_rows * 80 * 2 + 128)  # and NumPy's headers
    assert [file.path.name for file in prepared.skipped] == ["broken.wav"]


def test_a_second_run_asks_the_folder_how_and_makes_nothing(prepared, files, tmp_path, monkeypatch):
    monkeypatch.setattr("triplets.features.load_waveform_with_notes", pytest.fail)
    good = [file for file in files.recordings if file.path.name != "broken.wav"]
    again = make_spectrograms(
        replace(files, recordings=tuple(good)), tmp_path / "made", progress=False
    )
    assert again.recordings == prepared.recordings
    assert load_stored_spectrograms(tmp_path / "made") == MADE_WITH


def test_other_settings_need_another_folder(prepared, files, tmp_path):
    other = StoredSpectrograms(settings=SETTINGS, max_seconds=5.0)
    with pytest.raises(ValueError, match=r"made otherwise: max_seconds None \(now 5.0\)\. Choose"):
        make_spectrograms(files, tmp_path / "made", other)


def test_a_folder_without_or_with_damaged_settings_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no spectrograms\.json"):
        load_stored_spectrograms(tmp_path)
    for damage in ("{", '{"schema": 9}', '{"schema": 1, "settings": {"bands": 3}}', "[]"):
        (tmp_path / "spectrograms.json").write_text(damage)
        with pytest.raises(ValueError, match="does not say what the spectrograms are made with"):
            load_stored_spectrograms(tmp_path)


def test_float16_has_a_name_of_its_own_and_float32_the_name_it_had(prepared, files, tmp_path):
    exact = replace(mel_front_end(SETTINGS), storage_dtype="float32")
    store = FeatureStore(tmp_path / "exact")
    other = prepare_media(files, exact, max_audio_seconds=None, store=store, progress=False)
    for one, two in zip(prepared.recordings, other.recordings, strict=True):
        assert two.feature().dtype == np.float32
        assert one.feature_path.stem == f"{two.feature_path.stem}-float16"


def test_pictures_stand_in_a_folder_per_species_with_low_tones_at_the_bottom(prepared, tmp_path):
    pictures = write_spectrogram_pictures(prepared, tmp_path / "pictures")
    named = [picture.relative_to(tmp_path / "pictures").as_posix() for picture in pictures]
    assert named == ["robin/0.png", "robin/1.png", "wren/0.png", "wren/1.png"]
    low, high = (load_image(picture) for picture in pictures[:2])
    assert low.shape == (80, len(prepared.recordings[0].feature()), 3)
    assert (low == low[..., :1]).all()
    assert low.max() == 255
    brightest = [picture[40:, -10, 0].argmax() for picture in (low, high)]
    assert brightest[0] > brightest[1]  # rows are counted from the top


def test_recordings_of_one_name_do_not_overwrite_each_other(files, tmp_path):
    good = (file for file in files.recordings if file.path.name != "broken.wav")
    one_species = LabelledFiles(("bird",), (), tuple(MediaFile(file.path, 0) for file in good))
    prepared = make_spectrograms(one_species, tmp_path / "made", MADE_WITH, progress=False)
    pictures = write_spectrogram_pictures(prepared, tmp_path / "pictures")
    hashes = [file.bytes_hash[:8] for file in prepared.recordings]
    named = [f"{number}-{hashed}" for number, hashed in zip((0, 1, 0, 1), hashes, strict=True)]
    assert [picture.stem for picture in pictures] == named
    assert all(picture.is_file() for picture in pictures)


def test_a_picture_is_grey_between_the_loudest_and_80_db_below():
    rows = np.array([[-30, -70], [-110, -200]], np.float32)
    grey = spectrogram_picture(rows)[..., 0]
    np.testing.assert_array_equal(grey, [[128, 0], [255, 0]])
    assert not spectrogram_picture(np.full((3, 2), -100.0)).any()


def test_frames_that_are_no_spectrogram_are_refused(prepared, tmp_path):
    other = replace(prepared, front_end=replace(prepared.front_end, name="birdnet"))
    with pytest.raises(ValueError, match="the front end 'birdnet'"):
        write_spectrogram_pictures(other, tmp_path)
