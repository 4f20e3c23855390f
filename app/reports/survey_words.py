"""Numbers, names and times of a survey in the words of a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def in_bytes(num_bytes: int) -> str:
    """Such as "1.2 GB"."""
    size, unit = float(num_bytes), 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def in_time(seconds: float) -> str:
    """Such as "4.0 s", "10 min", "1,230 hours" or "3 days"."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:,.1f} hours"


def in_rate(rate_hz: int) -> str:
    """Such as "44.1 kHz"."""
    return f"{rate_hz / 1000:g} kHz"


def in_channels(num_channels: int) -> str:
    """Such as "mono"."""
    return {1: "mono", 2: "stereo"}.get(num_channels, f"{num_channels} channels")


def in_share(share: float) -> str:
    """Such as "12 %"."""
    return "under 1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


def in_minutes(time: datetime) -> str:
    """Such as "2023-05-14 05:30"."""
    return time.strftime("%Y-%m-%d %H:%M")


def counted(num: int, one: str, many: str | None = None) -> str:
    """Such as "1 file" and "1,200 files"."""
    return f"{num:,} {one if num == 1 else many or one + 's'}"


def listed(counts: Mapping, words: Sequence[str], most: int = 4) -> str:
    """Values with how often they come, such as "WAV 900, FLAC 12"; a single one without its number.

    Args:
        counts: value to number, most frequent first.
        words: for each value.
        most: further ones are summed up.
    """
    if len(counts) == 1:
        return words[0]
    pairs = [f"{word} {num:,}" for word, num in zip(words, counts.values(), strict=True)]
    rest = f", {len(pairs) - most} more" if len(pairs) > most else ""
    return ", ".join(pairs[:most]) + rest


def shown(path: Path | str, root: Path | None = None) -> str:
    """A path as a terminal can show it: what is not printable, or not UTF-8, as escapes.

    Args:
        path: any.
        root: left out where the path begins with it.
    """
    path = Path(path)
    if root is not None and path.is_relative_to(root):
        path = path.relative_to(root)
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in str(path)
    )
