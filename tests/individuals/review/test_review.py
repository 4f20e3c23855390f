"""The questions that are asked, and the sheet they are asked on."""

import csv
import html
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from individuals.catalogue import (
    CountedSightings,
    Sighting,
    SightingTable,
    load_sightings,
    read_review_answers,
    review_queue,
    save_counted_sightings,
    save_sightings,
    sighting_key,
    write_review_sheet,
)
from individuals.crops import short_id
from inference.calibrate import Calibration, PairCalibration
from inference.embeddings import Embeddings

JPEG = b"\xff\xd8\xff\xe0 not looked at"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def counted(degrees, labels, *, threshold=0.9, media=None, **known):
    """Sightings of a photo each, at these angles."""
    angles = np.radians(degrees)
    names = media or [f"{n}.jpg" for n in range(len(degrees))]
    keys = [sighting_key(name, float(n)) for n, name in enumerate(names)]
    sightings = tuple(
        Sighting(key=key, media=name, time_seconds=float(n), crop=f"crops/{short_id(key)}.jpg")
        for n, (key, name) in enumerate(zip(keys, names, strict=True))
    )
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    table = SightingTable(sightings, Embeddings.of(vectors, "wren-1"))
    return CountedSightings(
        table, np.array(labels), threshold, tuple(dict.fromkeys(names)), **known
    )


# one individual at 0 and 40 degrees, hung together loosely; two that look alike; one far away
DOUBTFUL = ([0, 2, 40, 42, 120, 140, 250], [0, 0, 0, 0, 1, 2, 3])


def asked(pairs):
    return {(frozenset((pair.first, pair.second)), pair.individuals) for pair in pairs}


def test_weak_links_and_look_alikes_are_asked_by_their_most_similar_sightings():
    pairs = review_queue(counted(*DOUBTFUL), 2)
    assert asked(pairs) == {(frozenset((1, 2)), (0, 0)), (frozenset((4, 5)), (1, 2))}
    weak = next(pair for pair in pairs if pair.individuals == (0, 0))
    assert (weak.num_at_stake, weak.reason) == (2, "counted as one, on a weak link")
    assert {weak.first_beside, weak.second_beside} == {(0,), (3,)}


def test_what_would_move_more_sightings_is_asked_first():
    few, many = [0, 20], [180, 180.1, 180.2, 180.3, 200, 200.1, 200.2, 200.3]
    pairs = review_queue(counted([*few, *many], [0, 1, *[2] * 4, *[3] * 4], threshold=0.94))
    assert pairs[0].individuals == (2, 3)
    assert pairs[0].num_at_stake == 4


def test_each_question_makes_others_about_the_same_individuals_wait():
    degrees = [0, 18, 36, 180, 196]
    first, second = review_queue(counted(degrees, [0, 1, 2, 3, 4], threshold=0.95), 2)
    assert not set(first.individuals) & set(second.individuals)


def test_what_is_certain_is_not_asked(animals):
    frame = animals.in_frame("m.mp4", 1, 0, 10)
    seen_together = CountedSightings(frame, np.array([0, 1]), 0.9)
    assert review_queue(seen_together) == []
    assert review_queue(counted([0, 1], [0, 0])) != []
    assert review_queue(counted([], [])) == []
    assert review_queue(counted([5, 5, 5], [0, 0, 0])) == []
    assert review_queue(counted([0, 90], [0, 1])) == []


def test_what_was_answered_is_not_asked_again():
    questions = counted(*DOUBTFUL)
    keys = questions.table.keys
    same, different = [(keys[1], keys[2])], [(keys[4], keys[5])]
    after = counted(*DOUBTFUL, must_link=tuple(same), cannot_link=tuple(different))
    left = asked(review_queue(after))
    assert not {pair for pair, _ in left} & {frozenset((1, 2)), frozenset((4, 5))}
    assert all(individuals != (1, 2) for _, individuals in left)
    undecided = counted([0, 30], [0, 0], undecided=((keys[0], keys[1]),))
    assert review_queue(undecided) == []


def test_a_tracklet_is_not_asked_about():
    angles = np.radians([0, 60])
    sightings = tuple(
        Sighting(key=f"m#{n}", media="m.mp4", frame_index=n, tracklet=0) for n in range(2)
    )
    table = SightingTable(sightings, Embeddings.of(np.stack([np.cos(angles), np.sin(angles)], 1)))
    assert review_queue(CountedSightings(table, np.array([0, 0]), 0.9)) == []


def test_photos_are_not_compared_with_calls(animals):
    rows = animals.joined(
        animals.table(animals.seen("a.jpg", 0)),
        animals.changed(animals.table(animals.seen("a.wav", 10)), modality="audio"),
    )
    assert review_queue(CountedSightings(rows, np.array([0, 1]), 0.9)) == []


def test_a_count_by_log_odds_of_several_modalities_needs_its_calibration():
    sightings = counted([0, 20], [0, 1], threshold=float("nan"))
    with pytest.raises(ValueError, match="no threshold to guess probabilities from"):
        review_queue(sightings)
    calibration = Calibration("wren-1", {"image-image": PairCalibration(10.0, -9.0)})
    (pair,) = review_queue(sightings, calibration=calibration)
    assert pair.probability == pytest.approx(calibration.probability(pair.similarity))


def test_good_crops_are_shown_before_poor_ones(animals):
    rows = animals.table(
        animals.seen("a#1", 0, media="a.mp4", frame_index=1, tracklet=0, quality=0.9),
        animals.seen("a#2", 12, media="a.mp4", frame_index=2, tracklet=0, quality=0.1),
        animals.seen("b.jpg", 24, quality=0.9),
    )
    (pair,) = review_queue(CountedSightings(rows, np.array([0, 0, 1]), 0.9))
    assert {pair.first, pair.second} == {0, 2}


def test_a_number_of_questions_below_one_is_refused():
    with pytest.raises(ValueError, match="Expected num >= 1, received 0"):
        review_queue(counted(*DOUBTFUL), 0)


def write_crops(folder, sightings):
    (folder / "crops").mkdir(parents=True)
    for sighting in sightings.table.sightings:
        (folder / sighting.crop).write_bytes(JPEG)


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_sheet_has_a_row_a_picture_and_a_question_for_each_pair(tmp_path):
    questions = counted([0, 22, 44, 66, 88, 110], range(6))
    write_crops(tmp_path / "count", questions)
    pairs = review_queue(questions, 4)
    page = write_review_sheet(
        tmp_path / "sheet", pairs, questions.table, crops=tmp_path / "count"
    ).read_text("utf-8")
    rows = rows_of(tmp_path / "sheet" / "review.csv")
    assert len(rows) == len(pairs) == 4 == page.count("<fieldset")
    for row, pair in zip(rows, pairs, strict=True):
        assert row["answer"] == ""
        assert row["first_key"] == questions.table.keys[pair.first]
        assert (tmp_path / "sheet" / row["first_crop"]).read_bytes() == JPEG
    assert page.count("<img") >= 2 * len(pairs)
    assert "http" not in re.sub(r"http-equiv", "", page)  # nothing from elsewhere


def test_names_of_files_cannot_break_the_page_or_run_in_a_spreadsheet(tmp_path):
    names = ['=cmd|"x"!A1.jpg', "</script><b>&@STYLE@.jpg", "鳥\udcff.jpg", "Zaun,könig;.jpg"]
    questions = counted([0, 20, 100, 120], [0, 1, 2, 3], media=names)
    pairs = review_queue(questions, 2)
    page = write_review_sheet(tmp_path, pairs, questions.table).read_text("utf-8")
    assert page.count("</script>") == 2
    assert "&lt;/script&gt;&lt;b&gt;&amp;@STYLE@.jpg" in page
    rows = rows_of(tmp_path / "review.csv")
    shown = {row[f"{side}_media"] for row in rows for side in ("first", "second")}
    assert shown == {'\'=cmd|"x"!A1.jpg', names[1], "鳥\\udcff.jpg", names[3]}


def test_a_sheet_with_answers_is_not_overwritten(tmp_path):
    questions = counted(*DOUBTFUL)
    pairs = review_queue(questions, 2)
    write_review_sheet(tmp_path, pairs, questions.table)
    write_review_sheet(tmp_path, pairs, questions.table)
    path = tmp_path / "review.csv"
    text = path.read_text("utf-8-sig")
    for changed in (text.replace("1,,", "1,same,"), text.replace(",", ";")):
        path.write_text(changed, encoding="utf-8")
        with pytest.raises(FileExistsError, match="holds answers, or was changed"):
            write_review_sheet(tmp_path, pairs, questions.table)
        assert path.read_text("utf-8") == changed


def test_without_questions_the_sheet_says_so_and_the_csv_has_its_header(tmp_path):
    page = write_review_sheet(tmp_path, [], counted([], []).table).read_text("utf-8")
    assert "There is nothing to ask." in page
    assert (tmp_path / "review.csv").read_text("utf-8-sig").startswith("pair,answer,first,second")


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
    questions = counted([0, 22, 44, 66, 88, 110], range(6))
    pairs = review_queue(questions)
    page = write_review_sheet(tmp_path, pairs, questions.table)
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


def test_a_key_names_file_moment_and_place():
    assert sighting_key("a/x.mp4", 1.0) != sighting_key("b/x.mp4", 1.0)
    box = (1.0, 2.0, 4.0, 8.0)
    assert sighting_key("x.jpg", None, box) == "x.jpg#xywh=1.0,2.0,3.0,6.0"
    assert sighting_key("Zaunkönig \udcff.wav") == "Zaunkönig \\udcff.wav"


def test_the_sightings_of_a_count_come_back_with_their_crops(aviary, embedder, tmp_path):
    from individuals import count_individuals

    videos = sorted(str(path) for path in aviary.videos.glob("*.mp4"))
    count = count_individuals(videos, embedder, threshold=0.5)
    save_counted_sightings(tmp_path / "new" / "count", count)
    loaded = load_sightings(tmp_path / "new" / "count")
    assert loaded.labels.tolist() == count.count.labels.tolist()
    assert loaded.all_videos == tuple(videos)
    assert loaded.table.embeddings.fingerprint == embedder.fingerprint
    np.testing.assert_array_equal(loaded.table.embeddings, count.table.embeddings)
    for sighting in loaded.table.sightings:
        picture = (tmp_path / "new" / "count" / sighting.crop).read_bytes()
        assert picture.startswith(b"\xff\xd8")
    assert loaded.table.sightings == tuple(
        replace(sighting, crop=f"crops/{short_id(sighting.key)}.jpg")
        for sighting in count.table.sightings
    )


def test_counted_sightings_are_saved_whole_and_damage_is_told(tmp_path):
    questions = counted(*DOUBTFUL, must_link=(("a", "b"),))
    path = save_sightings(tmp_path, questions)
    loaded = load_sightings(path)
    assert loaded.table.sightings == questions.table.sightings
    assert loaded.must_link == (("a", "b"),)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="does not hold counted sightings"):
        load_sightings(tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r"There is no sightings.npz in .*count \.\.\. --out"
    ):
        load_sightings(tmp_path / "none")
