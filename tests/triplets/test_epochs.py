"""The epoch counter: left alone it counts iterators, held it stands still."""

import pytest

from triplets.pipeline import EpochCounter


def test_left_alone_each_iterator_is_the_next_epoch():
    counter = EpochCounter(2)
    assert [counter.begin() for _ in range(3)] == [2, 3, 4]


def test_held_every_iterator_belongs_to_the_same_epoch():
    counter = EpochCounter()
    counter.begin()
    counter.hold(5)
    assert [counter.begin() for _ in range(3)] == [5, 5, 5]


def test_released_it_goes_on_from_the_epoch_after():
    counter = EpochCounter()
    counter.hold(5)
    counter.release()
    counter.release()
    assert [counter.begin() for _ in range(2)] == [6, 7]


def test_the_epoch_may_be_set():
    counter = EpochCounter()
    counter.epoch = 3
    assert counter.begin() == 3


def test_an_epoch_below_zero_is_refused():
    with pytest.raises(ValueError, match="Expected epoch >= 0, received -1"):
        EpochCounter(-1)
