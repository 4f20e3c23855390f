"""The embedding projector: pairs as points in TensorBoard, each with its photo, while an encoder trains."""

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import keras
import numpy as np

from training.live_embedding import LiveEmbedding
from training.pairs import Pairs, StoredFeatures, draw_pairs
from triplets.photos import PhotoSource
from triplets.prepared import PreparedMedia

CONFIG_NAME = "projector_config.pbtxt"  # TensorBoard looks for it under this name
FOLDER = "projector"
THUMBNAIL_SIZE = 64
MAX_SPRITE_SIZE = 8192  # pixels; a larger picture is refused by the projector


class EmbeddingProjector(keras.callbacks.Callback):
    """Shows the embeddings of pairs in TensorBoard's projector: how classes part as training goes on.

    Each point is a pair with its photo, to be coloured and searched by class, photo and recording. One
    set of points is written every n-th epoch. To look: `pip install tensorboard`, then `tensorboard
    --logdir LOG_DIR` (that very folder, not one above it), and "Projector" among its tabs.

    Args:
        log_dir: a folder; that of `keras.callbacks.TensorBoard` will do.
        encoder: the one that is trained: the whole encoder, or the part behind its frozen trunk, with
            `photos`.
        media: photos and recordings; held-out ones tell most.
        photos: what the encoder's `image_input` takes. Default: the stored photos.
        audio_seconds: float > 0, the window of sound it embeds at once. Default 5.0.
        every: int >= 1, epochs between two sets of points. Default 5.
        max_pairs_per_class: int >= 1, how many pairs of each class are shown. Default 12.

    Raises:
        ValueError: an option is out of range, or photos do not have the shape the encoder takes.
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
        folder = self._log_dir / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        _write_metadata(folder / "metadata.tsv", self._media, self._pairs)
        photos = StoredFeatures(self._media.images, self._pairs.images)
        self._thumbnail_size = _write_sprite(folder / "sprite.png", photos)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Writes a set of points when it is time."""
        if (epoch + 1) % self._every:
            return
        embeddings = self._embed()
        folder = self._log_dir / FOLDER
        np.savetxt(folder / f"epoch_{epoch + 1:03d}.tsv", embeddings, "%.6g", delimiter="\t")
        names = sorted(path.stem for path in folder.glob("epoch_*.tsv"))
        config = "".join(_entry(name, embeddings.shape, self._thumbnail_size) for name in names)
        (self._log_dir / CONFIG_NAME).write_text(config, encoding="utf-8")


def _write_metadata(path: Path, media: PreparedMedia, pairs: Pairs) -> None:
    """A header, and a line of class, photo and recording for each pair."""
    rows = zip(pairs.labels, pairs.images, pairs.recordings, strict=True)
    lines = [("class", "photo", "recording")] + [
        (str(label), media.images[image].path.name, media.recordings[recording].path.name)
        for label, image, recording in rows
    ]
    text = "\n".join("\t".join(" ".join(cell.split()) for cell in line) for line in lines)
    path.write_text(text + "\n", encoding="utf-8")


def _write_sprite(path: Path, photos: Sequence[np.ndarray]) -> int:
    """All photos in one picture, row by row in a square; gives the side of each, in pixels."""
    per_row = math.ceil(math.sqrt(len(photos)))
    size = min(THUMBNAIL_SIZE, MAX_SPRITE_SIZE // per_row)
    sprite = np.zeros((per_row, size, per_row, size, 3), np.uint8)
    for number, photo in enumerate(photos):
        row, column = divmod(number, per_row)
        sprite[row, :, column] = cv2.resize(photo, (size, size), interpolation=cv2.INTER_AREA)
    picture = sprite.reshape(per_row * size, per_row * size, 3)
    encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    path.write_bytes(encoded.tobytes())
    return size


def _entry(name: str, shape: tuple[int, ...], thumbnail_size: int) -> str:
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
