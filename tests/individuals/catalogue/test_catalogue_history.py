"""Undo after any operations gives the state before; ids are never reused; the log only grows."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from individuals.catalogue import Catalogue
from individuals.sighting_table import SightingTable


class AnyUse(RuleBasedStateMachine):
    """Whatever people do to a catalogue."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "any.catalogue"
        self.catalogue = Catalogue.open(self.path)
        self.before: list[object] = []  # states to come back to
        self.log: list[object] = []
        self.ids: set[str] = set()
        self.num_keys = 0

    def teardown(self):
        self.catalogue.close()
        self.folder.cleanup()

    def state(self):
        return self.catalogue.fingerprint, [
            (individual, tuple(sorted(self.catalogue.sightings(individual.id).keys)))
            for individual in self.catalogue.individuals()
        ]

    def pick(self, number):
        individuals = self.catalogue.individuals()
        return individuals[number % len(individuals)].id

    def rows(self, num):
        keys = [f"{self.num_keys + n}.jpg" for n in range(num)]
        self.num_keys += num
        return SightingTable.of(np.eye(3)[np.arange(num) % 3], keys)

    def is_new(self, id_):
        assert id_ not in self.ids
        self.ids.add(id_)

    @rule(num=st.integers(1, 4))
    def add_new(self, num):
        self.before.append(self.state())
        self.is_new(self.catalogue.add(self.rows(num)))

    @precondition(lambda self: len(self.catalogue))
    @rule(number=st.integers(0, 99), num=st.integers(1, 3))
    def add_to_one(self, number, num):
        self.before.append(self.state())
        self.catalogue.add(self.rows(num), self.pick(number))

    @precondition(lambda self: len(self.catalogue))
    @rule(number=st.integers(0, 99), name=st.none() | st.sampled_from(["Ö", "鹿", "Bo"]))
    def rename(self, number, name):
        if name not in {individual.name for individual in self.catalogue.individuals()}:
            self.before.append(self.state())
            self.catalogue.rename(self.pick(number), name)

    @precondition(lambda self: len(self.catalogue) > 1)
    @rule(first=st.integers(0, 99), step=st.integers(0, 99))
    def merge(self, first, step):
        second = first + 1 + step % (len(self.catalogue) - 1)
        self.before.append(self.state())
        self.catalogue.merge(self.pick(first), self.pick(second))

    @precondition(lambda self: len(self.catalogue))
    @rule(number=st.integers(0, 99), num=st.integers(1, 3))
    def split(self, number, num):
        keys = self.catalogue.sightings(self.pick(number)).keys
        if num < len(keys):
            self.before.append(self.state())
            self.is_new(self.catalogue.split(self.pick(number), keys[:num]))

    @precondition(lambda self: len(self.catalogue))
    @rule(number=st.integers(0, 99))
    def delete(self, number):
        self.before.append(self.state())
        self.catalogue.delete(self.pick(number))

    @precondition(lambda self: self.before)
    @rule(num=st.integers(1, 3))
    def undo(self, num):
        num = min(num, len(self.before))
        self.catalogue.undo(num)
        wanted = self.before[-num]
        del self.before[-num:]
        assert self.state() == wanted

    @rule()
    def open_again(self):
        state = self.state()
        self.catalogue.close()
        self.catalogue = Catalogue.open(self.path, create=False)
        assert self.state() == state

    @invariant()
    def all_is_as_the_log_says(self):
        assert self.catalogue.check() == []

    @invariant()
    def the_log_only_grows(self):
        log = self.catalogue.log()
        assert log[: len(self.log)] == self.log
        assert [entry.number for entry in log] == list(range(1, len(log) + 1))
        self.log = log


TestAnyUse = AnyUse.TestCase
TestAnyUse.settings = settings(max_examples=25, stateful_step_count=20)
