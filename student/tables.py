"""What an evaluation leaves behind: misclassified files with spectrograms, confusions, curves."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from media import save_image
from media.atomic import write_atomically, write_text_atomically
from soundscapes.spectrogram_pictures import spectrogram_picture
from student.evaluate import StudentEvaluation

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

METRICS_FILE, MISCLASSIFIED_FILE = "metrics.json", "misclassified.xlsx"
CONFUSION_FILE, CURVES_FILE = "confusion", "training_curves"  # .xlsx and .png
PICTURES = "spectrograms"


def write_evaluation(
    folder: str | Path, evaluation: StudentEvaluation, history: Mapping[str, Sequence[float]]
) -> list[Path]:
    """Writes all that an evaluation found.

    - `metrics.json`: the figures;
    - `misclassified.xlsx`: file, truth, prediction, confidence, and a link to the spectrogram of its first
      clip, in `spectrograms/`; the surest errors first;
    - `confusion.xlsx` and `.png`, rows are the truth;
    - `training_curves.xlsx` and `.png`.

    Args:
        folder: made if it does not exist.
        evaluation: from `evaluate_student`.
        history: of `TrainedStudent`.

    Returns:
        The files, without the spectrograms.
    """
    root = Path(folder)
    names = evaluation.clips.recordings.class_names
    metrics = json.dumps({**evaluation.to_dict(), "class_names": names}, indent=1)
    import pandas as pd

    confusion = pd.DataFrame(evaluation.confusion, names, names)
    curves = pd.DataFrame(history)
    curves.insert(0, "epoch", np.arange(1, len(curves) + 1))
    return [
        write_text_atomically(root / METRICS_FILE, metrics),
        _write_misclassified(root, evaluation),
        _write_sheet(root / f"{CONFUSION_FILE}.xlsx", confusion.rename_axis("truth").reset_index()),
        _write_picture(root / f"{CONFUSION_FILE}.png", _confusion_figure(evaluation)),
        _write_sheet(root / f"{CURVES_FILE}.xlsx", curves),
        _write_picture(root / f"{CURVES_FILE}.png", _curves_figure(curves)),
    ]


def _write_misclassified(root: Path, evaluation: StudentEvaluation) -> Path:
    from openpyxl import Workbook

    clips, names = evaluation.clips, evaluation.clips.recordings.class_names
    book = Workbook()
    sheet = book.active
    sheet.title = "misclassified"
    sheet.append(["file", "truth", "prediction", "confidence", "spectrogram"])
    for place in evaluation.misclassified:
        one, said = clips.recordings[place], int(evaluation.predicted[place])
        picture = f"{PICTURES}/{place:05d}-{one.path.stem}.png"
        (root / PICTURES).mkdir(parents=True, exist_ok=True)
        save_image(root / picture, spectrogram_picture(clips.mel[clips.clips_of(place).start]))
        confidence = float(evaluation.probabilities[place, said])
        sheet.append([_safe(str(one.path)), _safe(names[one.primary]), _safe(names[said])])
        row = sheet.max_row
        sheet.cell(row, 4, round(confidence, 4))
        link = sheet.cell(row, 5, picture)
        link.hyperlink, link.style = picture, "Hyperlink"
    content = io.BytesIO()
    book.save(content)
    return write_atomically(root / MISCLASSIFIED_FILE, content.getvalue())


def _safe(text: str) -> str:
    """A file named "=1+1.wav" is a name, and no formula."""
    return f"'{text}" if text[:1] in "=+-@" else text


def _write_sheet(path: Path, table: pd.DataFrame) -> Path:
    content = io.BytesIO()
    table.to_excel(content, index=False)
    return write_atomically(path, content.getvalue())


def _write_picture(path: Path, figure: Figure) -> Path:
    content = io.BytesIO()
    figure.savefig(content, dpi=120, bbox_inches="tight")
    return write_atomically(path, content.getvalue())


def _confusion_figure(evaluation: StudentEvaluation) -> Figure:
    from matplotlib.figure import Figure

    names, counts = evaluation.clips.recordings.class_names, evaluation.confusion
    figure = Figure(figsize=(2 + 0.5 * len(names), 2 + 0.5 * len(names)))
    axes = figure.subplots()
    axes.imshow(
        counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1
    )
    axes.set(xlabel="prediction", ylabel="truth")
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            axes.text(column, row, str(count), ha="center", va="center")
    return figure


def _curves_figure(curves: pd.DataFrame) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4))
    left, right = figure.subplots(1, 2)
    for axes, columns in ((left, ("loss", "val_loss")), (right, ("val_accuracy",))):
        for column in (name for name in columns if name in curves):
            axes.plot(curves["epoch"], curves[column], label=column)
        axes.set_xlabel("epoch")
        axes.legend()
    return figure
