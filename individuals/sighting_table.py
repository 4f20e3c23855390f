"""`SightingTable`: sightings, each with its embedding; what was in view together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from individuals.sighting import FrameName, Sighting
from inference.embeddings import Embeddings, check_embeddings, concatenate_embeddings
from inference.index.rows import check_ids, check_metadata
from inference.modalities import Modality


@dataclass(frozen=True, eq=False)
class SightingTable:
    """Sightings, each with its embedding.

    Args:
        sightings: [num], of different keys.
        embeddings: float32 [num, size], unit length.
        crops: uint8 [height, width, 3] each, RGB: the pictures that were embedded, [num]; () where they are
            only on disk or there are none.
    Raises:
        ValueError, TypeError: lengths that differ, keys that repeat, embeddings that are NaN or not of unit
            length.
    Example:
        >>> table = SightingTable.of([[0.6, 0.8]], ["wren.jpg"])
        >>> table.sightings[0].key
        'wren.jpg'
    """

    sightings: tuple[Sighting, ...]
    embeddings: Embeddings
    crops: tuple[np.ndarray, ...] = ()

    def __post_init__(self) -> None:
        keys = check_ids([sighting.key for sighting in self.sightings])
        if len(keys) != len(self.embeddings) or len(self.crops) not in (0, len(keys)):
            raise ValueError(
                f"A table needs one embedding per sighting, and a crop of each or none, received {len(keys)} "
                f"sightings, {len(self.embeddings)} embeddings and {len(self.crops)} crops."
            )
        check_metadata([sighting.metadata for sighting in self.sightings], len(keys))
        if keys:
            checked = check_embeddings(self.embeddings, names=keys)
            object.__setattr__(self, "embeddings", checked)

    @classmethod
    def of(
        cls,
        embeddings: npt.ArrayLike,
        media: Sequence[str],
        *,
        frames: Sequence[int | None] | None = None,
        tracklets: Sequence[int | None] | None = None,
        modality: Modality = "image",
    ) -> SightingTable:
        """A table of embeddings that somebody else made.

        Args:
            embeddings: float32 [num, size], unit length.
            media: num paths or other names of where each was seen.
            frames: num frame numbers within the file, or None.
            tracklets: num tracklet numbers within the file, or None.
            modality: what all of them were made of.
        Raises:
            ValueError: lengths that differ.
        """
        lengths = [len(given) for given in (media, frames, tracklets) if given]
        if len(set(lengths)) > 1:
            raise ValueError(
                f"media, frames and tracklets must be of one length, received {lengths}."
            )
        nothing: list[None] = [None] * len(media)
        repeats: Counter[str] = Counter()
        sightings = []
        for file, frame, tracklet in zip(
            media, frames or nothing, tracklets or nothing, strict=True
        ):
            key = file if frame is None else f"{file}#frame={frame}"
            repeats[key] += 1
            key = key if repeats[key] == 1 else f"{key}#{repeats[key]}"
            made = Sighting(key=key, media=file, frame_index=frame, modality=modality)
            sightings.append(replace(made, tracklet=tracklet))
        return cls(tuple(sightings), Embeddings.of(embeddings))

    def __len__(self) -> int:
        return len(self.sightings)

    @property
    def keys(self) -> list[str]:
        """The keys of the sightings, [num]."""
        return [sighting.key for sighting in self.sightings]

    def qualities(self, rows: Iterable[int] | None = None) -> np.ndarray:
        """float64 [num], the quality of these rows (of all: None); 1 where nobody looked."""
        chosen = range(len(self)) if rows is None else rows
        found = (self.sightings[row].quality for row in chosen)
        return np.array([1.0 if quality is None else quality for quality in found])

    def group_of(self, groups: Sequence[Sequence[int]]) -> list[int]:
        """The position of each row's group among `groups`, int [num]."""
        found = {row: group for group, rows in enumerate(groups) for row in rows}
        return [found[row] for row in range(len(self))]

    def take(self, rows: Iterable[int]) -> SightingTable:
        """The table of these rows, in their order."""
        chosen = list(rows)
        return SightingTable(
            tuple(self.sightings[row] for row in chosen),
            Embeddings.of(self.embeddings[chosen], self.embeddings.fingerprint),
            tuple(self.crops[row] for row in chosen) if self.crops else (),
        )

    def tracklet_groups(self) -> list[list[int]]:
        """The rows of each tracklet, by first appearance; a row without one stands alone."""
        groups: dict[Hashable, list[int]] = {}
        for row, sighting in enumerate(self.sightings):
            name: Hashable = sighting.tracklet_name
            groups.setdefault((row,) if name is None else ("tracklet", name), []).append(row)
        return list(groups.values())

    def seen_together(self, group_of: Sequence[int]) -> list[tuple[int, int, tuple[int, int]]]:
        """The groups that were in view together, so that they are different animals.

        Args:
            group_of: int [num], the group of each row.
        Returns:
            (group, other group, rows that show it), group <= other group, sorted; the same group twice where
            two of its own rows were seen together.
        """
        in_frame: defaultdict[FrameName | None, list[int]] = defaultdict(list)
        in_tracklet: defaultdict[FrameName | None, list[int]] = defaultdict(list)
        for row, sighting in enumerate(self.sightings):
            in_frame[sighting.frame_name].append(row)
            in_tracklet[sighting.tracklet_name].append(row)
        for rows_by_name in (in_frame, in_tracklet):
            rows_by_name.pop(None, None)
        pairs = [pair for rows in in_frame.values() for pair in combinations(rows, 2)]
        for rows in in_tracklet.values():
            media = self.sightings[rows[0]].media
            others = {other for row in rows for other in self.sightings[row].seen_with}
            pairs += [
                (rows[0], in_tracklet[media, t][0]) for t in others if (media, t) in in_tracklet
            ]
        found: dict[tuple[int, int], tuple[int, int]] = {}
        for first, second in pairs:
            if self.sightings[first].is_seen_with(self.sightings[second]):
                one, other = sorted((first, second), key=lambda row: (group_of[row], row))
                found.setdefault((int(group_of[one]), int(group_of[other])), (one, other))
        return [(*groups, rows) for groups, rows in sorted(found.items())]


def join_tables(tables: Sequence[SightingTable]) -> SightingTable:
    """One table of all rows, in their order; an empty table of any embedding size joins any other.

    Raises:
        ValueError: keys that repeat, or embeddings of several encoders.
    """
    filled = [table for table in tables if len(table)] or list(tables[:1])
    return SightingTable(
        tuple(sighting for table in filled for sighting in table.sightings),
        concatenate_embeddings([table.embeddings for table in filled] or [np.empty((0, 1))]),
        tuple(crop for table in filled for crop in table.crops)
        if all(len(table.crops) == len(table) for table in filled)
        else (),
    )
