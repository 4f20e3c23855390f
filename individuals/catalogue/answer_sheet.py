"""What a catalogue answered, as a table that a person looks through, corrects, and hands back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from individuals.catalogue.identification import Identification
from individuals.catalogue.spreadsheet import read_spreadsheet, write_spreadsheet
from individuals.crops import short_id
from individuals.sighting_table import SightingTable

GroupedBy = Literal["tracklet", "count"]
COLUMNS = (
    "animal",
    "status",
    "individual",
    "name",
    "similarity",
    "probability",
    "nearest",
    "runner_up",
    "runner_up_similarity",
    "reason",
    "num_sightings",
    "media",
    "seconds",
    "crop",
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

    Returns:
        The path.
    """
    rows = []
    for answer in answers:
        seen = [sightings.sightings[row] for row in answer.rows]
        start = seen[0].time_seconds
        rows.append(
            [
                short_id(seen[0].key),
                answer.status,
                answer.word or "",
                names.get(answer.individual or "") or "",
                _number(answer.similarity),
                _number(answer.probability),
                answer.nearest or "",
                answer.runner_up or "",
                _number(answer.runner_up_similarity),
                answer.reason,
                str(len(seen)),
                seen[0].media,
                "" if start is None else f"{start:.2f}",
                seen[0].crop or "",
                grouped_by,
            ]
        )
    return write_spreadsheet(path, COLUMNS, rows)


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
    first_rows = {
        (name, short_id(sightings.keys[rows[0]])): list(rows)
        for name, all_rows in groups.items()
        for rows in all_rows
    }
    chosen: dict[tuple[str, str], tuple[list[int], str]] = {}
    problems: list[str] = []
    for number, cells in _rows(path):
        animal = (cells["grouped_by"], cells["animal"])
        individual = cells["individual"].removeprefix("'")
        if animal not in first_rows:
            problems.append(f"row {number}: no animal {animal[1]!r} by {animal[0]!r}")
        elif (told := cells.get("num_sightings", "")).isdigit() and int(told) != len(
            first_rows[animal]
        ):
            problems.append(
                f"row {number}: {animal[1]!r} had {told} sightings when it was identified and has "
                f"{len(first_rows[animal])} now; identify again"
            )
        elif animal in chosen:
            problems.append(f"row {number}: {animal[1]!r} stands in an earlier row too")
        else:
            chosen[animal] = (first_rows[animal], individual)
    if problems:
        more = (
            f"; and {len(problems) - AT_MOST_SHOWN} more" if len(problems) > AT_MOST_SHOWN else ""
        )
        raise ValueError(
            f"'{path}' does not fit these sightings in {len(problems)} places: "
            f"{'; '.join(problems[:AT_MOST_SHOWN])}{more}. Give the sightings that were identified, and "
            "leave the columns animal and grouped_by as they are; nothing was added."
        )
    return [(rows, individual) for rows, individual in chosen.values() if individual]


def _rows(path: str | Path) -> Iterator[tuple[int, dict[str, str]]]:
    remedy = (
        "Give the table that `fused-encoder catalogue identify --out` wrote, and keep its header."
    )
    return read_spreadsheet(path, ("animal", "individual", "grouped_by"), remedy=remedy)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
