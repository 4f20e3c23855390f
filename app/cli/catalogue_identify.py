"""`fused-encoder catalogue identify` and `add`: new sightings meet the known individuals."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.options import add_detections, choice, photo_boxes, switch, value
from app.cli.outcome import import_tensorflow_quietly, outcome, table

if TYPE_CHECKING:
    from app.cli.sighting_inputs import SightingInputs
    from individuals import Catalogue
    from individuals.catalogue import Decision, Identification, Thresholds
    from inference import Calibration


def add_identify(parser: argparse.ArgumentParser) -> None:
    """The options of `identify`."""
    _add_inputs(parser)
    certified = parser.add_argument_group("certified thresholds")
    kept = "of the encoder: a calibration.json, or the folder of an encoder that holds one"
    value(certified, "--calibration", str, "PATH", f"{kept} (default: that of --encoder)")
    false_match = "maximum false-match rate for unknown animals"
    value(certified, "--false-match-rate", 0.01, "P", false_match)
    value(certified, "--miss-rate", 0.05, "P", "maximum share of known animals called new")
    plain = parser.add_argument_group("plain thresholds (both)")
    value(plain, "--known-above", float, "S", "similarity of a known one")
    value(plain, "--new-below", float, "S", "similarity of a new one")
    margin = (
        "by which the best individual must beat the next: of log-odds (default: 2.3, ten times as "
        "likely), of similarity with plain thresholds (default: 0.05)"
    )
    value(parser, "--margin", float, "M", margin)
    value(parser, "--out", str, "FILE.csv", "where the answers go, for you to check")
    switch(parser, "--accept", "add known and new animals at once, unchecked")


def add_add(parser: argparse.ArgumentParser) -> None:
    """The options of `add`."""
    _add_inputs(parser)
    where = parser.add_mutually_exclusive_group(required=True)
    value(where, "--to", str, "INDIVIDUAL", "all of them show this one: id or name")
    switch(where, "--as-new", "all of them show one new animal")
    switch(where, "--by-folder", "each folder holds one individual of its name")
    value(where, "--answers", str, "FILE.csv", "of `identify --out`, checked")
    value(parser, "--name", str, None, "with --as-new: the animal's name")
    add_force(parser)


def add_force(parser: argparse.ArgumentParser) -> None:
    """`--force`."""
    switch(parser, "--force", "even if two sightings were seen together")


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    given = "folder of `count --out`, FILE.npz of `embed`, or photos and recordings with --encoder"
    value(parser, "inputs", str, "INPUT", given, nargs="+")
    value(parser, "--encoder", str, "DIR", "that embeds photos and recordings")
    add_detections(parser)
    animal = "what is one animal: an individual of the count, or each tracklet"
    choice(parser, "--by", ("count", "tracklet"), animal)


def identify(catalogue: Catalogue, options: argparse.Namespace) -> int:
    """Answers for each animal: known, new or uncertain."""
    from individuals.catalogue import Decision, write_identifications

    calibration = _calibration(options)  # before slow work begins
    given = _read_inputs(options)
    thresholds = _thresholds(options, calibration, catalogue, given)
    answers = catalogue.identify(given.table, thresholds, groups=given.groups(options.by))
    names = {individual.id: individual.name for individual in catalogue.individuals()}
    print(_answer_table(given, answers, names))
    num = Counter(answer.status for answer in answers)
    print(f"{num['known']} known, {num['new']} new, {num['uncertain']} uncertain.")
    if options.out:
        write_identifications(options.out, given.table, answers, names=names, grouped_by=options.by)
        print(f"Look through '{options.out}', then `catalogue add ... --answers {options.out}`.")
    if options.accept:
        decision = Decision(options.who or "automatic", thresholds.to_dict())
        ids = [id_ for id_ in catalogue.accept(given.table, answers, decision=decision) if id_]
        print(f"Added {len(ids)} animals to {len(set(ids))} individuals.")
    return outcome(given.skipped)


def add(catalogue: Catalogue, options: argparse.Namespace) -> int:
    """Adds sightings as the options or checked answers say."""
    if options.name and not options.as_new:
        raise ValueError("--name goes with --as-new.")
    given = _read_inputs(options)
    if options.answers:
        from individuals.catalogue import read_identifications

        groups = {by: given.groups(by) for by in ("count", "tracklet")}
        chosen: list[tuple[int, str | None]] = [
            (row, individual)
            for rows, individual in read_identifications(options.answers, given.table, groups)
            for row in rows
        ]
    else:
        chosen = list(enumerate(_words(given, options)))
    if not chosen:
        print("Nothing to add.")
        return outcome(given.skipped)
    rows = [row for row, _ in chosen]
    known = {individual.id for individual in catalogue.individuals()}
    ids = catalogue.add_each(
        given.table.take(rows),
        [word for _, word in chosen],
        name=options.name,
        decision=decision_of(options),
        force=options.force,
    )
    new = set(ids) - known
    print(f"{len(ids)} sightings of {len(set(ids))} individuals, {len(new)} of them new.")
    return outcome(given.skipped)


def decision_of(options: argparse.Namespace) -> Decision:
    """Who decided, for the log."""
    from individuals.catalogue import Decision

    return Decision(options.who or "person")


def _read_inputs(options: argparse.Namespace) -> SightingInputs:
    boxes = photo_boxes(options)
    if options.encoder:
        import_tensorflow_quietly()
    from app.cli.sighting_inputs import read_inputs

    return read_inputs(options.inputs, options.encoder, boxes)


def _calibration(options: argparse.Namespace) -> Calibration | None:
    """The calibration that is to decide; None where plain thresholds are."""
    from inference import load_calibration
    from inference.calibrate.calibration import CALIBRATION_FILE

    plain = [options.known_above, options.new_below]
    if None not in plain:
        if options.calibration:
            raise ValueError("--calibration and plain thresholds exclude each other.")
        return None
    path = options.calibration or options.encoder
    if path is None or plain != [None, None]:
        raise ValueError(
            "Expected --known-above and --new-below, or --calibration PATH, to say who is known and who "
            "is new."
        )
    file = Path(path) / "assets" / CALIBRATION_FILE if Path(path).is_dir() else Path(path)
    if not file.is_file():
        raise FileNotFoundError(
            f"There is no calibration in '{path}'. Make one with `fused-encoder calibrate`, or choose "
            "--known-above and --new-below."
        )
    return load_calibration(file)


def _thresholds(
    options: argparse.Namespace,
    calibration: Calibration | None,
    catalogue: Catalogue,
    given: SightingInputs,
) -> Thresholds:
    from app.catalogue_thresholds import certified_thresholds
    from individuals.catalogue import Thresholds

    margin = {} if options.margin is None else {"margin": options.margin}
    if calibration is None:
        return Thresholds.plain(
            known_above=options.known_above, new_below=options.new_below, **margin
        )
    thresholds = certified_thresholds(
        catalogue,
        calibration,
        {sighting.modality for sighting in given.table.sightings},
        false_match_rate=options.false_match_rate,
        miss_rate=options.miss_rate,
        margin=options.margin,
    )
    for pattern, values in thresholds.patterns.items():
        print(
            f"{pattern}: known above {values.known_above:.3f} (false matches at most "
            f"{options.false_match_rate:.1%}), new below {values.new_below:.3f} (known ones called new at "
            f"most {options.miss_rate:.1%})"
        )
    print(_holds_for(thresholds, len(catalogue.individuals())))
    return thresholds


def _holds_for(thresholds: Thresholds, num_known: int) -> str:
    """For which catalogues the certified rates hold."""
    num = thresholds.num_gallery or 0
    beyond = (
        f" This one has {num_known}: a larger one is easier to be mistaken for, so unknown animals may be "
        "matched more often than that. Calibrate with more individuals."
        if num_known > num
        else f" This one has {num_known}."
    )
    together = (
        " All kinds of pairs together keep that rate." if len(thresholds.patterns) > 1 else ""
    )
    return (
        f"The rate of false matches holds for catalogues of up to {num} individuals that are like those of "
        f"the calibration (its galleries were redrawn ten times).{together}{beyond}"
    )


def _answer_table(
    given: SightingInputs, answers: Sequence[Identification], names: dict[str, str | None]
) -> str:
    rows = [
        (
            given.table.sightings[answer.rows[0]].key,
            len(answer.rows),
            answer.status,
            answer.word or (f"{answer.nearest}?" if answer.nearest else ""),  # whom to look at
            names.get(answer.individual or "") or "",
            "" if answer.similarity is None else answer.similarity,
            answer.reason,
        )
        for answer in answers
    ]
    header = ("first sighting", "sightings", "status", "individual", "name", "similarity", "why")
    return table(rows, header)


def _words(given: SightingInputs, options: argparse.Namespace) -> list[str | None]:
    """The individual of each row, as the options say."""
    num = len(given.table)
    if options.to:
        return [options.to] * num
    if options.as_new:
        return [None] * num
    folders = [Path(s.media).resolve().parent.name for s in given.table.sightings]
    return [folder or None for folder in folders]
