"""Order, laziness, bounds and manners of a pool whose tasks all go well."""

import itertools
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import toy_work

from archives.pool import WorkerPool


@pytest.fixture(scope="module")
def counting():
    with WorkerPool(toy_work.count) as pool:
        yield pool


def _read(pool, tasks):
    return [(task, list(messages)) for task, messages in pool.run(tasks)]


@pytest.mark.parametrize("num_workers", [0, 1, 2])
def test_tasks_and_their_messages_come_in_order(num_workers):
    tasks = [3, 0, 1, 7, 2] * 10
    with WorkerPool(toy_work.count, num_workers=num_workers) as pool:
        assert _read(pool, tasks) == [(task, list(range(task))) for task in tasks]


def test_no_task_is_no_stream(counting):
    assert _read(counting, []) == []


def test_tasks_may_be_endless_and_are_taken_only_a_little_ahead():
    taken = itertools.count(1)
    with WorkerPool(toy_work.count, tasks_ahead=5) as pool:
        run = pool.run(taken)
        read = [list(messages) for _, messages in itertools.islice(run, 20)]
    assert read == [list(range(upto)) for upto in range(1, 21)]
    assert next(taken) <= 20 + 5 + 1


def test_arrays_arrive_as_they_were_sent():
    with WorkerPool(toy_work.blocks) as pool:
        [(_, messages)] = _read(pool, [(3, 500_000)])
    for position, block in enumerate(messages):
        np.testing.assert_array_equal(block, np.full(500_000, position, np.uint8))


def test_a_task_that_is_left_half_read_holds_up_nothing(counting):
    firsts = [next(messages) for _, messages in counting.run([100_000] * 20)]
    assert firsts == [0] * 20


def test_a_worker_is_told_to_stop_when_its_task_is_left(tmp_path):
    work = partial(toy_work.counted_blocks, num=100_000)
    with WorkerPool(work, num_workers=1, bytes_ahead=5000) as pool:
        for _ in range(2):
            for _, messages in pool.run([str(tmp_path / "made")]):
                next(messages)
    assert (tmp_path / "made").stat().st_size < 50_000


def test_a_run_that_is_left_gives_way_to_the_next(counting):
    next(counting.run(itertools.repeat(1000)))
    assert _read(counting, [2]) == [(2, [0, 1])]


def test_messages_are_not_there_any_more_when_the_next_task_is(counting):
    late = [messages for _, messages in counting.run([5, 5])]
    with pytest.raises(RuntimeError, match="Read the messages of a task before you go on"):
        next(late[0])


def test_two_runs_at_once_are_refused(counting):
    run = counting.run([1, 1])
    next(run)
    with pytest.raises(RuntimeError, match="Another run of this pool has not ended"):
        next(counting.run([1]))


def _num_made_while_nobody_reads(file, **bounds):
    """How many messages of 1 MB a worker has made of 50, when nobody takes the second."""
    work = partial(toy_work.counted_blocks, num_bytes=1_000_000)
    with WorkerPool(work, num_workers=1, **bounds) as pool:
        run = pool.run([str(file)])
        _, messages = next(run)
        next(messages)
        time.sleep(0.5)
        return file.stat().st_size


@pytest.mark.parametrize(("bytes_ahead", "fewest"), [(0, 1), (10_500_000, 11)])
def test_a_worker_waits_when_what_it_made_is_not_taken(bytes_ahead, fewest, tmp_path):
    num = _num_made_while_nobody_reads(tmp_path / "made", bytes_ahead=bytes_ahead)
    assert fewest <= num <= fewest + 2  # one lies here or is being sent, one is being made


@pytest.mark.parametrize("bytes_ahead", [0, 1_000_000])
def test_messages_larger_than_what_may_wait_pass_all_the_same(bytes_ahead):
    with WorkerPool(toy_work.blocks, bytes_ahead=bytes_ahead, num_workers=2) as pool:
        read = _read(pool, [(3, 2_000_000)] * 6)
    assert [len(messages) for _, messages in read] == [3] * 6


def test_a_worker_never_imports_tensorflow():
    with WorkerPool(toy_work.tell_modules) as pool:
        assert _read(pool, ["numpy", "tensorflow", "keras"])[1:] == [
            ("tensorflow", [False]),
            ("keras", [False]),
        ]


PROGRAM = """
import sys; sys.path.append({folder!r})
import toy_work
from archives.pool import WorkerPool
with WorkerPool(toy_work.count) as pool:
    print([list(messages) for _, messages in pool.run([1, 2])])
"""


@pytest.mark.parametrize("way", ["file", "-c", "stdin"])
def test_any_program_may_be_the_parent_without_a_main_guard(way, request, tmp_path):
    program = PROGRAM.format(folder=str(request.path.parent))
    (tmp_path / "program.py").write_text(program)
    arguments = {"file": [str(tmp_path / "program.py")], "-c": ["-c", program], "stdin": ["-"]}
    run = subprocess.run(
        [sys.executable, *arguments[way]],
        input=program if way == "stdin" else None,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "[[0], [0, 1]]\n"


def test_closing_twice_does_nothing_and_a_closed_pool_says_so():
    pool = WorkerPool(toy_work.count)
    run = pool.run([100_000])
    _, messages = next(run)
    pool.close()
    pool.close()
    with pytest.raises(RuntimeError, match="The pool is closed"):
        list(messages)
    with pytest.raises(RuntimeError, match="The pool is closed"):
        pool.run([1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_workers": -1}, "Expected num_workers >= 0, received -1"),
        ({"bytes_ahead": -1}, "Expected bytes_ahead >= 0, received -1"),
        ({"tasks_ahead": 0}, "Expected tasks_ahead >= 1, received 0"),
        ({"time_limit_seconds": 0}, "Expected time_limit_seconds > 0, received 0"),
    ],
)
def test_options_out_of_range_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        WorkerPool(toy_work.count, **options)


def test_work_that_no_worker_can_import_is_refused(monkeypatch):
    with pytest.raises(TypeError, match="cannot be sent to a worker process"):
        WorkerPool(lambda task: iter([task]))
    monkeypatch.setattr(toy_work.count, "__module__", "__main__")
    with pytest.raises(ValueError, match="stands in the program that was started"):
        WorkerPool(partial(partial(toy_work.count)))
