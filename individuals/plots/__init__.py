"""Pictures of a count: who was met in which video, when, and how the number hangs on the threshold."""

from individuals.plots.contact_sheet import plot_individual_pages, plot_individuals
from individuals.plots.count_curve import plot_count_curve, plot_curve_of_count
from individuals.plots.timeline import plot_timeline, plot_timeline_pages

__all__ = [
    "plot_count_curve",
    "plot_curve_of_count",
    "plot_individual_pages",
    "plot_individuals",
    "plot_timeline",
    "plot_timeline_pages",
]
