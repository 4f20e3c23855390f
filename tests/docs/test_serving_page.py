"""docs/serving.md runs as it is written, against a service that its own commands start; docs/security.md."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.main import main
from tests.docs.test_code_blocks import blocks, field_work, here

__all__ = ["field_work", "here"]  # fixtures
ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "serving.md"
ADDRESS = "http://127.0.0.1:8080"
START = [line for line in blocks(PAGE, "sh")[0].splitlines() if line.startswith("fused-encoder")]


@pytest.fixture
def address(here):
    """Of a service that the page's first commands start, on a free port."""
    *before, serve = (shlex.split(line)[1:] for line in START)
    for command in before:
        assert main(command) == 0
    assert serve[-2:] == ["--port", "8080"]
    command = [sys.executable, "-m", "app.cli.main", *serve[:-1], "0"]
    path = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=path) as process:
        try:
            yield re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0]
        finally:
            process.terminate()


def test_the_page_runs_as_it_is_written(address, capsys):
    names: dict[str, object] = {}
    for block in blocks(PAGE, "python"):
        exec(compile(block.replace(ADDRESS, address), PAGE.name, "exec"), names)
    assert names["both"]["modality"] == "fused"
    assert names["job"]["state"] == "done", names["job"]
    assert names["tables"][:2] == b"PK"
    lines = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]
    curls = [line for line in lines if line.startswith("curl") and "TOKEN" not in line]
    assert len(curls) >= 4
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed; the Python blocks ran")
    for line in curls:
        command = [*shlex.split(line.replace(ADDRESS, address)), "--fail"]
        subprocess.run(command, check=True, capture_output=True)


def test_each_answer_to_a_threat_names_a_test_that_is_there():
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    source = "".join(
        file.read_text("utf-8") for file in (ROOT / "tests" / "app" / "web").glob("test_*.py")
    )
    assert len(named) > 20
    assert {name for name in named if f"def {name}(" not in source} == set()
    rows = [line for line in page.splitlines() if line.startswith("| ") and "---" not in line]
    for row in rows:
        answer = row.split("|")[-2]
        assert "`test_" in answer or answer.strip() in ("Test", "the same"), row
