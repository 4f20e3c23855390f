"""The epoch counter: left alone it counts iterators, held it stands still."""

import pytest

from triplets.pipeline import EpochCounter


def test_left_alone_each_iterator_is_the_next_epoch():
    counter = EpochCounter(2)
    assert [counter.begin() for _ in range(3)] == [2, 3, 4]


def test_held_every_iterator_is_of_that_epoch_and_released_the_next_follow():
    counter = EpochCounter()
    counter.begin()
    counter.hold(5)
    assert [counter.begin() for _ in range(3)] == [5, 5, 5]
    counter.release()
    counter.release()
    assert [counter.begin() for _ in range(2)] == [6, 7]
    counter.epoch = 3
    assert counter.begin() == 3
    with pytest.raises(ValueError, match="Expected epoch >= 0, received -1"):
        EpochCounter(-1)
