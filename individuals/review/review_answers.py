"""A person's answers: read from whatever a spreadsheet made of the CSV, and turned into constraints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from individuals.catalogue.spreadsheet import read_spreadsheet
from individuals.crops import short_id
from individuals.sighting_file import KeyPair

Answer = Literal["same", "different", "cannot tell"]
MEANINGS: dict[str, Answer] = {
    **dict.fromkeys(
        ("same", "s", "yes", "y", "1", "same animal", "one", "same individual"), "same"
    ),
    **dict.fromkeys(
        ("different", "d", "no", "n", "2", "diff", "different animals", "two", "not the same"),
        "different",
    ),
    **dict.fromkeys(
        (
            "cannot tell",
            "can't tell",
            "cant tell",
            "can not tell",
            "unsure",
            "unknown",
            "?",
            "c",
            "3",
        ),
        "cannot tell",
    ),
}
NEEDED = ("answer", "first", "second")
ID = re.compile(r"s[0-9a-f]{12}")
AT_MOST_SHOWN = 20


@dataclass(frozen=True)
class GivenAnswer:
    """One answered question.

    Args:
        line: its row in the spreadsheet, the header being row 1.
        answer: "same", "different" or "cannot tell".
        first: short id of a sighting.
        second: of the other.
    """

    line: int
    answer: Answer
    first: str
    second: str


@dataclass(frozen=True)
class Answers:
    """What a person answered.

    Args:
        given: the answered questions, in order of the file.
        num_unanswered: int, questions that were left empty.
    """

    given: tuple[GivenAnswer, ...]
    num_unanswered: int = 0

    def of(self, answer: Answer) -> list[GivenAnswer]:
        """Those with this answer."""
        return [given for given in self.given if given.answer == answer]

    def rows(self, answer: Answer, keys: Sequence[str]) -> list[tuple[int, int]]:
        """Pairs of rows with this answer, for `group_individuals(must_link=..., cannot_link=...)`.

        Args:
            answer: "same" for must-links, "different" for cannot-links.
            keys: of the sightings, in whatever order they are grouped now; see `missing`.
        """
        place = {short_id(key): row for row, key in enumerate(keys)}
        return [
            (place[given.first], place[given.second])
            for given in self.of(answer)
            if given.first in place and given.second in place
        ]

    def key_pairs(self, answer: Answer, keys: Sequence[str]) -> list[KeyPair]:
        """As `rows`, by key."""
        return [(keys[a], keys[b]) for a, b in self.rows(answer, keys)]

    def missing(self, keys: Sequence[str]) -> list[GivenAnswer]:
        """Answers about sightings that are not among these, such as of footage that was counted anew."""
        known = {short_id(key) for key in keys}
        return [given for given in self.given if not {given.first, given.second} <= known]


def read_review_answers(path: str | Path) -> Answers:
    """The answers in a filled-in `review.csv`.

    It may have passed through a spreadsheet: semicolons or tabs, a byte order mark, UTF-16 or Windows' own
    encoding, rows in another order, columns moved or added, capitals and blanks. An empty answer is no
    answer. Besides "same", "different" and "cannot tell" are understood: yes, no, s, d, c, 1, 2, 3, ?.

    Args:
        path: of the file.

    Returns:
        `Answers`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: columns are missing; answers that are not understood, damaged ids, questions that are
            answered in two ways, all of them in one message with their rows. Nothing is read then.
    """
    remedy = (
        "Fill in the column 'answer' of the review.csv that `fused-encoder review make` wrote, and keep its "
        "header."
    )
    given: list[GivenAnswer] = []
    problems: list[str] = []
    num_unanswered = 0
    for number, cells in read_spreadsheet(path, NEEDED, remedy=remedy):
        answer, first, second = (cells[name] for name in NEEDED)
        if not answer:
            num_unanswered += 1
            continue
        meaning = MEANINGS.get(_plain(answer))
        if meaning is None:
            problems.append(
                f"row {number}: the answer {answer!r} is not understood (same, different, cannot tell)"
            )
        if wrong := [id_ for id_ in (first, second) if not ID.fullmatch(id_.casefold())]:
            problems.append(f"row {number}: {wrong[0]!r} is not the id of a sighting")
        elif meaning is not None:
            given.append(GivenAnswer(number, meaning, first.casefold(), second.casefold()))
    problems += _answered_in_two_ways(given)
    if problems:
        more = (
            f"; and {len(problems) - AT_MOST_SHOWN} more" if len(problems) > AT_MOST_SHOWN else ""
        )
        raise ValueError(
            f"'{path}' cannot be read in {len(problems)} places: "
            f"{'; '.join(problems[:AT_MOST_SHOWN])}{more}. Mend these rows and apply it again; nothing was "
            "taken over."
        )
    return Answers(tuple(given), num_unanswered)


def _plain(answer: str) -> str:
    text = answer.casefold().replace("\u2019", "'").strip(" .!'\"")
    return " ".join(text.replace("_", " ").replace("-", " ").split())


def _answered_in_two_ways(given: Sequence[GivenAnswer]) -> Iterator[str]:
    seen: dict[frozenset[str], GivenAnswer] = {}
    for answer in given:
        before = seen.setdefault(frozenset((answer.first, answer.second)), answer)
        if before.answer != answer.answer:
            yield f"rows {before.line} and {answer.line}: one pair is {before.answer} and {answer.answer}"
