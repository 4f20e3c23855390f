"""Individuals from photos: what two photos share in detail, and a shortlist ranked anew by it.

The menu stands in `__init__.pyi`; names load on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
