"""The page of a review: what it shows, that it is safe, and that it takes answers."""

import html
import re
import shutil
import subprocess

import numpy as np
import pytest

from app.reports.review_page import write_review_page
from individuals.review import read_review_answers, review_queue
from individuals.sighting import Sighting
from individuals.sighting_file import CountedSightings
from individuals.sighting_table import SightingTable
from inference.embeddings import Embeddings
from media import save_image
from tests.inference.vectors import on_circle

JPEG = b"\xff\xd8\xff\xe0 not looked at"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def counted(degrees, names=None):
    """An individual at each of these angles, each with a picture."""
    names = names or [f"{n}.jpg" for n in range(len(degrees))]
    sightings = tuple(
        Sighting(media=name, time_seconds=float(n), crop=f"crops/{n}.jpg")
        for n, name in enumerate(names)
    )
    table = SightingTable(sightings, Embeddings.of(on_circle(*degrees)))
    return CountedSightings(table, np.arange(len(degrees)), 0.9)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "crops").mkdir()
    for n in range(6):
        (tmp_path / "crops" / f"{n}.jpg").write_bytes(JPEG)
    return tmp_path


def write_page(folder, questions, num=50):
    pairs = review_queue(questions, num)
    return pairs, write_review_page(folder / "page", pairs, questions.table, crops=folder)


def test_the_page_has_a_question_with_two_pictures_for_each_pair(folder):
    pairs, path = write_page(folder, counted([0, 22, 44, 66, 88, 110]), 4)
    page = path.read_text("utf-8")
    assert page.count("<fieldset") == len(pairs) == 4
    assert page.count('src="data:image/jpeg;base64,') >= 2 * len(pairs)
    assert "http" not in page.replace("http-equiv", "")  # nothing from elsewhere


def test_names_of_files_cannot_break_the_page(folder):
    names = ["=cmd.jpg", "</script><b>&{{ title }}.jpg", "鳥\udcff.jpg", "Zaun,könig;.jpg"]
    page = write_page(folder, counted([0, 20, 100, 120], names))[1].read_text("utf-8")
    assert page.count("</script>") == 2
    assert "&lt;/script&gt;&lt;b&gt;&amp;{{ title }}.jpg" in page
    assert "鳥\\udcff.jpg" in page


def test_without_questions_the_page_says_so(tmp_path):
    page = write_page(tmp_path, counted([]))[1].read_text("utf-8")
    assert "There is nothing to ask." in page


DRIVE = """<script>
document.addEventListener("securitypolicyviolation", () => { document.body.dataset.refused = 1; });
let saved = null;
URL.createObjectURL = blob => { saved = blob; return "blob:none"; };
HTMLAnchorElement.prototype.click = function () { document.body.dataset.file = this.download; };
const press = key =>
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
["1", "n", "3", "k", "k", "2"].forEach(press);  // pair 1, on to 3, back to 2
document.querySelector("#pair4 input").click();
document.getElementById("save").click();
saved.text().then(text => {
  const shown = document.createElement("pre");
  shown.textContent = text;
  document.body.append(shown);
});
</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, to press keys on the page")
def test_the_page_takes_answers_by_key_and_mouse_and_saves_what_can_be_read(tmp_path):
    questions = counted([0, 22, 44, 66, 88, 110])
    pairs, page = write_page(tmp_path, questions)
    page.write_text(page.read_text("utf-8").replace("</body>", DRIVE), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000"]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [str(CHROMIUM), *options, profile, "--dump-dom", page.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert 'data-file="review.csv"' in shown
    assert "data-refused" not in shown
    assert f"4 of {len(pairs)} answered" in shown
    saved = html.unescape(re.search(r"<pre>(.*?)</pre>", shown, re.S)[1])
    (tmp_path / "saved.csv").write_text(saved, encoding="utf-8", newline="")
    answers = read_review_answers(tmp_path / "saved.csv")
    given = [given.answer for given in answers.given]
    assert given == ["same", "different", "cannot tell", "same"]
    assert answers.num_unanswered == len(pairs) - 4 > 0
    assert answers.missing(questions.table.keys) == []
    first = frozenset((pairs[0].first, pairs[0].second))
    assert {frozenset(rows) for rows in answers.rows("same", questions.table.keys)} >= {first}


def test_what_both_pictures_share_is_drawn_where_it_is_asked_for(tmp_path):
    questions = counted([0, 22, 44, 66])
    (tmp_path / "crops").mkdir()
    spots = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
    for n in range(3):  # the fourth picture cannot be read
        save_image(tmp_path / "crops" / f"{n}.jpg", spots.repeat(16, 0).repeat(16, 1))
    (tmp_path / "crops" / "3.jpg").write_bytes(JPEG)
    pairs = review_queue(questions, 50)
    shown = {}
    for with_matches in (False, True):
        options = {"crops": tmp_path, "with_matches": with_matches}
        path = write_review_page(tmp_path, pairs, questions.table, **options)
        shown[with_matches] = path.read_text("utf-8").count("points in common")
    num_readable = sum(3 not in (pair.first, pair.second) for pair in pairs)
    assert shown == {False: 0, True: num_readable}
    assert 0 < num_readable < len(pairs)
