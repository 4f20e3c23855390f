"""`fused-encoder embed`: files and folders to embeddings on disk."""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.commands.outcome import outcome
from fused_encoder.media import AUDIO_EXTENSIONS, IMAGE_EXTENSIONS
from inference import Embedder, SkippedPair
from inference.embedding_file import EmbeddingFile, save_embeddings
from triplets import Skipped

Pair = tuple[Path | None, Path | None]
CSV_COLUMNS = ("image", "recording")


def run(options: argparse.Namespace) -> int:
    """Embeds each photo and each recording alone, and the pairs of a CSV together."""
    pairs = [*alone(options.inputs), *(_from_csv(options.pairs) if options.pairs else ())]
    pairs = list(dict.fromkeys(pairs))  # given twice, embedded once: ids are unique
    if not pairs:
        raise ValueError(
            f"No photo or recording in {' '.join(options.inputs) or 'nothing'}. Expected files with "
            f"{' '.join(sorted(IMAGE_EXTENSIONS | AUDIO_EXTENSIONS))}, folders of them, or --pairs."
        )
    embedder = Embedder.load(options.encoder)
    embeddings, kept, skipped = embedder.embed_readable(
        [image for image, _ in pairs], [recording for _, recording in pairs], progress=True
    )
    skipped_all: list[Skipped | SkippedPair] = [*not_media(options.inputs), *skipped]
    if not kept:
        outcome(skipped_all)
        raise ValueError(f"None of the {len(pairs)} inputs can be embedded; nothing was written.")
    kept_pairs = [pairs[position] for position in kept]
    ids = tuple("+".join(str(path) for path in pair if path) for pair in kept_pairs)
    metadata = tuple(pair_metadata(pair) for pair in kept_pairs)
    path = save_embeddings(options.out, EmbeddingFile(ids, embeddings, metadata))
    print(f"{len(ids)} embeddings in '{path}'.")
    return outcome(skipped_all)


def alone(inputs: Sequence[str]) -> Iterator[Pair]:
    """Each photo and each recording among files and folders, as a pair without the other."""
    for path in _walk(inputs):
        if path.suffix.lower() in IMAGE_EXTENSIONS:
            yield path, None
        elif path.suffix.lower() in AUDIO_EXTENSIONS:
            yield None, path


def not_media(inputs: Sequence[str]) -> Iterator[Skipped]:
    """What was typed and is neither a folder nor a photo nor a recording by its name."""
    for path in map(Path, inputs):
        if not path.is_dir() and path.suffix.lower() not in IMAGE_EXTENSIONS | AUDIO_EXTENSIONS:
            reason = "neither a photo nor a recording, by its name"
            yield Skipped(path, reason if path.exists() else "there is no such file or folder")


def _walk(inputs: Sequence[str]) -> Iterator[Path]:
    seen: set[str] = set()
    for given in inputs:
        if not os.path.isdir(given):  # noqa: PTH112 - kept as typed, so that ids are
            yield Path(given)
            continue
        for folder, subfolders, names in os.walk(given, followlinks=True):
            subfolders.sort()
            if (real := os.path.realpath(folder)) in seen:
                subfolders.clear()
                continue
            seen.add(real)
            yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _from_csv(file: str) -> Iterator[Pair]:
    root = Path(file).parent
    with Path(file).open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        if not set(CSV_COLUMNS) <= set(reader.fieldnames or ()):
            raise ValueError(
                f"'{file}' needs the columns image and recording, received "
                f"{', '.join(reader.fieldnames or ['none'])}."
            )
        for row in reader:
            image, recording = (root / row[key] if row[key] else None for key in CSV_COLUMNS)
            yield image, recording


def pair_metadata(pair: Pair) -> dict[str, str | None]:
    """What a row of embeddings says of its files; the class is the folder's name."""
    image, recording = pair
    shown = image or recording
    return {
        "class": shown.resolve().parent.name if shown else None,
        "image": str(image) if image else None,
        "recording": str(recording) if recording else None,
    }
