"""`Register`: which animal a person means, which names are free, and what each individual holds."""

import re
import sqlite3
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from individuals.catalogue.catalogue_file import Owned, State, read_owned, read_states
from inference.sqlite_file import read_setting

LONGEST_NAME = 200


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


class Register:
    """The individuals of a catalogue, inside one transaction; the path is for messages."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.connection, self.path = connection, path
        self.prefix = str(read_setting(connection, "prefix"))
        self.states = read_states(connection)
        self._number_of = {
            folded(state.name): number
            for number, state in self.states.items()
            if state.is_active and state.name
        }

    def owned(self, *numbers: int) -> Owned:
        """The sightings of these individuals."""
        return read_owned(self.connection, self.path, numbers)

    def individuals(self) -> list[Individual]:
        """All individuals by number."""
        every = read_owned(self.connection, self.path)
        media: dict[int, list[str]] = {n: [] for n, s in self.states.items() if s.is_active}
        for owner, sighting in zip(every.owners, every.table.sightings, strict=True):
            media[owner].append(sighting.media)
        return [
            Individual(self.id_of(n), self.states[n].name, len(seen), len(set(seen)))
            for n, seen in sorted(media.items())
        ]

    def individual(self, text: str) -> Individual:
        """The individual with this id or name; KeyError where there is none (any more)."""
        id_ = self.id_of(self.find(text))
        return next(one for one in self.individuals() if one.id == id_)

    def take(self, number: int, state: State) -> None:
        """Remember a new individual, so that no other gets its name."""
        self.states[number] = state
        if state.name:
            self._number_of[folded(state.name)] = number

    def id_of(self, number: int) -> str:
        """The id of an individual, such as "NYA-0012"."""
        return f"{self.prefix}-{number:04d}"

    def describe(self, number: int) -> str:
        """Id and name for a message."""
        name = self.states[number].name if number in self.states else None
        return f"{self.id_of(number)} ({name})" if name else self.id_of(number)

    def find(self, individual: str) -> int:
        """The number of the individual with this id or name; KeyError where there is none (any more)."""
        number = self.look_up(individual)
        if number is None:
            raise KeyError(
                f"The catalogue {self.path} has no individual {individual!r}. "
                "`fused-encoder catalogue show` lists them."
            )
        return number

    def look_up(self, individual: str) -> int | None:
        """As `find`; None for a name that nobody has. KeyError for an id that is gone or never was."""
        number = self._number(individual)
        if number is None:
            return self._number_of.get(folded(individual))
        state = self.states.get(number)
        if state is None:
            raise KeyError(f"The catalogue {self.path} never had an individual {individual!r}.")
        if not state.is_active:
            into = state.merged_into
            gone = (
                "was deleted or undone" if into is None else f"was merged into {self.id_of(into)}"
            )
            raise KeyError(
                f"{self.id_of(number)} is no longer in the catalogue {self.path}: it {gone}."
            )
        return number

    def check_name(self, name: str | None, but: int | None = None) -> str | None:
        """A name, with its letters in one form, that is free; None stays None.

        Raises:
            ValueError: empty, too long, with control characters, like an id, or another's.
        """
        if name is None:
            return None
        normal = " ".join(unicodedata.normalize("NFC", name).split())
        if not normal or len(normal) > LONGEST_NAME or not normal.isprintable():
            raise ValueError(
                f"A name is 1 to {LONGEST_NAME} printable characters, received {name!r}."
            )
        if self._number(normal) is not None:
            raise ValueError(f"{name!r} looks like an id of this catalogue. Choose another name.")
        other = self.look_up(normal)
        if other is not None and other != but:
            raise ValueError(
                f"{self.id_of(other)} is called {self.states[other].name!r} already. Choose another name, "
                "or merge the two."
            )
        return normal

    def _number(self, text: str) -> int | None:
        head, dash, tail = unicodedata.normalize("NFC", text).strip().rpartition("-")
        is_id = dash and head.casefold() == self.prefix.casefold() and re.fullmatch(r"[0-9]+", tail)
        return int(tail) if is_id else None


def folded(name: str) -> str:
    """The name without what makes no difference: case, blanks, and the form of its letters."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())
