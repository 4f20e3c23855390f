"""An archive looked over before any computing: what is there, what is broken, what is missing."""

from inference.survey.coverage import CoveredDay
from inference.survey.forecast import Forecast
from inference.survey.gaps import Gap, Schedule
from inference.survey.high_frequencies import UnheardShare
from inference.survey.records import Clock, Fault, SurveyedFile
from inference.survey.series import Series
from inference.survey.summary import survey_to_record
from inference.survey.survey import Survey, SurveyedSeries, survey_archive
from inference.survey.tables import write_survey

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
    "SurveyedSeries",
    "Series",
    "Schedule",
    "Gap",
    "CoveredDay",
    "UnheardShare",
    "Forecast",
]
