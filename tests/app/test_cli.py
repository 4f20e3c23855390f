import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.main import COMMANDS, build_parser, main

HELP_OF_ALL = """
import contextlib, io, sys
from app.cli.main import main
for command in sys.argv[1:] + [None]:
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit):
        main([command, "--help"] if command else ["--help"])
    assert "usage: fused-encoder" in text.getvalue(), command
heavy = {"tensorflow", "keras", "cv2", "numpy", "librosa"} & set(sys.modules)
sys.exit(f"loaded {heavy}" if heavy else 0)
"""


def refused(capsys, *arguments) -> str:
    """What a refused command prints on standard error."""
    assert main([str(argument) for argument in arguments]) == 2
    printed = capsys.readouterr().err
    assert "Traceback" not in printed
    return printed


def test_help_of_every_command_loads_no_heavy_library():
    command = [sys.executable, "-c", HELP_OF_ALL, *COMMANDS]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    printed = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(re.search(rf"\n    {command}\s", printed) for command in COMMANDS)
    assert "exit codes" in printed


@pytest.mark.parametrize("arguments", [[], ["sing"], ["train", "images"], ["count"]])
def test_a_command_line_that_does_not_fit_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: fused-encoder" in capsys.readouterr().err


def test_defaults_are_shown_where_options_are_explained():
    options = build_parser().parse_args(["train", "i", "a", "--out", "o"])
    assert (options.epochs, options.batch_size, options.image_backbone) == (15, 8, "mobilenet_v2")


def test_the_recipe_of_the_shell_is_that_of_python():
    from app.cli.train import _training_options
    from training import TrainingOptions

    asked = ["train", "--images", "i", "--out", "o"]
    assert _training_options(build_parser().parse_args(asked)) == TrainingOptions()
    tuned = build_parser().parse_args([*asked, "--fine-tune", "--no-flip", "--class-margin", "0.1"])
    assert _training_options(tuned) == TrainingOptions.fine_tuning(flip=False, class_margin=0.1)


def test_an_interrupt_ends_with_130_and_says_what_is_kept(monkeypatch, capsys):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("app.cli.doctor.run", interrupted)
    assert main(["doctor"]) == 130
    assert "run again to continue" in capsys.readouterr().err


def test_a_missing_folder_is_refused_with_a_message(capsys, tmp_path):
    printed = refused(
        capsys, "prepare", tmp_path / "no", tmp_path, "--out", "x", "--yamnet", "log_mel"
    )
    assert printed.startswith("fused-encoder prepare: No folder of images at")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "nothing"], "No training run in 'nothing'"),
        (["export", "nothing", "--out", "x"], "No training run in 'nothing'"),
        (["query", "x.index", "--encoder", "e"], "Expected --image, --recording or both"),
        (
            ["embed", "nothing.jpg", "--encoder", "e", "--out", "x"],
            "no file or folder at 'nothing.jpg'",
        ),
        (["embed", "e", "--encoder", "e", "--out", "x.npz"], "No photo or recording in"),
        (["embed", "a.jpg", "--encoder", "no", "--out", "x.npz"], "No exported encoder in 'no'"),
        (["count", "a.mp4", "--encoder", "no"], "No exported encoder in 'no'"),
        (["index", "info", "nothing.index"], "nothing.index"),
        (["demo", "--images", "i"], "Expected both --images and --audio, or neither"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_message(
    capsys, arguments, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("e", "assets").mkdir(parents=True)
    Path("e", "assets", "encoder.json").touch()
    printed = refused(capsys, *arguments)
    assert printed.startswith(f"fused-encoder {arguments[0]}: ")
    assert message in printed
