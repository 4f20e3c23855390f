"""Reading ahead: in order, not too far, and no further than it is wanted."""

import threading
import time
from contextlib import closing

import pytest

from triplets.features import NUM_THREADS, read_ahead


def test_results_come_in_the_order_of_the_items():
    def slow_if_even(number: int) -> int:
        time.sleep(0.01 * (number % 2 == 0))
        return number

    assert list(read_ahead(slow_if_even, range(20), num_ahead=5)) == list(range(20))


@pytest.mark.parametrize("num_items", [0, 1, 3, 4, 5])
def test_few_items_are_no_special_case(num_items):
    assert list(read_ahead(str, range(num_items), num_ahead=4)) == list(map(str, range(num_items)))


def test_no_more_than_so_many_results_ever_wait():
    begun = []
    for taken, _ in enumerate(read_ahead(begun.append, range(50), num_ahead=6), start=1):
        time.sleep(0.001)
        assert len(begun) <= taken + 6
    assert sorted(begun) == list(range(50))


def test_the_next_items_are_worked_on_while_one_is_used():
    third_is_begun = threading.Event()

    def work(number: int) -> int:
        if number == 2:
            third_is_begun.set()
        return number

    with closing(read_ahead(work, range(9), num_ahead=3)) as results:
        assert next(results) == 0
        assert third_is_begun.wait(10)


def test_closing_begins_nothing_more():
    begun = []

    def work(number: int) -> None:
        begun.append(number)
        time.sleep(0.02)

    with closing(read_ahead(work, range(100), num_ahead=50)) as results:
        next(results)
    time.sleep(0.1)
    assert len(begun) <= 2 + 2 * NUM_THREADS


def test_an_error_ends_the_reading():
    def work(number: int) -> int:
        if number == 3:
            raise RuntimeError("broken")
        return number

    results = read_ahead(work, range(100), num_ahead=5)
    with pytest.raises(RuntimeError, match="broken"):
        list(results)
    assert list(results) == []
