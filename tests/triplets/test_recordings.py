"""Recordings in batches: what comes out is what one after the other would give, warnings included."""

import hashlib
import logging
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from fused_encoder import LogMelFeatures, extract_audio_sequence
from fused_encoder.front_ends.yamnet import Yamnet
from media import UnreadableMediaError, load_waveform, save_waveform
from triplets import features, prepare_media, scan_folders
from triplets import store as triplets_store


class WaveformOnly(tf.Module):
    """A YAMNet as a SavedModel: it takes one waveform."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = LogMelFeatures()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def __call__(self, waveform: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return self.hidden(waveform)


class PatchCounter:
    """LogMelFeatures that notes what its batches hold."""

    def __init__(self) -> None:
        self.model = LogMelFeatures()
        self.batches: list[np.ndarray] = []

    def __call__(self, waveform: np.ndarray) -> tuple:
        return self.model(waveform)

    def from_patches(self, patches: tf.Tensor) -> tuple:
        self.batches.append(patches.numpy())
        return self.model.from_patches(patches)


def plain_callable() -> Yamnet:
    model = LogMelFeatures()
    return lambda waveform: model(waveform)


YAMNETS = {"patches": LogMelFeatures, "saved model": WaveformOnly, "callable": plain_callable}


@pytest.fixture(autouse=True)
def _no_word_of_tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow warns of the many stand-ins that the tests make, each traced anew."""
    monkeypatch.setattr(logging.getLogger("tensorflow"), "disabled", True)


def prepare(home: tuple[Path, Path], yamnet: Yamnet, store, **options):
    return prepare_media(scan_folders(*home), yamnet, store=store, progress=False, **options)


def one_by_one(files, yamnet: Yamnet, max_seconds: float | None) -> list[np.ndarray | str]:
    """The slow, obvious way: the feature of each file, or why there is none."""
    results: list[np.ndarray | str] = []
    for file in files:
        try:
            waveform = load_waveform(file.path, sample_rate_hz=16_000, max_seconds=max_seconds)
            results.append(extract_audio_sequence(yamnet, waveform))
        except UnreadableMediaError as error:
            results.append(error.reason)
        except ValueError as error:
            results.append(str(error))
    return results


@pytest.fixture
def home(write_folders) -> tuple[Path, Path]:
    """Recordings of many lengths, three of which cannot be used."""
    images, audio = write_folders("robin", "wren", num_files=8)
    rng = np.random.default_rng(1)
    for number, seconds in enumerate((0.2, 0.95, 0.975, 1.0, 3.3, 7.0, 40.0)):
        waveform = rng.normal(0, 0.1, int(22_050 * seconds))
        save_waveform(audio / "robin" / f"long {number}.wav", waveform, 22_050)
    (audio / "robin" / "2.wav").write_bytes(b"RIFF")
    save_waveform(audio / "wren" / "3.wav", np.zeros(16_000), 16_000)
    save_waveform(audio / "wren" / "7.wav", np.ones(160) * 0.5, 16_000)
    return images, audio


@pytest.mark.parametrize("max_seconds", [5.0, None])
@pytest.mark.parametrize("kind", YAMNETS)
def test_features_and_skips_are_those_of_one_after_the_other(home, store, kind, max_seconds):
    yamnet = YAMNETS[kind]()
    media = prepare(home, yamnet, store, max_audio_seconds=max_seconds)
    files = scan_folders(*home).recordings
    expected = dict(zip(files, one_by_one(files, yamnet, max_seconds), strict=True))
    assert [(s.path, s.reason) for s in media.skipped] == [
        (file.path, reason) for file, reason in expected.items() if isinstance(reason, str)
    ]
    usable = [(f.path, f.class_index) for f, r in expected.items() if not isinstance(r, str)]
    assert [(file.path, file.class_index) for file in media.recordings] == usable
    features = [feature for feature in expected.values() if not isinstance(feature, str)]
    for file, feature in zip(media.recordings, features, strict=True):
        np.testing.assert_allclose(file.feature(), feature, rtol=1e-4, atol=1e-4)


def test_yamnet_gets_batches_of_windows_of_many_files(home, store):
    yamnet = PatchCounter()
    media = prepare(home, yamnet, store, max_audio_seconds=None)
    num_windows = sum(len(file.feature()) for file in media.recordings)
    assert sum(map(len, yamnet.batches)) == num_windows > 120
    assert max(map(len, yamnet.batches)) <= 64
    assert len(yamnet.batches) <= 4 < len(media.recordings)


def test_a_copy_is_heard_once(write_folders, store):
    images, audio = write_folders("robin", "wren")
    for name in ("copy", "another copy"):
        shutil.copy(audio / "robin" / "0.wav", audio / "robin" / f"{name}.wav")
    yamnet = PatchCounter()
    media = prepare((images, audio), yamnet, store)
    assert len(media.recordings) == 6
    assert sum(map(len, yamnet.batches)) == 4 * 2  # four contents of one second


@pytest.mark.parametrize("kind", YAMNETS)
def test_warnings_of_damage_come_on_every_run(write_folders, store, caplog, kind):
    images, audio = write_folders("robin", "wren")
    path = audio / "wren" / "1.wav"
    path.write_bytes(path.read_bytes()[:-16_000])  # half a second
    yamnet = YAMNETS[kind]()
    for name in ("1.wav", "100 % mine.wav"):
        path = path.rename(path.with_name(name))
        caplog.clear()
        prepare((images, audio), yamnet, store)
        (message,) = caplog.messages
        assert message.startswith(f"'{path}' is damaged: it holds 16000 of")
        assert message.endswith("0.50 s are used.")


def test_one_recording_that_yamnet_refuses_spoils_no_other(write_folders, store, caplog):
    class Choosy(PatchCounter):
        def from_patches(self, patches: tf.Tensor) -> tuple:
            if tf.reduce_max(patches) > 3:
                raise ValueError("too loud for me")
            return super().from_patches(patches)

    images, audio = write_folders("robin", "wren", num_files=4)
    tone = np.sin(np.arange(16_000) * 0.4)
    save_waveform(audio / "wren" / "2.wav", tone, 16_000)
    media = prepare((images, audio), Choosy(), store)
    (skipped,) = media.skipped
    assert (skipped.path.name, skipped.reason) == ("2.wav", "too loud for me")
    assert len(media.recordings) == 7


def test_files_are_decoded_while_yamnet_works(write_folders, yamnet, store, monkeypatch):
    decoded: list[Path] = []
    three_are_decoded = threading.Event()

    def decode(path: Path, **options):
        decoded.append(path)
        if len(decoded) == 3:
            three_are_decoded.set()
        return load(path, **options)

    def patient(waveform: np.ndarray) -> tuple:
        if decoded:
            assert three_are_decoded.wait(10)  # while the first recording is still being heard
        return yamnet(waveform)

    load = features.load_waveform_with_notes
    monkeypatch.setattr(features, "load_waveform_with_notes", decode)
    assert len(prepare(write_folders("robin", "wren"), patient, store).recordings) == 4


@pytest.mark.parametrize("max_seconds", [None, 30.0, 450.0])
def test_no_more_than_fifteen_minutes_of_sound_wait(max_seconds):
    num_ahead = features._num_ahead(max_seconds)
    least = 2 * features.NUM_THREADS
    assert num_ahead >= least
    assert num_ahead == least or num_ahead * (max_seconds or 0) <= 900
    assert features._num_ahead(5.0) == 64  # short ones are read farther ahead


def test_a_recording_that_vanishes_while_read_is_skipped(write_folders, yamnet, store, monkeypatch):
    def vanishing(path: Path, **options):
        if path.name == "1.wav":
            path.unlink()
        return load(path, **options)

    load = features.load_waveform_with_notes
    monkeypatch.setattr(features, "load_waveform_with_notes", vanishing)
    media = prepare(write_folders("robin", "wren"), yamnet, store)
    assert [file.path.name for file in media.skipped] == ["1.wav", "1.wav"]
    assert "does not exist" in media.skipped[0].reason


def test_a_second_run_reads_no_file_whole(write_folders, yamnet, store, monkeypatch):
    home = write_folders("robin", "wren")
    monkeypatch.setattr(triplets_store, "SETTLED_SECONDS", -1)
    before = prepare(home, yamnet, store)
    monkeypatch.setattr(hashlib, "file_digest", lambda file, _: pytest.fail(f"read {file}"))
    assert prepare(home, yamnet, store) == before


def test_ordinary_recordings_are_no_reason_to_warn(write_folders, yamnet, store, caplog):
    with caplog.at_level(logging.WARNING):
        prepare(write_folders("robin", "wren"), yamnet, store)
    assert caplog.messages == []


@pytest.mark.weights
@pytest.mark.data
@pytest.mark.parametrize("name", ["yamnet", "yamnet.h5"])
def test_the_nine_species_are_heard_as_one_by_one(weights_dir, data_dir, store, name):
    from fused_encoder import load_yamnet

    home = data_dir / "nine_species"
    yamnet = load_yamnet(weights_dir / name)
    media = prepare((home / "images", home / "audio"), yamnet, store, max_audio_seconds=5.0)
    for file in media.recordings[::6]:
        (expected,) = one_by_one([file], yamnet, 5.0)
        np.testing.assert_allclose(file.feature(), expected, rtol=1e-4, atol=1e-4)
