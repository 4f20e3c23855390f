"""The answers of a review go into a count: contradictions are told, and the footage is counted again."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import networkx as nx

from individuals.footage import IndividualCount, group_sightings
from individuals.review.sheet import AT_MOST_SHOWN, Answers
from individuals.sighting_file import CountedSightings, KeyPair, short_id
from inference.calibrate.calibration import Calibration
from media.wording import some_problems


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
    ties = nx.Graph()
    ties.add_nodes_from(range(len(table)))
    for pair in counted.must_link:
        ties.add_edges_from(counted.rows([pair]), told=words(pair, "same"))
    for rows in groups:
        ties.add_edges_from(((rows[0], row) for row in rows[1:]), told="one tracklet")
    apart = [
        (rows, f"{table.keys[rows[0]]!r} and {table.keys[rows[1]]!r} were seen together")
        for *_, rows in table.seen_together(table.group_of(groups))
    ]
    for pair in counted.cannot_link:
        apart += [(rows, words(pair, "different")) for rows in counted.rows([pair])]
    contradictions = []
    for (first, second), told in apart:
        if nx.has_path(ties, first, second):
            path = pairwise(nx.shortest_path(ties, first, second))
            steps = dict.fromkeys(ties.edges[step]["told"] for step in path)
            contradictions.append(f"{told}, but {' and '.join(steps) or 'they are one sighting'}")
    return contradictions
