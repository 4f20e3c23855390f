"""What `catalogue` and `review` can be told. No heavy library is loaded here."""

from __future__ import annotations

import argparse

from app.cli.training_arguments import add_command


def add_catalogue(commands: argparse._SubParsersAction) -> None:
    """`catalogue`."""
    parser = add_command(commands, "catalogue", "keep the known individuals, and recognise them")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    init = _action(actions, "init", "start a catalogue")
    init.add_argument("--prefix", metavar="ABC", help="of its ids: ABC-0001 (default: ID)")

    show = _action(actions, "show", "list the individuals, or the sightings of one")
    show.add_argument("individual", nargs="?", metavar="INDIVIDUAL", help="id or name")

    identify = _action(actions, "identify", "say of each animal: known, new or uncertain")
    _add_inputs(identify)
    _add_thresholds(identify)
    identify.add_argument(
        "--out", metavar="FILE.csv", help="where the answers go, to be looked through"
    )
    identify.add_argument(
        "--accept", action="store_true", help="add what is known or new at once, without a look"
    )
    _add_who(identify)

    add = _action(actions, "add", "add sightings to known individuals or new ones")
    _add_inputs(add)
    where = add.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", metavar="INDIVIDUAL", help="all of them show this one: id or name")
    where.add_argument("--as-new", action="store_true", help="all of them show one new animal")
    where.add_argument(
        "--by-folder", action="store_true", help="each folder holds one individual of its name"
    )
    where.add_argument(
        "--answers", metavar="FILE.csv", help="as `identify --out` wrote, looked through"
    )
    add.add_argument("--name", help="with --as-new: what it is called")
    _add_force(add)
    _add_who(add)

    rename = _action(actions, "rename", "give an individual another name; its id stays")
    rename.add_argument("individual", metavar="INDIVIDUAL", help="id or name")
    rename.add_argument("name", nargs="?", metavar="NAME", help="left out: it has none any more")
    _add_who(rename)

    merge = _action(actions, "merge", "several turn out to be one")
    merge.add_argument("individual", metavar="KEPT", help="whose id is kept: id or name")
    merge.add_argument("others", nargs="+", metavar="OTHER", help="ids or names")
    _add_force(merge)
    _add_who(merge)

    split = _action(actions, "split", "some sightings turn out to show another animal")
    split.add_argument("individual", metavar="INDIVIDUAL", help="id or name")
    split.add_argument("sightings", nargs="+", metavar="SIGHTING", help="as `show` names them")
    split.add_argument("--name", help="of the new individual")
    _add_who(split)

    delete = _action(actions, "delete", "an individual and its sightings leave the catalogue")
    delete.add_argument("individual", metavar="INDIVIDUAL", help="id or name")
    _add_who(delete)

    undo = _action(actions, "undo", "take back the last operations")
    undo.add_argument("-n", type=int, default=1, dest="num", help="how many")
    _add_who(undo)

    log = _action(actions, "log", "every operation there ever was, and whether all is as it says")
    log.add_argument("--out", metavar="FILE.csv", help="where a table of it goes")


def add_review(commands: argparse._SubParsersAction) -> None:
    """`review`."""
    parser = add_command(commands, "review", "ask a person about the doubtful pairs of a count")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    make = actions.add_parser("make", help="write a sheet of questions: review.html and review.csv")
    make.add_argument("count", metavar="DIR", help="folder that `count --out` wrote")
    make.add_argument(
        "--num", type=int, default=50, help="how many questions at most (default: 50)"
    )
    make.add_argument(
        "--out", metavar="DIR", help="where the sheet goes (default: the count's folder)"
    )
    apply = actions.add_parser("apply", help="count again with the answers")
    apply.add_argument("count", metavar="DIR", help="folder that `count --out` wrote")
    apply.add_argument(
        "--answers", metavar="FILE.csv", help="filled in (default: review.csv in that folder)"
    )


def _action(actions: argparse._SubParsersAction, name: str, text: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, description=text)
    parser.add_argument("catalogue", metavar="CATALOGUE", help="such as birds.catalogue")
    return parser


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="folder of `count --out`, FILE.npz of `embed`, or photos and recordings with --encoder",
    )
    parser.add_argument("--encoder", metavar="DIR", help="that embeds photos and recordings")
    parser.add_argument(
        "--by",
        choices=("count", "tracklet"),
        default="count",
        help="what is one animal: an individual of the count, or each tracklet (default: count)",
    )


def _add_thresholds(parser: argparse.ArgumentParser) -> None:
    certified = parser.add_argument_group("thresholds with a promise")
    certified.add_argument(
        "--calibration",
        metavar="PATH",
        help="of the encoder: a calibration.json, or the folder of an encoder that holds one "
        "(default: that of --encoder)",
    )
    certified.add_argument(
        "--false-match-rate",
        type=float,
        default=0.01,
        metavar="P",
        help="share of never-met animals that may be taken for somebody (default: 0.01)",
    )
    certified.add_argument(
        "--miss-rate",
        type=float,
        default=0.05,
        metavar="P",
        help="share of known animals that may be called new (default: 0.05)",
    )
    plain = parser.add_argument_group("plain thresholds (both)")
    plain.add_argument("--known-above", type=float, metavar="S", help="similarity of a known one")
    plain.add_argument("--new-below", type=float, metavar="S", help="similarity of a new one")
    parser.add_argument(
        "--margin",
        type=float,
        metavar="M",
        help="by which the best individual must beat the next: of log-odds (default: 2.3, ten times as "
        "likely), of similarity with plain thresholds (default: 0.05)",
    )


def _add_force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--force", action="store_true", help="even if two sightings were seen together"
    )


def _add_who(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--who", metavar="NAME", help="who decides, for the log (default: person)")
