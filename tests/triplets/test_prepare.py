"""`prepare_triplets`, from folders to triplets in one call."""

from pathlib import Path

import numpy as np
import pytest

from triplets import prepare_triplets


def _prepare(image_dir, audio_dir, yamnet, *arguments, **options):
    return prepare_triplets(image_dir, audio_dir, yamnet, *arguments, progress=False, **options)


def test_folders_become_triplets_of_every_class(aviary, yamnet, store):
    triplets = _prepare(aviary.images, aviary.audio, yamnet, 4, store=store)
    assert len(triplets) == 4 * len(aviary.class_names)
    assert triplets.class_names == aviary.class_names
    assert triplets.skipped == ()
    assert triplets.window_frames == 10  # 5 s


def test_the_same_seed_gives_the_same_triplets(aviary, yamnet, store):
    first, again, other = (
        _prepare(str(aviary.images), str(aviary.audio), yamnet, 4, store=store, seed=seed)
        for seed in (3, 3, 4)
    )
    assert first.rows == again.rows != other.rows
    np.testing.assert_array_equal(first[0].anchor_audio, again[0].anchor_audio)


def test_a_hundred_triplets_per_class_come_by_default(aviary, yamnet, store):
    assert len(_prepare(aviary.images, aviary.audio, yamnet, store=store)) == 400


def test_the_length_of_the_sound_can_be_chosen(aviary, yamnet, store):
    options = {"audio_seconds": 0.96, "max_audio_seconds": 1.0, "store": store}
    triplets = _prepare(aviary.images, aviary.audio, yamnet, 2, **options)
    assert {len(triplet.anchor_audio) for triplet in triplets} == {1}
    assert max(len(file.feature()) for file in triplets.media.recordings) <= 2


def test_features_lie_in_the_users_cache(aviary, counting_yamnet, monkeypatch, tmp_path):
    monkeypatch.setenv("FUSED_ENCODER_CACHE", str(tmp_path / "cache"))
    for _ in range(2):
        _prepare(aviary.images, aviary.audio, counting_yamnet, 1)
    assert counting_yamnet.num_recordings == 20
    assert len(list((tmp_path / "cache" / "features").rglob("*.npy"))) == 40


def test_files_that_cannot_be_used_are_listed_and_the_rest_is_used(write_folders, yamnet, store):
    images, audio = write_folders("robin", "wren", num_files=3)
    (images / "wren" / "0.png").write_bytes(b"torn")
    (audio / "robin" / "0.wav").write_bytes(b"torn")
    triplets = _prepare(images, audio, yamnet, 5, mining="hard", store=store)
    torn = images / "wren" / "0.png"
    assert {file.path for file in triplets.skipped} == {torn, audio / "robin" / "0.wav"}
    assert len(triplets) == 10
    assert str(torn) not in {path for triplet in triplets for path in triplet[::2]}


def test_photos_only_need_no_front_end(write_folders, store):
    images, _ = write_folders("robin", "wren", num_files=3)
    triplets = prepare_triplets(images, None, num_triplets_per_class=4, store=store, progress=False)
    assert len(triplets) == 8
    for triplet in triplets:
        assert len({triplet.anchor_image, triplet.positive_image, triplet.negative_image}) == 3
        assert Path(triplet.anchor_image).parent == Path(triplet.positive_image).parent
        assert len(triplet.anchor_audio) == 0
    inputs, _ = next(iter(triplets.to_dataset(8)))
    assert not np.any(inputs["anchor_audio"])


def test_recordings_only_are_triplets_without_photos(write_folders, yamnet, store):
    _, audio = write_folders("robin", "wren", num_files=3)
    triplets = prepare_triplets(None, audio, yamnet, 4, store=store, progress=False)
    assert {triplet.anchor_image for triplet in triplets} == {None}
    assert all(len(triplet.negative_audio) for triplet in triplets)


def test_recordings_without_a_front_end_are_refused(write_folders, store):
    with pytest.raises(ValueError, match="4 recordings need an audio front end, received None"):
        prepare_triplets(*write_folders("robin", "wren"), None, store=store)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_triplets_per_class": 0}, "num_triplets_per_class >= 1, received 0"),
        ({"mining": "easy"}, "received 'easy'"),
        ({"audio_seconds": 0.0}, "received 0"),
        ({"audio_seconds": -1.0}, "received -1"),
        ({"max_audio_seconds": 0.0}, "received 0"),
        ({"max_audio_seconds": -2.0}, "received -2"),
    ],
)
def test_options_are_checked_before_slow_work(aviary, counting_yamnet, store, options, message):
    with pytest.raises(ValueError, match=message):
        _prepare(aviary.images, aviary.audio, counting_yamnet, store=store, **options)
    assert counting_yamnet.num_samples == []
    assert not store.directory.exists()


def test_bad_folders_are_refused_before_slow_work(aviary, counting_yamnet, store, tmp_path):
    with pytest.raises(ValueError, match="cannot be used yet"):
        _prepare(tmp_path, aviary.audio, counting_yamnet, store=store)
    assert counting_yamnet.num_samples == []
