"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any


def add_command(
    commands: argparse._SubParsersAction, name: str, text: str
) -> argparse.ArgumentParser:
    """The parser of a command; its help shows the defaults."""
    return commands.add_parser(name, help=text, description=text, formatter_class=_WithDefaults)


class _WithDefaults(argparse.HelpFormatter):
    """Adds the default to the help of an option, unless the help names it or there is none."""

    def _get_help_string(self, action: argparse.Action) -> str:
        told = action.help or ""
        is_value = isinstance(action.default, str | int | float) and action.option_strings
        has_none = action.default in (False, argparse.SUPPRESS) or "default" in told
        return f"{told} (default: %(default)s)" if is_value and not has_none else told


def add_encoder(parser: argparse.ArgumentParser) -> None:
    """`--encoder`."""
    value(parser, "--encoder", str, "DIR", "folder that `export --out` wrote", required=True)


def add_run(parser: argparse.ArgumentParser) -> None:
    """A training run."""
    value(parser, "run", str, "RUN", "folder that `train --out` wrote")


def add_class_folders(parser: argparse.ArgumentParser) -> None:
    """The folders of photos and recordings, and how recordings are heard."""
    parser.add_argument("images", metavar="IMAGES", help="folder with one sub-folder per class")
    parser.add_argument("audio", metavar="AUDIO", help="the same classes, with recordings")
    parser.add_argument(
        "--audio-seconds", type=float, default=5.0, metavar="S", help="audio window length"
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same result")
    parser.add_argument(
        "--yamnet",
        metavar="SOURCE",
        help="a SavedModel folder, a yamnet.h5, a TF-Hub handle, or 'log_mel' (no pretrained weights; "
        "for trying things out). Without it: FUSED_ENCODER_WEIGHTS, the cache, then TF-Hub",
    )


def add_mining(group: argparse._ActionsContainer) -> None:
    """How triplets are mined."""
    value(group, "--triplets-per-class", 100, "N", "to mine")
    choice(group, "--mining", ("cosine", "semi-hard", "hard"), "of negatives")


def add_action(
    actions: argparse._SubParsersAction, name: str, text: str, *, positional: tuple[str, str, str]
) -> argparse.ArgumentParser:
    """The parser of an action of a command, whose first argument is (name, metavar, help)."""
    description = f"{text[0].upper()}{text[1:]}."
    part = actions.add_parser(
        name, help=text, description=description, formatter_class=_WithDefaults
    )
    value(part, positional[0], str, *positional[1:])
    return part


def value(
    parser: argparse._ActionsContainer,
    name: str,
    default: type | str | float,
    metavar: str | None,
    text: str,
    **more: Any,  # as `add_argument` takes them
) -> argparse.Action:
    """An argument with a value: `default` is its default, or its type where it has none."""
    kind, start = (default, None) if isinstance(default, type) else (type(default), default)
    return parser.add_argument(name, type=kind, default=start, metavar=metavar, help=text, **more)


def choice(
    parser: argparse._ActionsContainer,
    name: str,
    choices: Sequence[str],
    text: str,
    *,
    default: str | None = "",
) -> None:
    """An option with one of these values, by default the first."""
    default = choices[0] if default == "" else default
    parser.add_argument(name, choices=choices, default=default, help=text)


def switch(parser: argparse._ActionsContainer, name: str, text: str) -> argparse.Action:
    """An option that is on where it is named."""
    return parser.add_argument(name, action="store_true", help=text)
