"""A program in a Python process of its own."""

import subprocess
import sys


def printed_by(program: str, *arguments: object) -> str:
    """What it prints; it must end without an error."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout
