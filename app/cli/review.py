"""`fused-encoder review`: a person decides the doubtful pairs of a count."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.options import add_action, add_command, switch, value
from app.cli.outcome import DONE, import_tensorflow_quietly, table

if TYPE_CHECKING:
    from individuals import CountedSightings, IndividualCount
    from inference import Calibration


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "review", "ask a person about the doubtful pairs of a count")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    counted = ("count", "DIR", "folder that `count --out` wrote")
    sheet = "write a sheet of questions: review.html and review.csv"
    make = add_action(actions, "make", sheet, positional=counted)
    value(make, "--num", 50, None, "how many questions at most")
    value(make, "--out", str, "DIR", "where the sheet goes (default: the count's folder)")
    switch(make, "--matches", "also draw what the two pictures of a question share, by lines")
    apply = add_action(actions, "apply", "count again with the answers", positional=counted)
    answers = "filled in (default: review.csv in that folder)"
    value(apply, "--answers", str, "FILE.csv", answers)


def run(options: argparse.Namespace) -> int:
    """Makes a sheet of questions, or counts again with its answers."""
    return {"make": _make, "apply": _apply}[options.action](options)


def _make(options: argparse.Namespace) -> int:
    from app.reports.review_page import write_review_page
    from individuals import load_sightings
    from individuals.review import review_queue, write_review_sheet

    counted = load_sightings(options.count)
    pairs = review_queue(counted, options.num, calibration=_calibration(Path(options.count)))
    if len({sighting.modality for sighting in counted.table.sightings}) > 1:
        print(
            "note: only crops of one kind are asked about together. Whether an animal with its sound is one "
            "seen elsewhere without it is not asked: look at individuals.png for these."
        )
    if not pairs:
        print("There is nothing to ask about this count.")
        return DONE
    folder = options.out or options.count
    sheet = write_review_sheet(folder, pairs, counted.table, crops=options.count)
    page = write_review_page(
        folder, pairs, counted.table, crops=options.count, with_matches=options.matches
    )
    print(
        f"{len(pairs)} questions. Open '{page}' in a browser, answer, and save; or fill in "
        f"'{sheet}'. Then:\n"
        f"fused-encoder review apply '{options.count}' --answers review.csv"
    )
    return DONE


def _apply(options: argparse.Namespace) -> int:
    from app.count_folder import COUNT_FILE
    from individuals import load_sightings, save_sightings
    from individuals.review import read_review_answers, regroup, with_answers

    folder = Path(options.count)
    path = Path(options.answers) if options.answers else folder / "review.csv"
    answers = read_review_answers(path)
    before = load_sightings(folder)
    after, count = regroup(with_answers(before, answers), calibration=_calibration(folder))
    missing = answers.missing(before.table.keys)
    if missing and len(missing) == len(answers.given):
        raise ValueError(
            f"None of the {len(missing)} answers in '{path}' is about a sighting of '{folder}'. Give the "
            "count that the questions were made from."
        )
    save_sightings(folder, after)
    if (folder / COUNT_FILE).is_file():
        _write_again(folder, after, count)
    if path.resolve().parent == folder.resolve() and path.name == "review.csv" and answers.given:
        path = path.rename(_free(folder))
    num = {answer: len(answers.of(answer)) for answer in ("same", "different", "cannot tell")}
    print(", ".join(f"{number} {answer}" for answer, number in num.items()), end="; ")
    print(f"{answers.num_unanswered} left open. Kept in '{path}'.")
    if missing:
        print(f"note: {len(missing)} answers are about sightings that this count does not have.")
    was: dict[object, set[int]] = {video: set() for video in count.per_video}
    for sighting, label in zip(before.table.sightings, before.labels.tolist(), strict=True):
        was[sighting.media].add(label)
    rows = [(str(video), len(was[video]), now) for video, now in count.per_video.items()]
    rows.append(("all", before.num_individuals, count.num_individuals))
    print(table(rows, ("video", "individuals before", "now")))
    return DONE


def _write_again(folder: Path, after: CountedSightings, count: IndividualCount) -> None:
    """The tables and pictures of the count, with the answers."""
    import_tensorflow_quietly()
    from app.count_folder import recount, write_tables
    from individuals.outputs import read_media_details

    media = folder / "media.csv"  # says what was told of the videos
    is_package = (folder / "camtrap_dp").is_dir()
    written = write_tables(
        folder,
        recount(folder, after, count),
        details=read_media_details(media) if media.is_file() else {},
        must_link=after.rows(after.must_link),
        cannot_link=after.rows(after.cannot_link),
    )
    print(f"{len(written)} tables and pictures in '{folder}' are written anew.")
    if is_package:
        print(
            "note: camtrap_dp/ did not know these answers and was taken away; write_camtrap_dp makes another "
            "from sightings.csv (docs/outputs.md)."
        )


def _calibration(folder: Path) -> Calibration | None:
    """What the count was made by, if not by a threshold."""
    from app.count_folder import CALIBRATION_FILE
    from inference import load_calibration

    kept = folder / CALIBRATION_FILE
    return load_calibration(kept) if kept.is_file() else None


def _free(folder: Path) -> Path:
    number = 1
    while (path := folder / f"review_answered_{number}.csv").exists():
        number += 1
    return path
