"""What a task may do to its worker process, and what the caller gets of it."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archives.workers import Ended, Workers
from tests.archives import toy_work

ROOT = Path(__file__).resolve().parents[2]
GOOD = (("say", "good"),)


@pytest.fixture(scope="module")
def workers():
    with Workers(toy_work.act, num_workers=2) as workers:
        yield workers


def results_of(workers: Workers, tasks: list) -> list[list]:
    """What came of each task, its end last; tasks are told apart by a number in front."""
    found = defaultdict(list)
    for task, message in workers.run(
        [(("number", place), *task) for place, task in enumerate(tasks)]
    ):
        found[task[0][1]].append(message)
    return [found[place] for place in range(len(tasks))]


def result_among_good(workers: Workers, task: tuple) -> list:
    """What came of one task, whose neighbours must all be well."""
    *before, result, one, two = results_of(workers, [GOOD, GOOD, task, GOOD, GOOD])
    assert [*before, one, two] == [["good", Ended()]] * 4
    return result


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_every_task_gives_its_messages_in_order_and_then_its_end(num_workers):
    tasks = [tuple(("say", number) for number in range(length)) for length in (3, 0, 1, 70)] * 3
    tasks.append((("say", None),))
    with Workers(toy_work.act, num_workers=num_workers) as workers:
        expected = [[*(act[1] for act in task), Ended()] for task in tasks]
        assert results_of(workers, tasks) == expected


@pytest.mark.parametrize(
    ("act", "how"),
    [(("segfault",), "died of SIGSEGV"), (("exit", 3), "ended with exit code 3")],
)
def test_a_second_death_ends_its_task_alone_and_keeps_what_came_before(workers, act, how):
    result = result_among_good(workers, (("say", 1), ("say", 2), act, ("say", 3)))
    assert result == [1, 2, Ended(crash=how)]


def test_a_task_whose_worker_dies_once_loses_and_repeats_nothing(workers, tmp_path):
    once = (("say", 1), ("say", 2), ("segfault once", str(tmp_path / "died")), ("say", 3))
    assert result_among_good(workers, once) == [1, 2, 3, Ended()]
    assert (tmp_path / "died").exists()


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_refused_file_and_a_fault_of_ours_are_told_apart(num_workers):
    with Workers(toy_work.act, num_workers=num_workers) as workers:
        refused, failed = results_of(workers, [(("say", 1), ("refuse",)), (("raise",),)])
    assert [refused[0], refused[1].refusal.reason] == [1, "it is a poem"]
    assert failed == [Ended(crash="stopped with ValueError: a fault of ours")]


def test_a_task_that_hangs_is_ended_and_not_tried_again():
    with Workers(toy_work.act, num_workers=2, time_limit_seconds=0.8) as workers:
        began = time.monotonic()
        result = result_among_good(workers, (("say", 1), ("sleep", 60)))
    assert result == [1, Ended(crash="gave nothing for 0.8 s")]
    assert time.monotonic() - began < 5


def test_a_long_task_may_take_long_if_it_keeps_giving():
    slow = (("sleep", 0.3), ("say", 1)) * 4
    with Workers(toy_work.act, num_workers=1, time_limit_seconds=0.8) as workers:
        assert results_of(workers, [slow]) == [[1] * 4 + [Ended()]]


def test_waiting_for_the_caller_is_not_on_the_clock():
    large = (("say", bytes(1_000_000)),) * 70
    with Workers(toy_work.act, num_workers=1, time_limit_seconds=0.5) as workers:
        run = workers.run([large])
        next(run)
        time.sleep(1.0)
        assert sum(isinstance(message, bytes) for _, message in run) == 69


def test_a_worker_waits_when_what_it_made_is_not_taken(tmp_path):
    made = tmp_path / "made"
    with Workers(toy_work.count_blocks, num_workers=1) as workers:
        next(workers.run([str(made)]))
        time.sleep(0.5)
        assert made.stat().st_size < 64 + 10


def test_tasks_may_be_endless_and_are_taken_only_a_little_ahead(workers):
    taken = itertools.count()
    with Workers(toy_work.act, num_workers=2) as few:
        ends = few.run(GOOD for _ in taken)
        assert len(list(itertools.islice(ends, 20))) == 20
    assert next(taken) < 2 * (20 + 64)


def test_what_the_tasks_raise_reaches_the_caller():
    def tasks():
        yield GOOD
        raise OSError(28, "No space left on device")

    with Workers(toy_work.act, num_workers=1) as workers, pytest.raises(OSError, match="No space"):
        list(workers.run(tasks()))


def test_a_worker_that_decodes_does_not_import_tensorflow(workers):
    decoder = (("import", "archives.embed.decode_source"),)
    modules = [
        (*decoder, ("say whether imported", name)) for name in ("numpy", "tensorflow", "keras")
    ]
    assert [found for found, _ in results_of(workers, modules)] == [True, False, False]


def test_workers_that_cannot_start_are_told_in_one_clear_error(monkeypatch):
    monkeypatch.setattr(toy_work, "only_here", lambda task: iter([]), raising=False)
    toy_work.only_here.__module__ = toy_work.__name__
    toy_work.only_here.__qualname__ = "only_here"
    expected = pytest.raises(RuntimeError, match="ended with exit code 1 before it began")
    with Workers(toy_work.only_here, num_workers=1) as workers, expected:
        list(workers.run([1]))


TASKS = {
    "ok": ((("say", 1), ("say", 2)), [1, 2, Ended()]),
    "empty": ((), [Ended()]),
    "large": ((("say", bytes(300_000)),), [bytes(300_000), Ended()]),
    "fails": (
        (("say", 1), ("raise",)),
        [1, Ended(crash="stopped with ValueError: a fault of ours")],
    ),
    "dies": ((("say", 1), ("exit", 9)), [1, Ended(crash="ended with exit code 9")]),
    "dies at once": ((("exit", 9),), [Ended(crash="ended with exit code 9")]),
}


@settings(max_examples=5)
@given(st.lists(st.sampled_from(["ok", "large", "empty", *TASKS]), max_size=12))
def test_any_mix_of_tasks_gives_each_its_due(workers, kinds):
    found = results_of(workers, [TASKS[kind][0] for kind in kinds])
    assert found == [TASKS[kind][1] for kind in kinds]


PROGRAM = """
import itertools, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
from archives.workers import Workers
from tests.archives import toy_work
with Workers(toy_work.act, num_workers=2) as workers:
    for _, process in workers.run(itertools.repeat((("say process",), ("sleep", 60)))):
        print(process, flush=True)
"""


@pytest.mark.parametrize(
    ("ending", "way"), [(signal.SIGKILL, "file"), (signal.SIGTERM, "-c"), (signal.SIGINT, "stdin")]
)
def test_no_worker_outlives_the_parent_even_in_the_middle_of_a_task(ending, way, tmp_path):
    """Any program may be the parent, without a main guard; Ctrl-C at its terminal is its own to handle."""
    (tmp_path / "program.py").write_text(PROGRAM)
    arguments = {"file": [str(tmp_path / "program.py")], "-c": ["-c", PROGRAM], "stdin": ["-"]}[way]
    parent = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with parent:
        if way == "stdin":
            parent.stdin.write(PROGRAM)
        parent.stdin.close()
        processes = [int(parent.stdout.readline()) for _ in range(2)]
        os.killpg(parent.pid, ending)
        assert parent.wait(5) == -ending
        assert parent.stderr.read().count("KeyboardInterrupt") == (ending == signal.SIGINT)
    deadline = time.monotonic() + 3
    while any(map(_is_there, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(_is_there, processes))


def _is_there(process: int) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return ") Z" not in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
