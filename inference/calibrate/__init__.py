"""From similarities to evidence: probabilities, and thresholds one can defend.

The menu stands in `__init__.pyi`; names load on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
