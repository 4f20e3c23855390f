"""The answers of a review go into a count: contradictions are told, and the footage is counted again."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from individuals.crop_files import short_id
from individuals.footage import IndividualCount, group_sightings
from individuals.review.sheet import AT_MOST_SHOWN, Answers
from individuals.sighting_file import CountedSightings, KeyPair
from inference.calibrate.calibration import Calibration
from media.wording import some_problems

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
    same, different, undecided = (
        answers.key_pairs(answer, keys) for answer in ("same", "different", "cannot tell")
    )
    asked = {frozenset(pair) for pair in (*same, *different, *undecided)}

    def joined(earlier: Sequence[KeyPair], now: Sequence[KeyPair]) -> tuple[KeyPair, ...]:
        kept = [pair for pair in earlier if frozenset(pair) not in asked]
        return tuple(dict.fromkeys([*kept, *now]))

    after = replace(
        counted,
        must_link=joined(counted.must_link, same),
        cannot_link=joined(counted.cannot_link, different),
        undecided=joined(counted.undecided, undecided),
    )
    if contradictions := _contradictions(after, answers):
        raise ValueError(
            f"The answers contradict each other, or the footage, in {len(contradictions)} places: "
            f"{some_problems(contradictions, AT_MOST_SHOWN)}. Change one answer of each and apply them "
            "again; no answer was used."
        )
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


def _contradictions(counted: CountedSightings, answers: Answers) -> list[str]:
    table = counted.table
    line_of = {frozenset((given.first, given.second)): given.line for given in answers.given}

    def words(pair: KeyPair, answer: str) -> str:
        line = line_of.get(frozenset(map(short_id, pair)))
        return f"row {line} says {answer}" if line else f"an earlier answer says {answer}"

    groups = table.tracklet_groups()
    ties = [(rows[0], row, "one tracklet") for rows in groups for row in rows[1:]]
    for pair in counted.must_link:
        ties += [(*rows, words(pair, "same")) for rows in counted.rows([pair])]
    edges: dict[int, list[Edge]] = {}
    for first, second, told in ties:
        edges.setdefault(first, []).append((second, told))
        edges.setdefault(second, []).append((first, told))
    apart = [
        (rows, f"{table.keys[rows[0]]!r} and {table.keys[rows[1]]!r} were seen together")
        for *_, rows in table.seen_together(table.group_of(groups))
    ]
    for pair in counted.cannot_link:
        apart += [(rows, words(pair, "different")) for rows in counted.rows([pair])]
    return [
        f"{told}, but {' and '.join(dict.fromkeys(path)) or 'they are one sighting'}"
        for (first, second), told in apart
        if (path := _path(edges, first, second)) is not None
    ]


def _path(edges: dict[int, list[Edge]], first: int, second: int) -> list[str] | None:
    """What ties both rows together, step by step; None where nothing does."""
    told: dict[int, list[str]] = {first: []}
    waiting = deque([first])
    while waiting and second not in told:
        row = waiting.popleft()
        for other, words in edges.get(row, ()):
            if other not in told:
                told[other] = [*told[row], words]
                waiting.append(other)
    return told.get(second)
