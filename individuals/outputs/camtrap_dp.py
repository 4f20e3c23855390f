"""Camtrap DP: sightings as a Camera Trap Data Package, the standard that GBIF and Agouti exchange."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from individuals.outputs.camtrap_project import DEPLOYMENT_COLUMNS, CamtrapProject, Deployment
from individuals.outputs.camtrap_rows import (
    MEDIA_COLUMNS,
    OBSERVATION_COLUMNS,
    CamtrapMedia,
    Row,
    deployment_row,
    media_row,
    media_type,
    observation_rows,
    timestamp,
)
from individuals.outputs.media_details import MediaDetails
from individuals.sighting import Sighting
from media.atomic import write_text_atomically
from media.cells import csv_text
from media.wording import some_problems

CAMTRAP_DP_VERSION = "1.0.2"
_SCHEMAS = f"https://raw.githubusercontent.com/tdwg/camtrap-dp/{CAMTRAP_DP_VERSION}"
_FILE_PATH = re.compile(r"^(?=^[^./~])(^((?!\.{2}).)*$).*$")  # the standard's own rule
_READ_AS_MISSING = {"NA", "NaN", "nan"}
Problem = tuple[str, str]  # its kind, and what has it


def write_camtrap_dp(
    folder: str | Path,
    sightings: Iterable[Sighting],
    *,
    deployments: Sequence[Deployment],
    project: CamtrapProject,
    details: Mapping[str, MediaDetails] | None = None,
    media_root: str | Path | None = None,
    media_are_public: bool = False,
) -> list[Path]:
    """Writes deployments.csv, media.csv, observations.csv and datapackage.json (Camtrap DP 1.0.2).

    Each sighting is a media-based observation, and each individual in each media file an event-based one
    with count 1. Media of `details` in which nobody was met are there as "blank". Times are whole seconds
    there; the exact ones are in observationTags.

    Args:
        folder: made if it is not there. datapackage.json is written last.
        sightings: each with a media file whose start (with time zone) and deployment are known, from the
            sighting itself or from details.
        deployments: all of them, also those that recorded nothing.
        project: the study.
        details: of media files, by path; see `read_media_details`.
        media_root: the folder of the package's media; paths below it become relative. Without it, paths are
            taken as they are, and must be relative.
        media_are_public: whether anyone may see the files.
    Raises:
        ValueError: what the standard needs is not known or not allowed; all of it in one message. Nothing is
            invented, and nothing is written.
    Reference:
        Bubnicki et al., "Camtrap DP: an open standard for the FAIR exchange and archiving of camera trap
        data", 2023, https://doi.org/10.1002/rse2.374; https://camtrap-dp.tdwg.org
    """
    every = list(sightings)
    media = _media(every, deployments, details or {}, media_root)
    who = f"fused-encoder {_own_version()}"
    tables: dict[str, tuple[Sequence[str], Iterable[Row]]] = {
        "deployments": (DEPLOYMENT_COLUMNS, map(deployment_row, deployments)),
        "media": (MEDIA_COLUMNS, (media_row(m, media_are_public) for m in media)),
        "observations": (OBSERVATION_COLUMNS, (r for m in media for r in observation_rows(m, who))),
    }
    package = _package(every, deployments, project)
    written = []
    for name, (columns, rows) in tables.items():
        text = csv_text(columns, [[row.get(c) for c in columns] for row in rows], guard=False)
        written.append(write_text_atomically(Path(folder) / f"{name}.csv", text))
    text = json.dumps(package, ensure_ascii=False, indent=2)
    return [*written, write_text_atomically(Path(folder) / "datapackage.json", text)]


def check_camtrap_dp(
    details: Mapping[str, MediaDetails],
    deployments: Sequence[Deployment],
    media_root: str | Path | None = None,
) -> None:
    """Refuses what `write_camtrap_dp` would refuse of media and deployments."""
    _media((), deployments, details, media_root)


def _media(
    sightings: Sequence[Sighting],
    deployments: Sequence[Deployment],
    details: Mapping[str, MediaDetails],
    media_root: str | Path | None,
) -> list[CamtrapMedia]:
    of_media: dict[str, list[Sighting]] = {path: [] for path in details}
    for sighting in sightings:
        of_media.setdefault(sighting.media, []).append(sighting)
    media, problems = [], dict[str, list[str]]()  # kind -> what has it
    for kind, what in _problems_of_lists(sightings, deployments, of_media, media_root):
        problems.setdefault(kind, []).append(what)
    for path, found in of_media.items():
        told = details.get(path, MediaDetails())
        captured_at = next((s.captured_at for s in found if s.captured_at), told.captured_at)
        name = next((s.deployment for s in found if s.deployment), told.deployment)
        for kind, what in _problems_of_time(path, captured_at, name, deployments):
            problems.setdefault(kind, []).append(what)
        if captured_at is not None:
            ordered = sorted(found, key=lambda s: (s.start_seconds, s.end_seconds, s.individual))
            relative = _relative(path, media_root)
            media.append(CamtrapMedia(relative, str(name), captured_at, tuple(ordered)))
    if problems:
        listed = "".join(
            f"\n  {kind}: {some_problems(list(dict.fromkeys(items)), separator=', ')}"
            for kind, items in problems.items()
        )
        raise ValueError(f"A Camtrap DP cannot be written:{listed}")
    return sorted(media, key=lambda m: (m.deployment_id, m.captured_at, m.path))


def _relative(path: str, media_root: str | Path | None) -> str:
    if media_root is None or "://" in path:
        return path.replace("\\", "/")
    try:
        return Path(path).resolve().relative_to(Path(media_root).resolve()).as_posix()
    except ValueError:
        return path


def _problems_of_lists(
    sightings: Sequence[Sighting],
    deployments: Sequence[Deployment],
    media: Iterable[str],
    media_root: str | Path | None,
) -> Iterator[Problem]:
    if not deployments:
        yield "no deployments were given", "where and when did the cameras stand?"
    for name, times in Counter(d.deployment_id for d in deployments).items():
        if times > 1:
            yield "deployments are there twice", name
    in_package = {path: _relative(path, media_root) for path in media}
    num_paths = Counter(in_package.values())
    for path, relative in in_package.items():
        if not _FILE_PATH.match(relative):
            yield "paths not relative to the package (media_root: the folder above all)", path
        if num_paths[relative] > 1:
            yield "paths that are one file in the package", path
        if path != path.encode("utf-8", "replace").decode():
            yield "paths that are not Unicode (rename the files)", repr(path)
        if media_type(path) is None:
            yield "media of unknown type", path
    for sighting in sightings:
        if sighting.box and None in (sighting.frame_width_px, sighting.frame_height_px):
            yield "boxes without the size of their frame, of", sighting.media
        if sighting.individual in _READ_AS_MISSING:
            yield "individuals whose name the standard reads as missing", sighting.individual


def _problems_of_time(
    path: str, moment: datetime | None, name: str | None, deployments: Sequence[Deployment]
) -> Iterator[Problem]:
    has_zone = moment is not None and moment.utcoffset() is not None
    if not has_zone:
        yield "media without a start time with time zone (captured_at)", path
    there = [d for d in deployments if d.deployment_id == name]
    if not there:
        yield "media without a deployment that was given", f"{path} ({name})" if name else path
    elif moment and has_zone and not there[0].start <= moment <= there[0].end:
        yield "media that start outside their deployment's time", f"{path} ({moment.isoformat()})"


def _package(
    sightings: Sequence[Sighting],
    deployments: Sequence[Deployment],
    project: CamtrapProject,
) -> dict[str, object]:
    resources = [
        {
            "name": name,
            "path": f"{name}.csv",
            "profile": "tabular-data-resource",
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "schema": f"{_SCHEMAS}/{name}-table-schema.json",
        }
        for name in ("deployments", "media", "observations")
    ]
    licenses = [
        {"name": project.data_license, "scope": "data"},
        {"name": project.media_license, "scope": "media"},
    ]
    return {
        "resources": resources,
        "profile": f"{_SCHEMAS}/camtrap-dp-profile.json",
        "created": timestamp(datetime.now(UTC)),
        "title": project.title,
        "contributors": [dict(person) for person in project.contributors],
        "project": {
            "title": project.title,
            "samplingDesign": project.sampling_design,
            "captureMethod": list(project.capture_methods),
            "individualAnimals": True,
            "observationLevel": ["media", "event"],
        },
        "spatial": _spatial(deployments),
        "temporal": {
            "start": min(d.start for d in deployments).date().isoformat(),
            "end": max(d.end for d in deployments).date().isoformat(),
        },
        "taxonomic": [
            {"scientificName": name} for name in sorted({s.species for s in sightings if s.species})
        ],
        **({"description": project.description} if project.description else {}),
        **({"licenses": licenses} if project.data_license else {}),
    }


def _spatial(deployments: Sequence[Deployment]) -> dict[str, object]:
    """The box around all deployments as GeoJSON, or their point or line where it has no area."""
    west, east = (f(d.longitude for d in deployments) for f in (min, max))
    south, north = (f(d.latitude for d in deployments) for f in (min, max))
    if west < east and south < north:
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        return {"type": "Polygon", "coordinates": [ring]}
    if west == east and south == north:
        return {"type": "Point", "coordinates": [west, south]}
    return {"type": "LineString", "coordinates": [[west, south], [east, north]]}


def _own_version() -> str:
    try:
        return version("fused-encoder")
    except PackageNotFoundError:
        return "(not installed)"
