"""Small networks that know what large ones taught them: clips of sound in, species or "unknown" out.

The menu stands in `__init__.pyi`; names load on first use, so that importing the package is quick.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
