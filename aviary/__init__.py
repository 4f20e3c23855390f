"""The sample data: invented birds, drawn and sung from a seed, with the truth beside them."""

from aviary.layout import Aviary, Size
from aviary.write import write_aviary, write_videos

__all__ = ["Aviary", "Size", "write_aviary", "write_videos"]
