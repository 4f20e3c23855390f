"""The known individuals: a durable catalogue, who is who in new footage, and what a person decides."""

from inference.catalogue.answer_sheet import read_identifications, write_identifications
from inference.catalogue.catalogue import Catalogue
from inference.catalogue.identification import Identification
from inference.catalogue.records import Changes, Decision, Individual, LogEntry
from inference.catalogue.regroup import regroup, with_answers
from inference.catalogue.review_answers import Answers, GivenAnswer, read_review_answers
from inference.catalogue.review_queue import ReviewPair, review_queue
from inference.catalogue.review_sheet import write_review_sheet
from inference.catalogue.sighting_file import (
    CountedSightings,
    load_sightings,
    save_counted_sightings,
    save_sightings,
)
from inference.catalogue.sighting_table import Sighting, SightingTable, sighting_key
from inference.catalogue.spreadsheet import write_spreadsheet
from inference.catalogue.thresholds import PatternThresholds, Thresholds

__all__ = [
    # the catalogue
    "Catalogue",
    "Changes",
    "Decision",
    "Individual",
    "LogEntry",
    # who is who
    "Identification",
    "PatternThresholds",
    "Thresholds",
    "read_identifications",
    "write_identifications",
    # sightings
    "CountedSightings",
    "Sighting",
    "SightingTable",
    "load_sightings",
    "save_counted_sightings",
    "save_sightings",
    "sighting_key",
    # the review
    "Answers",
    "GivenAnswer",
    "ReviewPair",
    "read_review_answers",
    "regroup",
    "review_queue",
    "with_answers",
    "write_review_sheet",
    # tables
    "write_spreadsheet",
]
