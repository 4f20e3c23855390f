"""Ids and human names of individuals: which animal a person means, and which names are free."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from individuals.catalogue.records import State

PREFIX = re.compile(r"[^\W\d_][\w-]{0,19}")
LONGEST_NAME = 200


def check_prefix(prefix: str) -> str:
    """What ids begin with.

    Raises:
        ValueError: not up to 20 letters, digits, _ or -, of which a letter comes first.
    """
    normal = unicodedata.normalize("NFC", prefix)
    if not PREFIX.fullmatch(normal):
        raise ValueError(
            "A prefix of ids is up to 20 letters, digits, _ and -, a letter first (such as NYA); received "
            f"{prefix!r}."
        )
    return normal


class AnimalNames:
    """The ids and names of one catalogue at one moment.

    Args:
        prefix: of the ids.
        states: number -> State of all individuals, those that are gone as well.
        path: of the catalogue, for messages.
    """

    def __init__(self, prefix: str, states: dict[int, State], path: Path) -> None:
        self.prefix = prefix
        self.states = states
        self._path = path
        self._number_of = {
            folded(state.name): number
            for number, state in states.items()
            if state.is_active and state.name
        }

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
        """The number of the individual with this id or name.

        Raises:
            KeyError: there is none (any more).
        """
        number = self.look_up(individual)
        if number is None:
            raise KeyError(
                f"The catalogue {self._path} has no individual {individual!r}. "
                "`fused-encoder catalogue show` lists them."
            )
        return number

    def look_up(self, individual: str) -> int | None:
        """The number of the individual with this id or name; None where nobody has it.

        Raises:
            KeyError: an id that was given, but is not in the catalogue any more, or never was.
        """
        number = self._number(individual)
        if number is None:
            return self._number_of.get(folded(individual))
        state = self.states.get(number)
        if state is None:
            raise KeyError(f"The catalogue {self._path} never had an individual {individual!r}.")
        if not state.is_active:
            merged = state.merged_into
            gone = (
                "was deleted or undone"
                if merged is None
                else f"was merged into {self.id_of(merged)}"
            )
            raise KeyError(
                f"{self.id_of(number)} is no longer in the catalogue {self._path}: it {gone}."
            )
        return number

    def check_new(self, name: str, but: int | None = None) -> str:
        """A name, with its letters in one form, that is free.

        Raises:
            ValueError: empty, too long, with control characters, like an id, or another's.
        """
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
