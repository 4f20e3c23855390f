"""Sightings from whatever a user has: a count's folder, embeddings of `embed`, photos and recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.cli.outcome import SkippedInput
from individuals.sighting import Sighting
from individuals.sighting_file import load_sightings
from individuals.sighting_table import SightingTable, join_tables
from inference.embedding_file import Metadata, load_embeddings
from inference.embeddings import Embeddings
from inference.modalities import Modality

COUNT_FILE = "sightings.npz"


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


def read_inputs(inputs: Sequence[str], encoder: str | None) -> SightingInputs:
    """The sightings of all inputs together.

    Raises:
        FileNotFoundError, ValueError: an input is not there, or is of no known kind; or a photo or recording
            without an encoder.
    """
    tables: list[SightingTable] = []
    groups: list[list[int]] = []
    media: list[Path] = []
    skipped: list[SkippedInput] = []
    for given in inputs:
        path = Path(given)
        if (path / COUNT_FILE).is_file() or path.name == COUNT_FILE:
            table, labelled = _counted(path)
        elif path.suffix == ".npz":
            table = _embedded(path)
            labelled = [[row] for row in range(len(table))]
        else:
            media.append(path)
            continue
        start = sum(map(len, tables))
        tables.append(table)
        groups += [[start + row for row in rows] for rows in labelled]
    if media:
        table, unusable = _embed(media, encoder)
        start = sum(map(len, tables))
        tables.append(table)
        groups += [[start + row] for row in range(len(table))]
        skipped += unusable
    return SightingInputs(join_tables(tables), groups, skipped)


def _counted(path: Path) -> tuple[SightingTable, list[list[int]]]:
    counted = load_sightings(path)
    folder = path if path.is_dir() else path.parent
    found = tuple(
        replace(sighting, crop=None if sighting.crop is None else str(folder / sighting.crop))
        for sighting in counted.table.sightings
    )
    return SightingTable(found, counted.table.embeddings), counted.groups()


def _embedded(path: Path) -> SightingTable:
    rows = load_embeddings(path)
    sightings = tuple(
        _sighting(id_, metadata) for id_, metadata in zip(rows.ids, rows.metadata, strict=True)
    )
    return SightingTable(sightings, rows.embeddings)


def _sighting(id_: str, metadata: Metadata) -> Sighting:
    image, recording = metadata.get("image"), metadata.get("recording")
    modality: Modality = "image"
    if recording:
        modality = "fused" if image else "audio"
    media = str(image or recording or id_)
    crop = str(image) if image else None
    return Sighting(key=id_, media=media, modality=modality, crop=crop, metadata=dict(metadata))


def _embed(paths: Sequence[Path], encoder: str | None) -> tuple[SightingTable, list[SkippedInput]]:
    from app.cli.embed_file import alone, not_media, pair_metadata
    from inference import Embedder  # here, because they load TensorFlow

    if encoder is None:
        raise ValueError(
            f"'{paths[0]}' is neither a count's folder nor a FILE.npz. To embed photos and recordings on the "
            "way, give --encoder DIR."
        )
    names = [str(path) for path in paths]
    pairs = list(alone(names))
    embedder = Embedder.load(encoder)
    embeddings, kept, skipped = embedder.embed_readable(
        [image for image, _ in pairs], [recording for _, recording in pairs], progress=True
    )
    sightings = tuple(
        _sighting(str(pairs[place][0] or pairs[place][1]), pair_metadata(pairs[place]))
        for place in kept
    )
    table = SightingTable(sightings, Embeddings.of(embeddings, embedder.fingerprint))
    return table, [*not_media(names), *skipped]
