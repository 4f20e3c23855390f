"""However the parent ends, its workers end too."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import itertools, sys; sys.path.append(sys.argv[1])
import toy_work
from archives.pool import WorkerPool
with WorkerPool(toy_work.tell_process) as pool:
    for _, messages in pool.run(itertools.repeat(60)):
        print(next(messages), flush=True)
        list(messages)
"""


def _is_there(process):
    """Whether it runs; a zombie does not."""
    try:
        return ") Z" not in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _gone_within(seconds, processes):
    deadline = time.monotonic() + seconds
    while any(map(_is_there, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(_is_there, processes))


def _children(process):
    listed = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for file in listed for child in file.read_text().split()]


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_the_parent_even_in_the_middle_of_a_task(ending, request):
    command = [sys.executable, "-c", PROGRAM, str(request.path.parent)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as parent:
        at_work = int(parent.stdout.readline())
        workers = _children(parent.pid)
        assert at_work in workers
        assert len(workers) == 2
        parent.send_signal(ending)
        assert parent.wait(5) == -ending
        assert _gone_within(2, workers)


def test_an_interrupt_of_the_whole_terminal_is_the_parents_alone(request):
    command = [sys.executable, "-c", PROGRAM, str(request.path.parent)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    ) as parent:
        parent.stdout.readline()
        os.killpg(parent.pid, signal.SIGINT)
        assert parent.stderr.read().count("KeyboardInterrupt") == 1
