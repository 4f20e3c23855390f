from .contact_sheet import plot_individual_pages as plot_individual_pages
from .contact_sheet import plot_individuals as plot_individuals
from .count_curve import plot_count_curve as plot_count_curve
from .timeline import plot_timeline as plot_timeline
from .timeline import plot_timeline_pages as plot_timeline_pages
