"""The page on robustness lists every kind of bad file that the tests make, with what it gets."""

from tests.bad_inputs import KINDS
from tests.bad_inputs.page import PAGE, SECTIONS, page_with_tables


def test_the_page_has_every_kind_and_its_tables_are_those_of_the_corpus():
    page = PAGE.read_text("utf-8")
    assert page == page_with_tables(page), "write them: python -m tests.bad_inputs.page"
    assert sum(map(len, SECTIONS.values())) == len(KINDS)
    assert [kind.name for kind in KINDS if f"| {kind.description} |" not in page] == []
