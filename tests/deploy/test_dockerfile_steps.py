"""The steps of both Dockerfiles, without Docker: what they copy, install and start is there.

FUSED_ENCODER_DOCKER_STEPS=1 also installs what they install, in clean folders (10 minutes, 3 GB).
"""

import configparser
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from app.cli.main import build_parser
from app.cli.serve import settings_of
from inference.index.address import parse_address
from tests.deploy.dockerfiles import (
    FUNCTIONS,
    ROOT,
    SERVICE,
    STUDENT,
    arguments,
    command_line,
    copied,
    instructions,
)

BOTH = pytest.mark.parametrize("dockerfile", [SERVICE, FUNCTIONS], ids=["service", "functions"])
INSTALLS = pytest.mark.skipif(
    "FUSED_ENCODER_DOCKER_STEPS" not in os.environ,
    reason="installs everything afresh, which takes minutes: FUSED_ENCODER_DOCKER_STEPS=1",
)
TOKEN = "a-token-of-enough-letters"


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


@BOTH
def test_what_is_copied_is_there_and_not_ignored(dockerfile):
    sources = {source for _, sources, _ in copied(dockerfile) for source in sources}
    assert [source for source in sources - {STUDENT} if not (ROOT / source).exists()] == []
    ignored, *kept = [
        line
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert ignored == "*"
    folders = tuple(line[1:] for line in kept if line.startswith("!"))
    assert [s for s in sources if not any(f"{s}/".startswith(f"{f}/") for f in folders)] == []


def test_the_service_has_every_package_and_extra(setup):
    named = setup["options.packages.find"]["include"].split()
    sources = {source for _, sources, _ in copied(SERVICE) for source in sources}
    assert {name.removesuffix("*") for name in named} <= sources
    extras = arguments(SERVICE)["EXTRAS"].split(",")
    assert set(extras) <= {*setup["options.extras_require"]}


def test_what_the_service_and_compose_start_is_a_command_line_that_serve_takes(
    monkeypatch, tmp_path
):
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]["serve"]
    assert command_line(SERVICE, "ENTRYPOINT") == ["fused-encoder"]
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    for variable, value in (("", TOKEN), ("_FILE", str(token))):
        with monkeypatch.context() as patched:
            patched.setenv(f"FUSED_ENCODER_TOKEN{variable}", value)
            for words in (command_line(SERVICE, "CMD"), composed["command"]):
                made = settings_of(build_parser().parse_args(words))
                assert (made.host, made.port, made.token) == ("0.0.0.0", 8080, TOKEN)
    assert str(parse_address(made.index)) == "http://milvus:19530/default/birds"


@INSTALLS
def test_the_service_installs_starts_and_is_healthy_in_a_clean_folder(tmp_path):
    installed = tmp_path / "opt"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys._base_executable)
    run_steps(SERVICE, tmp_path, {"/opt/fused-encoder": installed}, clean_environment(tmp_path))
    data = tmp_path / "data"
    data.mkdir(exist_ok=True)  # the last WORKDIR
    program = "from inference import EmbeddingIndex\nEmbeddingIndex.open('birds.index').close()"
    subprocess.run([installed / "bin" / "python", "-c", program], cwd=data, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = [word.replace("8080", port) for word in command_line(SERVICE, "CMD")]
    at = words.index("--encoder")
    command = [*command_line(SERVICE, "ENTRYPOINT"), *words[:at], *words[at + 2 :]]
    environment = clean_environment(installed) | {"FUSED_ENCODER_TOKEN": TOKEN}
    check = [word.replace("8080", port) for word in command_line(SERVICE, "HEALTHCHECK")]
    command[0] = str(installed / "bin" / command[0])
    with subprocess.Popen(command, cwd=data, env=environment) as serving:
        try:
            until = time.monotonic() + 120
            while subprocess.run(
                check, env=environment, check=False, capture_output=True
            ).returncode:
                assert time.monotonic() < until, "never healthy"
                assert serving.poll() is None, "ended"
                time.sleep(2)
        finally:
            serving.terminate()
        assert serving.wait(60) in (0, -signal.SIGTERM)  # uvicorn ends, then obeys as all do


@INSTALLS
def test_the_functions_install_and_answer_without_tensorflow(tmp_path, small_file, whistle):
    """With this Python's wheels of the same versions; the image has Python 3.13."""
    installed, task = tmp_path / "python", tmp_path / "task"
    subprocess.run([sys._base_executable, "-m", "venv", installed], check=True)
    shutil.copy(small_file, tmp_path / "student.tflite")
    places = {"/wheels": tmp_path / "wheels", "/tmp/wheels": tmp_path / "wheels"}
    places |= {"/tmp/requirements.txt": tmp_path / "requirements.txt", "/var/task": task}
    run_steps(FUNCTIONS, tmp_path, places, clean_environment(installed))
    shutil.copy(small_file, task / "student.tflite")
    program = (
        "import sys, json; from small_student import SmallStudent\n"
        "print(json.dumps(SmallStudent('student.tflite').answer(sys.argv[1], most_seconds=60)))\n"
        "assert not {'tensorflow', 'keras', 'librosa', 'numba'} & {*sys.modules}\n"
        "import handler, upload_bucket"
    )
    subprocess.run(
        [installed / "bin" / "python", "-c", program, whistle],
        cwd=task,
        env=clean_environment(installed),
        check=True,
    )


def clean_environment(installed: Path) -> dict[str, str]:
    return {"PATH": f"{installed / 'bin'}:/usr/bin:/bin", "HOME": str(installed)} | {
        name: value for name, value in os.environ.items() if name.startswith(("PIP_", "OMP_"))
    }


def run_steps(
    dockerfile: Path, folder: Path, places: dict[str, Path], environment: dict[str, str]
) -> None:
    """Copies and runs what needs neither root nor another image, with `places` for absolute paths."""
    here, known = folder, "|".join(sorted(places, key=len, reverse=True))

    def moved(words: str) -> str:
        return re.sub(known, lambda found: str(places[found[0]]), words)

    for step in instructions(dockerfile):
        if step.keyword == "WORKDIR":
            here = Path(moved(step.words)) if step.words in places else folder / step.words[1:]
            here.mkdir(parents=True, exist_ok=True)
        elif step.keyword == "COPY" and "--from" not in step.words:
            *sources, destination = step.words.split()
            for source in {*sources} - {STUDENT}:
                copy(ROOT / source, here / moved(destination), is_folder=destination.endswith("/"))
        elif step.keyword == "RUN" and "apt-get" not in step.words:
            environment = environment | arguments(dockerfile)
            subprocess.run(["sh", "-ec", moved(step.words)], cwd=here, env=environment, check=True)


def copy(source: Path, destination: Path, *, is_folder: bool) -> None:
    if source.is_dir():
        shutil.copytree(source, destination, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, destination / source.name if is_folder else destination)
