"""Look over: the survey of an archive, a run in progress, and training runs with their curves."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.reports.survey_page import FAULT_WORDS
from app.reports.survey_words import in_bytes, in_time
from app.web.charts import Chart, chart
from app.web.progress import TrainingRun, read_survey, run_progress, training_runs
from app.web.views import render

router = APIRouter()
PAGE_ROWS, MOST_SHOWN = 100, 200
KINDS = (("photos", "Photos"), ("recordings", "Recordings"), ("videos", "Videos"))


@router.get("/look-over")
def look_over(request: Request) -> Response:
    """All that there is to look over."""
    workspace = request.app.state.workspace
    settings = workspace.settings
    runs = training_runs(settings.runs) if settings.runs else []
    archive = settings.archive
    return render(
        request,
        "look_over.html",
        has_archive=archive is not None or settings.survey is not None,
        has_runs=settings.runs is not None,
        survey=read_survey(settings.survey) if settings.survey else None,
        progress=_progress(request),
        runs=[(run, _charts(run)) for run in runs],
        kinds=KINDS,
        fault_words=FAULT_WORDS,
        most=MOST_SHOWN,
        in_bytes=in_bytes,
        in_time=in_time,
    )


@router.get("/look-over/run")
def run(request: Request) -> Response:
    """The run over the archive as it is now."""
    return render(request, "look_over_run.html", progress=_progress(request), in_time=in_time)


@router.get("/look-over/skipped")
def skipped(request: Request, start: Annotated[int, Query(ge=0)] = 0) -> Response:
    """The files of which something is lost, and why."""
    progress = _progress(request)
    rows = progress["run"].not_whole if progress else []
    return render(
        request,
        "look_over_skipped.html",
        rows=rows[start : start + PAGE_ROWS],
        num=len(rows),
        start=start,
        page_rows=PAGE_ROWS,
    )


def _progress(request: Request) -> dict[str, Any] | None:  # for a template
    workspace = request.app.state.workspace
    reader = workspace.archive_reader
    if reader is None:
        return None
    reader.refresh()
    folder = workspace.settings.survey
    survey = read_survey(folder) if folder else None
    num_all = sum(survey[kind]["num_files"] for kind, _ in KINDS) if survey else None
    return {"run": run_progress(reader.files, num_all, time.time_ns())}


def _charts(run: TrainingRun) -> list[Chart]:
    history = run.history
    losses = [(name, values) for name, values in history.items() if name in ("loss", "val_loss")]
    measured = [
        (word, history[name])
        for name, word in (
            ("val_precision_at_1", "precision at 1"),
            ("val_mean_average_precision_at_r", "mAP@R"),
        )
        if name in history
    ]
    drawn = (chart("Loss", losses), chart("Held-out retrieval", measured))
    return [one for one in drawn if one is not None]
