"""Programs in Python processes of their own, and how many of them are killed."""

import os
import subprocess
import sys


def printed_by(program: str, *arguments: object) -> str:
    """What it prints; it must end without an error."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def num_kills(usually: int) -> int:
    """How often a writer is killed: a few times in every run, often with `make test-kills`."""
    return int(os.environ.get("FUSED_ENCODER_KILLS", usually))
