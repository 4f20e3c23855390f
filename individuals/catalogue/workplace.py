"""One transaction's view of a catalogue, and what an operation is."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from individuals.catalogue.catalogue_file import read_setting
from individuals.catalogue.names import AnimalNames
from individuals.catalogue.records import Changes, Individual, State
from individuals.catalogue.rows import read_owned, read_states
from individuals.sighting_table import SightingTable

AT_MOST_SHOWN = 10


@dataclass(frozen=True)
class Operation:
    """An operation that may be done.

    Args:
        name: for the log.
        details: for the log.
        changes: what it changes; None where all is so already, and there is nothing to log.
        individuals: ids of the individuals that it leaves, such as the new one.
    """

    name: str
    details: Mapping[str, object]
    changes: Changes | None
    individuals: tuple[str, ...] = ()


@dataclass
class Workplace:
    """One transaction's view of a catalogue.

    Args:
        connection: inside a transaction.
        path: of the file, for messages.
    """

    connection: sqlite3.Connection
    path: Path
    states: dict[int, State] = field(init=False)
    names: AnimalNames = field(init=False)

    def __post_init__(self) -> None:
        self.states = read_states(self.connection)
        prefix = str(read_setting(self.connection, "prefix"))
        self.names = AnimalNames(prefix, self.states, self.path)

    def owned(self, *numbers: int) -> tuple[list[int], list[int], SightingTable]:
        """Positions, owners and the table of what these individuals hold."""
        return read_owned(self.connection, self.path, numbers)


def list_individuals(connection: sqlite3.Connection, path: Path) -> list[Individual]:
    """All individuals by number."""
    place = Workplace(connection, path)
    _, owners, table = read_owned(connection, path)
    media: dict[int, list[str]] = {n: [] for n, s in place.states.items() if s.is_active}
    for owner, sighting in zip(owners, table.sightings, strict=True):
        media[owner].append(sighting.media)
    return [
        Individual(place.names.id_of(n), place.states[n].name, len(seen), len(set(seen)))
        for n, seen in sorted(media.items())
    ]


def listed(told: Sequence[str]) -> str:
    """The first few of what is wrong, for a message."""
    more = f"; and {len(told) - AT_MOST_SHOWN} more" if len(told) > AT_MOST_SHOWN else ""
    return "; ".join(told[:AT_MOST_SHOWN]) + more
