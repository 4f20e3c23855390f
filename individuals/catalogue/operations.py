"""What can be done to individuals: each operation checks first, then says what it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from individuals.catalogue.records import Changes, State
from individuals.catalogue.rows import new_individual
from individuals.catalogue.workplace import AT_MOST_SHOWN, Operation, Workplace, listed
from inference.index.rows import quoted


def rename(place: Workplace, individual: str, name: str | None) -> Operation:
    """Another human name, or none; the id stays."""
    number = place.names.find(individual)
    before = place.states[number]
    checked = None if name is None else place.names.check_new(name, but=number)
    details = {"individual": place.names.id_of(number), "before": before.name, "after": checked}
    changes = Changes({number: (before, replace(before, name=checked))})
    return Operation("rename", details, changes, (place.names.id_of(number),))


def merge(place: Workplace, kept: str, others: Sequence[str], *, force: bool = False) -> Operation:
    """Others turn out to be `kept`: their sightings become its own, their ids are given up for good."""
    numbers = [place.names.find(individual) for individual in (kept, *others)]
    if len(numbers) < 2 or len(set(numbers)) < len(numbers):
        raise ValueError(
            f"Merging needs two or more different individuals, received {quoted([kept, *others])}."
        )
    positions, owners, table = place.owned(*numbers)
    together = [
        f"{place.names.describe(owners[a])} and {place.names.describe(owners[b])}: "
        f"{table.keys[a]!r} and {table.keys[b]!r}"
        for one, other, (a, b) in table.seen_together(owners)
        if one != other
    ]
    if together and not force:
        raise ValueError(
            f"These were seen together, so they are different animals: {listed(together)}. Split off the "
            "wrong sightings first, or merge with force if the footage is wrong (a mirror, a doubled box)."
        )
    into = numbers[0]
    kept_name = next((place.states[n].name for n in numbers if place.states[n].name), None)
    states = {n: (place.states[n], State(None, False, into)) for n in numbers[1:]}
    if kept_name != place.states[into].name:  # the only name there is
        states[into] = (place.states[into], replace(place.states[into], name=kept_name))
    moved = {p: (o, into) for p, o in zip(positions, owners, strict=True) if o != into}
    details = {
        "kept": place.names.id_of(into),
        "merged": [place.names.id_of(number) for number in numbers[1:]],
        "seen_together": together,
        "forced": force,
    }
    return Operation("merge", details, Changes(states, moved), (place.names.id_of(into),))


def split(
    place: Workplace, individual: str, keys: Sequence[str], name: str | None = None
) -> Operation:
    """Some sightings turn out to show another animal: they become a new individual."""
    number = place.names.find(individual)
    positions, _, table = place.owned(number)
    position_of = dict(zip(table.keys, positions, strict=True))
    wrong = [key for key in dict.fromkeys(keys) if key not in position_of]
    if wrong:
        raise ValueError(
            f"{place.names.describe(number)} has no sightings {quoted(wrong, AT_MOST_SHOWN)}. "
            "`fused-encoder catalogue show CATALOGUE ID` lists its sightings."
        )
    if not keys or len(set(keys)) == len(positions):
        raise ValueError(
            f"A split takes some, not {'all' if keys else 'none'}, of the {len(positions)} sightings of "
            f"{place.names.describe(number)}."
        )
    checked = None if name is None else place.names.check_new(name)
    new = new_individual(place.connection)
    changes = Changes(
        {new: (State(), State(checked, True))}, {position_of[key]: (number, new) for key in keys}
    )
    ids = (place.names.id_of(number), place.names.id_of(new))
    details = {"individual": ids[0], "new": ids[1], "sightings": sorted(set(keys))}
    return Operation("split", details, changes, (ids[1],))


def delete(place: Workplace, individual: str) -> Operation:
    """An individual and its sightings leave the catalogue; the file keeps them, so that it can be undone."""
    number = place.names.find(individual)
    positions, _, _ = place.owned(number)
    before = place.states[number]
    changes = Changes({number: (before, State())}, dict.fromkeys(positions, (number, None)))
    details = {
        "individual": place.names.id_of(number),
        "name": before.name,
        "num_sightings": len(positions),
    }
    return Operation("delete", details, changes, (place.names.id_of(number),))
