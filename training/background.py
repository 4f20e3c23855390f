"""What the background alone tells: photos whose animals are blanked out ask among photos alike.

An encoder that finds a class as well by the background as by the animal may know places, not animals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fused_encoder.photo import prepare_photo
from inference.embed import BATCH_SIZE, Embedder
from media import PhotoBox, box_slices, load_image
from training.pairs import Pairs
from triplets.prepared import ABSENT, PreparedFile, PreparedMedia

BLANK = 128  # middle grey


def background_embeddings(
    embedder: Embedder, media: PreparedMedia, images: np.ndarray
) -> np.ndarray | None:
    """The embeddings of some photos without their animals, float32 [num, embedding_size].

    Args:
        embedder: of the encoder.
        media: the photos, with the boxes of their animals.
        images: int [num], into `media.images`.

    Returns:
        None where a photo has no box, so that nothing tells what its background is.
    """
    files = [media.images[int(image)] for image in images]
    boxes: dict[Path, list[PhotoBox]] = defaultdict(list)
    for file in media.images:
        if file.box is not None:
            boxes[file.path].append(file.box)
    if not files or any(file.box is None for file in files):
        return None
    parts = [
        embedder.embed_features(batch, [None] * len(batch)) for batch in _batches(files, boxes)
    ]
    return np.concatenate(parts)


def blank_out(photo: np.ndarray, boxes: Sequence[PhotoBox]) -> np.ndarray:
    """A copy of a photo, uint8 [height, width, 3], that is grey where animals are, with the crop's margin."""
    blanked = photo.copy()
    for box in boxes:
        blanked[box_slices(photo.shape, box)] = BLANK
    return blanked


def background_sides(
    embedder: Embedder,
    known: Pairs,
    asking: Pairs,
    known_media: PreparedMedia,
    asking_media: PreparedMedia,
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Backgrounds that are searched, their classes, and the background that each pair asks with.

    Returns:
        float32 [num_known, size], str [num_known], float32 [num_asking, size]; None where photos have no
        boxes.
    """
    rows = known.rows_of_distinct("image")
    images, place = np.unique(asking.images, return_inverse=True)
    if not len(rows) or ABSENT in images:
        return None
    searched = background_embeddings(embedder, known_media, known.images[rows])
    asked = background_embeddings(embedder, asking_media, images)
    if searched is None or asked is None:
        return None
    return searched, known.labels[rows], asked[place.reshape(-1)]


def _batches(
    files: Sequence[PreparedFile], boxes: dict[Path, list[PhotoBox]]
) -> Iterator[list[np.ndarray]]:
    for start in range(0, len(files), BATCH_SIZE):
        yield [
            prepare_photo(blank_out(load_image(file.path), boxes[file.path]))
            for file in files[start : start + BATCH_SIZE]
        ]
