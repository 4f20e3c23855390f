"""Fixtures of the command line's tests: a tiny aviary, and one run from `train` to `index build`."""

import argparse
import contextlib
import io
import shutil
from pathlib import Path

import pytest

from app.cli.main import main
from aviary import Aviary, write_aviary

RECIPE = "--yamnet log_mel --image-backbone small_cnn --image-weights none --epochs 1"
TRAINING = [*RECIPE.split(), "--triplets-per-class", "4", "--held-out", "0.4"]


def run(*arguments) -> int:
    """The exit code of a command as typed."""
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="session")
def tiny_aviary(tmp_path_factory: pytest.TempPathFactory) -> Aviary:
    directory = tmp_path_factory.getbasetemp() / "tiny_aviary"
    return write_aviary(directory, size="tiny", shows_progress=False)


@pytest.fixture(scope="session")
def journey(tiny_aviary: Aviary, tmp_path_factory: pytest.TempPathFactory) -> argparse.Namespace:
    """What `train`, `evaluate`, `export`, `embed` and `index build` made, did and said.

    One photo of the training folder is broken.
    """
    root = tmp_path_factory.mktemp("journey")
    shutil.copytree(tiny_aviary.images, root / "images")
    broken = root / "images" / tiny_aviary.class_names[0] / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no photo at all")
    run, encoder, rows, index = (root / n for n in ("run", "encoder", "rows.npz", "birds.index"))
    photo = sorted((root / "images" / tiny_aviary.class_names[1]).iterdir())[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSED_ENCODER_CACHE", str(root / "cache"))
        codes, printed = {}, {}
        for command in (
            ["train", root / "images", tiny_aviary.audio, "--out", run, *TRAINING],
            ["evaluate", run],
            ["export", run, "--out", encoder],
            ["embed", tiny_aviary.images, "--encoder", encoder, "--out", rows],
            ["index", "build", index, rows],
        ):
            with contextlib.redirect_stdout(io.StringIO()) as screen:
                codes[command[0]] = main([str(part) for part in command])
            printed[command[0]] = screen.getvalue()
    return argparse.Namespace(
        root=root,
        broken=broken,
        codes=codes,
        printed=printed,
        run=run,
        encoder=encoder,
        rows=rows,
        index=index,
        photo=Path(photo),
    )
