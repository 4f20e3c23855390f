"""The known individuals: a durable catalogue, who is who in new footage, and what a person decides."""

from inference.catalogue.catalogue import Catalogue
from inference.catalogue.identification import Identification
from inference.catalogue.records import Changes, Decision, Individual, LogEntry
from inference.catalogue.sighting_table import Sighting, SightingTable, sighting_key
from inference.catalogue.thresholds import PatternThresholds, Thresholds

__all__ = [
    "Catalogue",
    "Changes",
    "Decision",
    "Identification",
    "Individual",
    "LogEntry",
    "PatternThresholds",
    "Sighting",
    "SightingTable",
    "Thresholds",
    "sighting_key",
]
