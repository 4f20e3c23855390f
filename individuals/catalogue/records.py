"""What a catalogue says of its individuals and of its past."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True)
class Individual:
    """A known animal.

    Args:
        id: such as "NYA-0012"; never given to another, even after a merge or delete.
        name: what people call it; may change; None for none.
        num_sightings: int.
        num_media: int, the files it was seen or heard in.
    """

    id: str
    name: str | None
    num_sightings: int
    num_media: int


class State(NamedTuple):
    """What is stored of an individual besides its sightings.

    Attributes:
        name: str or None.
        is_active: whether it is in the catalogue; ids of those that are not stay taken.
        merged_into: number of the individual that took it over; None for none.
    """

    name: str | None = None
    is_active: bool = False
    merged_into: int | None = None


@dataclass(frozen=True)
class Changes:
    """What an operation changed: enough to take it back, and to check the catalogue against its log.

    Args:
        individuals: number -> (before, after).
        sightings: position -> (individual before, individual after); None for not in the catalogue.
    """

    individuals: Mapping[int, tuple[State, State]] = field(default_factory=dict)
    sightings: Mapping[int, tuple[int | None, int | None]] = field(default_factory=dict)

    def reversed(self) -> Changes:
        """What takes them back."""
        return Changes(
            {number: (after, before) for number, (before, after) in self.individuals.items()},
            {position: (after, before) for position, (before, after) in self.sightings.items()},
        )

    def to_json(self) -> str:
        """As text."""
        return json.dumps([self.individuals, self.sightings], ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Changes:
        """What `to_json` gave."""
        individuals, sightings = json.loads(text)
        return cls(
            {int(n): (State(*before), State(*after)) for n, (before, after) in individuals.items()},
            {int(p): (before, after) for p, (before, after) in sightings.items()},
        )


@dataclass(frozen=True)
class Decision:
    """Who decided, and by what.

    Args:
        by: "person", "automatic", or a person's name.
        thresholds: `Thresholds.to_dict()` where thresholds decided; None for none.
    """

    by: str = "person"
    thresholds: Mapping[str, object] | None = None


@dataclass(frozen=True)
class LogEntry:
    """One operation, as it was written down when it was done.

    Args:
        number: int, from 1, without gaps.
        time: UTC, ISO 8601.
        operation: "add", "rename", "merge", "split", "delete" or "undo".
        details: what it was done to, in words that JSON takes.
        decided_by: "person", "automatic", or a person's name.
        fingerprint: names the encoder of the catalogue at that time; None where it was unknown.
        thresholds: what decided, as `Thresholds.to_dict` gives it; None where a person did.
        undoes: number of the entry that this one took back; None for all but "undo".
        changes: what it changed.
    """

    number: int
    time: str
    operation: str
    details: Mapping[str, object]
    decided_by: str
    fingerprint: str | None
    thresholds: Mapping[str, object] | None
    undoes: int | None
    changes: Changes
