"""The questions of a review as a CSV file: written to be filled in, and read with a person's answers."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from individuals.review.queue import ReviewPair
from individuals.sighting_file import KeyPair, copy_crop, short_id
from individuals.sighting_table import SightingTable
from media.cells import read_csv_rows, write_csv
from media.wording import some_problems

Answer = Literal["same", "different", "cannot tell"]
WORDS: dict[Answer, str] = {
    "same": "same|s|yes|y|1|same animal|one|same individual",
    "different": "different|d|no|n|2|diff|different animals|two|not the same",
    "cannot tell": "cannot tell|can't tell|cant tell|can not tell|unsure|unknown|?|c|3",
}
MEANINGS = {word: answer for answer, words in WORDS.items() for word in words.split("|")}
ID = re.compile(r"s[0-9a-f]{12}")
AT_MOST_SHOWN = 20
CSV_NAME = "review.csv"
SIDE_COLUMNS = ("media", "seconds", "crop")
COLUMNS = (
    *("pair", "answer", "first", "second"),
    *(f"{side}_{column}" for side in ("first", "second") for column in SIDE_COLUMNS),
    *("individuals_now", "similarity", "probability", "reason", "first_key", "second_key"),
)


def write_review_sheet(
    folder: str | Path,
    pairs: Sequence[ReviewPair],
    table: SightingTable,
    *,
    crops: str | Path | None = None,
) -> Path:
    """Writes `review.csv`: a row for each question, with an empty column `answer`.

    A person fills in same, different or cannot tell, and `read_review_answers` reads it again.

    Args:
        folder: where; made if it is not there. An earlier sheet is replaced, if it has no answers.
        pairs: from `review_queue`.
        table: the sightings that they are of.
        crops: the folder that the sightings' crops are relative to; the crops of the questions are copied
            to `folder` if it is another. Default: `folder`.
    Raises:
        FileExistsError: `review.csv` there holds answers.
        ValueError: the path of a crop leads out of its folder.
    """
    path = Path(folder) / CSV_NAME
    _refuse_answered(path)
    if crops is not None:
        for row in {row for pair in pairs for row in pair.rows}:
            copy_crop(table.sightings[row], crops, folder)
    return write_csv(path, COLUMNS, sheet_rows(pairs, table), for_excel=True)


def sheet_rows(pairs: Sequence[ReviewPair], table: SightingTable) -> list[list[str]]:
    """The cells of `COLUMNS` for each question."""
    return [_row(number, pair, table) for number, pair in enumerate(pairs, 1)]


def _row(number: int, pair: ReviewPair, table: SightingTable) -> list[str]:
    sides = [table.sightings[row] for row in (pair.first, pair.second)]
    shown = []
    for side in sides:
        seconds = "" if side.time_seconds is None else f"{side.time_seconds:.2f}"
        shown += [printable(side.media), seconds, side.crop or ""]
    return [
        str(number),
        "",
        *(short_id(s.key) for s in sides),
        *shown,
        " and ".join(f"#{label}" for label in dict.fromkeys(pair.individuals)),
        f"{pair.similarity:.3f}",
        f"{pair.probability:.3f}",
        pair.reason,
        *(s.key for s in sides),
    ]


def printable(text: str) -> str:
    """The text with what is no character (names of files in a damaged encoding) written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _refuse_answered(path: Path) -> None:
    if not path.is_file():
        return
    try:
        _, rows = read_csv_rows(path, *COLUMNS)
        is_answered = any(cells.get("answer") for _, cells in rows)
    except ValueError:
        is_answered = True  # changed by another program: leave it alone as well
    if is_answered:
        raise FileExistsError(
            f"'{path}' holds answers, or was changed by another program; it is left as it is. Apply the "
            "answers first (`fused-encoder review apply`), or move the file away."
        )


class GivenAnswer(NamedTuple):
    """One answered question: of two sightings, by their short ids."""

    line: int  # its row in the spreadsheet, the header being row 1
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
            keys: of the sightings, in the order in which they are grouped now. Answers about other sightings
                are left out; `missing` lists them.
        """
        row_of = {short_id(key): row for row, key in enumerate(keys)}
        return [
            (row_of[given.first], row_of[given.second])
            for given in self.of(answer)
            if given.first in row_of and given.second in row_of
        ]

    def key_pairs(self, answer: Answer, keys: Sequence[str]) -> list[KeyPair]:
        """As `rows`, by key."""
        return [(keys[a], keys[b]) for a, b in self.rows(answer, keys)]

    def missing(self, keys: Sequence[str]) -> list[GivenAnswer]:
        """Answers about sightings that are not among these."""
        known = {short_id(key) for key in keys}
        return [given for given in self.given if not {given.first, given.second} <= known]


def read_review_answers(path: str | Path) -> Answers:
    """The answers in a filled-in `review.csv`, also after a spreadsheet has saved it.

    Rows and columns may be in another order, and more columns be there. Besides "same", "different" and
    "cannot tell", short forms are understood: yes, no, s, d, c, 1, 2, 3, ?. An empty answer is no answer.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: columns are missing; answers that are not understood, damaged ids, or questions with two
            different answers: all in one message with their rows. Nothing is read then.
    """
    remedy = (
        "Fill in the column 'answer' of the review.csv that `fused-encoder review make` wrote, and keep its "
        "header."
    )
    _, rows = read_csv_rows(
        path, "answer", "first", "second", remedy=remedy, legacy_encoding="cp1252"
    )
    given: list[GivenAnswer] = []
    problems: list[str] = []
    num_unanswered = 0
    for number, cells in rows:
        answer, *ids = (cells.get(name, "").strip() for name in ("answer", "first", "second"))
        first, second = (id_.casefold() for id_ in ids)
        meaning = MEANINGS.get(_plain(answer))
        wrong = [id_ for id_ in ids if not ID.fullmatch(id_.casefold())]
        if not answer:
            num_unanswered += 1
        elif wrong:
            problems.append(f"row {number}: {wrong[0]!r} is not the id of a sighting")
        elif meaning is None:
            problems.append(
                f"row {number}: the answer {answer!r} is not understood (same, different, cannot tell)"
            )
        else:
            given.append(GivenAnswer(number, meaning, first, second))
    problems += _answered_in_two_ways(given)
    if problems:
        raise ValueError(
            f"'{path}' cannot be read in {len(problems)} places: {some_problems(problems, AT_MOST_SHOWN)}. "
            "Correct these rows and apply the file again; no answer was used."
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
