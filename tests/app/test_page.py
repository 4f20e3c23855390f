import re
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure

from app.reports.page import Section, write_report


def figure(photographic: bool = False) -> Figure:
    drawn = Figure(figsize=(1, 1))
    axes = drawn.subplots()
    if photographic:
        axes.imshow(np.zeros((4, 4, 3), np.uint8))
    return drawn


@pytest.fixture
def page(tmp_path) -> str:
    sections = [
        Section("Wren & <rail>", "a < b", ("name", "P@1"), [("<b>", 0.12345), ("n", float("nan"))]),
        Section("Picture", ["one", "two"], figure=figure(), alt='"quoted" <picture>'),
        Section("Photos of 測試", figure=figure(photographic=True), alt="photos"),
        Section("Beware", "of this", is_note=True),
    ]
    return write_report(tmp_path / "report.html", "<Title>", sections).read_text("utf-8")


def test_names_are_escaped(page):
    assert "<title>&lt;Title&gt;</title>" in page
    assert "<h2>Wren &amp; &lt;rail&gt;</h2>" in page
    assert '<th scope="row">&lt;b&gt;</th><td>0.123</td>' in page
    assert 'alt="&#34;quoted&#34; &lt;picture&gt;"' in page


def test_what_is_not_a_number_is_a_dash(page):
    assert '<th scope="row">n</th><td>–</td>' in page


def test_pictures_are_inside_and_nothing_is_fetched(page):
    assert re.findall(r'src="data:image/(\w+);base64,', page) == ["png", "jpeg"]
    assert page.count("src=") == 2
    assert not re.search(r"https?://|<link|<script", page)


def test_pictures_are_beside_the_page_too(page, tmp_path):
    names = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert names == ["photos_of.jpeg", "picture.png"]


def test_a_page_can_be_read_by_ear(page):
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert page.count("<h1>") == 1
    assert len(re.findall("<img ", page)) == len(re.findall(r'<img alt="[^"]+" ', page)) == 2
    assert re.findall(r'<th scope="(\w+)"', page) == ["col", "col", "row", "row"]
    assert 'role="region" tabindex="0" aria-label="Wren &amp; &lt;rail&gt;"' in page


def test_every_tag_that_is_opened_is_closed(page):
    class Tags(HTMLParser):
        def handle_starttag(self, tag, attributes):
            if tag not in ("img", "meta"):
                stack.append(tag)

        def handle_endtag(self, tag):
            assert stack.pop() == tag

    stack: list[str] = []
    Tags().feed(page)
    assert stack == []


def test_several_texts_are_several_paragraphs_and_a_note_stands_out(page):
    assert "<p>one</p>\n<p>two</p>" in page
    assert '<p class="note">of this</p>' in page


def test_names_in_any_script_and_of_damaged_encoding_are_written(tmp_path):
    section = Section("Words", "シジュウカラ \udcff")
    page = write_report(tmp_path / "report.html", "測試", [section]).read_text("utf-8")
    assert "<h1>測試</h1>" in page
    assert "シジュウカラ \\udcff" in page
