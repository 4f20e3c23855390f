"""How long a task may take, without waiting for it."""

import pytest

from archives.pool.clock import TaskClock


@pytest.fixture
def clock():
    clock = TaskClock(10.0)
    clock.begin()
    return clock


def test_no_time_runs_outside_a_task(clock):
    clock.end()
    assert clock.seconds_left is None


def test_a_single_wait_may_be_as_long_as_the_limit(clock):
    clock.waited(4.0)
    assert clock.seconds_left == pytest.approx(6.0)
    clock.waited(6.0)
    assert str(clock.exceeded()) == "stopped after 10 s of waiting for it, where 10 s are allowed"


def test_a_message_ends_a_single_wait_but_not_the_account(clock):
    clock.waited(4.0)
    clock.heard()
    assert clock.seconds_left == pytest.approx(6.0)


def test_carried_sound_extends_the_account_but_not_a_single_wait(clock):
    for _ in range(100):
        clock.waited(9.0)
        clock.heard(9.0)
    assert clock.seconds_left == pytest.approx(10.0)
    clock.waited(9.0)
    clock.heard(float("nan"))
    clock.heard(-5.0)
    assert clock.seconds_left == pytest.approx(1.0)


def test_the_next_task_starts_with_a_clean_account(clock):
    clock.waited(9.0)
    clock.end()
    clock.begin()
    assert clock.seconds_left == pytest.approx(10.0)
