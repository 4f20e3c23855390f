"""Sightings as files that other programs read: tables, capture histories, Camtrap DP, Raven, Audacity."""

from individuals.outputs.audacity import (
    read_audacity_labels,
    write_audacity_labels,
    write_audacity_tracks,
)
from individuals.outputs.camtrap_dp import write_camtrap_dp
from individuals.outputs.camtrap_project import (
    CamtrapProject,
    Deployment,
    read_deployments,
    read_project,
)
from individuals.outputs.capture_history import (
    CaptureHistory,
    capture_history,
    every_days,
    occasion_dates,
)
from individuals.outputs.capture_history_files import (
    read_capture_history,
    write_capture_history,
    write_mark_inp,
    write_secr_captures,
)
from individuals.outputs.columns import COLUMNS
from individuals.outputs.counted_sightings import identified_sightings
from individuals.outputs.media_details import MediaDetails, read_media_details
from individuals.outputs.outputs import check_outputs, write_outputs
from individuals.outputs.raven import read_raven_table, write_raven_table, write_raven_tables
from individuals.outputs.tables import read_sightings, write_sightings
from individuals.sighting import Sighting

__all__ = [
    # the record
    "Sighting",
    "identified_sightings",
    "MediaDetails",
    "read_media_details",
    # all at once
    "check_outputs",
    "write_outputs",
    # the table
    "COLUMNS",
    "write_sightings",
    "read_sightings",
    # capture-recapture
    "CaptureHistory",
    "capture_history",
    "every_days",
    "occasion_dates",
    "write_capture_history",
    "read_capture_history",
    "write_mark_inp",
    "write_secr_captures",
    # camera traps
    "CamtrapProject",
    "Deployment",
    "read_deployments",
    "read_project",
    "write_camtrap_dp",
    # sound
    "write_raven_table",
    "write_raven_tables",
    "read_raven_table",
    "write_audacity_labels",
    "write_audacity_tracks",
    "read_audacity_labels",
]
