"""The store: nothing torn, nothing lost, and what is to be said of a feature kept beside it."""

import threading
from pathlib import Path

import numpy as np
import pytest

from triplets import FeatureStore


def test_a_stored_feature_with_a_garbled_header_is_computed_again(store):
    path = store.get("ab-c", lambda: np.arange(12.0))
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        garbled = bytearray(whole)
        for position in rng.integers(10, 60, 5):
            garbled[position] = rng.integers(256)
        path.write_bytes(garbled)
        store.get("ab-c", lambda: np.arange(12.0))  # raises nothing; some garbling is harmless


def test_the_store_computes_only_what_it_does_not_hold(store):
    path = store.get("ab-c", lambda: np.arange(3))
    assert store.get("ab-c", lambda: pytest.fail("computed twice")) == path == store.find("ab-c")
    np.testing.assert_array_equal(np.load(path), [0, 1, 2])


def test_without_a_folder_the_store_lies_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("FUSED_ENCODER_CACHE", str(tmp_path))
    assert FeatureStore().directory == tmp_path / "features"


def test_a_disk_that_fills_up_in_the_middle_of_a_file_is_full_too(store, monkeypatch):
    store.directory.mkdir(parents=True)
    monkeypatch.setattr(Path, "with_name", lambda self, name: Path("/dev/full"))
    monkeypatch.setattr(Path, "unlink", lambda self, missing_ok: None)
    with pytest.raises(OSError, match="The disk is full"):
        store.get("ab-c", lambda: np.zeros(300_000, np.uint8))


NOTES = ("'%s' is damaged: it ends at 3 s, 60 %% of it.", "'%s' has 8000 samples per second.")


def test_notes_are_kept_beside_the_feature(store):
    store.put("ab-c", np.arange(3), NOTES)
    assert FeatureStore(store.directory).notes("ab-c") == NOTES


def test_most_features_have_no_notes(store):
    store.put("ab-c", np.arange(3))
    assert store.notes("ab-c") == store.notes("ab-unknown") == ()
    assert len(list(store.directory.rglob("*.*"))) == 1


@pytest.mark.parametrize("damage", [b"", b"[", b"7", b"\xff"])
def test_damaged_notes_are_passed_over_with_a_warning(store, damage, caplog):
    path = store.put("ab-c", np.arange(3), NOTES)
    path.with_suffix(".notes.json").write_bytes(damage)
    assert store.notes("ab-c") == ()
    assert "notes.json' are damaged" in caplog.text


def test_writers_of_one_feature_do_not_tear_it(store):
    array = np.arange(100_000)
    writers = [threading.Thread(target=store.put, args=("ab-c", array)) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    np.testing.assert_array_equal(np.load(store.path("ab-c")), array)
    assert [file.name for file in store.directory.rglob("*.*")] == ["ab-c.npy"]
