"""Camtrap DP: sightings as a Camera Trap Data Package, the standard that GBIF and Agouti exchange."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath

from individuals.outputs.camtrap_project import DEPLOYMENT_COLUMNS, CamtrapProject, Deployment
from individuals.outputs.camtrap_rows import (
    MEDIA_COLUMNS,
    MEDIA_TYPES,
    OBSERVATION_COLUMNS,
    CamtrapMedia,
    Row,
    deployment_row,
    media_row,
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


def write_camtrap_dp(
    folder: str | Path,
    sightings: Iterable[Sighting],
    *,
    deployments: Sequence[Deployment],
    project: CamtrapProject,
    details: Mapping[str, MediaDetails] | None = None,
    media_root: str | Path | None = None,
    media_are_public: bool = False,
    classified_by: str | None = None,
    created: datetime | None = None,
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
        classified_by: name of what decided automatically. Default: fused-encoder and its version.
        created: when the package was made, with a time zone. Default: now.
    Returns:
        The four files.
    Raises:
        ValueError: what the standard needs is not known or not allowed; all of it in one message. Nothing is
            invented, and nothing is written.

    Reference:
        Bubnicki et al., "Camtrap DP: an open standard for the FAIR exchange and archiving of camera trap
        data", 2023, https://doi.org/10.1002/rse2.374; https://camtrap-dp.tdwg.org
    """
    every = list(sightings)
    media = _media(every, deployments, details or {}, media_root)
    who = classified_by or f"fused-encoder {_own_version()}"
    tables: dict[str, tuple[Sequence[str], Iterable[Row]]] = {
        "deployments": (DEPLOYMENT_COLUMNS, map(deployment_row, deployments)),
        "media": (MEDIA_COLUMNS, (media_row(m, media_are_public) for m in media)),
        "observations": (OBSERVATION_COLUMNS, (r for m in media for r in observation_rows(m, who))),
    }
    package = _package(every, deployments, project, created or datetime.now(UTC))
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
    """Refuses what `write_camtrap_dp` would refuse of media and deployments, before anybody is looked for.

    Args: as there, with the details of every media file.
    Raises: as there.
    """
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
    known = {path: _known(found, details.get(path)) for path, found in of_media.items()}
    in_package = {path: _relative(path, media_root) for path in of_media}
    problems = {
        **_problems_of_times(deployments, known),
        **_problems_of_files(in_package),
        "boxes without the size of their frame, of": [
            s.media for s in sightings if s.box and None in (s.frame_width_px, s.frame_height_px)
        ],
        "individuals whose name the standard reads as missing": sorted(
            {s.individual for s in sightings} & _READ_AS_MISSING
        ),
    }
    told = [
        f"\n  {kind}: {some_problems(list(dict.fromkeys(items)), separator=', ')}".removesuffix(
            ": "
        )
        for kind, items in problems.items()
        if items
    ]
    if told:
        raise ValueError(f"A Camtrap DP cannot be written:{''.join(told)}")
    media = [
        CamtrapMedia(
            in_package[path],
            str(known[path].deployment),
            known[path].captured_at or datetime.now(UTC),  # it is known: that was checked
            tuple(sorted(found, key=lambda s: (s.start_seconds, s.end_seconds, s.individual))),
        )
        for path, found in of_media.items()
    ]
    return sorted(media, key=lambda m: (m.deployment_id, m.captured_at, m.path))


def _known(found: Sequence[Sighting], details: MediaDetails | None) -> MediaDetails:
    """When and where a media file was made, by its sightings, else by its details."""
    told = details or MediaDetails()
    captured_at = next((s.captured_at for s in found if s.captured_at), told.captured_at)
    deployment = next((s.deployment for s in found if s.deployment), told.deployment)
    return MediaDetails(captured_at=captured_at, deployment=deployment)


def _relative(path: str, media_root: str | Path | None) -> str:
    if media_root is None or "://" in path:
        return path.replace("\\", "/")
    try:
        return Path(path).resolve().relative_to(Path(media_root).resolve()).as_posix()
    except ValueError:
        return path


def _problems_of_times(
    deployments: Sequence[Deployment], known: Mapping[str, MediaDetails]
) -> dict[str, list[str]]:
    """Kind of problem -> what has it."""
    period = {d.deployment_id: (d.start, d.end) for d in deployments}
    times = Counter(d.deployment_id for d in deployments)
    without_zone, outside, unknown = [], [], []
    for path, told in known.items():
        moment = told.captured_at
        if moment is None or moment.utcoffset() is None:
            without_zone.append(path)
        if told.deployment not in period:
            unknown.append(path if told.deployment is None else f"{path} ({told.deployment})")
        elif path not in without_zone and moment is not None:
            start, end = period[told.deployment]
            if not start <= moment <= end:
                outside.append(f"{path} ({moment.isoformat()})")
    return {
        "no deployments were given: where and when did the cameras stand?": [""]
        * (not deployments),
        "deployments are there twice": [name for name, num in times.items() if num > 1],
        "media without a start time with time zone (captured_at)": without_zone,
        "media without a deployment that was given": unknown,
        "media that start outside their deployment's time": outside,
    }


def _problems_of_files(in_package: Mapping[str, str]) -> dict[str, list[str]]:
    times = Counter(in_package.values())
    return {
        "paths that are not relative to the package (pass media_root, the folder above them all)": [
            path for path, relative in in_package.items() if not _FILE_PATH.match(relative)
        ],
        "paths that are one file in the package": [path for path, num in times.items() if num > 1],
        "paths that are not Unicode (rename the files)": [
            repr(path) for path in in_package if path != path.encode("utf-8", "replace").decode()
        ],
        "media of unknown type": [
            path for path in in_package if PurePath(path).suffix.lower() not in MEDIA_TYPES
        ],
    }


def _package(
    sightings: Sequence[Sighting],
    deployments: Sequence[Deployment],
    project: CamtrapProject,
    created: datetime,
) -> dict[str, object]:
    package: dict[str, object] = {
        "resources": [
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
        ],
        "profile": f"{_SCHEMAS}/camtrap-dp-profile.json",
        "created": timestamp(created),
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
            "start": min(deployments, key=lambda d: d.start).start.date().isoformat(),
            "end": max(deployments, key=lambda d: d.end).end.date().isoformat(),
        },
        "taxonomic": [
            {"scientificName": species}
            for species in sorted({s.species for s in sightings if s.species})
        ],
    }
    if project.description:
        package["description"] = project.description
    if project.data_license:
        package["licenses"] = [
            {"name": project.data_license, "scope": "data"},
            {"name": project.media_license, "scope": "media"},
        ]
    return package


def _spatial(deployments: Sequence[Deployment]) -> dict[str, object]:
    """The box around all deployments as GeoJSON, or their point or line where it has no area."""
    west, east = (f(d.longitude for d in deployments) for f in (min, max))
    south, north = (f(d.latitude for d in deployments) for f in (min, max))
    if west == east and south == north:
        return {"type": "Point", "coordinates": [west, south]}
    if west == east or south == north:
        return {"type": "LineString", "coordinates": [[west, south], [east, north]]}
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def _own_version() -> str:
    try:
        return version("fused-encoder")
    except PackageNotFoundError:
        return "(not installed)"
