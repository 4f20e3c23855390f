"""Sightings from whatever a user has: a count's folder, embeddings of `embed`, photos and recordings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.cli.outcome import SkippedInput
from individuals.sighting import Sighting
from individuals.sighting_file import load_sightings
from individuals.sighting_table import SightingTable, join_tables
from individuals.video.photo_boxes import PhotoBoxes
from inference.embedding_file import Metadata, load_embeddings
from inference.embeddings import Embeddings
from inference.modalities import Modality

COUNT_FILE = "sightings.npz"

Grouped = tuple[SightingTable, list[list[int]]]
"""Sightings, and the rows of each animal."""


@dataclass(frozen=True)
class SightingInputs:
    """What was given.

    Args:
        table: all sightings.
        by_count: the rows of each individual of each count; what was never counted stands alone.
        skipped: files that cannot be used.
    """

    table: SightingTable
    by_count: list[list[int]]
    skipped: list[SkippedInput]

    def groups(self, by: str) -> list[list[int]]:
        """The rows of each animal."""
        return self.by_count if by == "count" else self.table.tracklet_groups()


def read_inputs(
    inputs: Sequence[str], encoder: str | None, boxes: PhotoBoxes | None = None
) -> SightingInputs:
    """The sightings of all inputs together; with boxes one for each animal in a photo.

    Raises:
        FileNotFoundError, ValueError: an input is not there, or is of no known kind; or a photo or recording
            without an encoder.
    """
    parts: list[Grouped] = []
    media: list[str] = []
    skipped: list[SkippedInput] = []
    for given in inputs:
        path = Path(given)
        if (path / COUNT_FILE).is_file() or path.name == COUNT_FILE:
            parts.append(_counted(path))
        elif path.suffix == ".npz":
            rows = load_embeddings(path)
            parts.append(_alone(rows.ids, rows.metadata, rows.embeddings))
        else:
            media.append(given)
    if media:
        part, skipped = _embed(media, encoder, boxes)
        parts.append(part)
    groups: list[list[int]] = []
    start = 0
    for table, own_groups in parts:
        groups += [[start + row for row in rows] for rows in own_groups]
        start += len(table)
    return SightingInputs(join_tables([table for table, _ in parts]), groups, skipped)


def _counted(path: Path) -> Grouped:
    counted = load_sightings(path)
    folder = path if path.is_dir() else path.parent
    found = tuple(
        replace(sighting, crop=None if sighting.crop is None else str(folder / sighting.crop))
        for sighting in counted.table.sightings
    )
    return SightingTable(found, counted.table.embeddings), counted.groups()


def _alone(ids: Sequence[str], metadata: Sequence[Metadata], embeddings: Embeddings) -> Grouped:
    sightings = []
    for id_, told in zip(ids, metadata, strict=True):
        image, recording = told.get("image"), told.get("recording")
        modality: Modality = "image"
        if recording:
            modality = "fused" if image else "audio"
        media, crop = str(image or recording or id_), str(image) if image else None
        more = dict(told)
        place: dict[str, Any] = {}
        if box := more.pop("box", None):  # animals of one photo are different ones
            left, top, width, height = json.loads(str(box))
            place = {"box": (left, top, left + width, top + height), "frame_index": 0}
        sightings.append(
            Sighting(key=id_, media=media, modality=modality, crop=crop, metadata=more, **place)
        )
    return SightingTable(tuple(sightings), embeddings), [[row] for row in range(len(ids))]


def _embed(
    inputs: Sequence[str], encoder: str | None, boxes: PhotoBoxes | None
) -> tuple[Grouped, list[SkippedInput]]:
    from app.cli.embed_file import alone, cropped, not_media, pair_id, pair_metadata
    from inference import Embedder  # here, because they load TensorFlow

    if encoder is None:
        raise ValueError(
            f"'{inputs[0]}' is neither a count's folder nor a FILE.npz. To embed photos and recordings on "
            "the way, give --encoder DIR."
        )
    pairs, no_animal = cropped(list(alone(inputs)), boxes)
    embedder = Embedder.load(encoder)
    vectors, kept, skipped = embedder.embed_readable(
        [image for image, _ in pairs], [recording for _, recording in pairs], progress=True
    )
    ids = [pair_id(pairs[place]) for place in kept]
    metadata = [pair_metadata(pairs[place]) for place in kept]
    part = _alone(ids, metadata, Embeddings.of(vectors, embedder.fingerprint))
    return part, [*not_media(inputs), *no_animal, *skipped]
