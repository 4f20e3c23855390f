"""The two jobs: count the individuals in videos, and listen to hours of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.web.count_job import CountTask, count_videos, read_count
from app.web.hearing import PLAIN_THRESHOLD, levels
from app.web.house import Workspace
from app.web.jobs import Job, Jobs
from app.web.uploads import Upload
from archives.workers import Ended, Workers

if TYPE_CHECKING:
    from individuals.video.detectors import DetectorName

HEARD = "heard"
CLASSIFIER = "--sound-classifier DIR, which `classify train --out` wrote"
LONGEST_SILENCE_SECONDS = 300.0  # of a process that counts


def submit_count(
    jobs: Jobs,
    workspace: Workspace,
    videos: Sequence[Upload],
    *,
    threshold: float | None,
    detector: DetectorName,
    frames_per_second: float,
) -> Job:
    """Counts the individuals in videos, in a process of its own.

    Raises:
        NotServedError: no encoder is served.
        BusyError: too many jobs wait.
    """
    encoder = workspace.folder("encoder", "--encoder DIR, which `export --out` wrote")

    names = tuple(f"video_{number:03d}" for number in range(1, len(videos) + 1))
    shown = tuple(upload.shown_name for upload in videos)

    def work(job: Job) -> dict[str, Any]:
        how = threshold, detector, frames_per_second
        task = CountTask(job.folder, names, shown, encoder.absolute(), *how)
        workers: Workers[CountTask, tuple[float, str]] = Workers(
            count_videos, num_workers=1, time_limit_seconds=LONGEST_SILENCE_SECONDS
        )
        with workers:
            for _, message in workers.run([task]):
                if isinstance(message, Ended):
                    if message.crash or message.refusal:
                        raise RuntimeError(f"The count {message.crash or message.refusal}.")
                else:
                    job.tell(*message)
        return read_count(task)

    return jobs.submit("count", work, _files(names, videos))


def submit_classify(jobs: Jobs, workspace: Workspace, recordings: Sequence[Upload]) -> Job:
    """Listens to recordings of any length; writes what `classify predict` writes, into `heard/`.

    Raises:
        NotServedError: no sound classifier is served.
        BusyError: too many jobs wait.
    """
    workspace.folder("sound_classifier", CLASSIFIER)
    names = tuple(f"recording_{number:03d}.wav" for number in range(1, len(recordings) + 1))
    shown_names = {name: upload.shown_name for name, upload in zip(names, recordings, strict=True)}

    def work(job: Job) -> dict[str, Any]:
        from soundscapes import predict_recordings

        shown = {str(job.folder / name): shown_names[name] for name in names}
        place = {file: number for number, file in enumerate(shown)}

        def watch(file: str, seconds: float) -> None:
            job.tell(place[file] / len(place), f"{shown[file]}, {seconds / 60:.0f} minutes")

        thresholds = workspace.sound_thresholds
        summary = predict_recordings(
            workspace.sound_classifier,
            list(shown),
            job.folder / HEARD,
            thresholds=PLAIN_THRESHOLD if thresholds is None else thresholds,
            watch=watch,
        )
        _, promise = levels(workspace)
        return {
            "thresholds": promise,
            "recordings": [
                {
                    "name": shown.get(row.file, row.file),
                    "file": Path(row.file).name,
                    "status": row.status,
                    "reason": row.reason,
                    "seconds": row.decoded_seconds,
                }
                for row in summary.rows
            ],
            "species": {
                name: {"num_events": one.num_events, "seconds": one.seconds}
                for name, one in summary.counts.items()
                if one.num_events
            },
        }

    return jobs.submit("classify", work, _files(names, recordings))


def _files(names: Sequence[str], uploads: Sequence[Upload]) -> dict[str, Path]:
    return {name: upload.path for name, upload in zip(names, uploads, strict=True)}
