"""Near-duplicates: frames of a burst on both sides of a split."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from media import save_image
from training.near_duplicates import near_duplicates, tell_of_near_duplicates
from triplets import FeatureStore, prepare_media, scan_folders


@pytest.fixture
def sides(tmp_path):
    """Smooth photos of two classes on both sides; the first wren's next frame is held out."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (6, 7, 7, 3), np.uint8)
    first, *others = (
        cv2.resize(photo, (300, 240), interpolation=cv2.INTER_CUBIC) for photo in coarse
    )
    next_frame = np.clip(np.roll(first, 4, axis=1) * 0.9 + rng.normal(6, 4, first.shape), 0, 255)
    files = {
        "train/wren/1.jpg": first,
        "train/wren/2.jpg": others[0],
        "train/owl/1.jpg": next_frame.astype(np.uint8),  # a wrong label, not a burst
        "test/wren/3.jpg": next_frame.astype(np.uint8),
        "test/wren/4.jpg": others[1],
        "test/owl/2.jpg": others[2],
    }
    for name, photo in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        save_image(tmp_path / name, photo)
    store = FeatureStore(tmp_path / "features")
    return tuple(
        prepare_media(
            scan_folders(tmp_path / side, min_sources_per_class=1), store=store, progress=False
        )
        for side in ("train", "test")
    )


def test_the_next_frame_of_a_training_photo_is_found_and_nothing_else(sides):
    ((asks, known, correlation),) = near_duplicates(*sides)
    assert (asks.name, known.name, known.parent.name) == ("3.jpg", "1.jpg", "wren")
    assert 0.9 <= correlation < 1


def test_it_is_told_with_what_to_do(sides, caplog):
    told = tell_of_near_duplicates(*sides)
    assert told in caplog.text
    assert "1 of 3 held-out photos look nearly the same" in told
    assert "--source" in told


def test_without_any_nothing_is_told(sides, caplog):
    gallery, queries = sides
    others = replace(queries, images=tuple(f for f in queries.images if f.path.name != "3.jpg"))
    assert tell_of_near_duplicates(gallery, others) is None
    assert not caplog.text
