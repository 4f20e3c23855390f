"""The store of features: everything computed once, nothing torn, nothing lost, bad files listed."""

import errno
import logging
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from media import load_image, resize_image, save_waveform
from triplets import FeatureStore, LabelledFiles, prepare_media, scan_folders


@pytest.fixture(autouse=True)
def _no_word_of_tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow warns of the many stand-ins that the tests make, each traced anew."""
    monkeypatch.setattr(logging.getLogger("tensorflow"), "disabled", True)


@pytest.fixture
def folders(write_folders) -> LabelledFiles:
    return scan_folders(*write_folders("robin", "wren"))


def _prepare(folders, yamnet, store, **options):
    return prepare_media(folders, yamnet, store=store, progress=False, **options)


def _contents(store: FeatureStore) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in store.directory.rglob("*") if file.is_file()}


def test_features_are_what_decoding_and_yamnet_give(media, aviary_folders, yamnet):
    photo, recording = media.images[3], media.recordings[3]
    assert photo.path == aviary_folders.images[3].path
    np.testing.assert_array_equal(photo.feature(), resize_image(load_image(photo.path)))
    assert recording.feature().dtype == np.float32
    assert recording.feature().shape[1] == 1024
    assert media.skipped == ()


def test_each_recording_runs_through_yamnet_once_ever(folders, counting_yamnet, store):
    first = _prepare(folders, counting_yamnet, store)
    assert counting_yamnet.num_recordings == 4
    assert _prepare(folders, counting_yamnet, FeatureStore(store.directory)) == first
    assert counting_yamnet.num_recordings == 4


def test_each_photo_is_decoded_once_ever(folders, yamnet, store, monkeypatch):
    _prepare(folders, yamnet, store)
    monkeypatch.setattr("triplets.features.load_image", lambda path: pytest.fail(f"decoded {path}"))
    assert len(_prepare(folders, yamnet, store).images) == 4


def test_renaming_and_moving_files_costs_nothing(folders, counting_yamnet, store, tmp_path):
    before = _prepare(folders, counting_yamnet, store)
    for kind in ("images", "audio"):
        (tmp_path / kind / "wren").rename(tmp_path / kind / "zaunkönig")
    folders = scan_folders(tmp_path / "images", tmp_path / "audio")
    after = _prepare(folders, counting_yamnet, store)
    assert counting_yamnet.num_recordings == 4
    assert [f.feature_path for f in after.images] == [f.feature_path for f in before.images]


def test_a_changed_file_is_computed_again(folders, counting_yamnet, store):
    before = _prepare(folders, counting_yamnet, store)
    save_waveform(folders.recordings[0].path, np.sin(np.arange(24_000) / 9), 16_000)
    after = _prepare(folders, counting_yamnet, store)
    assert counting_yamnet.num_recordings == 5
    assert after.recordings[0].content != before.recordings[0].content


@pytest.mark.parametrize("options", [{"max_audio_seconds": 0.7}, {"resampler": "kaiser_best"}])
def test_other_settings_never_meet_the_old_features(folders, counting_yamnet, store, options):
    _prepare(folders, counting_yamnet, store)
    _prepare(folders, counting_yamnet, store, **options)
    assert counting_yamnet.num_recordings == 8


def test_another_yamnet_never_meets_the_old_features(folders, yamnet, store):
    def other(waveform):
        scores, embeddings, log_mel = yamnet(waveform)
        return scores, 2 * embeddings, log_mel

    first, second = _prepare(folders, yamnet, store), _prepare(folders, other, store)
    twice = 2 * first.recordings[0].feature()
    np.testing.assert_allclose(second.recordings[0].feature(), twice, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_run_goes_on_where_it_stopped(write_folders, counting_yamnet, store, error):
    folders = scan_folders(*write_folders("robin", "wren", num_files=6))

    def interrupted(waveform):
        if counting_yamnet.num_recordings == 5:
            raise error
        return counting_yamnet(waveform)

    with pytest.raises(error):
        _prepare(folders, interrupted, store)
    assert len(_prepare(folders, counting_yamnet, store).recordings) == 12
    assert counting_yamnet.num_recordings == 12


def test_an_interrupt_does_not_wait_for_files_left(write_folders, yamnet, store, monkeypatch):
    class InterruptedBar:
        def __init__(self, results, *_, **__):
            self.results = results

        def __iter__(self):
            yield next(iter(self.results))
            raise KeyboardInterrupt

    def slow_load_image(path: Path, box: None) -> np.ndarray:
        time.sleep(0.02)
        return load_image(path, box)

    folders = scan_folders(*write_folders("robin", "wren", num_files=20))
    monkeypatch.setattr("triplets.features.tqdm", InterruptedBar)
    monkeypatch.setattr("triplets.features.load_image", slow_load_image)
    with pytest.raises(KeyboardInterrupt):
        _prepare(folders, yamnet, store)
    assert len(_contents(store)) < 30


@pytest.mark.parametrize("keep", [0, 5, 40, 100, 127, 128, 500, -1])
def test_a_stored_feature_that_is_cut_off_is_computed_again(folders, yamnet, store, keep, caplog):
    stored = _prepare(folders, yamnet, store).images[0].feature_path
    whole = stored.read_bytes()
    stored.write_bytes(whole[:keep])
    _prepare(folders, yamnet, store)
    assert stored.read_bytes() == whole
    assert f"'{stored}' is damaged" in caplog.text


def test_files_that_cannot_be_used_are_skipped_and_listed(write_folders, yamnet, store, caplog):
    images, audio = write_folders("robin", "wren", num_files=4)
    (images / "wren" / "0.png").write_bytes(b"no photo at all")
    (images / "wren" / "1.png").write_bytes((images / "wren" / "1.png").read_bytes()[:200])
    (images / "wren" / "empty.jpg").touch()
    (audio / "wren" / "0.wav").write_bytes(b"RIFF")
    save_waveform(audio / "wren" / "1.wav", np.zeros(16_000), 16_000)
    save_waveform(audio / "wren" / "2.wav", np.sin(np.arange(160)), 16_000)
    media = _prepare(scan_folders(images, audio), yamnet, store)
    skipped = {f"{file.path.parent.parent.name}/{file.path.name}": file for file in media.skipped}
    assert sorted(skipped) == [
        "audio/0.wav", "audio/1.wav", "audio/2.wav",
        "images/0.png", "images/1.png", "images/empty.jpg",
    ]  # fmt: skip
    assert "silence" in skipped["audio/1.wav"].reason
    assert "at least 0.1 s of sound" in skipped["audio/2.wav"].reason
    assert (len(media.images), len(media.recordings)) == (6, 5)
    assert all(f"Skipped '{file.path}': {file.reason}" in caplog.text for file in media.skipped)


def test_a_file_that_vanished_after_the_scan_is_skipped(folders, yamnet, store):
    folders.images[2].path.unlink()
    (skipped,) = _prepare(folders, yamnet, store).skipped
    assert skipped.path == folders.images[2].path
    assert "cannot be opened: No such file" in skipped.reason


def test_a_full_disk_is_told_and_leaves_nothing_torn(folders, yamnet, store, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    store.get("ab-c", lambda: np.arange(3))
    before = _contents(store)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"The disk is full: .* it goes on where it stopped") as error:
        _prepare(folders, yamnet, store)
    assert error.value.errno == errno.ENOSPC
    assert _contents(store) == before


def test_the_same_bytes_in_two_classes_are_warned_of(write_folders, yamnet, store, caplog):
    images, audio = write_folders("robin", "wren", num_files=3)
    shutil.copy(images / "robin" / "0.png", images / "wren" / "copy.png")
    with caplog.at_level(logging.WARNING):
        _prepare(scan_folders(images, audio), yamnet, store)
    (message,) = caplog.messages
    assert "0.png' (class 'robin') and" in message
    assert "copy.png' (class 'wren') hold the same bytes: one label is wrong." in message


def test_copies_within_one_class_are_no_reason_to_warn(write_folders, yamnet, store, caplog):
    images, audio = write_folders("robin", "wren")
    shutil.copy(images / "robin" / "0.png", images / "robin" / "copy.png")
    media = _prepare(scan_folders(images, audio), yamnet, store)
    assert len({file.content for file in media.images}) == 4
    assert caplog.messages == []
