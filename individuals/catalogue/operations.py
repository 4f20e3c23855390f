"""What can be done to individuals: each operation checks first, then says what it changes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from individuals.catalogue.catalogue_file import (
    Changes,
    State,
    find_keys,
    insert_sightings,
    new_individual,
    read_encoder,
)
from individuals.catalogue.register import Register, folded
from individuals.sighting_table import SightingTable, join_tables
from inference.index.rows import check_same_encoder
from media.wording import some_names, some_problems

SAME_EMBEDDING_TOLERANCE = 1e-5
NO_NAME = re.compile(
    r"|new[\s_-]*\d*", re.IGNORECASE
)  # "new-1" tells new animals apart, and names none


@dataclass(frozen=True)
class Operation:
    """What may be done; `changes` is None where all is so already, and there is nothing to log."""

    name: str
    details: Mapping[str, object]
    changes: Changes | None
    individuals: tuple[str, ...] = ()  # ids of those that it leaves, such as the new one


def add(
    register: Register,
    sightings: SightingTable,
    individuals: Sequence[str | None],
    name: str | None = None,
    *,
    force: bool = False,
) -> Operation:
    """Each row to the individual of this id or name, or to a new one: see `Catalogue.add_each`.

    The operation has the id of each row's individual. Rows that are there already are passed over.
    """
    if not len(sightings):
        raise ValueError("Expected at least one sighting to add, received none.")
    if len(individuals) != len(sightings):
        raise ValueError(
            f"Expected one individual (or None) for each of the {len(sightings)} sightings, received "
            f"{len(individuals)}."
        )
    encoder = read_encoder(register.connection)
    check_same_encoder(sightings.embeddings, encoder, f"The catalogue {register.path}")
    words = [folded(word or "") for word in individuals]
    spelling = dict(zip(reversed(words), (w or "" for w in reversed(individuals)), strict=True))
    number_of = {word: register.look_up(text) for word, text in spelling.items()}
    is_there = _already_there(register, sightings, [number_of[word] for word in words])
    fresh = [row for row, there in enumerate(is_there) if not there]
    unknown = [w for w in dict.fromkeys(words[row] for row in fresh) if number_of[w] is None]
    if name is not None and fresh and len(unknown) != 1:
        raise ValueError(
            f"A name is for one new individual, received sightings for {len(unknown)}. Add them without "
            "a name, and use rename."
        )
    states: dict[int, tuple[State, State]] = {}
    for word in unknown:
        given = spelling[word] if name is None else name
        state = State(None if NO_NAME.fullmatch(given) else register.check_name(given), True)
        number = number_of[word] = new_individual(register.connection)
        states[number] = (State(), state)
        register.take(number, state)
    owners = [number_of[word] or 0 for word in words]
    left = tuple(map(register.id_of, owners))
    if not fresh:
        return Operation("add", {}, None, left)
    added, added_owners = sightings.take(fresh), [owners[row] for row in fresh]
    if not force:
        _refuse_together(register, added, added_owners, set(states))
    positions = insert_sightings(register.connection, added)
    moved = {p: (None, owner) for p, owner in zip(positions, added_owners, strict=True)}
    ids = [register.id_of(owner) for owner in added_owners]
    details = {
        "num_sightings": {id_: ids.count(id_) for id_ in dict.fromkeys(ids)},
        "new": list(map(register.id_of, states)),
        "forced": force,
    }
    return Operation("add", details, Changes(states, moved), left)


def rename(register: Register, individual: str, name: str | None) -> Operation:
    """Another human name, or none; the id stays."""
    number = register.find(individual)
    before = register.states[number]
    after = before._replace(name=register.check_name(name, but=number))
    id_ = register.id_of(number)
    details = {"individual": id_, "before": before.name, "after": after.name}
    return Operation("rename", details, Changes({number: (before, after)}), (id_,))


def merge(
    register: Register, kept: str, others: Sequence[str], *, force: bool = False
) -> Operation:
    """Others turn out to be `kept`: their sightings become its own, their ids are given up for good."""
    numbers = [register.find(individual) for individual in (kept, *others)]
    if len(numbers) < 2 or len(set(numbers)) < len(numbers):
        raise ValueError(
            f"Merging needs two or more different individuals, received {some_names([kept, *others])}."
        )
    found = register.owned(*numbers)
    together = [
        f"{register.describe(one)} and {register.describe(other)}: "
        f"{found.table.keys[a]!r} and {found.table.keys[b]!r}"
        for one, other, (a, b) in found.table.seen_together(found.owners)
        if one != other
    ]
    if together and not force:
        raise ValueError(
            f"These were seen together, so they are different animals: {some_problems(together)}. Split off "
            "the wrong sightings first, or merge with force if the footage is wrong (a mirror, a doubled "
            "box)."
        )
    into, states = numbers[0], register.states
    changed = {n: (states[n], State(None, False, into)) for n in numbers[1:]}
    only_name = next((states[n].name for n in numbers if states[n].name), None)
    if only_name != states[into].name:
        changed[into] = (states[into], states[into]._replace(name=only_name))
    rows = zip(found.positions, found.owners, strict=True)
    details = {
        "kept": register.id_of(into),
        "merged": list(map(register.id_of, numbers[1:])),
        "seen_together": together,
        "forced": force,
    }
    changes = Changes(changed, {p: (owner, into) for p, owner in rows if owner != into})
    return Operation("merge", details, changes, (register.id_of(into),))


def split(
    register: Register, individual: str, keys: Sequence[str], name: str | None = None
) -> Operation:
    """Some sightings turn out to show another animal: they become a new individual."""
    number = register.find(individual)
    found = register.owned(number)
    position_of = dict(zip(found.table.keys, found.positions, strict=True))
    chosen = sorted(set(keys))
    if wrong := [key for key in chosen if key not in position_of]:
        raise ValueError(
            f"{register.describe(number)} has no sightings {some_names(wrong, 10)}. "
            "`fused-encoder catalogue show CATALOGUE ID` lists its sightings."
        )
    if len(chosen) in (0, len(position_of)):
        raise ValueError(
            f"A split takes some, not {'all' if chosen else 'none'}, of the {len(position_of)} sightings of "
            f"{register.describe(number)}."
        )
    state = State(register.check_name(name), True)
    new = new_individual(register.connection)
    moved = {position_of[key]: (number, new) for key in chosen}
    old_id, new_id = register.id_of(number), register.id_of(new)
    details = {"individual": old_id, "new": new_id, "sightings": chosen}
    return Operation("split", details, Changes({new: (State(), state)}, moved), (new_id,))


def delete(register: Register, individual: str) -> Operation:
    """An individual and its sightings leave the catalogue; the file keeps them, so that it can be undone."""
    number = register.find(individual)
    positions = register.owned(number).positions
    before, id_ = register.states[number], register.id_of(number)
    details = {"individual": id_, "name": before.name, "num_sightings": len(positions)}
    changes = Changes({number: (before, State())}, dict.fromkeys(positions, (number, None)))
    return Operation("delete", details, changes, (id_,))


def _already_there(
    register: Register, sightings: SightingTable, wanted: Sequence[int | None]
) -> list[bool]:
    """Which rows are in the catalogue already, as the same sighting of the same individual."""
    owner_of = find_keys(register.connection, sightings.keys)
    stored = register.owned(*set(owner_of.values())).table
    vector_of = dict(zip(stored.keys, np.asarray(stored.embeddings), strict=True))
    wrong = []
    for key, vector, individual in zip(
        sightings.keys, np.asarray(sightings.embeddings), wanted, strict=True
    ):
        if key in owner_of and owner_of[key] != individual:
            wrong.append(f"{key!r} is of {register.describe(owner_of[key])}")
        elif key in owner_of and np.abs(vector_of[key] - vector).max() > SAME_EMBEDDING_TOLERANCE:
            wrong.append(f"{key!r} has another embedding there")
    if wrong:
        raise ValueError(
            f"{len(wrong)} of these sightings are in the catalogue {register.path} already: "
            f"{some_problems(wrong)}. Nothing was added. To give a sighting to another individual, split it "
            "off and merge."
        )
    return [key in owner_of for key in sightings.keys]


def _refuse_together(
    register: Register, added: SightingTable, owners: Sequence[int], new: set[int]
) -> None:
    """Two sightings that were in view together cannot be of one individual."""
    stored = register.owned(*(set(owners) - new))
    table = join_tables([added, stored.table])
    wrong = [
        f"{table.keys[a]!r} and {table.keys[b]!r} for "
        f"{'one new individual' if one in new else register.describe(one)}"
        for one, other, (a, b) in table.seen_together([*owners, *stored.owners])
        if one == other and min(a, b) < len(added)
    ]
    if wrong:
        raise ValueError(
            f"Sightings that were seen together are different animals: {some_problems(wrong)}. Nothing was "
            "added. Give them to different individuals, or add with force if the footage is wrong."
        )
