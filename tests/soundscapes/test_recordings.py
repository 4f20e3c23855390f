"""Labelled recordings: folders and tables, their faults, and splits that share no source."""

import numpy as np
import pytest

from media import save_waveform
from soundscapes.folds import fold_recordings
from soundscapes.recording_table import read_recordings
from soundscapes.recordings import scan_recordings


def _record(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(0, 0.1, 1600).astype(np.float32)
    save_waveform(path, noise, 16_000)


@pytest.fixture
def songs(tmp_path):
    for number in range(6):
        for species in ("robin", "wren"):
            _record(
                tmp_path / "songs" / species / f"tape{number // 2}_{number}.wav",
                hash(species) % 99 + number,
            )
    return tmp_path / "songs"


def _table(folder, text):
    path = folder / "train.csv"
    path.write_text(text)
    return path


def test_folders_and_a_table_of_the_same_recordings_say_the_same(songs):
    lines = "".join(f"{path.parent.name},{path.relative_to(songs)}\n" for path in songs.glob("*/*"))
    from_table = read_recordings(_table(songs, f"primary_label,filename\n{lines}"))
    from_folders = scan_recordings(songs)
    assert from_table.class_names == from_folders.class_names == ("robin", "wren")
    assert [(r.path, r.primary) for r in from_table] == [(r.path, r.primary) for r in from_folders]


def test_a_table_of_birdclef_gives_secondary_species_places_authors_and_ratings(songs, caplog):
    table = _table(
        songs,
        "primary_label,secondary_labels,filename,rating,latitude,longitude,author\n"
        "wren,\"['robin', 'owl']\",wren/tape0_0.wav,4.5,47.1,8.5,Ann\n"
        "robin,[],robin/tape0_0.wav,0,,,Bea\n"
        "robin,wren; owl,robin/tape0_1.wav,1,,,Bea\n",
    )
    robin, second, wren = read_recordings(table)
    assert (wren.secondary, wren.place, wren.source, wren.rating) == ((0,), (47.1, 8.5), "Ann", 4.5)
    assert (robin.rating, second.secondary) == (None, (1,))
    assert "'owl'" in caplog.text
    labels = read_recordings(table).labels(secondary_weight=0.5)
    np.testing.assert_array_equal(labels, [[1, 0], [1, 0.5], [0.5, 1]])
    assert len(read_recordings(table, min_rating=2)) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("species\nwren\n", "no column filename or recording"),
        ("label,filename\nwren,wren/a.wav\n", "no column primary_label or class"),
        (
            "class,filename\nwren,a.txt\n,b.wav\n",
            "2 rows .*row 2: 'a.txt' is no recording.*row 3: the label",
        ),
        ("class,filename,rating\nwren,a.wav,good\n", "rating is 'good', expected a number"),
        ("class,filename,secondary_labels\nwren,a.wav,[robin\n", "expected a list of names"),
    ],
)
def test_a_table_that_cannot_be_used_says_all_that_is_wrong(tmp_path, text, told):
    import re

    with pytest.raises(ValueError, match=re.compile(told, re.DOTALL)):
        read_recordings(_table(tmp_path, text))


def test_a_table_whose_files_are_elsewhere_says_where_it_looked(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"wren/a\.wav.*folder that its names start from"):
        read_recordings(_table(tmp_path, "class,filename\nwren,wren/a.wav\nrobin,b.wav\n"))


def test_a_species_alone_is_refused_and_a_recording_alone_is_told(songs, tmp_path, caplog):
    _record(tmp_path / "one" / "wren" / "a.wav", 1)
    with pytest.raises(ValueError, match="at least two species"):
        scan_recordings(tmp_path / "one")
    _record(songs / "owl" / "a.wav", 5)
    scan_recordings(songs)
    assert "cannot be evaluated: 'owl'" in caplog.text


def test_folds_share_no_source_hold_each_recording_out_once_and_train_on_each_species(songs):
    _record(songs / "owl" / "a.wav", 50)
    recordings = scan_recordings(songs, source_of=lambda path: path.parent.name + path.name[:5])
    held_out_once = []
    for training, held_out in fold_recordings(recordings, num_folds=3):
        assert {r.source for r in training} & {r.source for r in held_out} == set()
        assert {r.primary for r in training} == {0, 1, 2}
        assert len(training) + len(held_out) == len(recordings)
        held_out_once += [r.path for r in held_out]
    assert sorted(held_out_once) == sorted(r.path for r in recordings if r.primary != 0)


def test_copies_of_a_recording_stay_together(songs):
    for number in range(6):
        copy = songs / "wren" / f"copy{number}.wav"
        copy.write_bytes((songs / "wren" / f"tape{number // 2}_{number}.wav").read_bytes())
    for training, held_out in fold_recordings(scan_recordings(songs), num_folds=3):
        contents = [{r.path.read_bytes() for r in side} for side in (training, held_out)]
        assert contents[0] & contents[1] == set()


def test_too_few_sources_for_the_folds_are_refused(songs):
    recordings = scan_recordings(songs, source_of=lambda path: path.parent.name)
    with pytest.raises(ValueError, match="5 folds need at least 5 sources, received 2"):
        next(fold_recordings(recordings))
    with pytest.raises(ValueError, match="each species has a single source"):
        next(fold_recordings(recordings, num_folds=2))
