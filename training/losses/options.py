"""Checks of what a loss is made with, said the same way by all losses."""

from __future__ import annotations

import math
from collections.abc import Collection


def require_positive(**options: float) -> None:
    """Raises ValueError naming the first option that is not a finite number above 0."""
    for name, value in options.items():
        if not 0 < value < math.inf:
            raise ValueError(f"Expected {name} > 0, received {value}.")


def require_choice(name: str, value: str | None, choices: Collection[str | None]) -> None:
    """Raises ValueError if the option is none of the choices."""
    if value not in choices:
        raise ValueError(f"Expected {name} to be one of {tuple(choices)}, received {value!r}.")
