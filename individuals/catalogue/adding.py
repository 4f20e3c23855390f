"""Sightings come into a catalogue: of individuals that it knows, or of new ones."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from individuals.catalogue.names import folded
from individuals.catalogue.records import Changes, Setting, State
from individuals.catalogue.rows import find_keys, insert_sightings, new_individual, read_encoder
from individuals.catalogue.workplace import Operation, Workplace, listed
from individuals.sighting_table import SightingTable, join_tables
from inference.index.checks import check_same_encoder

SAME_EMBEDDING_TOLERANCE = 1e-5
NO_NAME = re.compile(
    r"|new[\s_-]*\d*", re.IGNORECASE
)  # "new-1" tells new animals apart, and names none


def add(
    place: Workplace,
    sightings: SightingTable,
    individuals: Sequence[str | None],
    name: str | None = None,
    *,
    force: bool = False,
) -> Operation:
    """Each row to an individual that is known by id or name, or to a new one.

    Args:
        place: the transaction.
        sightings: to add; those that are there already, of the same individual, are passed over.
        individuals: per row an id, a name, or a word such as "new-1": rows of one word that is neither become
            one new individual, called so unless the word is "new" with a number. None is one new individual
            for all rows of None.
        name: of the new individual, if there is just one.
        force: whether sightings that were seen together may be of one individual.

    Returns:
        Operation, with the id of each row's individual.
    """
    if not len(sightings):
        raise ValueError("Expected at least one sighting to add, received none.")
    settings = _adopt(place, sightings)
    spelling, wanted = _resolve(place, sightings, individuals)
    is_there = _already_there(place, sightings, wanted)
    fresh = [row for row in range(len(sightings)) if not is_there[row]]
    words = list(dict.fromkeys(w for w in (wanted[row] for row in fresh) if isinstance(w, str)))
    if name is not None and fresh and len(words) != 1:
        raise ValueError(
            f"A name is for one new individual, received sightings for {len(words)}. Add them without "
            "a name, and use rename."
        )
    states: dict[int, tuple[State, State]] = {}
    numbers: dict[str, int] = {}
    for word in words:
        given = name if name is not None else spelling[word]
        checked = None if NO_NAME.fullmatch(given) else place.names.check_new(given)
        numbers[word] = new_individual(place.connection)
        states[numbers[word]] = (State(), State(checked, True))
        place.names.take(numbers[word], State(checked, True))
    owners = [numbers.get(w, 0) if isinstance(w, str) else w for w in wanted]
    added, added_owners = sightings.take(fresh), [owners[row] for row in fresh]
    if fresh and not force:
        _refuse_together(place, added, added_owners, set(numbers.values()))
    left = tuple(place.names.id_of(owner) for owner in owners)
    if not fresh:
        return Operation("add", {}, None, left)
    positions = insert_sightings(place.connection, added)
    moved = {p: (None, owner) for p, owner in zip(positions, added_owners, strict=True)}
    ids = [place.names.id_of(owner) for owner in added_owners]
    details = {
        "num_sightings": {id_: ids.count(id_) for id_ in dict.fromkeys(ids)},
        "new": [place.names.id_of(number) for number in numbers.values()],
        "forced": force,
    }
    return Operation("add", details, Changes(states, moved, settings), left)


def _adopt(place: Workplace, sightings: SightingTable) -> dict[str, tuple[Setting, Setting]]:
    """The settings that the first sightings bring; refuses those of another encoder."""
    encoder = read_encoder(place.connection)
    check_same_encoder(sightings.embeddings, encoder, f"The catalogue {place.path}")
    settings: dict[str, tuple[Setting, Setting]] = {}
    if encoder.fingerprint is None and sightings.embeddings.fingerprint:
        settings["fingerprint"] = (None, sightings.embeddings.fingerprint)
    if encoder.embedding_size is None:
        settings["embedding_size"] = (None, sightings.embeddings.shape[1])
    return settings


def _resolve(
    place: Workplace, sightings: SightingTable, individuals: Sequence[str | None]
) -> tuple[dict[str, str], list[int | str]]:
    """How each word for a new individual is spelled; and per row the number of a known one, or its word."""
    if len(individuals) != len(sightings):
        raise ValueError(
            f"Expected one individual (or None) for each of the {len(sightings)} sightings, received "
            f"{len(individuals)}."
        )
    given = {word: word or "" for word in individuals}
    known = {word: place.names.look_up(text) for word, text in given.items()}
    spelling: dict[str, str] = {}
    for word, text in given.items():
        if known[word] is None:
            spelling.setdefault(folded(text), text)
    return spelling, [
        folded(given[word]) if (number := known[word]) is None else number for word in individuals
    ]


def _already_there(
    place: Workplace, sightings: SightingTable, wanted: Sequence[int | str]
) -> list[bool]:
    """Which rows are in the catalogue already, as the same sighting of the same individual."""
    there = find_keys(place.connection, sightings.keys)
    _, _, stored = place.owned(*{owner for _, owner in there.values()})
    vector_of = dict(zip(stored.keys, np.asarray(stored.embeddings), strict=True))
    wrong = []
    for key, vector, individual in zip(
        sightings.keys, np.asarray(sightings.embeddings), wanted, strict=True
    ):
        if key in there and there[key][1] != individual:
            wrong.append(f"{key!r} is of {place.names.describe(there[key][1])}")
        elif key in there and np.abs(vector_of[key] - vector).max() > SAME_EMBEDDING_TOLERANCE:
            wrong.append(f"{key!r} has another embedding there")
    if wrong:
        raise ValueError(
            f"{len(wrong)} of these sightings are in the catalogue {place.path} already: {listed(wrong)}. "
            "Nothing was added. To give a sighting to another individual, split it off and merge."
        )
    return [key in there for key in sightings.keys]


def _refuse_together(
    place: Workplace, added: SightingTable, owners: Sequence[int], new: set[int]
) -> None:
    """Two sightings that were in view together cannot be of one individual."""
    _, stored_owners, stored = place.owned(*(set(owners) - new))
    table = join_tables([added, stored])
    wrong = [
        f"{table.keys[a]!r} and {table.keys[b]!r} for "
        f"{'one new individual' if one in new else place.names.describe(one)}"
        for one, other, (a, b) in table.seen_together([*owners, *stored_owners])
        if one == other and min(a, b) < len(added)
    ]
    if wrong:
        raise ValueError(
            f"Sightings that were seen together are different animals: {listed(wrong)}. Nothing was added. "
            "Give them to different individuals, or add with force if the footage is wrong."
        )
