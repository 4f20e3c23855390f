"""The two reviews of the page: pairs of a count's sightings, and detections in recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from individuals.review.log import ReviewEntry, ReviewLog
from individuals.sighting_file import FILE_NAME
from media.cells import csv_text

if TYPE_CHECKING:
    from app.web.heard import HeardFile, HeardFolder
    from individuals.review import ReviewPair
    from individuals.sighting_file import CountedSightings
    from inference import Calibration
    from soundscapes.event_review import SpeciesPrecision
    from soundscapes.events import Event

LOG_NAME = "review_log.jsonl"
PAIR_ANSWERS = ("same", "different", "cannot tell")
EVENT_ANSWERS = ("yes", "no", "another species", "cannot tell")
MOST_PAIRS = 500


@dataclass(frozen=True)
class PairQuestion:
    """A pair of sightings, by its place among the questions."""

    number: int
    key: str
    pair: ReviewPair


class PairReview:
    """Questions about a count, and what a person answered.

    Answers are kept in `review_log.jsonl` of the count's folder. They change nothing by themselves:
    `fused-encoder review apply` counts again with them.

    Args:
        folder: that `count --out` wrote.
    Raises:
        FileNotFoundError: it is none.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / FILE_NAME).is_file():
            raise FileNotFoundError(
                f"There is no {FILE_NAME} in '{folder}'. Expected a folder that `fused-encoder count ... "
                "--out DIR` wrote."
            )
        self.folder, self.log = folder, ReviewLog(folder / LOG_NAME)

    @cached_property
    def counted(self) -> CountedSightings:
        """The count."""
        from individuals import load_sightings

        return load_sightings(self.folder)

    @cached_property
    def calibration(self) -> Calibration | None:
        """By which it was counted; None if by a threshold."""
        from app.count_folder import CALIBRATION_FILE
        from inference import load_calibration

        kept = self.folder / CALIBRATION_FILE
        return load_calibration(kept) if kept.is_file() else None

    @cached_property
    def questions(self) -> list[PairQuestion]:
        """All questions, most useful first."""
        from individuals.review import review_queue
        from individuals.sighting_file import short_id

        keys = self.counted.table.keys
        pairs = review_queue(self.counted, MOST_PAIRS, calibration=self.calibration)
        return [
            PairQuestion(k, f"{short_id(keys[pair.first])}-{short_id(keys[pair.second])}", pair)
            for k, pair in enumerate(pairs)
        ]

    def next(self) -> PairQuestion | None:
        """The most useful question that has no answer."""
        answers = self.log.answers()
        return next((one for one in self.questions if one.key not in answers), None)

    def num_answered(self) -> int:
        """Of the questions."""
        answers = self.log.answers()
        return sum(one.key in answers for one in self.questions)

    def answer(self, key: str, answer: str, by: str) -> None:
        """Write an answer down.

        Raises:
            ValueError: no such answer, or no such question.
        """
        if answer not in PAIR_ANSWERS or key not in {one.key for one in self.questions}:
            raise ValueError("There is no such question or answer. Load the page again.")
        self.log.add(key, answer, by=by)

    def sheet(self) -> str:
        """`review.csv`, filled in, as `fused-encoder review apply` reads it."""
        from individuals.review.sheet import COLUMNS, sheet_rows

        answers = self.log.answers()
        rows = sheet_rows([one.pair for one in self.questions], self.counted.table)
        place = COLUMNS.index("answer")
        for question, row in zip(self.questions, rows, strict=True):
            if question.key in answers:
                row[place] = answers[question.key].answer
        return csv_text(COLUMNS, rows)


class EventReview:
    """Detections that a person looks at, and how precise each species is so far.

    Args:
        heard: what was detected. Answers are kept in `review_log.jsonl` of its folder.
    """

    def __init__(self, heard: HeardFolder) -> None:
        self.heard, self.log = heard, ReviewLog(heard.folder / LOG_NAME)

    @cached_property
    def events(self) -> dict[str, Event]:
        """All detections by their keys."""
        from soundscapes.event_review import event_key

        return {event_key(event): event for event in self.heard.every_event}

    @cached_property
    def files(self) -> dict[str, HeardFile]:
        """The recordings by their names."""
        return {file.file: file for file in self.heard.files}

    def answers(self) -> dict[str, str]:
        """Key -> what was answered."""
        return {key: entry.answer for key, entry in self.log.answers().items()}

    def next(self) -> Event | None:
        """The most useful detection that nobody has looked at."""
        from soundscapes.event_review import next_events

        found = next_events(list(self.events.values()), self.answers())
        return found[0] if found else None

    def precision(self) -> list[SpeciesPrecision]:
        """Of each species, so far."""
        from soundscapes.event_review import species_precision

        return species_precision(list(self.events.values()), self.answers())

    def answer(self, key: str, answer: str, by: str, species: str = "") -> None:
        """Write an answer down; `species` is what it is instead, for "another species".

        Raises:
            ValueError: no such answer or detection; another species that is not named, or the same.
        """
        if answer not in EVENT_ANSWERS or key not in self.events:
            raise ValueError("There is no such detection or answer. Load the page again.")
        details = {}
        if answer == "another species":
            name = " ".join(species.split())
            if not name or name == self.events[key].species or len(name) > 200:
                raise ValueError("Which species is it? Write its name, or answer no.")
            details = {"species": name}
        self.log.add(key, answer, by=by, details=details)

    def table(self) -> str:
        """The decisions that stand, as CSV: which detection, what was said, by whom and when."""
        columns = ("file", "start_seconds", "end_seconds", "species", "score")
        said = ("answer", "another_species", "decided_by", "time")
        rows: list[Sequence[object]] = []
        for key, entry in self.log.answers().items():
            if (event := self.events.get(key)) is None:
                continue
            cells = (event.file, event.start_seconds, event.end_seconds, event.species, event.score)
            other = entry.details.get("species")
            rows.append((*cells, entry.answer, other, entry.by, entry.time))
        return csv_text((*columns, *said), rows)


def latest(log: ReviewLog, num: int = 12) -> list[ReviewEntry]:
    """The last entries, latest first."""
    return log.entries()[-num:][::-1]
