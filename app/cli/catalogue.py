"""`fused-encoder catalogue`: the known individuals, and which animals in new footage they are."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli import catalogue_identify
from app.cli.catalogue_identify import decision_of
from app.cli.options import add_command
from app.cli.outcome import DONE, table

if TYPE_CHECKING:
    from individuals import Catalogue
    from individuals.catalogue import LogEntry

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


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "catalogue", "keep the known individuals, and recognise them")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(action: str, text: str) -> argparse.ArgumentParser:
        part = actions.add_parser(action, help=text, description=f"{text[0].upper()}{text[1:]}.")
        part.add_argument("catalogue", metavar="CATALOGUE", help="such as birds.catalogue")
        return part

    def add_change(
        action: str, text: str, individual: str | None = "INDIVIDUAL"
    ) -> argparse.ArgumentParser:
        part = add(action, text)
        if individual:
            part.add_argument("individual", metavar=individual, help="id or name")
        part.add_argument(
            "--who", metavar="NAME", help="who decides, for the log (default: person)"
        )
        return part

    add("init", "start a catalogue").add_argument(
        "--prefix", metavar="ABC", help="of its ids: ABC-0001 (default: ID)"
    )
    add("show", "list the individuals, or the sightings of one").add_argument(
        "individual", nargs="?", metavar="INDIVIDUAL", help="id or name"
    )
    catalogue_identify.add_identify(
        add_change("identify", "say of each animal: known, new or uncertain", None)
    )
    catalogue_identify.add_add(
        add_change("add", "add sightings to known individuals or new ones", None)
    )
    rename = add_change("rename", "give an individual another name; its id stays")
    rename.add_argument("name", nargs="?", metavar="NAME", help="leave it out to remove the name")
    merge = add_change("merge", "several individuals are one animal", "KEPT")
    merge.add_argument("others", nargs="+", metavar="OTHER", help="ids or names")
    catalogue_identify.add_force(merge)
    split = add_change("split", "some sightings show another animal")
    split.add_argument("sightings", nargs="+", metavar="SIGHTING", help="as `show` names them")
    split.add_argument("--name", help="of the new individual")
    add_change("delete", "remove an individual and its sightings")
    undo = add_change("undo", "undo the last operations", None)
    undo.add_argument("-n", type=int, default=1, dest="num", help="how many")
    log = add("log", "list every operation, and check that the catalogue agrees with them")
    log.add_argument("--out", metavar="FILE.csv", help="also write a table")


def run(options: argparse.Namespace) -> int:
    """Does one thing to a catalogue, and prints what changed."""
    from individuals import Catalogue

    if options.action == "init":
        return _init(options)
    with Catalogue.open(options.catalogue, create=False) as catalogue:
        return ACTIONS[options.action](catalogue, options)


def _init(options: argparse.Namespace) -> int:
    from individuals import Catalogue

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


def _rename(catalogue: Catalogue, options: argparse.Namespace) -> int:
    catalogue.rename(options.individual, options.name, decision=decision_of(options))
    return _done(catalogue)


def _merge(catalogue: Catalogue, options: argparse.Namespace) -> int:
    catalogue.merge(
        options.individual, *options.others, force=options.force, decision=decision_of(options)
    )
    return _done(catalogue)


def _split(catalogue: Catalogue, options: argparse.Namespace) -> int:
    catalogue.split(
        options.individual, options.sightings, name=options.name, decision=decision_of(options)
    )
    return _done(catalogue)


def _delete(catalogue: Catalogue, options: argparse.Namespace) -> int:
    catalogue.delete(options.individual, decision=decision_of(options))
    return _done(catalogue)


def _undo(catalogue: Catalogue, options: argparse.Namespace) -> int:
    for entry in catalogue.undo(options.num, decision=decision_of(options)):
        print(f"Undone: {_in_words(entry)}")
    return DONE


def _log(catalogue: Catalogue, options: argparse.Namespace) -> int:
    from media.cells import write_csv

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


ACTIONS: dict[str, Callable[[Catalogue, argparse.Namespace], int]] = {
    "show": _show,
    "identify": catalogue_identify.identify,
    "add": catalogue_identify.add,
    "rename": _rename,
    "merge": _merge,
    "split": _split,
    "delete": _delete,
    "undo": _undo,
    "log": _log,
}
