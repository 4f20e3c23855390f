"""From a photo and a call to one unit vector: image branch, audio front ends and branch, fusion, weights.

The menu stands in `__init__.pyi`; names load on first use, so that importing the package is quick.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
