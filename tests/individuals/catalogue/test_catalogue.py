"""What can be done to a catalogue, and taken back."""

import unicodedata

import pytest

from individuals.catalogue import Catalogue, Decision, Thresholds
from individuals.sighting_table import SightingTable


@pytest.mark.parametrize("asked", ["NYA-0002", "nya-2", "鹿", " 鹿 "])
def test_an_individual_is_found_by_id_or_name(catalogue, asked):
    assert catalogue.sightings(asked).keys == ["b1.jpg"]


def test_a_name_is_the_same_in_either_form_of_its_letters(catalogue):
    decomposed = unicodedata.normalize("NFD", "älva")
    assert len(catalogue.sightings(decomposed)) == 2
    with pytest.raises(ValueError, match=r"NYA-0001 is called 'Älva' already"):
        catalogue.rename("鹿", decomposed)


@pytest.mark.parametrize("name", ["", "  ", "NYA-0009", "a\x07b", "x" * 201])
def test_a_name_that_would_confuse_is_refused(catalogue, name):
    with pytest.raises(ValueError, match=r"A name is 1 to 200|looks like an id"):
        catalogue.rename("NYA-0001", name)


def test_an_id_is_never_given_again(catalogue, animals):
    c = catalogue.add(animals.table(animals.seen("c.jpg", 180)))
    catalogue.undo()
    d = catalogue.add(animals.table(animals.seen("c.jpg", 180)))
    catalogue.delete(d)
    e = catalogue.add(animals.table(animals.seen("c.jpg", 180)))
    assert (c, d, e) == ("NYA-0003", "NYA-0004", "NYA-0005")
    with pytest.raises(KeyError, match=r"NYA-0003 is no longer .*: it was deleted or undone"):
        catalogue.sightings(c)
    with pytest.raises(KeyError, match="never had an individual 'NYA-0099'"):
        catalogue.sightings("NYA-0099")


def test_merging_keeps_the_first_id_and_says_where_the_other_went(catalogue):
    catalogue.merge("NYA-0002", "Älva")
    assert sorted(catalogue.sightings("NYA-0002").keys) == ["a1.jpg", "a2.jpg", "b1.jpg"]
    with pytest.raises(KeyError, match=r"NYA-0001 is no longer .*: it was merged into NYA-0002"):
        catalogue.sightings("NYA-0001")


def test_animals_of_one_frame_are_not_merged_unless_forced(catalogue, animals):
    pair = animals.in_frame("monday.mp4", 7, 10, 170)
    c, d = (catalogue.add(pair.take([row])) for row in (0, 1))
    message = r"NYA-0003 and NYA-0004: 'monday.mp4#7.0' and 'monday.mp4#7.1'\. Split"
    with pytest.raises(ValueError, match=message):
        catalogue.merge(c, d)
    catalogue.merge(c, d, force=True)
    assert len(catalogue.sightings(c)) == 2
    assert catalogue.log()[-1].details["forced"] is True


@pytest.mark.parametrize("beside", [((1,), (0,)), ((1,), ()), ((), (0,))])
def test_tracklets_seen_together_are_not_merged(catalogue, animals, beside):
    rows = [
        animals.seen("m#1", 10, media="m.mp4", frame_index=1, tracklet=0, seen_with=beside[0]),
        animals.seen("m#9", 12, media="m.mp4", frame_index=9, tracklet=1, seen_with=beside[1]),
    ]
    c, d = (catalogue.add(animals.table(row)) for row in rows)
    with pytest.raises(ValueError, match="were seen together, so they are different animals"):
        catalogue.merge(c, d)


def test_equal_frames_of_files_of_one_name_in_two_folders_are_no_conflict(catalogue, animals):
    north = animals.in_frame("north/monday.mp4", 7, 10)
    south = animals.in_frame("south/monday.mp4", 7, 12)
    c = catalogue.add(north)
    catalogue.add(south, c)
    assert len(catalogue.sightings(c)) == 2


def test_an_individual_gets_no_second_sighting_of_one_frame(catalogue, animals):
    pair = animals.in_frame("monday.mp4", 7, 10, 170)
    with pytest.raises(ValueError, match=r"for one new individual\. Nothing was added"):
        catalogue.add(pair)
    catalogue.add(pair.take([0]), "Älva")
    with pytest.raises(ValueError, match=r"for NYA-0001 \(Älva\)\. Nothing was added"):
        catalogue.add(pair.take([1]), "Älva")
    assert catalogue.add(pair.take([1]), "Älva", force=True) == "NYA-0001"


def test_adding_the_same_again_changes_nothing(catalogue, animals):
    again = animals.table(animals.seen("a1.jpg", 0), animals.seen("a3.jpg", 3))
    assert catalogue.add(again, "Älva") == catalogue.add(again, "Älva") == "NYA-0001"
    assert len(catalogue.log()) == 3
    assert len(catalogue.sightings("Älva")) == 3


def test_a_sighting_of_another_individual_is_not_taken_over(catalogue, animals):
    for individual in ("鹿", None):
        with pytest.raises(ValueError, match=r"'a1\.jpg' is of NYA-0001 \(Älva\)\. Nothing was"):
            catalogue.add(animals.table(animals.seen("a1.jpg", 0)), individual)
    with pytest.raises(ValueError, match=r"'a1\.jpg' has another embedding there"):
        catalogue.add(animals.table(animals.seen("a1.jpg", 1)), "Älva")


def test_several_animals_are_added_in_one_operation(catalogue, animals):
    rows = animals.table(*(animals.seen(f"{n}.jpg", 10 * n) for n in range(6)))
    words = ["Älva", "new-1", "Bo", "new-1", "new-2", "BO "]
    ids = ["NYA-0001", "NYA-0003", "NYA-0004", "NYA-0003", "NYA-0005", "NYA-0004"]
    assert catalogue.add_each(rows, words) == ids
    assert [i.name for i in catalogue.individuals()] == ["Älva", "鹿", None, "Bo", None]
    catalogue.undo()
    assert len(catalogue) == 2


def test_another_encoder_is_refused(catalogue, animals):
    other = animals.table(animals.seen("c.jpg", 0), fingerprint="wren-2")
    message = "holds embeddings of the encoder wren-1, received embeddings of another: wren-2"
    with pytest.raises(ValueError, match=message):
        catalogue.add(other)
    with pytest.raises(ValueError, match=message):
        catalogue.identify(other, Thresholds.plain(known_above=0.8, new_below=0.5))
    with pytest.raises(ValueError, match="size 2, received size 3"):
        catalogue.add(SightingTable.of([[1.0, 0.0, 0.0]], ["c.jpg"]))


def test_the_log_says_who_decided_and_by_what(catalogue, animals):
    thresholds = Thresholds.plain(known_above=0.8, new_below=0.5)
    decision = Decision("automatic", thresholds.to_dict())
    catalogue.add(animals.table(animals.seen("c.jpg", 3)), "Älva", decision=decision)
    entry = catalogue.log()[-1]
    assert (entry.operation, entry.decided_by, entry.fingerprint) == ("add", "automatic", "wren-1")
    assert entry.thresholds["patterns"]["any"] == {"known_above": 0.8, "new_below": 0.5}
    assert entry.time.endswith("+00:00")
    assert entry.details["num_sightings"] == {"NYA-0001": 1}


def test_undo_takes_back_several_operations_and_is_logged(catalogue, animals):
    before = animals.state(catalogue)
    catalogue.delete("鹿")
    catalogue.add(animals.table(animals.seen("b1.jpg", 91)), "Älva")  # a deleted one anew
    undone = catalogue.undo(2, decision=Decision("Ana"))
    assert [entry.operation for entry in undone] == ["add", "delete"]
    assert animals.state(catalogue) == before
    last = [(e.operation, e.undoes, e.decided_by) for e in catalogue.log()[-2:]]
    assert last == [("undo", 4, "Ana"), ("undo", 3, "Ana")]


def test_all_of_a_sighting_comes_back(path, animals):
    row = animals.seen(
        "monday.mp4#t=1.5",
        30,
        media="Zaunkönig/\udcff 月曜.mp4",
        time_seconds=1.5,
        box=(1.0, 2.0, 3.5, 4.0),
        frame_index=3,
        tracklet=2,
        seen_with=(0, 5),
        modality="fused",
        quality=0.5,
        crop="crops/x.jpg",
        metadata={"station": "Süd", "year": 2026},
    )
    with Catalogue.open(path) as catalogue:
        catalogue.add(animals.table(row), name="x")
    with Catalogue.open(path, create=False) as catalogue:
        stored = catalogue.sightings("x")
    assert stored.sightings == (row[0],)
    assert stored.embeddings.fingerprint == "wren-1"


def test_splitting_off_sightings_makes_a_new_individual(catalogue):
    assert catalogue.split("Älva", ["a2.jpg"], name="Öl") == "NYA-0003"
    assert catalogue.sightings("Öl").keys == ["a2.jpg"]
    assert catalogue.sightings("Älva").keys == ["a1.jpg"]
    catalogue.rename("NYA-0001", None)
    catalogue.merge("NYA-0001", "Öl")  # the only name is kept
    names = {individual.id: individual.name for individual in catalogue.individuals()}
    assert names == {"NYA-0001": "Öl", "NYA-0002": "鹿"}


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda c: c.split("Älva", ["b1.jpg"]), r"NYA-0001 \(Älva\) has no sightings 'b1.jpg'"),
        (lambda c: c.split("Älva", ["a1.jpg", "a2.jpg"]), "takes some, not all, of the 2 sight"),
        (lambda c: c.split("Älva", []), "takes some, not none"),
        (lambda c: c.undo(3), "at most 2 operations to undo, received 3"),
        (lambda c: c.merge("Älva", "Älva"), "two or more different individuals"),
        (lambda c: c.add(c.sightings("Älva"), "Älva", name="鹿"), None),  # all is there: no new one
        (lambda c: c.split("Älva", ["a1.jpg"], name="鹿"), "NYA-0002 is called '鹿' already"),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_no_trace(catalogue, animals, use, message):
    before, log = animals.state(catalogue), len(catalogue.log())
    if message is None:
        use(catalogue)
    else:
        with pytest.raises(ValueError, match=message):
            use(catalogue)
    assert (animals.state(catalogue), len(catalogue.log())) == (before, log)
    assert catalogue.split("Älva", ["a1.jpg"]) == "NYA-0003"


@pytest.mark.parametrize("prefix", ["", "1A", "a b", "-", "x" * 21])
def test_a_prefix_that_would_confuse_is_refused(path, prefix):
    with pytest.raises(ValueError, match="A prefix of ids is up to 20 letters"):
        Catalogue.open(path, prefix=prefix)
    Catalogue.open(path, prefix="NYA").close()
    with pytest.raises(ValueError, match="begin with 'NYA', received the prefix 'BIRD'"):
        Catalogue.open(path, prefix="BIRD")
