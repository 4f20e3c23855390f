"""P × K batches: which classes, which pairs, and that seed and epoch decide it all."""

from dataclasses import replace

import numpy as np
import pytest

from triplets import PreparedFile, PreparedMedia
from triplets.pair_batches import pair_batches
from triplets.pipeline import EpochCounter


class OnePixel:
    """A photo source that says which photo it was asked for."""

    shape = (1,)
    dtype = np.dtype(np.float32)

    def load(self, image_index: int, rng: np.random.Generator | None) -> np.ndarray:
        return np.array([image_index + 1], np.float32)


def _labels(media: PreparedMedia, **options) -> np.ndarray:
    """One epoch's labels, [steps, P * K, 3]."""
    options = {"photos": OnePixel(), "window_frames": 1, **options}
    return np.array([labels for _, labels in pair_batches(media, **options)])


def _of_class(media: PreparedMedia, index: int, keep: int) -> PreparedMedia:
    """The media with only so many photos and recordings of one class."""

    def few(files):
        own = [file for file in files if file.class_index == index]
        return tuple(file for file in files if file not in own[keep:])

    return replace(media, images=few(media.images), recordings=few(media.recordings))


def test_a_batch_has_the_documented_form(media):
    dataset = pair_batches(media, classes_per_batch=2, pairs_per_class=3, window_frames=4)
    inputs, labels = next(iter(dataset))
    photos, sounds = inputs["image_input"], inputs["audio_input"]
    assert (photos.dtype, photos.shape) == ("float32", (6, 224, 224, 3))
    assert (sounds.dtype, sounds.shape) == ("float32", (6, 4, 1024))
    assert (labels.dtype, labels.shape) == ("int32", (6, 3))
    assert 0 <= photos.numpy().min() < 0.5 < photos.numpy().max() <= 1


def test_pairs_are_the_files_that_their_labels_name(media):
    inputs, labels = next(iter(pair_batches(media, window_frames=100)))
    for photo, sound, (class_index, image, recording) in zip(
        inputs["image_input"], inputs["audio_input"], labels.numpy(), strict=True
    ):
        np.testing.assert_allclose(photo * 255, media.images[image].feature(), atol=1e-3)
        whole = media.recordings[recording].feature()
        np.testing.assert_array_equal(sound[: len(whole)], whole)
        assert not sound[len(whole) :].numpy().any()
        files = media.images[image], media.recordings[recording]
        assert {file.class_index for file in files} == {class_index}


def test_a_batch_has_p_classes_and_k_pairs_of_each(media):
    for labels in _labels(media, classes_per_batch=3, pairs_per_class=4, steps_per_epoch=20):
        classes = labels[:, 0].reshape(3, 4)
        assert (classes == classes[:, :1]).all()
        assert len(set(classes[:, 0])) == 3


def test_no_photo_and_no_recording_stands_twice_in_a_class_of_a_batch(media):
    copied = replace(media, images=media.images + media.images)  # copies count as one
    for labels in _labels(copied, pairs_per_class=5, steps_per_epoch=20):
        for pairs in labels.reshape(4, 5, 3):
            assert len(set(pairs[:, 1])) == len(set(pairs[:, 2])) == 5


def test_a_small_class_has_all_of_its_files_before_any_comes_again(media):
    small = _of_class(media, 1, keep=2)
    for labels in _labels(small, pairs_per_class=4, steps_per_epoch=5):
        pairs = labels[labels[:, 0] == 1]
        for column in (1, 2):
            assert np.unique(pairs[:, column], return_counts=True)[1].tolist() == [2, 2]


def test_photos_and_recordings_are_paired_anew(media):
    labels = _labels(media, steps_per_epoch=40).reshape(-1, 3)
    own = labels[labels[:, 0] == 0]
    assert len(set(map(tuple, own))) == 25


@pytest.mark.parametrize("sampling", ["class_balanced", "square_root", "by_file"])
def test_classes_come_as_often_as_their_numbers_of_files_say(media, sampling):
    uneven = _of_class(media, 3, keep=1)  # 10, 10, 10 and 2 files
    options = {"classes_per_batch": 2, "pairs_per_class": 2, "steps_per_epoch": 400}
    drawn = _labels(uneven, sampling=sampling, **options)[:, ::2, 0]
    shares = np.bincount(drawn.ravel()) / drawn.size
    power = {"class_balanced": 0, "square_root": 0.5, "by_file": 1}[sampling]
    files = np.array([10, 10, 10, 2]) ** power
    np.testing.assert_allclose(shares, files / files.sum(), atol=0.04)


def test_seed_and_epoch_decide_which_batches_come(media):
    options = {"augment": True, "window_frames": 2, "steps_per_epoch": 2}

    def epochs(**more) -> list[list[tuple]]:
        dataset = pair_batches(media, **options, **more)
        return [[(*inputs.values(), labels) for inputs, labels in dataset] for _ in range(2)]

    def equal(one: list[tuple], other: list[tuple]) -> bool:
        both = zip(one, other, strict=True)
        return all(np.array_equal(a, b) for x, y in both for a, b in zip(x, y, strict=True))

    first = epochs(seed=1)
    assert equal(epochs(seed=1)[1], first[1])
    assert equal(epochs(seed=1, epoch=EpochCounter(1))[0], first[1])
    assert not equal(first[0], first[1])
    assert not equal(epochs(seed=2)[0], first[0])


def test_an_epoch_is_as_long_as_the_files_suffice_unless_told_otherwise(media):
    assert len(pair_batches(media, classes_per_batch=2, pairs_per_class=3)) == 4  # 20 / 6
    assert len(pair_batches(media, steps_per_epoch=9)) == 9


def test_where_there_are_fewer_classes_a_batch_has_all(media, caplog):
    caplog.set_level("INFO")
    assert _labels(media, classes_per_batch=50, pairs_per_class=2).shape[1] == 8
    assert "Batches have all 4 classes, not 50." in caplog.text


@pytest.mark.parametrize(
    ("kind", "name"), [("images", "image_input"), ("recordings", "audio_input")]
)
def test_a_class_without_photos_or_without_recordings_has_zeros_for_them(media, kind, name):
    present = tuple(file for file in getattr(media, kind) if file.class_index != 2)
    dataset = pair_batches(replace(media, **{kind: present}), photos=OnePixel())
    inputs, labels = next(iter(dataset))
    is_bare = labels.numpy()[:, 0] == 2
    absent = labels.numpy()[:, 1 if kind == "images" else 2] == -1
    np.testing.assert_array_equal(absent, is_bare)
    assert not inputs[name].numpy()[is_bare].any()
    assert inputs[name].numpy()[~is_bare].any(axis=(1, 2)[: inputs[name].ndim - 1]).all()


def test_features_are_read_when_they_are_needed_and_not_held(media, monkeypatch):
    read, original = [], PreparedFile.feature
    monkeypatch.setattr(PreparedFile, "feature", lambda file: read.append(file) or original(file))
    dataset = pair_batches(media, steps_per_epoch=3)
    assert read == []
    list(dataset)
    assert len(read) == 3 * 16 * 2


def test_all_that_is_wrong_with_the_options_comes_in_one_message(media):
    with pytest.raises(ValueError, match="Expected seed >= 0, received -1"):
        pair_batches(media, seed=-1)
    wrong = {"classes_per_batch": 1, "pairs_per_class": 1, "steps_per_epoch": 0, "sampling": "any"}
    with pytest.raises(ValueError, match="Batches cannot be made") as error:
        pair_batches(replace(media, images=(), recordings=()), **wrong)
    assert str(error.value).split("\n  - ")[1:] == [
        "expected at least two classes with files, received 0",
        "expected classes_per_batch >= 2 (negatives), received 1",
        "expected pairs_per_class >= 2 (positives), received 1",
        "expected steps_per_epoch >= 1 or None, received 0",
        "expected sampling to be one of ('class_balanced', 'square_root', 'by_file'), received 'any'",
    ]
