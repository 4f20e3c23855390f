"""`fused-encoder catalogue`: the known individuals, and which animals in new footage they are."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli import catalogue_identify
from app.cli.options import add_action, add_command, value
from app.cli.outcome import DONE, table

if TYPE_CHECKING:
    from individuals import Catalogue
    from individuals.catalogue import LogEntry

LOG_COLUMNS = ["entry", "time", "operation", "details", "decided_by"]
LOG_COLUMNS += ["fingerprint", "thresholds", "undoes"]


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "catalogue", "keep the known individuals, and recognise them")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(action: str, text: str) -> argparse.ArgumentParser:
        first = ("catalogue", "CATALOGUE", "such as birds.catalogue")
        return add_action(actions, action, text, positional=first)

    def add_change(
        action: str, text: str, individual: str | None = "INDIVIDUAL"
    ) -> argparse.ArgumentParser:
        part = add(action, text)
        if individual:
            value(part, "individual", str, individual, "id or name")
        value(part, "--who", str, "NAME", "who decides, for the log (default: person)")
        return part

    value(
        add("init", "start a catalogue"),
        "--prefix",
        str,
        "ABC",
        "of its ids: ABC-0001 (default: ID)",
    )
    show = add("show", "list the individuals, or the sightings of one")
    value(show, "individual", str, "INDIVIDUAL", "id or name", nargs="?")
    asked = add_change("identify", "say of each animal: known, new or uncertain", None)
    catalogue_identify.add_identify(asked)
    added = add_change("add", "add sightings to known individuals or new ones", None)
    catalogue_identify.add_add(added)
    rename = add_change("rename", "give an individual another name; its id stays")
    value(rename, "name", str, "NAME", "leave it out to remove the name", nargs="?")
    merge = add_change("merge", "several individuals are one animal", "KEPT")
    value(merge, "others", str, "OTHER", "ids or names", nargs="+")
    catalogue_identify.add_force(merge)
    split = add_change("split", "some sightings show another animal")
    value(split, "sightings", str, "SIGHTING", "as `show` names them", nargs="+")
    value(split, "--name", str, None, "of the new individual")
    add_change("delete", "remove an individual and its sightings")
    undo = add_change("undo", "undo the last operations", None)
    value(undo, "-n", 1, None, "how many", dest="num")
    log = add("log", "list every operation, and check that the catalogue agrees with them")
    value(log, "--out", str, "FILE.csv", "also write a table")


def run(options: argparse.Namespace) -> int:
    """Does one thing to a catalogue, and prints what changed."""
    from individuals import Catalogue

    if options.action == "init":
        if Path(options.catalogue).exists():
            raise FileExistsError(f"'{options.catalogue}' is there already. Choose another name.")
        with Catalogue.open(options.catalogue, prefix=options.prefix) as catalogue:
            ids = f"{catalogue.prefix}-0001, ..."
            print(f"An empty catalogue in '{options.catalogue}'; its ids are {ids}")
        return DONE
    with Catalogue.open(options.catalogue, create=False) as catalogue:
        match options.action:
            case "show":
                _show(catalogue, options.individual)
            case "identify":
                return catalogue_identify.identify(catalogue, options)
            case "add":
                return catalogue_identify.add(catalogue, options)
            case "log":
                _log(catalogue, options.out)
            case _:
                _change(catalogue, options)
    return DONE


def _show(catalogue: Catalogue, individual: str | None) -> None:
    if individual:
        found = catalogue.sightings(individual).sightings
        rows = [(s.key, s.modality, "" if s.tracklet is None else s.tracklet) for s in found]
        print(table(rows, ("sighting", "made of", "tracklet")))
        return
    individuals = catalogue.individuals()
    numbers = [(i.id, i.name or "", i.num_sightings, i.num_media) for i in individuals]
    print(table(numbers, ("individual", "name", "sightings", "files")))
    print(f"{len(individuals)} individuals; encoder {catalogue.fingerprint or 'unknown'}")


def _change(catalogue: Catalogue, options: argparse.Namespace) -> None:
    decision = catalogue_identify.decision_of(options)
    match options.action:
        case "rename":
            catalogue.rename(options.individual, options.name, decision=decision)
        case "merge":
            catalogue.merge(
                options.individual, *options.others, force=options.force, decision=decision
            )
        case "split":
            catalogue.split(
                options.individual, options.sightings, name=options.name, decision=decision
            )
        case "delete":
            catalogue.delete(options.individual, decision=decision)
        case "undo":
            for entry in catalogue.undo(options.num, decision=decision):
                print(f"Undone: {_in_words(entry)}")
            return
    print(_in_words(catalogue.log()[-1]))


def _log(catalogue: Catalogue, out: str | None) -> None:
    from media.cells import write_csv

    entries = catalogue.log()
    for entry in entries:
        print(_in_words(entry))
    if out:
        write_csv(out, LOG_COLUMNS, map(_log_row, entries), for_excel=True)
    problems = catalogue.check()
    if problems:
        raise ValueError(f"The catalogue is not as its log says: {'; '.join(problems[:20])}.")
    print(f"{len(entries)} operations; the catalogue is as they say.")


def _log_row(entry: LogEntry) -> list[object]:
    return [
        entry.number,
        entry.time,
        entry.operation,
        json.dumps(entry.details, ensure_ascii=False),
        entry.decided_by,
        entry.fingerprint,
        None if entry.thresholds is None else json.dumps(entry.thresholds),
        entry.undoes,
    ]


def _in_words(entry: LogEntry) -> str:
    details = ", ".join(f"{name} {_plain(value)}" for name, value in entry.details.items() if value)
    return f"{entry.number}  {entry.time[:19]}  {entry.operation}: {details} ({entry.decided_by})"


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {inner}" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
