"""What the command line's tests share: one run from `train` to `index build`, and CSV files."""

import argparse
import contextlib
import csv
import functools
import io
import shutil

import pytest

from app.cli.main import main

RECIPE = "--yamnet log_mel --image-backbone small_cnn --image-weights none --epochs 1"
TRAINING = [*RECIPE.split(), "--triplets-per-class", "4", "--held-out", "0.4"]


def run(*arguments) -> int:
    """The exit code of a command as typed."""
    return main([str(argument) for argument in arguments])


def rows_of(path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path, rows, encoding="utf-8", **options) -> None:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), **options)
        writer.writeheader()
        writer.writerows(rows)


def show_few_queries(patch: pytest.MonkeyPatch) -> None:
    """Reports show one good and one bad query, which spares seconds of drawing for each of them."""
    from app.reports import report

    few = functools.partial(report.best_and_worst_queries, num_queries=1)
    patch.setattr(report, "best_and_worst_queries", few)


@pytest.fixture(scope="session")
def journey(aviary, tmp_path_factory) -> argparse.Namespace:
    """What `train`, `evaluate`, `export`, `embed` and `index build` made, did and said.

    One photo of the training folder is broken.
    """
    root = tmp_path_factory.mktemp("journey")
    shutil.copytree(aviary.images, root / "images")
    broken = root / "images" / aviary.class_names[0] / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no photo at all")
    run, encoder, rows, index = (root / n for n in ("run", "encoder", "rows.npz", "birds.index"))
    photo = sorted((root / "images" / aviary.class_names[1]).iterdir())[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSED_ENCODER_CACHE", str(root / "cache"))
        show_few_queries(patch)
        codes, printed = {}, {}
        for command in (
            ["train", root / "images", aviary.audio, "--out", run, *TRAINING],
            ["evaluate", run],
            ["export", run, "--out", encoder],
            ["embed", aviary.images, "--encoder", encoder, "--out", rows],
            ["index", "build", index, rows],
        ):
            with contextlib.redirect_stdout(io.StringIO()) as screen:
                codes[command[0]] = main([str(part) for part in command])
            printed[command[0]] = screen.getvalue()
    made = {"run": run, "encoder": encoder, "rows": rows, "index": index}
    given = {"root": root, "broken": broken, "photo": photo}
    return argparse.Namespace(**made, **given, codes=codes, printed=printed)
