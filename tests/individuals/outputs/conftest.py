"""What Camtrap DP 1.0.2 demands, from its published table schemas: an independent check of what is written.

Source: https://camtrap-dp.tdwg.org/data and https://camtrap-dp.tdwg.org/metadata (version 1.0.2).
"""

import csv
import json
import re
from datetime import datetime

import pytest

MISSING = {"", "NA", "NaN", "nan"}
COLUMNS = {
    "deployments": """
        deploymentID locationID locationName latitude longitude coordinateUncertainty deploymentStart
        deploymentEnd setupBy cameraID cameraModel cameraDelay cameraHeight cameraDepth cameraTilt
        cameraHeading detectionDistance timestampIssues baitUse featureType habitat deploymentGroups
        deploymentTags deploymentComments""",
    "media": """
        mediaID deploymentID captureMethod timestamp filePath filePublic fileName fileMediatype exifData
        favorite mediaComments""",
    "observations": """
        observationID deploymentID mediaID eventID eventStart eventEnd observationLevel observationType
        cameraSetupType scientificName count lifeStage sex behavior individualID individualPositionRadius
        individualPositionAngle individualSpeed bboxX bboxY bboxWidth bboxHeight classificationMethod
        classifiedBy classificationTimestamp classificationProbability observationTags
        observationComments""",
}
REQUIRED = {
    *("deploymentID", "latitude", "longitude", "deploymentStart", "deploymentEnd"),
    *("timestamp", "filePath", "filePublic", "fileMediatype"),
    *("observationID", "eventStart", "eventEnd", "observationLevel", "observationType"),
}
UNIQUE = {"deployments": "deploymentID", "media": "mediaID", "observations": "observationID"}
TIMES = {"deploymentStart", "deploymentEnd", "timestamp", "eventStart", "eventEnd"}
NUMBERS = {
    "latitude": (-90, 90),
    "longitude": (-180, 180),
    "cameraHeight": (0, 1e300),
    "bboxX": (0, 1),
    "bboxY": (0, 1),
    "bboxWidth": (1e-15, 1),
    "bboxHeight": (1e-15, 1),
    "classificationProbability": (0, 1),
}
PATTERNS = {
    "count": r"[1-9]\d*$",
    "coordinateUncertainty": r"[1-9]\d*$",
    "filePublic": "true$|false$",
    "filePath": r"^(?=^[^./~])(^((?!\.{2}).)*$).*$",
    "fileMediatype": r"^(image|video|audio)/.*$",
    "captureMethod": "(activityDetection|timeLapse)$",
    "observationLevel": "(media|event)$",
    "observationType": "(animal|human|vehicle|blank|unknown|unclassified)$",
    "classificationMethod": "(human|machine)$",
}
PACKAGE = (
    *("resources", "profile", "created", "contributors", "project", "spatial", "temporal"),
    "taxonomic",
)
PROJECT = {
    "samplingDesign": (
        "simpleRandom systematicRandom clusteredRandom experimental targeted opportunistic"
    ),
    "captureMethod": "activityDetection timeLapse",
    "observationLevel": "media event",
}


def read_table(folder, name):
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    return rows[0], [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


@pytest.fixture
def camtrap_faults():
    """Everything in which the package in a folder does not follow the standard."""
    return _faults


def _faults(folder):
    found = []
    tables = {name: read_table(folder, name) for name in COLUMNS}
    for name, (header, rows) in tables.items():
        if header != COLUMNS[name].split():
            found.append(f"{name}: columns {header}")
        for number, row in enumerate(rows, start=1):
            needed = REQUIRED | {UNIQUE[name]}
            faults = [_fault(column, value, column in needed) for column, value in row.items()]
            found += [f"{name} row {number}: {fault}" for fault in faults if fault]
        ids = [row[UNIQUE[name]] for row in rows]
        if len(set(ids)) < len(ids):
            found.append(f"{name}: {UNIQUE[name]} is not unique")
    known = {
        name: {row[f"{one}ID"] for row in tables[name][1]}
        for name, one in (("deployments", "deployment"), ("media", "media"))
    }
    for name in ("media", "observations"):
        for row in tables[name][1]:
            if row["deploymentID"] not in known["deployments"]:
                found.append(f"{name}: unknown deployment {row['deploymentID']!r}")
    for row in tables["observations"][1]:
        if (row["mediaID"] in MISSING) == (row["observationLevel"] == "media"):
            found.append(f"mediaID {row['mediaID']!r} at level {row['observationLevel']}")
        if row["mediaID"] not in known["media"] | MISSING:
            found.append(f"unknown media {row['mediaID']!r}")
        if row["eventStart"] > row["eventEnd"]:
            found.append(f"an event ends before it starts: {row}")
    return found + _package_faults(json.loads((folder / "datapackage.json").read_text("utf-8")))


def _fault(column, value, is_required):
    if value in MISSING:
        return f"{column} is missing" if is_required else None
    is_fine = re.match(PATTERNS.get(column, ""), value)
    if column in NUMBERS:
        least, most = NUMBERS[column]
        is_fine = least <= float(value) <= most
    if column in TIMES:
        is_fine = re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", value)
        is_fine = is_fine and datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z")
    return None if is_fine else f"{column} is {value}"


def _package_faults(package):
    base = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0.2"
    found = [f"no {name}" for name in PACKAGE if name not in package]
    if package["profile"] != f"{base}/camtrap-dp-profile.json":
        found.append("profile")
    for resource in package["resources"]:
        if resource["schema"] != f"{base}/{resource['name']}-table-schema.json":
            found.append(f"schema of {resource['name']}")
        if resource["profile"] != "tabular-data-resource":
            found.append(f"profile of {resource['name']}")
    if [r["name"] for r in package["resources"]] != list(COLUMNS):
        found.append("resources")
    project = package["project"]
    found += [f"project has no {name}" for name in (*PROJECT, "title") if name not in project]
    for name, words in PROJECT.items():
        values = project[name] if isinstance(project[name], list) else [project[name]]
        if not values or not set(values) <= set(words.split()):
            found.append(f"project.{name} is {project[name]}")
    if not isinstance(project["individualAnimals"], bool):
        found.append("project.individualAnimals")
    if not all(re.fullmatch(r"\d{4}-\d\d-\d\d", package["temporal"][k]) for k in ("start", "end")):
        found.append("temporal")
    scopes = {license_["scope"] for license_ in package.get("licenses", [])}
    if scopes not in (set(), {"data", "media"}):
        found.append(f"licenses of {scopes}")
    if not all("title" in person for person in package["contributors"]):
        found.append("contributors")
    return found
