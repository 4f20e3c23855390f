"""Mining again with the current encoder: in time, the same length, and the same after a restart."""

from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest

from training.callbacks import RemineTriplets, SetEpoch, embed_candidates
from training.triplet_model import create_triplet_model
from triplets import Triplets
from triplets.candidates import draw_candidate_pairs
from triplets.mining import TripletRow
from triplets.photos import StoredPhotos
from triplets.pipeline import EpochCounter


class ThreePixels:
    """A photo source of features: three pixels of the stored photo, in [0, 1]."""

    shape = (3,)
    dtype = np.dtype(np.float16)

    def __init__(self, triplets: Triplets) -> None:
        self._stored = StoredPhotos(triplets.media)

    def load(self, image_index: int, rng: np.random.Generator | None) -> np.ndarray:
        return self._stored.load(image_index, rng)[::90, 100, 1] / np.float16(255)


def _head(seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    image, audio = (
        keras.Input((3,), dtype="float16", name="image_input"),
        keras.Input((None, 1024), name="audio_input"),
    )
    heard = keras.layers.GlobalAveragePooling1D()(audio)
    joined = keras.layers.Dropout(0.3)(keras.layers.Concatenate()([image, heard]))
    embedding = keras.layers.UnitNormalization()(keras.layers.Dense(5)(joined))
    return keras.Model({"image_input": image, "audio_input": audio}, embedding)


@pytest.fixture
def mined(triplets):
    """The session's triplets, free to be mined again."""
    return triplets.with_rows(triplets.rows)


def _again(mined: Triplets, encoder: keras.Model | None = None, **options) -> RemineTriplets:
    options = {"photos": ThreePixels(mined), "every": 2, **options}
    return RemineTriplets(mined, encoder or _head(), **options)


def _rows_of_epochs(
    again: RemineTriplets, mined: Triplets, *epochs: int
) -> list[tuple[TripletRow, ...]]:
    rows = []
    for epoch in epochs:
        again.on_epoch_begin(epoch)
        rows.append(mined.rows)
    return rows


def test_candidates_are_what_the_encoder_makes_of_photo_and_window(triplets):
    head, photos = _head(), ThreePixels(triplets)
    options = {"window_frames": 1000, "batch_size": 7, "seed": 3}
    pairs = embed_candidates(head, triplets.media, photos=photos, **options)
    images, recordings = draw_candidate_pairs(triplets.media, seed=3)
    np.testing.assert_array_equal(pairs.images, images)
    np.testing.assert_array_equal(pairs.recordings, recordings)
    for row, (image, recording) in enumerate(zip(images, recordings, strict=True)):
        sequence = np.zeros((1, 1000, 1024), np.float32)
        heard = triplets.media.recordings[recording].feature()
        sequence[0, : len(heard)] = heard
        inputs = {"image_input": photos.load(image, None)[None], "audio_input": sequence}
        np.testing.assert_allclose(pairs.embeddings[row], head(inputs)[0], atol=1e-5)


def test_a_whole_encoder_sees_stored_photos_in_unit_range(triplets, encoder):
    pairs = embed_candidates(encoder, triplets.media, num_pairs_per_class=2)
    assert pairs.embeddings.shape == (8, 128)
    photo = triplets.media.images[pairs.images[0]].feature()[None] / np.float32(255)
    recording = triplets.media.recordings[pairs.recordings[0]].feature()
    windows = [recording[start : start + 10][None] for start in range(max(1, len(recording) - 9))]
    seen = [encoder({"image_input": photo, "audio_input": window})[0] for window in windows]
    assert min(np.abs(embedding - pairs.embeddings[0]).max() for embedding in seen) < 1e-4


def test_triplets_are_mined_again_every_so_many_epochs(mined):
    prepared = mined.rows
    rows = _rows_of_epochs(_again(mined), mined, 0, 1, 2, 3, 4, 5)
    assert rows[0] == rows[1] == prepared
    assert rows[2] == rows[3]
    assert rows[4] == rows[5]
    assert len({rows[0], rows[2], rows[4]}) == 3


def test_each_class_keeps_its_number_of_triplets(mined):
    (rows,) = _rows_of_epochs(_again(mined, mining="hard"), mined, 2)
    classes = Counter(mined.media.images[row.anchor_image].class_index for row in rows)
    assert classes == dict.fromkeys(range(4), 4)


def test_what_is_mined_depends_on_weights_epoch_and_seed_alone(mined):
    expected, _ = _rows_of_epochs(_again(mined), mined, 4, 6)
    long_way = _rows_of_epochs(_again(mined), mined, 0, 2, 4)[-1]
    assert long_way == expected
    assert _rows_of_epochs(_again(mined, seed=1), mined, 4) != [expected]
    assert _rows_of_epochs(_again(mined, _head(seed=1), mining="hard"), mined, 4) != (
        _rows_of_epochs(_again(mined, mining="hard"), mined, 4)
    )


def _fit(loss, mined: Triplets, rows_path: Path, *callbacks, epochs: int = 6) -> list[float]:
    counter, head = EpochCounter(), _head()
    again = RemineTriplets(mined, head, every=3, photos=ThreePixels(mined), rows_path=rows_path)
    model = create_triplet_model(head)
    model.compile(keras.optimizers.Adam(0.03), loss=loss)
    dataset = mined.to_dataset(8, augment=True, photos=ThreePixels(mined), epoch=counter)
    callbacks = [*callbacks, SetEpoch(counter), again]
    return model.fit(dataset, epochs=epochs, callbacks=callbacks, verbose=0).history["loss"]


class KillAt(keras.callbacks.Callback):
    """Ends the run as an epoch begins, like Ctrl-C."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self._epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if epoch == self._epoch:
            raise KeyboardInterrupt


def test_a_run_killed_between_two_minings_goes_on_as_before(pull_and_push, triplets, tmp_path):
    def fresh() -> Triplets:
        return triplets.with_rows(triplets.rows)

    rows_path = tmp_path / "rows" / "mined.npz"
    unbroken = _fit(pull_and_push, fresh(), rows_path)
    assert not rows_path.exists()
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(KeyboardInterrupt):
        _fit(pull_and_push, fresh(), rows_path, backup, KillAt(5))
    assert rows_path.is_file()
    resumed = _fit(pull_and_push, fresh(), rows_path, backup)
    np.testing.assert_allclose(resumed, unbroken[5:], rtol=1e-6)


def test_without_saved_rows_a_restored_run_mines_at_once_and_says_so(mined, caplog):
    prepared = mined.rows
    (rows,) = _rows_of_epochs(_again(mined), mined, 3)
    assert rows != prepared
    assert "mined at epoch 2 are lost; mining with the encoder of epoch 3" in caplog.text


def test_what_cannot_be_mined_again_is_refused(mined):
    uneven = mined.with_rows(mined.rows[1:])
    with pytest.raises(ValueError, match="Triplets cannot be mined again") as error:
        _again(uneven, every=0, mining="easy")
    for part in ("received 'easy'", "every >= 1 (epochs), received 0", "each class", "3, 4"):
        assert part in str(error.value)
    with pytest.raises(ValueError, match=r"takes \[3\], but the photos are \[224, 224, 3\]"):
        _again(mined, photos=None)
