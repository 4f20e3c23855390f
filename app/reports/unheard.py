"""What a survey says of the sound above what YAMNet hears."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.cli.outcome import table
from app.reports.survey_words import counted, in_rate, in_share, shown
from archives.survey import UnheardShare
from archives.survey.high_frequencies import HIGHEST_HEARD_HZ
from fused_encoder.front_ends import YAMNET

_MUCH = 0.3


def unheard_text(unheard: Sequence[UnheardShare], root: Path | None, most: int) -> str:
    """How much of each folder's sound lies above what YAMNet hears, and what that means.

    Args:
        unheard: of a survey.
        root: left out of paths.
        most: how many folders are listed, those with the highest shares first.
    """
    if not unheard:
        return ""
    ranked = sorted(unheard, key=lambda share: -share.mean_share)
    reaching = [share for share in ranked if share.highest_rate_hz > 2 * HIGHEST_HEARD_HZ]
    rows = [
        (
            f"  {shown(share.folder, root)}",
            in_share(share.mean_share),
            in_share(share.highest_share),
            in_rate(share.highest_rate_hz),
            share.num_files,
        )
        for share in reaching[:most]
    ]
    lines = [
        "Above YAMNet's hearing range (125 to 7,500 Hz): share of the sound energy, in a sample"
    ]
    if rows:
        lines.append(table(rows, ("  folder", "mean", "highest file", "rate", "files heard")))
    if len(reaching) > most:
        lines.append(f"  ... {len(reaching) - most:,} folders with less (--all lists them)")
    return "\n".join([*lines, *_meaning(ranked)])


def _meaning(ranked: Sequence[UnheardShare]) -> list[str]:
    lines = []
    much = sum(share.mean_share >= _MUCH for share in ranked)
    if much:
        lines.append(
            f"  In {counted(much, 'folder')} a third or more is above it: high calls (bats, insects, some"
            " warblers) are not heard,\n  and what is heard may be the background."
        )
    elif any(share.highest_share >= _MUCH for share in ranked):
        lines.append(
            "  Single files have much above it: bats, insects and some warblers are not heard."
        )
    low = [share for share in ranked if share.lowest_rate_hz < YAMNET.sample_rate_hz]
    if low:
        lowest = min(share.lowest_rate_hz for share in low)
        lines.append(
            f"  {counted(len(low), 'folder')} with rates below 16 kHz: nothing above"
            f" {lowest // 2:,} Hz is in them."
        )
    return lines
