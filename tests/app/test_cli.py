import re

import pytest

from app.cli.main import COMMANDS, build_parser, main
from tests.fresh_process import printed_by

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


def test_help_of_every_command_loads_no_heavy_library():
    printed_by(HELP_OF_ALL, *COMMANDS)


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
