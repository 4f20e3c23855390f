import re

import pytest
from matplotlib.figure import Figure

from app.cli import main
from app.report import Section, write_report
from training.fit import TrainingOptions


@pytest.fixture
def page(tmp_path) -> str:
    figure = Figure(figsize=(1, 1))
    figure.subplots().plot([0, 1])
    sections = [
        Section("Wren & <rail>", "a < b", ("name", "P@1"), [("<b>", 0.12345), ("n", 3)]),
        Section("Picture", figure=figure, alt='"quoted" <picture>'),
    ]
    return write_report(tmp_path / "report.html", "<Title>", sections).read_text()


def test_names_are_escaped(page):
    assert "<title>&lt;Title&gt;</title>" in page
    assert "<h2>Wren &amp; &lt;rail&gt;</h2>" in page
    assert "<td>&lt;b&gt;</td><td>0.123</td>" in page
    assert 'alt="&quot;quoted&quot; &lt;picture&gt;"' in page


def test_pictures_are_inside_and_nothing_is_fetched(page):
    assert re.findall(r'src="([^"]{22})', page) == ["data:image/png;base64,"]
    assert not re.search(r"https?://|<link|<script", page)


def test_the_demo_writes_a_report_with_all_its_sections(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("app.demo.AVIARY_OPTIONS", TrainingOptions(num_triplets_per_class=4))
    assert main(["demo", "--out", str(tmp_path), "--size", "tiny", "--epochs", "1"]) == 0
    page = (tmp_path / "report.html").read_text()
    assert re.findall("<h2>(.*?)</h2>", page) == [
        "Training",
        "Held-out photos and calls find their class",
        "Queries and their nearest neighbours",
        "Where embeddings lie",
        "Individuals in the videos",
    ]
    assert page.count("data:image/png;base64,") == 4
    printed = capsys.readouterr().out
    for part in ("held-out queries", "found their class first", "counted exactly", "report.html"):
        assert part in printed
    for name in ("run/run.json", "encoder/saved_model.pb", "birds.index", "count.json"):
        assert (tmp_path / name).exists()
