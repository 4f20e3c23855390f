"""`write_outputs`: everything that people and programs may want of a count, in one folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from individuals.outputs.calls import write_audacity_tracks, write_raven_tables
from individuals.outputs.camtrap_dp import check_camtrap_dp, write_camtrap_dp
from individuals.outputs.camtrap_project import CamtrapProject, Deployment
from individuals.outputs.capture_history import (
    capture_history,
    natural_order,
    write_capture_history,
    write_mark_inp,
)
from individuals.outputs.media_details import MediaDetails
from individuals.outputs.tables import identified_sightings, write_sightings
from individuals.sighting import Sighting
from media.atomic import atomic_file
from media.cells import write_csv
from media.wording import some_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from individuals.count import VideoCount
    from media import VideoInfo

INDIVIDUAL_COLUMNS = (
    *("individual", "name", "species", "num_sightings", "num_media", "media"),
    *("first_at", "last_at"),
)
MEDIA_COLUMNS = ("media", "num_individuals", "individuals", *MediaDetails.__dataclass_fields__)
DOTS_PER_INCH = 150


def write_outputs(
    folder: str | Path,
    counted: VideoCount,
    sightings: Sequence[Sighting] | None = None,
    *,
    details: Mapping[str, MediaDetails] | None = None,
    names: Mapping[str, str] | None = None,
    deployments: Sequence[Deployment] = (),
    project: CamtrapProject | None = None,
    media_root: str | Path | None = None,
) -> list[Path]:
    """Writes the usual files of a count into a folder; docs/outputs.md says what each is for.

    Always: sightings.csv and .json, individuals.csv, media.csv, capture_history.csv and .inp,
    individuals.png and timeline.png (and .pdf, where they take more than a page). If somebody was heard:
    calls/ with a Raven table and Audacity labels of each recording. With a project: camtrap_dp/.

    Args:
        folder: made if it is not there; files of the same names are replaced.
        counted: from `count_individuals`.
        sightings: what to write. Default: `identified_sightings` of the count.
        details: of the videos, by path. Occasions of the capture history are those of the details if any
            has one, else each video is an occasion.
        names: what to call individuals, by their numbers as text.
        deployments: for the Camtrap DP.
        project: for the Camtrap DP; without it there is none.
        media_root: as in `write_camtrap_dp`.
    Raises:
        ValueError: some videos have an occasion and others not; or what a Camtrap DP needs is not known.
            Nothing is written then.
    """
    from individuals.plots import plot_individual_pages, plot_timeline_pages

    target, media = Path(folder), list(counted.per_video)
    told = _told(media, details or {})
    infos = _infos(media)
    if sightings is None:
        sizes = {path: (info.width, info.height) for path, info in infos.items()}
        sightings = identified_sightings(counted, details=told, names=names, frame_sizes=sizes)
    occasion_of = _occasions(told) or {path: path for path in media}
    history = capture_history(
        sightings, occasion_of=occasion_of, all_occasions=list(dict.fromkeys(occasion_of.values()))
    )
    written: list[Path] = []
    if project is not None:
        written += write_camtrap_dp(
            target / "camtrap_dp",
            sightings,
            deployments=deployments,
            project=project,
            details=told,
            media_root=media_root,
        )
    written += [
        write_sightings(target / "sightings.csv", sightings),
        write_sightings(target / "sightings.json", sightings),
        write_csv(target / "individuals.csv", INDIVIDUAL_COLUMNS, _individual_rows(sightings)),
        write_csv(target / "media.csv", MEDIA_COLUMNS, _media_rows(sightings, told)),
        write_capture_history(target / "capture_history.csv", history),
    ]
    if history.occasions:
        written.append(write_mark_inp(target / "capture_history.inp", history))
    heard = [sighting for sighting in sightings if sighting.is_heard]
    written += write_raven_tables(target / "calls", heard).values()
    written += write_audacity_tracks(target / "calls", heard).values()
    durations = dict.fromkeys(media, 0.0)
    durations |= {path: info.duration_seconds or 0.0 for path, info in infos.items()}
    sheet = plot_individual_pages(counted, names=names)
    timeline = plot_timeline_pages(sightings, durations_seconds=durations)
    return [
        *written,
        *_write_pages(target / "individuals.png", sheet),
        *_write_pages(target / "timeline.png", timeline),
    ]


def check_outputs(
    media: Sequence[str],
    *,
    details: Mapping[str, MediaDetails],
    deployments: Sequence[Deployment] = (),
    project: CamtrapProject | None = None,
    media_root: str | Path | None = None,
) -> list[str]:
    """Refuses, before slow work begins, what `write_outputs` would refuse after it.

    Args:
        media: paths of the videos, as they will be counted.
        details: as there.
        deployments: as there.
        project: as there.
        media_root: as there.
    Returns:
        What a person should know: videos of which the details say nothing.
    Raises:
        ValueError: as `write_outputs`; the details are of none of the videos; deployments without a project.
    """
    videos = [str(Path(path)) for path in media]  # as a count has them
    told = _told(videos, details)
    known = {str(Path(path)) for path in details}
    without = [path for path in videos if path not in known]
    if details and len(without) == len(videos):
        raise ValueError(
            f"The details are of {some_names(list(details))}, none of which is a video here: "
            f"{some_names(videos)}. Write paths there as they are given here."
        )
    _occasions(told)
    if project is not None:
        check_camtrap_dp(told, deployments, media_root)
    elif deployments:
        raise ValueError("Deployments are for a Camtrap DP, which needs a project too.")
    return [f"the details say nothing of {some_names(without)}."] if details and without else []


def _told(media: Sequence[str], details: Mapping[str, MediaDetails]) -> dict[str, MediaDetails]:
    """What is known of each; "./a.mp4" is "a.mp4", as a count has it."""
    of_path = {str(Path(path)): known for path, known in details.items()}
    return {path: of_path.get(str(Path(path)), MediaDetails()) for path in media}


def _infos(media: Sequence[str]) -> dict[str, VideoInfo]:
    """Frame size and duration of each video; of those that are not there any more, nothing."""
    from media import UnreadableMediaError, probe_video

    infos = {}
    for path in media:
        with suppress(UnreadableMediaError, OSError):
            infos[path] = probe_video(path)
    return infos


def _occasions(told: Mapping[str, MediaDetails]) -> dict[str, str]:
    """The occasion of every media file, or of none."""
    given = {path: details.occasion for path, details in told.items() if details.occasion}
    without = [path for path in told if path not in given]
    if given and without:
        raise ValueError(
            "Some videos have an occasion and others not. Give an occasion for "
            f"{some_names(without)}, or for none."
        )
    return given


def _individual_rows(sightings: Sequence[Sighting]) -> Iterator[list[object]]:
    for individual in sorted({s.individual for s in sightings}, key=natural_order):
        met = [s for s in sightings if s.individual == individual]
        media = list(dict.fromkeys(s.media for s in met))
        name, species = (
            next((value for s in met if (value := getattr(s, column))), None)
            for column in ("name", "species")
        )
        moments = [moment for s in met if (moment := s.started_at)]
        first, last = None, None
        if len({moment.utcoffset() is None for moment in moments}) == 1:  # else they do not compare
            first, last = min(moments).isoformat(), max(moments).isoformat()
        yield [individual, name, species, len(met), len(media), " | ".join(media), first, last]


def _media_rows(
    sightings: Sequence[Sighting], told: Mapping[str, MediaDetails]
) -> Iterator[list[object]]:
    for media, known in told.items():
        met = sorted({s.individual for s in sightings if s.media == media}, key=natural_order)
        when = known.captured_at and known.captured_at.isoformat()
        rest = known.occasion, known.deployment, known.place
        yield [media, len(met), " | ".join(met), when, *rest]


def _write_pages(path: Path, pages: Sequence[Figure]) -> list[Path]:
    """The first as PNG, and all as PDF where there are several."""
    from matplotlib.backends.backend_pdf import PdfPages

    with atomic_file(path) as temporary:
        pages[0].savefig(temporary, dpi=DOTS_PER_INCH)
    if len(pages) == 1:
        return [path]
    pdf = path.with_suffix(".pdf")
    with atomic_file(pdf) as temporary, PdfPages(temporary) as book:
        for page in pages:
            book.savefig(page)
    return [path, pdf]
