"""The sample data: invented birds, drawn and sung from a seed, with the truth beside them."""

from aviary.write import Aviary, Size, write_aviary, write_videos

__all__ = ["Aviary", "Size", "write_aviary", "write_videos"]
