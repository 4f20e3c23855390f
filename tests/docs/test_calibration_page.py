"""The numbers on the calibration page are those of the code."""

import re
from pathlib import Path

from inference.calibrate import units_needed

PAGE = Path(__file__).resolve().parents[2] / "docs" / "calibration.md"


def test_the_table_of_needed_strangers_is_the_computed_one():
    rows = re.findall(
        r"^\| ([\d.]+) % \| (\d+) \| (\d+) \|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    assert len(rows) == 6
    for percent, at_95, at_99 in rows:
        rate = float(percent) / 100
        assert (units_needed(rate, 0.95), units_needed(rate, 0.99)) == (int(at_95), int(at_99))
