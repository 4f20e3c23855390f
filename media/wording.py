"""Lists in messages: the first few, and how many more there are."""

from collections.abc import Sequence


def some_names(names: Sequence[object], most: int = 5) -> str:
    """The first few names or paths, quoted; signs that cannot be printed are escaped.

    Example:
        >>> some_names(["a.wav", "b.wav", "c.wav"], most=2)
        "'a.wav', 'b.wav' and 1 more"
    """
    return _some([repr(str(name)) for name in names], most, ", ", " and ")


def some_problems(problems: Sequence[str], most: int = 10, *, separator: str = "; ") -> str:
    """The first few of some problems, each a clause without a full stop.

    Example:
        >>> some_problems(["'wren' has no photo", "'robin' has no recording"], most=1)
        "'wren' has no photo; and 1 more"
    """
    return _some(problems, most, separator, f"{separator}and ")


def _some(parts: Sequence[str], most: int, separator: str, before_rest: str) -> str:
    rest = f"{before_rest}{len(parts) - most} more" if len(parts) > most else ""
    return separator.join(parts[:most]) + rest
