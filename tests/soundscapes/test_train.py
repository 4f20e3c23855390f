"""Training from folders to a run on disk and back, on songs that a front end of two numbers can tell."""

from dataclasses import replace

import numpy as np
import pytest

from fused_encoder import front_end_from_function
from media import save_waveform
from soundscapes import (
    SoundTraining,
    evaluate_sound_classifier,
    scan_recordings,
    split_recordings,
    train_noisy_student,
    train_sound_classifier,
)
from soundscapes.clips import clip_batches, drawing_chances, whole_clips
from soundscapes.options import training_from_dict
from soundscapes.pseudo_labels import pseudo_label
from triplets import FeatureStore, LabelledFiles, MediaFile, prepare_media

RATE = 8000
PITCHES = {"robin": 700, "wren": 2000, "owl": 300}


def _song(pitch, seed, seconds=3.0):
    """A second of a tone somewhere in noise."""
    rng = np.random.default_rng(seed)
    waveform = rng.normal(0, 0.02, round(seconds * RATE))
    start = rng.integers(len(waveform) - RATE)
    waveform[start : start + RATE] += 0.3 * np.sin(2 * np.pi * pitch * np.arange(RATE) / RATE)
    return waveform.astype(np.float32)


@pytest.fixture(scope="module")
def front_end():
    def spectrum(windows):
        power = np.abs(np.fft.rfft(np.asarray(windows), axis=1)) ** 2
        bands = power[:, 1:].reshape(len(power), 32, -1).sum(axis=2)
        return np.log(bands + 1e-3).astype(np.float32)

    return front_end_from_function(
        spectrum, name="bands", sample_rate_hz=RATE, window_seconds=0.512
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("songs")
    for species, pitch in PITCHES.items():
        (root / species).mkdir()
        for number in range(10):
            save_waveform(
                root / species / f"{number}.wav", _song(pitch, 100 * pitch + number), RATE
            )
    return root


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return FeatureStore(tmp_path_factory.mktemp("store"))


QUICK = SoundTraining(epochs=8, batch_size=8, learning_rate=0.02, clip_seconds=3.0)


def test_species_are_learnt_from_labels_of_whole_recordings(folder, front_end, store):
    training, held_out = split_recordings(scan_recordings(folder))
    trained = train_sound_classifier(
        training, front_end, options=QUICK, store=store, progress=False
    )
    assert trained.history["loss"][-1] < trained.history["loss"][0]
    evaluation = evaluate_sound_classifier(
        trained.classifier, training, held_out, store=store, progress=False
    )
    assert evaluation.measures.top1 == 1.0
    assert evaluation.gain == evaluation.measures.top1 - evaluation.floor.top1
    frames = front_end(_song(PITCHES["robin"], 7))
    when = trained.classifier.frame_logits(frames[None])[0, :, 1]
    loudest = frames[:, int(700 / (RATE / 2) * 32)].argmax()
    assert when.argmax() == loudest  # though nobody ever said when


def test_the_same_seed_gives_the_same_network(folder, front_end, store):
    recordings, quick = scan_recordings(folder), replace(QUICK, epochs=1)
    one, same, other = (
        train_sound_classifier(
            recordings, front_end, options=replace(quick, seed=s), store=store, progress=False
        ).history["loss"]
        for s in (0, 0, 1)
    )
    assert one == same != other


def test_early_stopping_watches_other_recordings_and_keeps_the_best_weights(
    folder, front_end, store
):
    trained = train_sound_classifier(
        scan_recordings(folder),
        front_end,
        options=replace(QUICK, epochs=30, patience=2),
        store=store,
        progress=False,
    )
    watched = trained.history["val_average_precision"]
    assert len(watched) < 30
    assert max(watched) > 0.9


def test_a_bad_file_is_listed_and_a_species_without_any_good_one_is_refused(
    folder, front_end, store, tmp_path
):
    recordings = scan_recordings(folder)
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF nothing")
    first, *rest = recordings.recordings
    some = replace(recordings, recordings=(replace(first, path=bad), *rest))
    quick = replace(QUICK, epochs=1)
    trained = train_sound_classifier(some, front_end, options=quick, store=store, progress=False)
    assert [file.path for file in trained.skipped] == [bad]
    alone = replace(
        recordings,
        recordings=(replace(first, path=bad), *(r for r in rest if r.primary != first.primary)),
    )
    with pytest.raises(ValueError, match="No recording of 'owl' can be used"):
        train_sound_classifier(alone, front_end, options=quick, store=store, progress=False)


def test_unlabelled_soundscapes_are_labelled_by_the_teacher_and_learnt_from(
    folder, front_end, store, tmp_path
):
    soundscape = np.concatenate([_song(700, 1), _song(2000, 2), _song(700, 3)[: 2 * RATE]])
    save_waveform(tmp_path / "marsh.wav", soundscape, RATE)
    recordings = scan_recordings(folder)
    student = train_noisy_student(
        recordings,
        [tmp_path / "marsh.wav"],
        front_end,
        rounds=1,
        options=QUICK,
        store=store,
        progress=False,
    )
    marsh = LabelledFiles(("unknown",), (), (MediaFile(tmp_path / "marsh.wav", 0),))
    media = prepare_media(
        marsh,
        front_end,
        max_audio_seconds=None,
        store=store,
        progress=False,
    )
    heard = pseudo_label([student.classifier], media.recordings)
    assert list(heard.labels.argmax(axis=1)) == [1, 2, 1]  # robin, wren, robin
    assert heard.stretches[-1].end == len(media.recordings[0].feature())
    assert heard.chances().sum() == pytest.approx(1)


def test_clips_come_from_recordings_as_often_as_asked_and_are_filled_up_with_zeros():
    class Stored:
        def __init__(self, value, length):
            self._frames = np.full((length, 2), value, np.float32)

        def feature(self):
            return self._frames

    classes = np.array([0, 0, 0, 1])
    files = [Stored(1, 9), Stored(2, 9), Stored(3, 2), Stored(4, 9)]
    chances = drawing_chances(classes, "class_balanced")
    np.testing.assert_allclose(chances, [1 / 6, 1 / 6, 1 / 6, 1 / 2])
    labels = np.eye(2, dtype=np.float32)[classes]
    batches = clip_batches(files, labels, clip_frames=4, batch_size=1000, chances=chances)
    frames, drawn = next(iter(batches))
    assert np.mean(drawn, axis=0) == pytest.approx([0.5, 0.5], abs=0.06)
    short = np.asarray(frames)[np.asarray(frames)[:, 0, 0] == 3]
    np.testing.assert_array_equal(short[0, :, 0], [3, 3, 0, 0])


def test_whole_clips_cover_every_frame_and_the_last_ends_with_the_recording():
    frames = np.arange(10, dtype=np.float32)[:, None] + 1
    clips = whole_clips(frames, 4)[:, :, 0]
    np.testing.assert_array_equal(clips, [[1, 2, 3, 4], [5, 6, 7, 8], [7, 8, 9, 10]])
    np.testing.assert_array_equal(whole_clips(frames[:2], 4)[:, :, 0], [[1, 2, 0, 0]])


def test_options_come_back_from_json():
    import json

    from soundscapes import Augmentation

    for options in (
        QUICK,
        replace(QUICK, augmentation=None),
        replace(QUICK, augmentation=Augmentation()),
    ):
        assert training_from_dict(json.loads(json.dumps(options.to_dict()))) == options
    with pytest.raises(ValueError, match="Expected sampling of class_balanced"):
        SoundTraining(sampling="often")


def test_clips_from_sound_are_those_from_the_store_within_its_rounding(folder, store):
    from soundscapes import MelSettings, mel_front_end
    from soundscapes.waveform_clips import waveform_clip_batches

    mel = mel_front_end(
        MelSettings(sample_rate_hz=RATE, num_bands=16, fft_lengths=(512,), hop_samples=128)
    )
    media = prepare_media(scan_recordings(folder).files(), mel, store=store, progress=False)
    labels = np.eye(3, dtype=np.float32)[[file.class_index for file in media.recordings]]
    for clip_frames in (60, 400):  # the second is longer than any recording
        common = {"clip_frames": clip_frames, "batch_size": 6, "seed": 3}
        stored, of_stored = next(iter(clip_batches(media.recordings, labels, **common)))
        made, of_made = next(iter(waveform_clip_batches(media.recordings, labels, mel, **common)))
        np.testing.assert_array_equal(of_stored, of_made)
        np.testing.assert_allclose(stored, made, atol=0.04)


def test_a_network_learns_from_augmented_sound(folder, store):
    from soundscapes import Augmentation, MelSettings, mel_front_end

    trained = train_sound_classifier(
        scan_recordings(folder),
        mel_front_end(
            MelSettings(sample_rate_hz=RATE, num_bands=16, fft_lengths=(512,), hop_samples=128)
        ),
        "small_cnn",
        options=SoundTraining(
            epochs=2,
            min_steps=3,
            batch_size=4,
            clip_seconds=1.0,
            from_waveforms=True,
            augmentation=Augmentation(),
        ),
        store=store,
        progress=False,
        num_bands=16,
    )
    assert np.isfinite(trained.history["loss"]).all()


@pytest.mark.weights
def test_a_network_that_learnt_from_photos_is_taken_over_before_it_is_trained(
    folder, store, weights_dir
):
    from soundscapes import MelSettings, mel_front_end
    from soundscapes.mel_networks import is_pretrained

    training, held_out = split_recordings(scan_recordings(folder))
    trained = train_sound_classifier(
        training,
        mel_front_end(
            MelSettings(sample_rate_hz=RATE, num_bands=32, fft_lengths=(512,), hop_samples=128)
        ),
        "mobilenet_v2",
        options=SoundTraining(
            epochs=4, min_steps=5, batch_size=8, clip_seconds=3.0, augmentation=None
        ),
        store=store,
        progress=False,
        num_bands=32,
        weights=weights_dir / "mobilenet_v2_imagenet_notop.h5",
    )
    assert not is_pretrained(trained.classifier.network)
    evaluation = evaluate_sound_classifier(
        trained.classifier, training, held_out, store=store, progress=False
    )
    assert evaluation.measures.top1 > 0.8
