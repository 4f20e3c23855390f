import numpy as np

from media import save_waveform
from student import StudentHearing, StudentTraining, common_band, prepare_clips
from student.batches import StudentBatches, augmented_mel
from student.clips import recording_means


def test_what_is_evaluated_is_each_recording_once_as_it_is(both_sides):
    """No augmented copy: as many clips as the sound holds, and training leaves them as they are."""
    training, held_out = both_sides
    assert len(held_out) == len(held_out.recordings)  # of 1 s each
    assert not {one.path for one in training.recordings} & {one.path for one in held_out.recordings}
    assert not set(training.sources) & set(held_out.sources)
    before = training.mel.copy()
    batches = StudentBatches(training, StudentTraining(batch_size=4))
    changed, _ = batches[0]
    np.testing.assert_array_equal(training.mel, before)
    assert changed[0].shape == (4, *before.shape[1:])


def test_the_same_seed_gives_the_same_batches_and_another_epoch_others(both_sides):
    training, _ = both_sides
    one, other = (StudentBatches(training, StudentTraining(batch_size=4)) for _ in range(2))
    np.testing.assert_array_equal(one[1][0][0], other[1][0][0])
    other.on_epoch_end()
    assert not np.array_equal(one[1][0][0], other[1][0][0])


def test_the_teachers_words_stay_with_their_clips(both_sides):
    training, _ = both_sides
    logits = np.arange(len(training), dtype=np.float32)[:, None]
    batches = StudentBatches(training, StudentTraining(batch_size=4, augment=False), [logits])
    (mel, _, words), labels = batches[0]
    for each, word, label in zip(mel, words[:, 0].astype(int), labels, strict=True):
        np.testing.assert_array_equal(each, training.mel[word])
        assert label == training.primary[word]


def test_augmentation_hides_and_never_makes_louder_than_it_was(both_sides):
    mel = both_sides[0].mel
    changed = augmented_mel(mel, np.random.default_rng(0))
    assert np.isfinite(changed).all()
    assert changed.max() < mel.max() + 3.1
    assert (changed == -100).any()


def test_recordings_of_all_rates_are_heard_in_the_lowest_common_band(songs, recordings):
    hearing = common_band(recordings, StudentHearing(num_bands=32))
    assert hearing.sample_rate_hz == 8000
    assert hearing.highest_hz == 4000
    assert abs(hearing.num_rows - StudentHearing().num_rows) <= 2


def test_files_that_cannot_be_read_are_skipped_and_told(tmp_path, recordings, hearing, store):
    from soundscapes import scan_recordings

    for name in ("A", "B"):
        (tmp_path / name).mkdir()
        noise = np.random.default_rng(len(name)).normal(0, 0.1, 9000)
        save_waveform(tmp_path / name / "1.wav", noise, 8000)
    (tmp_path / "A" / "2.wav").write_bytes(b"no sound")
    clips = prepare_clips(scan_recordings(tmp_path), hearing, store=store, progress=False)
    assert [file.path.name for file in clips.skipped] == ["2.wav"]
    assert recording_means(clips.features, clips.recording_of).shape == (2, 18)
    assert len(clips) == 4  # 1.125 s: two clips each, the second ends with the sound
