"""What a task may do to its worker, and what the caller gets of it."""

import itertools
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
import toy_work
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archives.pool import (
    TaskFailed,
    TaskNotDone,
    TimeLimitExceeded,
    WorkerDied,
    WorkerPool,
)
from media.errors import UnreadableMediaError

GOOD = (("say", "good"),)


@pytest.fixture(scope="module")
def acting():
    with WorkerPool(toy_work.act, time_limit_seconds=30) as pool:
        yield pool


@pytest.fixture(scope="module")
def narrow():
    """Nothing may lie here but one message of the task that is read, and one task ahead."""
    with WorkerPool(toy_work.act, num_workers=3, bytes_ahead=0, tasks_ahead=1) as pool:
        yield pool


def _read(pool, tasks):
    """Of each task its messages, and what it ended with."""
    read = []
    for _, messages in pool.run(tasks):
        said, reason = [], None
        try:
            for message in messages:
                said.append(message)
        except TaskNotDone as error:
            reason = error
        read.append((said, reason))
    return read


def _read_among_good(pool, acts):
    """The same of one task, whose neighbours must all be well."""
    *before, read, one, two, three = _read(pool, [GOOD, GOOD, acts, GOOD, GOOD, GOOD])
    assert [*before, one, two, three] == [(["good"], None)] * 5
    return read


@pytest.mark.parametrize(
    ("act", "how"),
    [
        (("segfault",), "died of SIGSEGV"),
        (("exit", 3), "ended with exit code 3"),
        (("exit", 0), "ended with exit code 0"),
    ],
)
def test_a_second_death_ends_its_task_alone_and_keeps_what_came_before(act, how, acting):
    said, reason = _read_among_good(acting, (("say", 1), ("say", 2), act, ("say", 3)))
    assert said == [1, 2]
    assert isinstance(reason, WorkerDied)
    assert reason.how == how
    assert str(reason) == f"the worker process {how}, in two attempts"


def test_a_task_whose_worker_dies_once_loses_and_repeats_nothing(acting, tmp_path):
    acts = (("say", 1), ("say", 2), ("segfault once", str(tmp_path / "died")), ("say", 3))
    assert _read_among_good(acting, acts) == ([1, 2, 3], None)
    assert (tmp_path / "died").exists()


@pytest.mark.parametrize("num_workers", [0, 1])
def test_an_exception_of_the_work_arrives_with_its_cause(num_workers, tmp_path):
    with WorkerPool(toy_work.unreadable, num_workers=num_workers) as pool:
        [(said, reason)] = _read(pool, ["bad.wav"])
    assert said == [1]
    assert isinstance(reason, TaskFailed)
    assert isinstance(reason.cause, UnreadableMediaError)
    assert reason.__cause__ is reason.cause
    assert str(reason) == "UnreadableMediaError: Cannot read 'bad.wav': it is a poem"
    assert "toy_work.py" in reason.traceback_text


def test_an_exception_that_cannot_travel_sends_its_words(acting):
    said, reason = _read_among_good(acting, (("say", 1), ("raise own",)))
    assert (said, str(reason)) == ([1], "OwnError: cannot travel")
    assert reason.cause is None


def test_a_message_that_cannot_be_sent_is_a_failure_of_its_task():
    with WorkerPool(toy_work.unsendable, num_workers=1) as pool:
        [(said, reason), _] = _read(pool, [1, 2])
    assert said == [1]
    assert isinstance(reason, TaskFailed)
    assert "pickle" in str(reason)


def test_a_task_that_hangs_is_stopped_and_not_tried_again():
    with WorkerPool(toy_work.act, time_limit_seconds=0.8) as pool:
        began = time.monotonic()
        said, reason = _read_among_good(pool, (("say", 1), ("sleep", 60)))
    assert said == [1]
    assert isinstance(reason, TimeLimitExceeded)
    assert str(reason).endswith(" s of waiting for it, where 0.8 s are allowed")
    assert time.monotonic() - began < 5


def test_a_long_recording_may_take_long_if_it_keeps_talking():
    acts = (("sound", 0.2, 10.0),) * 4
    with WorkerPool(toy_work.act, num_workers=1, time_limit_seconds=0.6) as pool:
        [(said, reason)] = _read(pool, [acts])
    assert (len(said), reason) == (4, None)


def test_talking_without_end_and_without_sound_is_a_hang_too():
    acts = (("sound", 0.1, 0.0),) * 20
    with WorkerPool(toy_work.act, num_workers=1, time_limit_seconds=0.5) as pool:
        [(said, reason)] = _read(pool, [acts])
    assert 2 <= len(said) <= 5
    assert isinstance(reason, TimeLimitExceeded)


def test_waiting_for_the_caller_or_in_line_is_not_on_the_clock():
    acts = (("say", bytes(1_000_000)),) * 2
    with WorkerPool(toy_work.act, num_workers=1, time_limit_seconds=0.5, bytes_ahead=0) as pool:
        for _, messages in pool.run([acts] * 2):
            for message in messages:
                time.sleep(0.3)
                assert len(message) == 1_000_000


def test_a_worker_that_is_killed_from_outside_is_not_the_tasks_fault():
    with WorkerPool(toy_work.tell_process, num_workers=1) as pool:
        run = pool.run([0.3, 0, 0])
        _, messages = next(run)
        first = next(messages)
        os.kill(first, signal.SIGKILL)
        [second] = messages
        others = [list(messages) for _, messages in run]
    assert second != first
    assert others == [[second, second]] * 2


def test_killing_idle_workers_again_and_again_harms_nothing():
    with WorkerPool(toy_work.tell_process, num_workers=1) as pool:
        seen = set()
        for _ in range(7):
            [([process, _], reason)] = _read(pool, [0])
            assert reason is None
            seen.add(process)
            os.kill(process, signal.SIGKILL)
    assert len(seen) == 7


def test_a_deadly_task_that_nobody_reads_is_not_tried_again(acting, tmp_path):
    run = acting.run([(("say", 1), ("sleep", 0.2), ("segfault once", str(tmp_path / "died")))])
    _, messages = next(run)
    next(messages)
    run.close()
    assert _read(acting, [GOOD] * 4) == [(["good"], None)] * 4


def only_here(task):
    yield task


def test_workers_that_cannot_start_are_told_in_one_clear_error(monkeypatch):
    monkeypatch.setattr(only_here, "__module__", "toy_work")
    monkeypatch.setattr(toy_work, "only_here", only_here, raising=False)
    with WorkerPool(only_here, num_workers=1) as pool, pytest.raises(RuntimeError) as caught:
        _read(pool, [1])
    assert "5 worker processes in a row ended before they began a task" in str(caught.value)
    assert "exit code 1, saying AttributeError" in str(caught.value)


def test_a_task_in_the_callers_own_exception_leaves_no_process():
    with pytest.raises(KeyboardInterrupt), WorkerPool(toy_work.tell_process) as pool:  # noqa: PT012
        for _, messages in pool.run(itertools.repeat(60)):
            process = next(messages)
            raise KeyboardInterrupt
    assert not Path(f"/proc/{process}").exists()


TASKS = {
    "ok": ((("say", 1), ("say", 2)), [1, 2], None),
    "empty": ((), [], None),
    "fails": ((("say", 1), ("raise", ValueError("no"))), [1], TaskFailed),
    "dies": ((("say", 1), ("exit", 9)), [1], WorkerDied),
    "dies at once": ((("exit", 9),), [], WorkerDied),
    "large": ((("say", bytes(300_000)),), [bytes(300_000)], None),
}


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(["ok", "large", "empty", "fails", *TASKS]), max_size=12))
def test_any_mix_of_tasks_gives_each_its_due_in_order(acting, kinds):
    read = _read(acting, [TASKS[kind][0] for kind in kinds])
    expected = [TASKS[kind] for kind in kinds]
    assert [said for said, _ in read] == [said for _, said, _ in expected]
    reasons = [reason and type(reason) for _, reason in read]
    assert reasons == [reason for *_, reason in expected]


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.sampled_from(["ok", "large", "empty", "fails"]), st.integers(0, 3)),
        max_size=12,
    )
)
def test_leaving_tasks_at_any_point_of_a_narrow_pool_holds_up_nobody(narrow, steps):
    run = narrow.run(TASKS[kind][0] for kind, _ in steps)
    for (kind, num_read), (_, messages) in zip(steps, run, strict=True):
        with suppress(TaskFailed):
            said = TASKS[kind][1][:num_read]
            assert list(itertools.islice(messages, num_read)) == said
