"""The log of a review holds every decision, who made it, and what was taken back."""

import pytest

from individuals.review.log import ReviewLog


@pytest.fixture
def log(tmp_path):
    return ReviewLog(tmp_path / "new folder" / "log.jsonl")


def test_what_was_said_last_counts_and_all_of_it_stays(log):
    log.add("a", "same", by="Zoë")
    log.add("b", "cannot tell", by="鳥", details={"species": "wren"})
    log.add("a", "different", by="Zoë")
    assert {key: one.answer for key, one in log.answers().items()} == {
        "a": "different",
        "b": "cannot tell",
    }
    again = ReviewLog(log.path)
    assert [(one.number, one.by) for one in again.entries()] == [(1, "Zoë"), (2, "鳥"), (3, "Zoë")]
    assert again.entries()[1].details == {"species": "wren"}
    assert again.entries()[0].time.endswith("+00:00")


def test_undo_brings_back_what_was_said_before_and_is_an_entry_itself(log):
    log.add("a", "same", by="Zoë")
    log.add("a", "different", by="Zoë")
    assert log.undo(by="Ana").number == 2
    assert log.answers()["a"].answer == "same"
    assert log.undo(by="Ana").number == 1
    assert log.answers() == {}
    assert log.undo(by="Ana") is None
    assert [one.answer for one in log.entries()] == ["same", "different", "undo", "undo"]


def test_a_line_that_was_cut_off_is_passed_over_and_written_over(log):
    log.add("a", "same", by="Zoë")
    with log.path.open("ab") as file:
        file.write(b'{"number": 2, "tim')
    assert len(log.entries()) == 1
    log.add("b", "same", by="Zoë")
    assert [one.question for one in log.entries()] == ["a", "b"]


def test_a_damaged_log_is_refused_by_name(log):
    log.add("a", "same", by="Zoë")
    log.path.write_text("no log\n" + log.path.read_text("utf-8"), "utf-8")
    with pytest.raises(ValueError, match=r"log\.jsonl' is no log"):
        log.entries()
