"""An archive looked over before any computing: what is there, what is broken, what is missing."""

from archives.survey.forecast import Forecast
from archives.survey.high_frequencies import UnheardShare
from archives.survey.records import Clock, Fault, SurveyedFile
from archives.survey.schedule import Gap, Schedule
from archives.survey.series import CoveredDay, Series
from archives.survey.summary import survey_to_record, write_survey
from archives.survey.survey import Survey, survey_archive

__all__ = [
    # the survey
    "Survey",
    "survey_archive",
    "write_survey",
    "survey_to_record",
    # its parts
    "SurveyedFile",
    "Fault",
    "Clock",
    "Series",
    "Schedule",
    "Gap",
    "CoveredDay",
    "UnheardShare",
    "Forecast",
]
