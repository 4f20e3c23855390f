"""Dockerfiles as lists of instructions."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICE, FUNCTIONS = ROOT / "Dockerfile", ROOT / "deploy" / "serverless" / "Dockerfile"
STUDENT = "deploy/serverless/student.tflite"  # whoever deploys puts it there


@dataclass(frozen=True)
class Instruction:
    """One of a Dockerfile, in the stage that the last FROM began."""

    stage: int
    keyword: str
    words: str


def instructions(path: Path) -> list[Instruction]:
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found, stage = [], -1
    for line in filter(str.strip, whole.splitlines()):
        keyword, words = line.split(maxsplit=1)
        stage += keyword == "FROM"
        found.append(Instruction(stage, keyword, words))
    return found


def copied(path: Path) -> list[tuple[int, list[str], str]]:
    """Stage, sources of the context, and destination of each COPY."""
    copies = [one for one in instructions(path) if one.keyword == "COPY"]
    words = [(one.stage, shlex.split(one.words)) for one in copies if "--from" not in one.words]
    return [(stage, sources, destination) for stage, (*sources, destination) in words]


def command_line(path: Path, keyword: str) -> list[str]:
    """What the last ENTRYPOINT, CMD or HEALTHCHECK starts, written as JSON."""
    (*_, last) = [one.words for one in instructions(path) if one.keyword == keyword]
    return json.loads(last[last.index("[") :])


def arguments(path: Path) -> dict[str, str]:
    """Defaults of ARG."""
    pairs = [one.words.split("=", 1) for one in instructions(path) if one.keyword == "ARG"]
    return dict(pairs)
