"""What a Camtrap DP needs to be told: deployments (where a camera stood, and when) and the project."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

from media.cells import read_csv_rows
from media.wording import some_names, some_problems

SamplingDesign = Literal[
    "simpleRandom",
    "systematicRandom",
    "clusteredRandom",
    "experimental",
    "targeted",
    "opportunistic",
]
CaptureMethod = Literal["activityDetection", "timeLapse"]
ROLES = ("contact", "principalInvestigator", "rightsHolder", "publisher", "contributor")
# The columns of deployments.csv in the standard's order: programs expect also those that stay empty.
DEPLOYMENT_COLUMNS = (
    *("deploymentID", "locationID", "locationName", "latitude", "longitude"),
    *("coordinateUncertainty", "deploymentStart", "deploymentEnd", "setupBy", "cameraID"),
    *("cameraModel", "cameraDelay", "cameraHeight", "cameraDepth", "cameraTilt", "cameraHeading"),
    *("detectionDistance", "timestampIssues", "baitUse", "featureType", "habitat"),
    *("deploymentGroups", "deploymentTags", "deploymentComments"),
)
NEEDED = ("deploymentID", "latitude", "longitude", "deploymentStart", "deploymentEnd")


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A camera or recorder at one place for one time.

    Attributes:
        deployment_id: unique in the project.
        latitude: float in [-90, 90], degrees, WGS84.
        longitude: float in [-180, 180], degrees, WGS84.
        start: when it was put up, with its time zone.
        end: when it was taken down, with its time zone.
        more: other columns of the standard's deployments.csv, such as {"coordinateUncertainty": 1000} (in
            metres, also of coordinates that were rounded to hide a nest), "locationName", "cameraModel",
            "habitat".
    Raises:
        ValueError: something is out of its range, a time has no zone, or `more` has a name that is no column
            of the standard; all of it in one message.
    Reference:
        https://camtrap-dp.tdwg.org/data/#deployments
    """

    deployment_id: str
    latitude: float
    longitude: float
    start: datetime
    end: datetime
    more: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = []
        if not self.deployment_id:
            problems.append("deployment_id is empty")
        if not -90 <= self.latitude <= 90:
            problems.append(f"latitude must be in [-90, 90], received {self.latitude}")
        if not -180 <= self.longitude <= 180:
            problems.append(f"longitude must be in [-180, 180], received {self.longitude}")
        zoneless = [name for name in ("start", "end") if getattr(self, name).utcoffset() is None]
        if zoneless:
            problems.append(f"{' and '.join(zoneless)} must have a time zone")
        elif self.end < self.start:
            problems.append(f"it ends ({self.end}) before it starts ({self.start})")
        if unknown := sorted(
            set(self.more) - set(DEPLOYMENT_COLUMNS) | set(self.more) & set(NEEDED)
        ):
            problems.append(f"more has no place for {some_names(unknown)}")
        if problems:
            raise ValueError(f"Deployment {self.deployment_id!r}: {'; '.join(problems)}.")


@dataclass(frozen=True, kw_only=True)
class CamtrapProject:
    """The study that a data package is of.

    Attributes:
        title: of the project.
        sampling_design: how places were chosen; "opportunistic" for a few cameras wherever it was easy.
        capture_methods: what made cameras film: "activityDetection", "timeLapse".
        contributors: people and organisations, each with "title" (the name) and, if wanted, "email",
            "path", "organization" and "role" (contact, principalInvestigator, rightsHolder, publisher,
            contributor).
        description: of the project.
        data_license: such as "CC0-1.0"; given with media_license or not at all.
        media_license: of the media files.
    Raises:
        ValueError: something is missing or not one of the allowed words; all of it in one message.
    """

    title: str
    sampling_design: SamplingDesign
    capture_methods: tuple[CaptureMethod, ...]
    contributors: tuple[Mapping[str, str], ...]
    description: str | None = None
    data_license: str | None = None
    media_license: str | None = None

    def __post_init__(self) -> None:
        designs, methods = get_args(SamplingDesign), get_args(CaptureMethod)
        roles = {person.get("role", ROLES[0]) for person in self.contributors} - {*ROLES}
        problems = []
        if not self.title:
            problems.append("title is empty")
        if self.sampling_design not in designs:
            problems.append(
                f"sampling_design must be one of {', '.join(designs)}, received {self.sampling_design!r}"
            )
        if not self.capture_methods or not {*self.capture_methods} <= {*methods}:
            problems.append(
                f"capture_methods must be some of {', '.join(methods)}, received {self.capture_methods}"
            )
        if not self.contributors or not all(person.get("title") for person in self.contributors):
            problems.append("contributors must name at least one person, each with a title")
        if roles:
            problems.append(
                f"a role must be one of {', '.join(ROLES)}, received {', '.join(sorted(roles))}"
            )
        if (self.data_license is None) != (self.media_license is None):
            problems.append("data_license and media_license must be given together")
        if problems:
            raise ValueError(f"Project {self.title!r}: {'; '.join(problems)}.")


def read_project(path: str | Path) -> CamtrapProject:
    """A project from a JSON file: an object with the attributes of `CamtrapProject`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such object, or not all that is needed is in it.
    """
    try:
        given = json.loads(Path(path).read_text(encoding="utf-8-sig"))
        lists = {name: tuple(given[name]) for name in ("capture_methods", "contributors")}
        return CamtrapProject(**given | lists)
    except json.JSONDecodeError as error:
        raise ValueError(f"'{path}' is no JSON ({error}).") from error
    except (TypeError, KeyError) as error:
        raise ValueError(
            f"'{path}' must hold an object with title, sampling_design, capture_methods and contributors, "
            f"and if wanted description, data_license and media_license ({error})."
        ) from error


def read_deployments(path: str | Path) -> list[Deployment]:
    """Deployments from a CSV file with the columns of a Camtrap DP's deployments.csv.

    Args:
        path: a file with deploymentID, latitude, longitude, deploymentStart and deploymentEnd (such as
            2026-05-01T06:30:00+02:00), and any other column of that standard.
    Raises:
        FileNotFoundError: there is no such file.
        ValueError: columns are missing, or rows are no deployments; all of them in one message.
    """
    deployments, problems = [], []
    for number, row in read_csv_rows(path, *NEEDED)[1]:
        try:
            name, latitude, longitude, start, end = (row.get(column, "") for column in NEEDED)
            others = set(DEPLOYMENT_COLUMNS) - set(NEEDED)
            deployment = Deployment(
                deployment_id=name,
                latitude=float(latitude),
                longitude=float(longitude),
                start=datetime.fromisoformat(start),
                end=datetime.fromisoformat(end),
                more={column: cell for column, cell in row.items() if cell and column in others},
            )
            deployments.append(deployment)
        except ValueError as error:
            problems.append(f"row {number}: {error}")
    if problems:
        raise ValueError(f"'{path}' cannot be read: {some_problems(problems)}")
    return deployments
