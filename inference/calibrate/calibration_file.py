"""A calibration on disk, as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from inference.calibrate.calibration import Calibration


def save_calibration(path: str | Path, calibration: Calibration) -> Path:
    """Writes a calibration; the file appears whole or not at all.

    Args:
        path: such as calibration.json; an earlier one is replaced.
        calibration: what to write.

    Returns:
        The path.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{target.name}.part")
    text = json.dumps(calibration.to_dict(), ensure_ascii=False, allow_nan=False, indent=1)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(target)
    return target


def load_calibration(path: str | Path) -> Calibration:
    """The calibration that `save_calibration` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, not a calibration, or of a newer version.
    """
    try:
        return Calibration.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"Cannot read the calibration '{path}': {error}") from error
