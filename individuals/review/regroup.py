"""Answers come back: contradictions are told, and the footage is counted again with what a person knows."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from individuals.crops import short_id
from individuals.footage import IndividualCount, group_sightings
from individuals.review.review_answers import AT_MOST_SHOWN, Answer, Answers, GivenAnswer
from individuals.sighting_file import CountedSightings, KeyPair
from inference.calibrate.calibration import Calibration

Edge = tuple[int, str]  # the other row, and what ties both


def with_answers(counted: CountedSightings, answers: Answers) -> CountedSightings:
    """The count with the answers among its constraints; labels stay, until `regroup`.

    An answer replaces an earlier one about the same pair.

    Args:
        counted: from `load_sightings`.
        answers: from `read_review_answers`.

    Raises:
        ValueError: answers that contradict each other, earlier ones, or the footage (two animals in one frame
            are two, one tracklet is one), all of them in one message with their rows.
    """
    keys = counted.table.keys
    asked = {frozenset(pair) for kind in _KINDS for pair in answers.key_pairs(kind, keys)}

    def joined(earlier: Sequence[KeyPair], now: Sequence[KeyPair]) -> tuple[KeyPair, ...]:
        kept = [pair for pair in earlier if frozenset(pair) not in asked]
        return tuple(dict.fromkeys([*kept, *now]))

    after = replace(
        counted,
        must_link=joined(counted.must_link, answers.key_pairs("same", keys)),
        cannot_link=joined(counted.cannot_link, answers.key_pairs("different", keys)),
        undecided=joined(counted.undecided, answers.key_pairs("cannot tell", keys)),
    )
    _check(after, answers)
    return after


def regroup(
    counted: CountedSightings, *, calibration: Calibration | None = None
) -> tuple[CountedSightings, IndividualCount]:
    """Count again under what a person said; videos first, then across, as `group_videos` does.

    Args:
        counted: with constraints, from `with_answers`.
        calibration: by which it was counted; None: by the threshold that is kept with the count.

    Returns:
        The sightings with their new labels, and the count.
    """
    count = group_sightings(
        counted.table,
        counted.all_videos,
        threshold=counted.threshold if calibration is None else None,
        calibration=calibration,
        must_link=counted.rows(counted.must_link),
        cannot_link=counted.rows(counted.cannot_link),
    )
    return replace(counted, labels=count.labels), count


_KINDS: tuple[Answer, ...] = ("same", "different", "cannot tell")


def _group_of(groups: Sequence[Sequence[int]]) -> list[int]:
    group_of = {row: group for group, rows in enumerate(groups) for row in rows}
    return [group_of[row] for row in range(len(group_of))]


def _check(counted: CountedSightings, answers: Answers) -> None:
    table = counted.table
    said = {frozenset((given.first, given.second)): given for given in answers.given}
    groups = table.tracklet_groups()
    ties: dict[int, list[Edge]] = {}
    for rows in groups:
        for row in rows[1:]:
            _tie(ties, rows[0], row, "one tracklet")
    for key, other_key in counted.must_link:
        words = _words(said, key, other_key, "same")
        for first, second in counted.rows([(key, other_key)]):
            _tie(ties, first, second, words)
    apart = [
        (rows, f"{table.keys[rows[0]]!r} and {table.keys[rows[1]]!r} were seen together")
        for one, other, rows in table.seen_together(_group_of(groups))
    ]
    apart += [
        (rows, _words(said, *pair, "different"))
        for pair in counted.cannot_link
        for rows in counted.rows([pair])
    ]
    contradictions = [
        f"{words}, but {_said_together(path)}"
        for (first, second), words in apart
        if (path := _path(ties, first, second)) is not None
    ]
    if contradictions:
        num = len(contradictions)
        more = f"; and {num - AT_MOST_SHOWN} more" if num > AT_MOST_SHOWN else ""
        raise ValueError(
            f"The answers contradict each other, or the footage, in {num} places: "
            f"{'; '.join(contradictions[:AT_MOST_SHOWN])}{more}. Change one answer of each and apply them "
            "again; nothing was taken over."
        )


def _tie(ties: dict[int, list[Edge]], first: int, second: int, words: str) -> None:
    ties.setdefault(first, []).append((second, words))
    ties.setdefault(second, []).append((first, words))


def _words(said: dict[frozenset[str], GivenAnswer], key: str, other_key: str, answer: str) -> str:
    given = said.get(frozenset((short_id(key), short_id(other_key))))
    return f"row {given.line} says {answer}" if given else f"an earlier answer says {answer}"


def _path(ties: dict[int, list[Edge]], first: int, second: int) -> list[str] | None:
    """What ties both rows together, step by step; None where nothing does."""
    came: dict[int, tuple[int, str]] = {first: (first, "")}
    waiting = deque([first])
    while waiting and second not in came:
        row = waiting.popleft()
        for other, words in ties.get(row, ()):
            if other not in came:
                came[other] = (row, words)
                waiting.append(other)
    if second not in came:
        return None
    steps: list[str] = []
    row = second
    while row != first:
        row, words = came[row]
        steps.append(words)
    return steps[::-1]


def _said_together(path: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(path)) or "they are one sighting"
