"""What Camtrap DP 1.0.2 demands, from its published table schemas: an independent check of what is written.

Source: https://camtrap-dp.tdwg.org/data and https://camtrap-dp.tdwg.org/metadata (version 1.0.2).
"""

import csv
import json
import re
from datetime import datetime

import pytest

MISSING = {"", "NA", "NaN", "nan"}
TEXT, TIME, BOOLEAN = {"type": "string"}, {"type": "datetime"}, {"type": "boolean"}
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
FEATURES = (
    "roadPaved roadDirt trailHiking trailGame roadUnderpass roadOverpass roadBridge culvert burrow nestSite "
    "carcass waterSource fruitingTree"
)


def required(field, **more):
    return {**field, "required": True, **more}


def number(low=None, high=None, kind="number"):
    field = {"type": kind}
    return field | {k: v for k, v in (("minimum", low), ("maximum", high)) if v is not None}


def one_of(words):
    return {"type": "string", "enum": words.split()}


FIELDS = {
    "deployments": {
        "deploymentID": required(TEXT, unique=True),
        "locationID": TEXT,
        "locationName": TEXT,
        "latitude": required(number(-90, 90)),
        "longitude": required(number(-180, 180)),
        "coordinateUncertainty": number(1, kind="integer"),
        "deploymentStart": required(TIME),
        "deploymentEnd": required(TIME),
        "setupBy": TEXT,
        "cameraID": TEXT,
        "cameraModel": TEXT,
        "cameraDelay": number(0, kind="integer"),
        "cameraHeight": number(0),
        "cameraDepth": number(0),
        "cameraTilt": number(-90, 90, "integer"),
        "cameraHeading": number(0, 360, "integer"),
        "detectionDistance": number(0),
        "timestampIssues": BOOLEAN,
        "baitUse": BOOLEAN,
        "featureType": one_of(FEATURES),
        "habitat": TEXT,
        "deploymentGroups": TEXT,
        "deploymentTags": TEXT,
        "deploymentComments": TEXT,
    },
    "media": {
        "mediaID": required(TEXT, unique=True),
        "deploymentID": required(TEXT),
        "captureMethod": one_of("activityDetection timeLapse"),
        "timestamp": required(TIME),
        "filePath": required(TEXT, pattern=r"^(?=^[^./~])(^((?!\.{2}).)*$).*$"),
        "filePublic": required(BOOLEAN),
        "fileName": TEXT,
        "fileMediatype": required(TEXT, pattern=r"^(image|video|audio)/.*$"),
        "exifData": TEXT,
        "favorite": BOOLEAN,
        "mediaComments": TEXT,
    },
    "observations": {
        "observationID": required(TEXT, unique=True),
        "deploymentID": required(TEXT),
        "mediaID": TEXT,
        "eventID": TEXT,
        "eventStart": required(TIME),
        "eventEnd": required(TIME),
        "observationLevel": required(one_of("media event")),
        "observationType": required(one_of("animal human vehicle blank unknown unclassified")),
        "cameraSetupType": one_of("setup calibration"),
        "scientificName": TEXT,
        "count": number(1, kind="integer"),
        "lifeStage": one_of("adult subadult juvenile"),
        "sex": one_of("female male"),
        "behavior": TEXT,
        "individualID": TEXT,
        "individualPositionRadius": number(0),
        "individualPositionAngle": number(-90, 90),
        "individualSpeed": number(0),
        "bboxX": SHARE,
        "bboxY": SHARE,
        "bboxWidth": number(1e-15, 1),
        "bboxHeight": number(1e-15, 1),
        "classificationMethod": one_of("human machine"),
        "classifiedBy": TEXT,
        "classificationTimestamp": TIME,
        "classificationProbability": SHARE,
        "observationTags": TEXT,
        "observationComments": TEXT,
    },
}
PACKAGE = (
    "resources",
    "profile",
    "created",
    "contributors",
    "project",
    "spatial",
    "temporal",
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
    tables = {name: read_table(folder, name) for name in FIELDS}
    for name, (header, rows) in tables.items():
        if header != list(FIELDS[name]):
            found.append(f"{name}: columns {header}")
        for number_, row in enumerate(rows, start=1):
            found += [
                f"{name} row {number_}: {fault}"
                for column, field in FIELDS[name].items()
                if (fault := _fault(column, row[column], field))
            ]
        for column, field in FIELDS[name].items():
            values = [row[column] for row in rows]
            if field.get("unique") and len(set(values)) < len(values):
                found.append(f"{name}: {column} is not unique")
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


def _fault(column, value, field):
    if value in MISSING:
        return f"{column} is missing" if field.get("required") else None
    if field["type"] in ("number", "integer"):
        parse = int if field["type"] == "integer" else float
        if not field.get("minimum", -1e300) <= parse(value) <= field.get("maximum", 1e300):
            return f"{column} is {value}"
    if field["type"] == "boolean" and value not in ("true", "false"):
        return f"{column} is {value}"
    if field["type"] == "datetime":
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", value):
            return f"{column} is {value}"
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z")
    if "enum" in field and value not in field["enum"]:
        return f"{column} is {value}"
    if "pattern" in field and not re.match(field["pattern"], value):
        return f"{column} is {value}"
    return None


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
    if [r["name"] for r in package["resources"]] != list(FIELDS):
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
