"""The report of an evaluation and of the demo: complete, safe, readable by ear, and in one file."""

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from app.cli.evaluate import evaluation_table
from app.cli.main import main
from app.reports.page import templates, write_report
from app.reports.report import write_evaluation_report
from inference import Embeddings
from tests.app.conftest import show_few_queries
from training.evaluate import evaluate_encoder
from training.options import PairBatches, TrainingOptions
from triplets import PreparedFile, PreparedMedia

CLASSES = ("<b>wren</b> & co", "a$b$", "シジュウカラ", "house_sparrow/blue_left_leg_" + "x" * 60)
EVALUATION_HEADINGS = [
    "Held-out photos and calls find their class",
    "What the second modality is worth",
    "How these numbers came about",
    "Class by class",
    "Confusion among nearest neighbours",
    "Best queries",
    "Worst queries",
    "Where embeddings lie",
    "Training",
]


class Colours:
    """Embeds a photo by its mean colour, and a recording by its first numbers."""

    def embed_combinations(self, images, sequences, pairs):
        vectors = np.ones((len(pairs), 7), np.float32)
        for vector, (i, j) in zip(vectors, pairs, strict=True):
            vector[:3] = images[i].mean(axis=(0, 1)) / 255 if i >= 0 else 0
            vector[3:6] = sequences[j][0, :3] if j >= 0 else 0
        return Embeddings.of(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), "colours")


def media(folder: Path, side: str, num_files: int) -> PreparedMedia:
    """Plain photos and made-up sequences of classes with odd names; the recordings are gone."""
    rng = np.random.default_rng(len(side))
    files: dict[str, list[PreparedFile]] = {"photo": [], "call": []}
    for index in range(len(CLASSES)):
        for number in range(num_files):
            plain = np.full((224, 224, 3), rng.integers(0, 256, 3), np.uint8)
            for kind, feature in (("photo", plain), ("call", rng.normal(size=(2, 1024)))):
                path = folder / f"{side} {kind} {index} {number}.npy"
                np.save(path, feature.astype(np.uint8 if kind == "photo" else np.float32))
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                files[kind].append(PreparedFile(path.with_suffix(".gone"), index, content, path))
    return PreparedMedia(CLASSES, tuple(files["photo"]), tuple(files["call"]))


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd_names")
    return media(folder, "gallery", 3), media(folder, "query", 2)


@pytest.fixture(scope="module")
def evaluation(sides):
    return evaluate_encoder(Colours(), *sides)


@pytest.fixture(scope="module")
def page(evaluation, sides, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    history = {"loss": [0.3, 0.2]}
    notes = ["Something <changed>.", "\udcff"]
    write_evaluation_report(path, "測試", evaluation, *sides, history=history, notes=notes)
    return path.read_text("utf-8")


def test_the_report_has_all_its_sections_and_first_what_changed(page):
    assert re.findall("<h2>(.*?)</h2>", page) == ["Before you read on", *EVALUATION_HEADINGS]
    assert '<p class="note">Something &lt;changed&gt;.</p>\n<p class="note">\\udcff</p>' in page
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert "<h1>測試</h1>" in page


def test_names_of_classes_are_escaped_and_whole(page):
    assert "<b>wren" not in page
    assert "&lt;b&gt;wren&lt;/b&gt; &amp; co" in page
    assert all(name in page for name in CLASSES[1:])


def test_every_number_of_the_table_is_in_the_report(page, evaluation):
    for name, row in evaluation.rows.items():
        assert f"({name})</th><td>{row['num_queries']:.0f}</td>" in page
        assert f"<td>{row['precision_at_1']:.3f}</td>" in page


def test_a_report_is_one_file_and_can_be_read_by_ear(page):
    spoken = re.findall(r'<img alt="([^"]+)" src="data:image/(?:png|jpeg);base64,', page)
    assert len(spoken) == page.count("src=") == 6
    assert "photo and call together (fused): 0." in spoken[0]
    assert "found" in spoken[2]
    assert not re.search(r"https?://|<link|<script", page)
    assert page.count('role="region" tabindex="0" aria-label="') == page.count("<table>") == 6
    assert set(re.findall(r'<th scope="(\w+)"', page)) == {"col", "row"}


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


def test_pictures_are_beside_the_page_too(tmp_path):
    photos, curve = Figure(), Figure()
    photos.subplots().imshow(np.zeros((4, 4, 3), np.uint8))
    write_report(tmp_path / "a.html", "base.html", {"photos": photos, "curve": curve}, title="")
    names = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert names == ["curve.png", "photos.jpeg"]


def test_what_is_not_a_number_is_a_dash():
    rendered = templates().from_string("{{ 0.12345 | cell }} {{ nan | cell }}").render(nan=np.nan)
    assert rendered == "0.123 –"


def test_the_report_speaks_of_few_sources_and_of_its_encoder(page):
    told = " ".join(page.split())
    assert "The queries are made of 8 photos and 8 recordings." in told
    assert "it holds the truth in 0.89 to 0.91 of all cases, not in 0.95" in told
    assert "the encoder with the fingerprint colours, by fused-encoder " in told


def test_the_table_has_a_line_for_every_way_of_asking(evaluation):
    lines = evaluation_table(evaluation).splitlines()
    num_rows, num_compared = len(evaluation.rows), len(evaluation.comparisons)
    assert [line.split()[0] for line in lines[1 : 1 + num_rows]] == list(evaluation.rows)
    assert lines[0].split("  ")[0] == "held-out queries"
    assert lines[1 + num_rows].startswith("Guessing would give a P@1 of 0.250 (fused).")
    assert len(lines) == num_rows + num_compared + 5
    assert lines[-1].startswith("* The interval rests on fewer than 20 sources.")
    assert any("control: photo with a call of another class" in line for line in lines)


def test_the_demo_writes_a_report_with_all_its_sections(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        "app.demo.AVIARY_OPTIONS", TrainingOptions(PairBatches(steps_per_epoch=2), epochs=2)
    )
    show_few_queries(monkeypatch)
    assert main(["demo", "--out", str(tmp_path), "--size", "tiny", "--epochs", "1"]) == 0
    page = (tmp_path / "report.html").read_text()
    headings = re.findall("<h2>(.*?)</h2>", page)
    assert headings == [
        *EVALUATION_HEADINGS,
        "Individuals in the videos",
        "Who was seen when",
        "How the count hangs on the threshold",
        "Who sings when",
    ]
    assert page.count("data:image/") == 10
    printed = capsys.readouterr().out
    for part in ("held-out queries", "found their class first", "counted exactly", "report.html"):
        assert part in printed
    for name in ("run/run.json", "encoder/saved_model.pb", "birds.index", "count.json"):
        assert (tmp_path / name).exists()
