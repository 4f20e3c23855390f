"""Sightings as the catalogue and the review see them: what was seen where, with its embedding."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt

from inference.embeddings import Embeddings, check_embeddings
from inference.index.rows import Scalar, check_ids, check_metadata
from inference.modalities import MODALITIES, Modality

Box = tuple[float, float, float, float]
FrameName = tuple[str, int]


def sighting_key(media: str, time_seconds: float | None = None, box: Box | None = None) -> str:
    """The name of a sighting: its file, moment and place, the same whenever the file is looked at again.

    Written as a W3C media fragment. Equal file names in different folders give different keys.

    Args:
        media: path of the video, photo or recording, as given.
        time_seconds: since its start; None for a photo or a whole recording.
        box: (left, top, right, bottom) in pixels; None for the whole.

    Reference:
        W3C, Media Fragments URI 1.0, 2012, https://www.w3.org/TR/media-frags/

    Example:
        >>> sighting_key("north/monday.mp4", 12.48, (10.0, 20.0, 60.0, 90.0))
        'north/monday.mp4#t=12.480&xywh=10.0,20.0,50.0,70.0'
    """
    parts = [] if time_seconds is None else [f"t={time_seconds:.3f}"]
    if box is not None:
        left, top, right, bottom = box
        parts.append(f"xywh={left:.1f},{top:.1f},{right - left:.1f},{bottom - top:.1f}")
    printable = media.encode("utf-8", "backslashreplace").decode()  # names of damaged encoding
    return f"{printable}#{'&'.join(parts)}" if parts else printable


@dataclass(frozen=True)
class Sighting:
    """One animal at one moment, seen or heard.

    Args:
        key: unique name, such as `sighting_key` gives.
        media: path of the video, photo or recording.
        time_seconds: float >= 0, since the start of the file; None for a photo.
        box: (left, top, right, bottom) in pixels; None for the whole.
        frame: int >= 0, the frame of the video: two sightings of one frame are two animals. None: nothing is
            known of who was there at the same time.
        tracklet: int >= 0, the animal's track within the file; None for a sighting of its own.
        seen_with: tracklets of the same file that were in view together with this one: other animals.
        span_seconds: (float, float), when the tracklet was in view first and last; None where not known.
        modality: what the embedding was made of: "image", "audio" or "fused".
        quality: float in [0, 1], of the crop; None where nobody looked.
        score: float in [0, 1], how sure the detector was; None where there was none.
        crop: path of a thumbnail, relative to the folder of the sightings; None for none.
        metadata: more of it (species, station, ...): str to str, int, float, bool or None.
    """

    key: str
    media: str
    time_seconds: float | None = None
    box: Box | None = None
    frame: int | None = None
    tracklet: int | None = None
    seen_with: tuple[int, ...] = ()
    modality: Modality = "image"
    quality: float | None = None
    score: float | None = None
    span_seconds: tuple[float, float] | None = None
    crop: str | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def frame_name(self) -> FrameName | None:
        """The frame, unique across files."""
        return None if self.frame is None else (self.media, self.frame)

    @property
    def tracklet_name(self) -> FrameName | None:
        """The tracklet, unique across files."""
        return None if self.tracklet is None else (self.media, self.tracklet)

    def is_seen_with(self, other: Sighting) -> bool:
        """Whether both were in view together, so that they are two animals."""
        if self.media != other.media or self.key == other.key:
            return False
        if self.tracklet is not None and self.tracklet == other.tracklet:
            return False  # one animal, followed
        return (
            (self.frame is not None and self.frame == other.frame)
            or other.tracklet in self.seen_with
            or self.tracklet in other.seen_with
        )

    def to_dict(self) -> dict[str, object]:
        """As JSON takes it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, object]) -> Sighting:
        """What `to_dict` gave; fields that a newer version added are passed over.

        Raises:
            TypeError, ValueError: it is no sighting.
        """
        known = {name: record[name] for name in cls.__dataclass_fields__ if name in record}
        if known.get("box") is not None:
            known["box"] = tuple(float(side) for side in known["box"])  # type: ignore[attr-defined]
        if known.get("span_seconds") is not None:
            known["span_seconds"] = tuple(float(t) for t in known["span_seconds"])  # type: ignore[attr-defined]
        known["seen_with"] = tuple(known.get("seen_with", ()))  # type: ignore[arg-type]
        return cls(**known)  # type: ignore[arg-type] # as JSON gave them; the table checks


@dataclass(frozen=True, eq=False)
class SightingTable:
    """Sightings, each with its embedding.

    Args:
        sightings: [num], of different keys.
        embeddings: float32 [num, size], unit length.

    Raises:
        ValueError, TypeError: lengths that differ, keys that repeat, an unknown modality, embeddings that are
            NaN or not of unit length.

    Example:
        >>> table = SightingTable.of([[0.6, 0.8]], ["wren.jpg"])
        >>> table.sightings[0].key
        'wren.jpg'
    """

    sightings: tuple[Sighting, ...]
    embeddings: Embeddings

    def __post_init__(self) -> None:
        keys = check_ids([sighting.key for sighting in self.sightings])
        if len(self.sightings) != len(self.embeddings):
            raise ValueError(
                f"A table needs one embedding per sighting, received {len(self.sightings)} sightings and "
                f"{len(self.embeddings)} embeddings."
            )
        unknown = sorted({str(s.modality) for s in self.sightings} - set(MODALITIES))
        if unknown:
            raise ValueError(
                f"Unknown modality {', '.join(map(repr, unknown))}. Expected one of {', '.join(MODALITIES)}."
            )
        check_metadata([sighting.metadata for sighting in self.sightings], len(keys))
        if len(keys):
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
        metadata: Sequence[Mapping[str, Scalar]] | None = None,
    ) -> SightingTable:
        """A table of embeddings that somebody else made.

        Args:
            embeddings: float32 [num, size], unit length.
            media: num paths or other names of where each was seen.
            frames: num frame numbers within the file, or None.
            tracklets: num tracklet numbers within the file, or None.
            modality: what all of them were made of.
            metadata: num dicts.

        Raises:
            ValueError: lengths that differ; or two rows of one file and frame.
        """
        columns = [frames, tracklets, metadata]
        lengths = {len(media), len(np.asarray(embeddings)), *(len(c) for c in columns if c)}
        if len(lengths) > 1:
            raise ValueError(
                "embeddings, media, frames, tracklets and metadata must be of one length, received "
                f"{', '.join(map(str, sorted(lengths)))}."
            )
        nothing: list[None] = [None] * len(media)
        repeats: dict[str, int] = {}
        sightings = []
        for file, frame, tracklet, more in zip(
            media, frames or nothing, tracklets or nothing, metadata or nothing, strict=True
        ):
            key = file if frame is None else f"{file}#frame={frame}"
            number = repeats[key] = repeats.get(key, 0) + 1
            sightings.append(
                Sighting(
                    key if number == 1 else f"{key}#{number}",
                    file,
                    frame=frame,
                    tracklet=tracklet,
                    modality=modality,
                    metadata=more or {},
                )
            )
        return cls(tuple(sightings), Embeddings.of(embeddings))

    def __len__(self) -> int:
        return len(self.sightings)

    @property
    def keys(self) -> list[str]:
        """The keys of the sightings, [num]."""
        return [sighting.key for sighting in self.sightings]

    def take(self, rows: Iterable[int]) -> SightingTable:
        """The table of these rows, in their order."""
        chosen = list(rows)
        embeddings = Embeddings.of(self.embeddings[chosen], self.embeddings.fingerprint)
        return SightingTable(tuple(self.sightings[row] for row in chosen), embeddings)

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
        in_frame: dict[FrameName, list[int]] = {}
        in_tracklet: dict[FrameName, list[int]] = {}
        for row, sighting in enumerate(self.sightings):
            if sighting.frame_name is not None:
                in_frame.setdefault(sighting.frame_name, []).append(row)
            if sighting.tracklet_name is not None:
                in_tracklet.setdefault(sighting.tracklet_name, []).append(row)
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
