"""What a catalogue answered, as a table that a person looks through, corrects, and hands back."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from individuals.catalogue.identification import Identification
from individuals.sighting_file import short_id
from individuals.sighting_table import SightingTable
from media.cells import read_csv_rows, write_csv
from media.wording import some_problems

GroupedBy = Literal["tracklet", "count"]
COLUMNS = (
    *("animal", "status", "individual", "name", "similarity", "probability", "nearest"),
    *("runner_up", "runner_up_similarity", "reason", "num_sightings", "media", "seconds", "crop"),
    "grouped_by",
)
AT_MOST_SHOWN = 20


def write_identifications(
    path: str | Path,
    sightings: SightingTable,
    answers: Sequence[Identification],
    *,
    names: Mapping[str, str | None],
    grouped_by: GroupedBy,
) -> Path:
    """One row per animal of the footage; without animals there is still a header.

    The column `individual` says where it would go: an id, "new-1" and so on for new animals, nothing for
    uncertain ones. A person may change it, also to a name, and give the table to `read_identifications`.

    Args:
        path: of the .csv file.
        sightings: that were identified.
        answers: from `Catalogue.identify`.
        names: id -> name of the individuals.
        grouped_by: what an animal was: a tracklet, or an individual of a count.
    """
    rows = []
    for answer in answers:
        first = sightings.sightings[answer.rows[0]]
        similar = _rounded(answer.similarity, 4), _rounded(answer.probability, 4)
        next_one = answer.runner_up, _rounded(answer.runner_up_similarity, 4)
        who = answer.status, answer.word, names.get(answer.individual or "")
        where = first.media, _rounded(first.time_seconds, 2), first.crop
        seen = answer.reason, len(answer.rows), *where
        rows.append(
            [short_id(first.key), *who, *similar, answer.nearest, *next_one, *seen, grouped_by]
        )
    return write_csv(path, COLUMNS, rows, for_excel=True)


def read_identifications(
    path: str | Path, sightings: SightingTable, groups: Mapping[str, Sequence[Sequence[int]]]
) -> list[tuple[list[int], str]]:
    """The rows of each animal that is to be added, and the individual that it goes to.

    Args:
        path: what `write_identifications` wrote, perhaps changed by a person.
        sightings: the same as were identified.
        groups: by `grouped_by`, the rows of each animal.
    Returns:
        Pairs of rows and individual, for `Catalogue.add_each`; animals without an individual are left out.
    Raises:
        FileNotFoundError: there is no such file.
        ValueError: columns are missing; animals that are not among the sightings or stand there twice, all in
            one message with their rows.
    """
    rows_of = {
        (name, short_id(sightings.keys[rows[0]])): list(rows)
        for name, all_rows in groups.items()
        for rows in all_rows
    }
    remedy = (
        "Give the table that `fused-encoder catalogue identify --out` wrote, and keep its header."
    )
    needed = ("animal", "individual", "grouped_by")
    _, table = read_csv_rows(path, *needed, remedy=remedy, legacy_encoding="cp1252")
    chosen: dict[tuple[str, str], str] = {}
    problems: list[str] = []
    for number, cells in table:
        animal, individual, by = (cells.get(name, "").strip() for name in needed)
        rows, told = rows_of.get((by, animal)), cells.get("num_sightings", "")
        if rows is None:
            problems.append(f"row {number}: no animal {animal!r} by {by!r}")
        elif told.isdigit() and int(told) != len(rows):
            problems.append(
                f"row {number}: {animal!r} had {told} sightings when it was identified and has "
                f"{len(rows)} now; identify again"
            )
        elif (by, animal) in chosen:
            problems.append(f"row {number}: {animal!r} stands in an earlier row too")
        else:
            chosen[by, animal] = individual
    if problems:
        raise ValueError(
            f"'{path}' does not fit these sightings in {len(problems)} places: "
            f"{some_problems(problems, AT_MOST_SHOWN)}. Give the sightings that were identified, and "
            "leave the columns animal and grouped_by as they are; nothing was added."
        )
    return [(rows_of[animal], individual) for animal, individual in chosen.items() if individual]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
