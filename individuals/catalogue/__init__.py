"""The known individuals: a durable catalogue, who is who in new footage, and what a person decides."""

from individuals.catalogue.answer_sheet import read_identifications, write_identifications
from individuals.catalogue.catalogue import Catalogue
from individuals.catalogue.identification import Identification
from individuals.catalogue.records import Changes, Decision, Individual, LogEntry
from individuals.catalogue.spreadsheet import write_spreadsheet
from individuals.catalogue.thresholds import PatternThresholds, Thresholds
from individuals.crops import load_crops
from individuals.review.regroup import regroup, with_answers
from individuals.review.review_answers import Answers, GivenAnswer, read_review_answers
from individuals.review.review_queue import ReviewPair, review_queue
from individuals.review.review_sheet import write_review_sheet
from individuals.sighting import Sighting, sighting_key
from individuals.sighting_file import (
    CountedSightings,
    load_sightings,
    save_counted_sightings,
    save_sightings,
)
from individuals.sighting_table import SightingTable

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
    "load_crops",
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
