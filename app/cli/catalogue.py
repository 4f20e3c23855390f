"""`fused-encoder catalogue`: the known individuals, and who is who in new footage."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from app.cli.main import DONE
from app.cli.outcome import outcome, table
from app.cli.sighting_inputs import SightingInputs, read_inputs
from individuals.catalogue import (
    Catalogue,
    Decision,
    Identification,
    LogEntry,
    Thresholds,
    read_identifications,
    write_identifications,
)
from inference.attached_calibration import CALIBRATION_FILE
from inference.calibrate import Calibration, load_calibration
from inference.modalities import pair_pattern
from media.cells import write_csv

LOG_COLUMNS = (
    "entry",
    "time",
    "operation",
    "details",
    "decided_by",
    "fingerprint",
    "thresholds",
    "undoes",
)


def run(options: argparse.Namespace) -> int:
    """Does one thing to a catalogue, and says what it did."""
    if options.action == "init":
        return _init(options)
    with Catalogue.open(options.catalogue, create=False) as catalogue:
        actions = {
            "show": _show,
            "identify": _identify,
            "add": _add,
            "rename": _rename,
            "merge": _merge,
            "split": _split,
            "delete": _delete,
            "undo": _undo,
            "log": _log,
        }
        return actions[options.action](catalogue, options)


def _init(options: argparse.Namespace) -> int:
    if Path(options.catalogue).exists():
        raise FileExistsError(f"'{options.catalogue}' is there already. Choose another name.")
    with Catalogue.open(options.catalogue, prefix=options.prefix) as catalogue:
        print(
            f"An empty catalogue in '{options.catalogue}'; its ids are {catalogue.prefix}-0001, ..."
        )
    return DONE


def _show(catalogue: Catalogue, options: argparse.Namespace) -> int:
    if options.individual:
        found = catalogue.sightings(options.individual).sightings
        rows = [(s.key, s.modality, "" if s.tracklet is None else s.tracklet) for s in found]
        print(table(rows, ("sighting", "made of", "tracklet")))
        return DONE
    individuals = catalogue.individuals()
    print(
        table(
            [(i.id, i.name or "", i.num_sightings, i.num_media) for i in individuals],
            ("individual", "name", "sightings", "files"),
        )
    )
    print(f"{len(individuals)} individuals; encoder {catalogue.fingerprint or 'unknown'}")
    return DONE


def _identify(catalogue: Catalogue, options: argparse.Namespace) -> int:
    calibration = _calibration(options)  # before slow work begins
    given = read_inputs(options.inputs, options.encoder)
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


def _calibration(options: argparse.Namespace) -> Calibration | None:
    """The calibration that is to decide; None where plain thresholds are."""
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
    margin = {} if options.margin is None else {"margin": options.margin}
    if calibration is None:
        return Thresholds.plain(
            known_above=options.known_above, new_below=options.new_below, **margin
        )
    known = {
        sighting.modality
        for individual in catalogue.individuals()
        for sighting in catalogue.sightings(individual.id).sightings
    }
    asked = {sighting.modality for sighting in given.table.sightings}
    patterns = sorted({pair_pattern(one, other) for one in asked for other in known})
    thresholds = Thresholds.calibrated(
        calibration,
        false_match_rate=options.false_match_rate,
        miss_rate=options.miss_rate,
        patterns=patterns or ("image-image",),
        known_scores={f"{kind}-{kind}": catalogue.known_scores(kind) for kind in known},
        **margin,
    )
    for pattern, values in thresholds.patterns.items():
        print(
            f"{pattern}: known above {values.known_above:.3f} (false matches at most "
            f"{options.false_match_rate:.1%}), new below {values.new_below:.3f} (known ones called new at "
            f"most {options.miss_rate:.1%})"
        )
    return thresholds


def _answer_table(
    given: SightingInputs, answers: Sequence[Identification], names: dict[str, str | None]
) -> str:
    rows = [
        (
            given.table.sightings[answer.rows[0]].key,
            len(answer.rows),
            answer.status,
            answer.word or "",
            names.get(answer.individual or "") or "",
            "" if answer.similarity is None else answer.similarity,
            answer.reason,
        )
        for answer in answers
    ]
    header = ("first sighting", "sightings", "status", "individual", "name", "similarity", "why")
    return table(rows, header)


def _add(catalogue: Catalogue, options: argparse.Namespace) -> int:
    if options.name and not options.as_new:
        raise ValueError("--name goes with --as-new.")
    given = read_inputs(options.inputs, options.encoder)
    if options.answers:
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
        decision=_decision(options),
        force=options.force,
    )
    new = set(ids) - known
    print(f"{len(ids)} sightings of {len(set(ids))} individuals, {len(new)} of them new.")
    return outcome(given.skipped)


def _words(given: SightingInputs, options: argparse.Namespace) -> list[str | None]:
    """The individual of each row, as the options say."""
    num = len(given.table)
    if options.to:
        return [options.to] * num
    if options.as_new:
        return [None] * num
    folders = [Path(s.media).resolve().parent.name for s in given.table.sightings]
    return [folder or None for folder in folders]


def _rename(catalogue: Catalogue, options: argparse.Namespace) -> int:
    catalogue.rename(options.individual, options.name, decision=_decision(options))
    return _done(catalogue)


def _merge(catalogue: Catalogue, options: argparse.Namespace) -> int:
    catalogue.merge(
        options.individual, *options.others, force=options.force, decision=_decision(options)
    )
    return _done(catalogue)


def _split(catalogue: Catalogue, options: argparse.Namespace) -> int:
    catalogue.split(
        options.individual, options.sightings, name=options.name, decision=_decision(options)
    )
    return _done(catalogue)


def _delete(catalogue: Catalogue, options: argparse.Namespace) -> int:
    catalogue.delete(options.individual, decision=_decision(options))
    return _done(catalogue)


def _undo(catalogue: Catalogue, options: argparse.Namespace) -> int:
    for entry in catalogue.undo(options.num, decision=_decision(options)):
        print(f"Undone: {_in_words(entry)}")
    return DONE


def _log(catalogue: Catalogue, options: argparse.Namespace) -> int:
    entries = catalogue.log()
    for entry in entries:
        print(_in_words(entry))
    if options.out:
        write_csv(options.out, LOG_COLUMNS, map(_log_row, entries), for_excel=True)
    problems = catalogue.check()
    if problems:
        raise ValueError(f"The catalogue is not as its log says: {'; '.join(problems[:20])}.")
    print(f"{len(entries)} operations; the catalogue is as they say.")
    return DONE


def _log_row(entry: LogEntry) -> list[str]:
    return [
        str(entry.number),
        entry.time,
        entry.operation,
        json.dumps(entry.details, ensure_ascii=False),
        entry.decided_by,
        entry.fingerprint or "",
        "" if entry.thresholds is None else json.dumps(entry.thresholds),
        "" if entry.undoes is None else str(entry.undoes),
    ]


def _done(catalogue: Catalogue) -> int:
    print(_in_words(catalogue.log()[-1]))
    return DONE


def _in_words(entry: LogEntry) -> str:
    details = ", ".join(f"{name} {_plain(value)}" for name, value in entry.details.items() if value)
    return f"{entry.number}  {entry.time[:19]}  {entry.operation}: {details} ({entry.decided_by})"


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {inner}" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _decision(options: argparse.Namespace) -> Decision:
    return Decision(options.who or "person")
