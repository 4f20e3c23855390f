"""Toy work stands in a module that workers can import; they search where this process does."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
