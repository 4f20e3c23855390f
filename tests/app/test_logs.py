import logging

from app.cli.logs import FewOfEachKind

RATE = "'%s' has 32000 samples per second"


def shown(*messages):
    """What passes of messages, (text, its arguments...) each, and what is told of the rest."""
    few = FewOfEachKind()
    records = [
        logging.LogRecord("x", logging.WARNING, "x.py", 1, text, tuple(arguments), None)
        for text, *arguments in messages
    ]
    return [record.getMessage() for record in records if few.filter(record)], few.left_out()


def test_of_many_files_with_one_fault_three_are_named_and_the_others_counted():
    passed, left_out = shown(*((RATE, f"{number}.ogg") for number in range(100)))
    assert passed == [f"'{number}.ogg' has 32000 samples per second" for number in range(3)]
    assert left_out == ["97 more like it: '...' has 32000 samples per second"]


def test_what_differs_is_shown_and_what_repeats_is_shown_once():
    faults = [f"'%s' is damaged at {second} s" for second in range(5)]
    passed, left_out = shown(*((fault, "a.ogg") for fault in faults * 2))
    assert (len(passed), left_out) == (5, [])
    passed, left_out = shown(("Skipped '%s'", "a.ogg"), ("alone",), ("alone",))
    assert (passed, left_out) == (["alone"], [])
