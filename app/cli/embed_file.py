"""`fused-encoder embed --out FILE.npz`: one embedding for each photo, recording or pair, in one file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.cli.options import photo_boxes
from app.cli.outcome import outcome
from archives.embed.sources import read_pairs, walk_inputs
from individuals import PhotoBoxes, sighting_key
from inference import Embedder, PhotoCrop, SkippedPair
from inference.embedding_file import EmbeddingFile, save_embeddings
from media import (
    AUDIO_EXTENSIONS,
    IMAGE_EXTENSIONS,
    VIDEO_EXTENSIONS,
    PhotoBox,
    UnreadableMediaError,
)
from triplets import Skipped

Pair = tuple[Path | PhotoCrop | None, Path | None]


def run(options: argparse.Namespace) -> int:
    """Embeds each photo and each recording alone, and the pairs of a CSV together."""
    boxes = photo_boxes(options)
    pairs = [*alone(options.inputs), *(_paired(options.pairs) if options.pairs else ())]
    pairs = list(dict.fromkeys(pairs))  # given twice, embedded once: ids are unique
    if not pairs:
        raise ValueError(
            f"No photo or recording in {' '.join(options.inputs) or 'nothing'}. Expected files with "
            f"{' '.join(sorted(IMAGE_EXTENSIONS | AUDIO_EXTENSIONS))}, folders of them, or --pairs."
        )
    pairs, no_animal = cropped(pairs, boxes)
    embedder = Embedder.load(options.encoder)
    embeddings, kept, skipped = embedder.embed_readable(
        [image for image, _ in pairs], [recording for _, recording in pairs], progress=True
    )
    skipped_all: list[Skipped | SkippedPair] = [
        *_not_for_one_row(options.inputs),
        *no_animal,
        *skipped,
    ]
    if not kept:
        outcome(skipped_all)
        raise ValueError(f"None of the {len(pairs)} inputs can be embedded; nothing was written.")
    kept_pairs = [pairs[position] for position in kept]
    ids = tuple(map(pair_id, kept_pairs))
    metadata = tuple(pair_metadata(pair) for pair in kept_pairs)
    path = save_embeddings(options.out, EmbeddingFile(ids, embeddings, metadata))
    print(f"{len(ids)} embeddings in '{path}'.")
    return outcome(skipped_all)


def alone(inputs: Sequence[str]) -> Iterator[Pair]:
    """Each photo and each recording among files and folders, as a pair without the other."""
    for path in walk_inputs(inputs):
        if path.suffix.lower() in IMAGE_EXTENSIONS:
            yield path, None
        elif path.suffix.lower() in AUDIO_EXTENSIONS:
            yield None, path


def _paired(table: str) -> Iterator[Pair]:
    for source in read_pairs(table):
        if source.kind == "image":
            yield source.path, None
        else:
            yield source.photo, source.path


def _not_for_one_row(inputs: Sequence[str]) -> list[Skipped]:
    """What cannot be one row of a .npz: videos, folders that cannot be listed, and what is no medium."""
    skipped: list[Skipped] = []
    for path in walk_inputs(inputs, refused=lambda *told: skipped.append(Skipped(*told))):
        if path.suffix.lower() in VIDEO_EXTENSIONS:
            reason = "a video, of which a .npz holds nothing. Choose a folder as --out."
            skipped.append(Skipped(path, reason if path.exists() else "there is no such file."))
    told = {one.path for one in skipped}
    return [*skipped, *(one for one in not_media(inputs) if one.path not in told)]


def not_media(inputs: Sequence[str]) -> Iterator[Skipped]:
    """What was typed and is neither a folder nor a photo nor a recording by its name."""
    for path in map(Path, inputs):
        if not path.is_dir() and path.suffix.lower() not in IMAGE_EXTENSIONS | AUDIO_EXTENSIONS:
            reason = "neither a photo nor a recording, by its name"
            yield Skipped(path, reason if path.exists() else "there is no such file or folder")


def pair_metadata(pair: Pair) -> dict[str, str | None]:
    """What a row of embeddings says of its files; the class is the folder's name."""
    image, recording = pair
    photo, box = (image.path, image.box) if isinstance(image, PhotoCrop) else (image, None)
    shown = photo or recording
    told = {
        "class": shown.resolve().parent.name if shown else None,
        "image": str(photo) if photo else None,
        "recording": str(recording) if recording else None,
    }
    return told if box is None else {**told, "box": json.dumps(box)}


def pair_id(pair: Pair) -> str:
    """The names of its files; of a cropped animal with its box."""
    return "+".join(
        sighting_key(str(item.path), box=corners(item.box))
        if isinstance(item, PhotoCrop)
        else str(item)
        for item in pair
        if item
    )


def corners(box: PhotoBox) -> PhotoBox:
    """(left, top, right, bottom) of (left, top, width, height)."""
    left, top, width, height = box
    return left, top, left + width, top + height


def cropped(
    pairs: Sequence[Pair], boxes: PhotoBoxes | None
) -> tuple[list[Pair], list[Skipped | SkippedPair]]:
    """A pair for each animal in the photo of a pair, and the photos without one."""
    if boxes is None:
        return list(pairs), []
    found: list[Pair] = []
    skipped: list[Skipped | SkippedPair] = []
    for image, recording in pairs:
        if not isinstance(image, Path):
            found.append((image, recording))
            continue
        try:
            found += [(PhotoCrop(image, box), recording) for box in boxes(image)]
        except UnreadableMediaError as error:
            skipped.append(Skipped(image, error.reason))
        except (ValueError, FileNotFoundError) as error:
            skipped.append(Skipped(image, str(error)))
    return found, skipped
