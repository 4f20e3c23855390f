"""Jobs: submitted, watched, cancelled, and what they wrote."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Any, Literal

from fastapi import APIRouter, File, Form, HTTPException, Request, UploadFile
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from app.web.api.answers import refusals
from app.web.api.asked import RECORDING
from app.web.job_kinds import submit_classify, submit_count
from app.web.jobs import Job
from app.web.services import services

router = APIRouter(prefix="/jobs", tags=["jobs"])
JOBS = "/api/v1/jobs"
_BLOCK_BYTES = 1 << 20


class JobAnswer(BaseModel):
    """A job as it is now."""

    id: str = Field(examples=["0f3a"])
    kind: str = Field(description="count or classify.", examples=["count"])
    state: str = Field(
        description="waiting, running, done, failed or cancelled.", examples=["running"]
    )
    progress: float = Field(description="0 to 1.", examples=[0.4])
    note: str = Field(description="What it is at.", examples=["monday.mp4, 12 s"])
    error: str | None = Field(description="Why it failed.", examples=[None])
    result: dict[str, Any] | None = Field(description="What came of it, when it is done.")
    submitted_at: datetime


@router.post("/count", status_code=202, summary="Count individuals in videos", responses=refusals())
async def count(
    request: Request,
    response: Response,
    videos: Annotated[list[UploadFile], File(description="Repeat the field for more.")],
    threshold: Annotated[
        float | None,
        Form(ge=-1, le=1, description="Cosine similarity. Default: the encoder's own."),
    ] = None,
    detector: Annotated[
        Literal["motion", "whole"],
        Form(description="What moves before a still camera, or the whole frame."),
    ] = "motion",
    frames_per_second: Annotated[float, Form(gt=0, le=60)] = 5.0,
) -> JobAnswer:
    """Distinct individuals in this footage, as far as this encoder tells individuals apart.

    The videos are deleted at the end of the job.
    """
    state = services(request)
    async with state.uploads.for_one_request(videos) as kept:
        job = submit_count(
            state.jobs,
            state.workspace,
            kept,
            threshold=threshold,
            detector=detector,
            frames_per_second=frames_per_second,
        )
    return _submitted(response, job)


@router.post(
    "/classify", status_code=202, summary="Listen to hours of recordings", responses=refusals()
)
async def classify(
    request: Request,
    response: Response,
    recordings: Annotated[list[UploadFile], File(description=f"{RECORDING} Repeat for more.")],
) -> JobAnswer:
    """Writes what `fused-encoder classify predict` writes. The recordings are deleted at the end."""
    state = services(request)
    async with state.uploads.for_one_request(recordings) as kept:
        job = submit_classify(state.jobs, state.workspace, kept)
    return _submitted(response, job)


@router.get("", summary="All jobs", responses=refusals())
async def jobs(request: Request) -> list[JobAnswer]:
    """Those that wait, run, or ended not long ago; oldest first."""
    return [_answer(job) for job in services(request).jobs.all()]


@router.get("/{job_id}", summary="A job as it is now", responses=refusals(404))
async def job(request: Request, job_id: str) -> JobAnswer:
    """Ask again every few seconds."""
    return _answer(services(request).jobs.get(job_id))


@router.delete("/{job_id}", summary="Cancel a job", responses=refusals(404))
async def cancel(request: Request, job_id: str) -> JobAnswer:
    """A job that runs ends within seconds; one that has ended stays as it is."""
    return _answer(services(request).jobs.cancel(job_id))


@router.get(
    "/{job_id}/results.zip",
    summary="All tables and pictures of a job",
    response_class=StreamingResponse,
    responses={**refusals(404), 200: {"content": {"application/zip": {}}}},
)
async def results(request: Request, job_id: str) -> StreamingResponse:
    """What the command line would have written."""
    state = services(request)
    found = state.jobs.get(job_id)
    if found.state != "done":
        raise HTTPException(409, f"The job is {found.state}; there are results when it is done.")
    packed = await state.work.run(_packed, found.folder)
    named = {"Content-Disposition": f'attachment; filename="{found.kind}.zip"'}
    return StreamingResponse(_blocks(packed), media_type="application/zip", headers=named)


def _submitted(response: Response, job: Job) -> JobAnswer:
    response.headers["Location"] = f"{JOBS}/{job.id}"
    return _answer(job)


def _answer(job: Job) -> JobAnswer:
    return JobAnswer(**{name: getattr(job, name) for name in JobAnswer.model_fields})


def _packed(folder: Path) -> IO[bytes]:
    file = SpooledTemporaryFile(_BLOCK_BYTES * 16)  # noqa: SIM115 - closed when it is sent
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    file.seek(0)
    return file


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while block := file.read(_BLOCK_BYTES):
            yield block
