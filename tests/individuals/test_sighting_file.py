"""Counts on disk, with the pictures of their sightings."""

from dataclasses import replace

import numpy as np
import pytest

from app.reports.review_page import write_review_page
from individuals import count_individuals
from individuals.review import review_queue, write_review_sheet
from individuals.sighting import sighting_key
from individuals.sighting_file import (
    CountedSightings,
    load_crops,
    load_sightings,
    save_counted_sightings,
    save_sightings,
    short_id,
)
from media import save_image


def test_a_key_names_file_moment_and_place():
    assert sighting_key("a/x.mp4", 1.0) != sighting_key("b/x.mp4", 1.0)
    box = (1.0, 2.0, 4.0, 8.0)
    assert sighting_key("x.jpg", None, box) == "x.jpg#xywh=1.0,2.0,3.0,6.0"
    assert sighting_key("Zaunkönig \udcff.wav") == "Zaunkönig \\udcff.wav"


def test_the_sightings_of_a_count_come_back_with_their_crops(aviary, embedder, tmp_path):
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
    crops = [f"crops/{short_id(sighting.key)}.jpg" for sighting in count.table.sightings]
    assert [s.crop for s in loaded.table.sightings] == crops
    plain = tuple(replace(sighting, crop=None) for sighting in loaded.table.sightings)
    assert plain == count.table.sightings


@pytest.fixture
def two(animals):
    """Two sightings that are counted as two animals."""
    rows = animals.table(animals.seen("a.jpg", 0), animals.seen("b.jpg", 20))
    return CountedSightings(rows, np.array([0, 1]), 0.9, must_link=(("a.jpg", "x"),))


def test_counted_sightings_are_saved_whole_and_damage_is_told(tmp_path, two):
    path = save_sightings(tmp_path, two)
    loaded = load_sightings(path)
    assert loaded.table.sightings == two.table.sightings
    assert loaded.must_link == two.must_link
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="does not hold counted sightings"):
        load_sightings(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"There is no sightings.npz in .* \.\.\. --out"):
        load_sightings(tmp_path / "none")


@pytest.mark.parametrize("where", ["absolute", "above", "link"])
def test_a_crop_outside_of_its_folder_is_neither_read_nor_copied(tmp_path, animals, two, where):
    folder, secret = tmp_path / "count", tmp_path / "secret.jpg"
    folder.mkdir()
    save_image(secret, np.zeros((4, 4, 3), np.uint8))
    (folder / "link.jpg").symlink_to(secret)
    crop = {"absolute": str(secret), "above": "../secret.jpg", "link": "link.jpg"}[where]
    table = animals.changed(two.table, crop=crop)
    for use in (
        lambda: load_crops(folder, table),
        lambda: write_review_sheet(tmp_path / "sheet", review_queue(two), table, crops=folder),
        lambda: write_review_page(tmp_path / "sheet", review_queue(two), table, crops=folder),
    ):
        with pytest.raises(ValueError, match=r"outside of '.*count'"):
            use()
    assert not (tmp_path / "sheet").exists()
    save_sightings(folder, CountedSightings(table, two.labels, two.threshold))
    with pytest.raises(ValueError, match=r"The crop of 'a\.jpg' is .*, outside of"):
        load_sightings(folder)


def test_a_crop_that_is_no_picture_is_as_if_there_was_none(tmp_path, animals, two):
    (tmp_path / "notes.jpg").write_text("a password")
    table = animals.changed(two.table, crop="notes.jpg")
    pairs = review_queue(two)
    write_review_sheet(tmp_path / "sheet", pairs, table, crops=tmp_path)
    page = write_review_page(tmp_path / "sheet", pairs, table, crops=tmp_path)
    assert "no picture" in page.read_text("utf-8")
    assert not (tmp_path / "sheet" / "notes.jpg").exists()
    assert {int(crop.mean()) for crop in load_crops(tmp_path, table).crops} == {128}
