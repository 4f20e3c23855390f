"""The sample data: invented birds, drawn and sung from a seed, with the truth beside them."""

from aviary.layout import Aviary
from aviary.write import write_aviary
from aviary.write_videos import write_videos

__all__ = ["Aviary", "write_aviary", "write_videos"]
