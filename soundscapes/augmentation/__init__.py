"""Augmentation: recordings varied in training, so that a network learns the species and not the tape.

The menu stands in `__init__.pyi`; names load on first use, so that importing the package is quick.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
