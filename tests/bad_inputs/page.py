"""The tables of docs/robustness.md, made of the table of kinds so that they cannot drift apart.

python -m tests.bad_inputs.page writes them into the page.
"""

import re
from pathlib import Path

from tests.bad_inputs import Kind
from tests.bad_inputs.compressed_kinds import COMPRESSED_KINDS
from tests.bad_inputs.name_kinds import NAME_KINDS
from tests.bad_inputs.photo_kinds import PHOTO_KINDS
from tests.bad_inputs.video_kinds import VIDEO_KINDS
from tests.bad_inputs.wav_kinds import WAV_KINDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "robustness.md"
SECTIONS: dict[str, list[Kind]] = {
    "Photos": PHOTO_KINDS,
    "Recordings": [*WAV_KINDS, *COMPRESSED_KINDS],
    "Videos": VIDEO_KINDS,
    "Names and places": NAME_KINDS,
}
_ORDER = ("ok", "partial", "silent", "too_short", "non_finite", "unreadable", "crashed", "no row")


def table(kinds: list[Kind]) -> str:
    """Markdown: what the file is, its status, what becomes of it; by status."""
    rows = sorted(kinds, key=lambda kind: _ORDER.index(kind.status))
    lines = ["| file | status | what becomes of it |", "|---|---|---|"]
    return "\n".join([*lines, *map(_row, rows)]) + "\n"


def page_with_tables(page: str) -> str:
    """The page, with the table below each heading as it has to be."""
    for heading, kinds in SECTIONS.items():
        below = re.compile(rf"^## {heading}\n\n(?:\|.*\n)*", re.MULTILINE)
        whole = f"## {heading}\n\n{table(kinds)}"
        page = below.sub(whole.replace("\\", r"\\"), page)
    return page


def _row(kind: Kind) -> str:
    told = kind.gets or f"the reason says: `{kind.says}`"
    return f"| {kind.description} | {kind.status} | {told} |"


if __name__ == "__main__":
    PAGE.write_text(page_with_tables(PAGE.read_text("utf-8")), encoding="utf-8")
