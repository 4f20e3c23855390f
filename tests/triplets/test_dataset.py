"""Triplets as a sequence of the published 6-tuples, as a `tf.data.Dataset`, and as a folder on disk."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from media import load_image, resize_image
from triplets import Triplet, Triplets
from triplets.mining import mine_triplets
from triplets.pipeline import EpochCounter

WINDOW_FRAMES = 2


@pytest.fixture(scope="session")
def triplets(media) -> Triplets:
    return Triplets(media, mine_triplets(media, 3), window_frames=WINDOW_FRAMES, seed=5)


def _flat(dataset) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """One epoch as arrays."""
    batches = [(dict(inputs), labels.numpy()) for inputs, labels in dataset]
    names = batches[0][0]
    joined = {name: np.concatenate([batch[name] for batch, _ in batches]) for name in names}
    return joined, np.concatenate([labels for _, labels in batches])


def _assert_equal(one: Sequence[Triplet], other: Sequence[Triplet]) -> None:
    assert len(one) == len(other)
    for mine, theirs in zip(one, other, strict=True):
        assert mine[::2] == theirs[::2]
        for a, b in zip(mine[1::2], theirs[1::2], strict=True):
            np.testing.assert_array_equal(a, b)


def test_published_code_that_unpacks_six_still_runs(triplets, media):
    for a_image, a_audio, p_image, p_audio, n_image, n_audio in triplets:
        for image in (a_image, p_image, n_image):
            assert isinstance(image, str)
            assert Path(image).is_file()
        for audio in (a_audio, p_audio, n_audio):
            assert audio.dtype == np.float32
            assert audio.shape[1:] == (1024,)
            assert 1 <= len(audio) <= WINDOW_FRAMES
        assert Path(a_image).parent == Path(p_image).parent != Path(n_image).parent


def test_the_fields_are_named_in_the_published_order(triplets):
    assert Triplet._fields == (
        "anchor_image", "anchor_audio", "positive_image", "positive_audio",
        "negative_image", "negative_audio",
    )  # fmt: skip
    assert triplets[0].negative_image == triplets[0][4]


def test_members_hold_a_window_of_their_own_recording(triplets, media):
    row, triplet = triplets.rows[4], triplets[4]
    whole = media.recordings[row.positive_recording].feature()
    windows = [whole[start : start + WINDOW_FRAMES] for start in range(len(whole))]
    assert any(np.array_equal(triplet.positive_audio, window) for window in windows)
    assert triplet.negative_image == str(media.images[row.negative_image].path)


def test_windows_lie_wherever_they_fit(media):
    rows = mine_triplets(media, 50)
    starts = Triplets(media, rows, window_frames=1)._members[:, :, 2]
    longest = max(len(file.feature()) for file in media.recordings)
    assert set(starts.ravel().tolist()) == set(range(longest))
    assert (Triplets(media, rows, window_frames=100)._members[:, :, 2] == 0).all()


def test_it_counts_and_slices_as_a_sequence_does(triplets):
    assert len(triplets) == 12
    parts = [triplets[part] for part in (slice(2, 5), slice(-2, None), slice(99, None))]
    assert [len(part) for part in parts] == [3, 2, 0]
    for same, index in ((np.int64(3), 3), (-1, 11), (-12, 0)):
        _assert_equal([triplets[same]], [triplets[index]])
    for outside in (12, -13):
        with pytest.raises(IndexError):
            triplets[outside]


def test_no_triplets_are_an_empty_sequence(media):
    empty = Triplets(media, [], window_frames=3)
    assert list(empty) == []
    assert list(empty.to_dataset(2)) == []


def test_the_dataset_gives_named_inputs_and_labels_of_the_documented_form(triplets):
    dataset = triplets.to_dataset(batch_size=5)
    assert len(dataset) == 3
    for (inputs, labels), size in zip(dataset, (5, 5, 2), strict=True):
        for role in ("anchor", "positive", "negative"):
            image, audio = inputs[f"{role}_image"], inputs[f"{role}_audio"]
            assert (image.dtype, image.shape) == ("float32", (size, 224, 224, 3))
            assert (audio.dtype, audio.shape) == ("float32", (size, WINDOW_FRAMES, 1024))
            assert 0 <= image.numpy().min() < 0.5 < image.numpy().max() <= 1
        assert len(inputs) == 6
        assert (labels.dtype, labels.shape) == ("int32", (size, 3, 3))


def test_the_static_shapes_are_known_before_anything_is_read(triplets):
    inputs, labels = triplets.to_dataset(4).element_spec
    assert inputs["anchor_image"].shape.as_list() == [None, 224, 224, 3]
    assert inputs["negative_audio"].shape.as_list() == [None, None, 1024]
    assert labels.shape.as_list() == [None, 3, 3]


def test_each_row_of_the_dataset_is_its_triplet(triplets, media):
    inputs, labels = _flat(triplets.to_dataset(5, shuffle=False))
    for index, triplet in enumerate(triplets):
        photo = resize_image(load_image(triplet.positive_image)) / np.float32(255)
        np.testing.assert_allclose(inputs["positive_image"][index], photo, atol=1e-6)
        audio = inputs["negative_audio"][index]
        np.testing.assert_array_equal(audio[: len(triplet.negative_audio)], triplet.negative_audio)
        assert not audio[len(triplet.negative_audio) :].any()
        names = [Path(triplet[position]).parent.name for position in (0, 2, 4)]
        assert [media.class_names[label] for label in labels[index, :, 0]] == names


def test_each_epoch_has_its_own_order_and_the_same_seed_the_same_ones(triplets):
    def audio_of_two_epochs(seed: int | None) -> list[np.ndarray]:
        dataset = triplets.to_dataset(5, seed=seed)
        return [_flat(dataset)[0]["anchor_audio"] for _ in range(2)]

    first, again, other = (audio_of_two_epochs(seed) for seed in (1, 1, 2))
    assert not np.array_equal(first[0], first[1])
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_augmentation_varies_photos_and_windows_anew_each_epoch(triplets):
    plain, _ = _flat(triplets.to_dataset(5, shuffle=False))
    dataset = triplets.to_dataset(5, shuffle=False, augment=True)
    (first, _), (second, _) = _flat(dataset), _flat(dataset)
    for name in ("anchor_image", "anchor_audio"):
        assert not np.array_equal(first[name], plain[name])
        assert not np.array_equal(first[name], second[name])
    again, _ = _flat(triplets.to_dataset(5, shuffle=False, augment=True))
    for name, value in first.items():
        np.testing.assert_array_equal(again[name], value)


def test_photos_and_windows_are_varied_independently_of_each_other_on_request(triplets):
    plain, _ = _flat(triplets.to_dataset(5, shuffle=False))
    for options, fixed, varied in (
        ({"augment": True, "audio_windows": "fixed"}, "anchor_audio", "anchor_image"),
        ({"audio_windows": "random"}, "anchor_image", "anchor_audio"),
    ):
        inputs, _ = _flat(triplets.to_dataset(5, shuffle=False, **options))
        np.testing.assert_array_equal(inputs[fixed], plain[fixed])
        assert not np.array_equal(inputs[varied], plain[varied])


def test_random_windows_are_pieces_of_the_members_own_recording(triplets, media):
    inputs, labels = _flat(triplets.to_dataset(5, audio_windows="random"))
    for window, (_, _, recording) in zip(inputs["negative_audio"], labels[:, 2], strict=True):
        whole = np.concatenate([media.recordings[recording].feature(), np.zeros((2, 1024))])
        pieces = (whole[start : start + WINDOW_FRAMES] for start in range(len(whole)))
        assert any(np.array_equal(window, piece) for piece in pieces)


def test_labels_name_the_files_and_equal_content_has_equal_ids(triplets, media):
    copies = replace(media, images=media.images + media.images[:2])
    row = triplets.rows[0]._replace(positive_image=len(media.images) + 1)
    _, labels = _flat(Triplets(copies, [row], window_frames=1).to_dataset(1))
    images = [row.anchor_image, 1, row.negative_image]
    np.testing.assert_array_equal(labels[0, :, 1], images)
    np.testing.assert_array_equal(labels[0, :, 2], row[1::2])


def test_an_epochs_batches_are_the_same_wherever_the_counter_began(triplets):
    options = {"augment": True, "seed": 7}
    unbroken = triplets.to_dataset(5, **options)
    epochs = [_flat(unbroken) for _ in range(3)]
    restored = triplets.to_dataset(5, epoch=EpochCounter(2), **options)
    inputs, labels = _flat(restored)
    np.testing.assert_array_equal(labels, epochs[2][1])
    assert not np.array_equal(labels, epochs[1][1])
    for name, value in inputs.items():
        np.testing.assert_array_equal(value, epochs[2][0][name])


def test_photos_may_be_features_of_another_source(triplets):
    class Features:
        shape = (6,)
        dtype = np.dtype(np.float16)

        def load(self, image_index: int, rng: np.random.Generator | None) -> np.ndarray:
            return np.full(6, image_index * 300, np.float16)

    dataset = triplets.to_dataset(5, photos=Features())
    inputs, labels = _flat(dataset)
    assert dataset.element_spec[0]["anchor_image"].shape.as_list() == [None, 6]
    assert inputs["anchor_image"].dtype == np.float32
    np.testing.assert_array_equal(inputs["anchor_image"][:, 5], labels[:, 0, 1] * 300.0)


def test_rows_replaced_in_place_show_in_the_next_epoch_and_not_in_the_running_one(media):
    triplets = Triplets(media, mine_triplets(media, 3), window_frames=1)
    others = mine_triplets(media, 3, mining="hard", seed=9)
    dataset = triplets.to_dataset(1, shuffle=False)
    running = iter(dataset)
    before = triplets.rows
    seen = [next(running)[1]]
    triplets.replace_rows(others)
    seen += [batch[1] for batch in running]
    np.testing.assert_array_equal(np.concatenate(seen)[:, 0, 2], [row[1] for row in before])
    np.testing.assert_array_equal(_flat(dataset)[1][:, 0, 2], [row[1] for row in others])
    assert triplets.rows == tuple(others)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda t: Triplets(t.media, [], window_frames=0), "window_frames >= 1, received 0"),
        (lambda t: t.to_dataset(0), "batch_size >= 1, received 0"),
        (lambda t: t.to_dataset(2, audio_windows="any"), r"'fixed', 'random'\), received 'any'"),
        (lambda t: t.replace_rows(t.rows[:2]), "Expected 12 rows, as many .* received 2"),
    ],
)
def test_what_cannot_be_is_refused(triplets, make, message):
    with pytest.raises(ValueError, match=message):
        make(triplets)


def test_saved_triplets_load_without_the_store_they_came_from(triplets, yamnet, tmp_path):
    triplets.save(tmp_path / "saved")
    (tmp_path / "saved").rename(tmp_path / "moved")
    loaded = Triplets.load(tmp_path / "moved")
    _assert_equal(loaded, triplets)
    assert (loaded.class_names, loaded.window_frames) == (triplets.class_names, WINDOW_FRAMES)
    assert loaded.seed == triplets.seed
    photos = [one.media.images[7].feature() for one in (loaded, triplets)]
    np.testing.assert_array_equal(*photos)
    paths = {file.feature_path for file in loaded.media.images + loaded.media.recordings}
    assert all(path.is_relative_to(tmp_path / "moved") for path in paths)


def test_triplets_may_be_saved_where_they_were_loaded_from(triplets, tmp_path):
    triplets.save(tmp_path)
    Triplets.load(tmp_path).save(str(tmp_path))
    _assert_equal(Triplets.load(str(tmp_path)), triplets)


def test_rows_mined_again_keep_photos_and_recordings(triplets, media):
    other = triplets.with_rows(mine_triplets(media, 2, mining="hard"))
    assert len(other) == 8
    assert (other.media, other.seed, other.window_frames) == (media, 5, WINDOW_FRAMES)


def test_a_save_that_was_interrupted_holds_no_triplets(triplets, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "copyfile", interrupted)
    with pytest.raises(KeyboardInterrupt):
        triplets.save(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"No triplets in '.*'\. Expected a folder that"):
        Triplets.load(tmp_path)


def test_triplets_of_another_version_are_refused(triplets, tmp_path):
    triplets.save(tmp_path)
    document = json.loads((tmp_path / "triplets.json").read_text(encoding="utf-8"))
    (tmp_path / "triplets.json").write_text(json.dumps({**document, "schema": 99}))
    with pytest.raises(ValueError, match="has schema 99, this version reads 3"):
        Triplets.load(tmp_path)
