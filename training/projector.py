"""The embedding projector: pairs as points in TensorBoard, each with its photo, while an encoder trains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import keras
import numpy as np

from training.live_embedding import LiveEmbedding
from training.pairs import Pairs, StoredFeatures, draw_pairs
from triplets.features import PreparedMedia
from triplets.photos import PhotoSource

CONFIG_NAME = "projector_config.pbtxt"  # TensorBoard looks for it under this name
FOLDER = "projector"
THUMBNAIL_SIZE = 64
MAX_SPRITE_SIZE = 8192  # pixels; a larger picture is refused by the projector
COLUMNS = ("class", "photo", "recording")


class EmbeddingProjector(keras.callbacks.Callback):
    """Shows the embeddings of pairs in TensorBoard's projector: how classes part as training goes on.

    Each point is a pair with its photo, coloured and searched by class, photo and recording. One set of
    points is kept for every n-th epoch, and one for the encoder as it is when training has ended, named
    "trained". Writing needs no TensorBoard; looking does: `pip install tensorboard`, then `tensorboard
    --logdir LOG_DIR` (that very folder, not one above it), and "Projector" among its tabs.
    (`embeddings_freq` of `keras.callbacks.TensorBoard` shows the weights of `Embedding` layers only.)

    Args:
        log_dir: a folder; that of `keras.callbacks.TensorBoard` will do.
        encoder: the one that is trained: the whole encoder, or the head behind a frozen trunk, with
            its photos.
        media: photos and recordings; held-out ones tell most.
        photos: what the encoder's `image_input` takes. Default: the stored photos.
        audio_seconds: float > 0, how much sound the encoder hears at once. Default 5.0.
        every: int >= 1, epochs between two sets of points. Default 5.
        max_pairs_per_class: int >= 1, how many pairs of each class are shown. Default 12.

    Raises:
        ValueError: an option is out of range, or photos do not have the shape the encoder takes.

    Example:
        >>> projector = EmbeddingProjector("logs", encoder, held_out)
        >>> model.fit(dataset, callbacks=[keras.callbacks.TensorBoard("logs"), projector])
    """

    def __init__(
        self,
        log_dir: str | Path,
        encoder: keras.Model,
        media: PreparedMedia,
        *,
        photos: PhotoSource | None = None,
        audio_seconds: float = 5.0,
        every: int = 5,
        max_pairs_per_class: int = 12,
    ) -> None:
        super().__init__()
        if every < 1:
            raise ValueError(f"Expected every >= 1 (epochs), received {every}.")
        self._log_dir = Path(log_dir)
        self._media = media
        self._pairs = draw_pairs(media, max_pairs_per_class, seed=0)
        self._embed = LiveEmbedding(
            encoder, media, self._pairs, photos=photos, audio_seconds=audio_seconds
        )
        self._every = every

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Writes what all sets of points share: names and photos."""
        self._names: list[str] | None = None
        folder = self._log_dir / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        write_metadata(folder / "metadata.tsv", self._media, self._pairs)
        photos = StoredFeatures(self._media.images, self._pairs.images)
        self._thumbnail_size = write_sprite(folder / "sprite.png", photos)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Goes on with the sets of points of a run that was killed and restored."""
        if self._names is None:
            before = [_name(number) for number in range(self._every, epoch + 1, self._every)]
            self._names = [name for name in before if self._tensors(name).is_file()]

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Writes a set of points when it is time."""
        if (epoch + 1) % self._every == 0:
            self._write(_name(epoch + 1))

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Writes the last set of points."""
        self._write("trained")

    def _write(self, name: str) -> None:
        embeddings = self._embed()
        np.savetxt(self._tensors(name), embeddings, "%.6g", delimiter="\t")
        self._names = [*(self._names or []), name]
        config = "".join(
            _config_entry(name, embeddings.shape, self._thumbnail_size) for name in self._names
        )
        (self._log_dir / CONFIG_NAME).write_text(config, encoding="utf-8")

    def _tensors(self, name: str) -> Path:
        return self._log_dir / FOLDER / f"{name}.tsv"


def write_metadata(path: Path, media: PreparedMedia, pairs: Pairs) -> None:
    """What each point is: a header, and a line of class, photo and recording for each pair.

    Args:
        path: a .tsv file.
        media: what the pairs point into.
        pairs: one for each point.
    """
    lines = [COLUMNS] + [
        (str(label), media.images[image].path.name, media.recordings[recording].path.name)
        for label, image, recording in zip(
            pairs.labels, pairs.images, pairs.recordings, strict=True
        )
    ]
    text = "\n".join("\t".join(" ".join(cell.split()) for cell in line) for line in lines)
    path.write_text(text + "\n", encoding="utf-8")


def write_sprite(path: Path, photos: Sequence[np.ndarray]) -> int:
    """All photos in one picture, row by row in a square, as the projector wants them.

    Args:
        path: a .png file.
        photos: uint8 [height, width, 3] each, RGB; at least one.

    Returns:
        int, the side of each photo in the picture, in pixels: 64, or less where there are so many that
        the picture would be larger than 8192 pixels.
    """
    per_row = math.ceil(math.sqrt(len(photos)))
    size = min(THUMBNAIL_SIZE, MAX_SPRITE_SIZE // per_row)
    sprite = np.zeros((per_row, size, per_row, size, 3), np.uint8)
    for number, photo in enumerate(photos):
        row, column = divmod(number, per_row)
        small = cv2.resize(photo, (size, size), interpolation=cv2.INTER_AREA)
        sprite[row, :, column] = small
    picture = sprite.reshape(per_row * size, per_row * size, 3)
    encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    path.write_bytes(encoded.tobytes())
    return size


def _name(num_epochs: int) -> str:
    return f"epoch_{num_epochs:03d}"


def _config_entry(name: str, shape: tuple[int, ...], thumbnail_size: int) -> str:
    """One set of points in TensorBoard's `ProjectorConfig`, as text. Paths are relative to the file."""
    return f"""embeddings {{
  tensor_name: "{name}"
  tensor_path: "{FOLDER}/{name}.tsv"
  tensor_shape: {shape[0]}
  tensor_shape: {shape[1]}
  metadata_path: "{FOLDER}/metadata.tsv"
  sprite {{
    image_path: "{FOLDER}/sprite.png"
    single_image_dim: {thumbnail_size}
    single_image_dim: {thumbnail_size}
  }}
}}
"""
