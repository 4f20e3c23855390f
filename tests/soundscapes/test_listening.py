"""Recordings are heard as a slow obvious version hears them, however they are cut, batched and decoded."""

import numpy as np
import pytest
from scipy.special import expit, logit

from archives.embed.embed_sources import Decoding
from archives.embed.sources import Source
from media import load_waveform, save_waveform
from soundscapes.listening import listen, moment_length
from soundscapes.prediction_settings import PredictionSettings
from tests.soundscapes.conftest import CLIP_FRAMES, HOP_SECONDS, RATE, tiny_classifier, tone

HERE = Decoding(num_workers=0)


def heard(classifiers, *paths, decoding=HERE, **settings):
    """Of each file its scores and its moments."""
    moments = {}
    found = listen(
        classifiers,
        [Source("recording", path) for path in paths],
        settings=PredictionSettings(**settings),
        decoding=decoding,
        take_moments=lambda file, scores: moments.setdefault(file, []).append(scores),
    )
    return {
        one.file: (one, np.concatenate(moments.get(one.file, [np.zeros((0, 3))]))) for one in found
    }


def slow_moments(classifier, waveform, hop_frames):
    """Each clip by itself, the logits of each frame averaged over the clips that hold it."""
    frames = classifier.front_end(waveform)
    starts = list(range(0, max(1, len(frames) - CLIP_FRAMES + 1), hop_frames))
    if starts[-1] + CLIP_FRAMES < len(frames):
        starts.append(len(frames) - CLIP_FRAMES)
    sums, counts, whole = np.zeros((len(frames), 3)), np.zeros(len(frames)), []
    for start in starts:
        clip = np.zeros((CLIP_FRAMES, 4), np.float32)
        part = frames[start : start + CLIP_FRAMES]
        clip[: len(part)] = part
        sums[start : start + len(part)] += classifier.frame_logits(clip[None])[0, : len(part)]
        counts[start : start + len(part)] += 1
        whole.append(classifier.logits(clip[None])[0])
    return expit(sums / counts[:, None]), expit(np.mean(whole, axis=0))


@pytest.mark.parametrize("hop_frames", [10, 5, 3])
def test_moments_segments_and_recordings_are_those_of_the_slow_version(
    classifier, recordings, hop_frames
):
    path = recordings / "long.wav"
    one, moments = heard([classifier], path, hop_seconds=hop_frames * HOP_SECONDS)[str(path)]
    waveform = load_waveform(path, sample_rate_hz=RATE)
    expected, whole = slow_moments(classifier, waveform, hop_frames)
    np.testing.assert_allclose(moments, expected, atol=1e-5)
    np.testing.assert_allclose(one.recording, whole, atol=1e-5)
    segments = [expected[:50].max(axis=0), expected[50:100].max(axis=0), expected[100:].max(axis=0)]
    np.testing.assert_allclose(one.segments, segments, atol=1e-5)
    assert one.row.status == "ok"


def test_neither_batches_nor_workers_nor_the_blocks_change_a_score(classifier, recordings):
    paths = sorted(recordings.iterdir())
    one = heard([classifier], *paths, batch_size=64)
    other = heard([classifier], *paths, batch_size=3, decoding=Decoding(num_workers=2))
    assert one.keys() == other.keys() == {str(path) for path in paths}
    for file, (scores, moments) in one.items():
        assert scores.row.status == other[file][0].row.status
        np.testing.assert_allclose(moments, other[file][1], atol=1e-5)
        np.testing.assert_allclose(scores.recording, other[file][0].recording, atol=1e-5)


def test_what_cannot_be_heard_says_why_and_has_no_score(classifier, recordings):
    found = {
        name.rpartition("/")[2]: scores
        for name, (scores, _) in heard(
            [classifier], *sorted(recordings.iterdir()), recordings / "missing.wav"
        ).items()
    }
    statuses = {name: scores.row.status for name, scores in found.items()}
    assert statuses == {
        "broken.wav": "unreadable",
        "long.wav": "ok",
        "missing.wav": "unreadable",
        "short.wav": "ok",
        "silent.wav": "silent",
    }
    assert all(scores.row.reason for scores in found.values() if not scores.row.is_whole)
    assert np.isnan(found["silent.wav"].segments).all()
    assert not found["silent.wav"].is_heard
    assert found["short.wav"].segments.shape == (1, 3)


def test_a_clip_shorter_than_the_network_takes_is_heard_without_its_padding(classifier, recordings):
    path = recordings / "short.wav"
    _, moments = heard([classifier], path)[str(path)]
    expected, _ = slow_moments(classifier, load_waveform(path, sample_rate_hz=RATE), 5)
    np.testing.assert_allclose(moments, expected, atol=1e-5)


def test_nan_in_the_middle_costs_only_the_clips_that_hold_it(classifier, tmp_path):
    import soundfile

    waveform = tone(12.0, 500)
    waveform[5 * RATE : 6 * RATE] = np.nan
    soundfile.write(tmp_path / "nan.wav", waveform, RATE, "FLOAT")
    path = tmp_path / "nan.wav"
    one, moments = heard([classifier], path, hop_seconds=1.0)[str(path)]
    assert one.row.status == "partial"
    assert "NaN or infinite samples between 5.00 and 6.00 s" in one.row.reason
    assert np.isnan(moments).all(axis=1).nonzero()[0].tolist() == list(range(50, 60))


def test_clipped_stretches_are_heard_and_listed(classifier, tmp_path):
    waveform = tone(4.0, 500)
    waveform[RATE : 2 * RATE] = np.sign(waveform[RATE : 2 * RATE])
    save_waveform(tmp_path / "loud.wav", waveform, RATE)
    path = tmp_path / "loud.wav"
    one, moments = heard([classifier], path, hop_seconds=1.0)[str(path)]
    assert [(part.start_seconds, part.end_seconds) for part in one.clipped] == [(1.0, 2.0)]
    assert np.isfinite(moments).all()


def test_shifted_listenings_are_averaged_in_shorter_moments(classifier, recordings):
    path = recordings / "long.wav"
    _, moments = heard([classifier], path, hop_seconds=1.0, num_shifts=2)[str(path)]
    waveform = load_waveform(path, sample_rate_hz=RATE)
    first, _ = slow_moments(classifier, waveform, 10)
    second, _ = slow_moments(classifier, waveform[round(0.55 * RATE) :], 10)
    sums = np.repeat(logit(first), 2, axis=0)
    later = np.repeat(logit(second), 2, axis=0)[: len(sums) - 11]
    sums[11:] = (sums[11:] + later) / 2
    np.testing.assert_allclose(moments, expit(sums), atol=1e-4)


def test_an_ensemble_of_folds_and_of_front_ends_is_the_mean_of_its_members(classifier, recordings):
    fold = tiny_classifier(1)
    fold = type(fold)(fold.network, classifier.front_end, fold.class_names, fold.clip_frames)
    wider = tiny_classifier(2, rate=16_000)
    members, path = [classifier, fold, wider], recordings / "long.wav"
    alone = [heard([one], path)[str(path)] for one in members]
    for how, combine in (("mean", np.mean), ("min", np.min)):
        one, moments = heard(members, path, ensemble=how)[str(path)]
        np.testing.assert_allclose(moments, combine([m for _, m in alone], axis=0), atol=1e-5)
        whole = combine([scores.recording for scores, _ in alone], axis=0)
        np.testing.assert_allclose(one.recording, whole, atol=1e-5)
    assert moment_length(members) == pytest.approx(HOP_SECONDS)


def test_a_hop_that_would_leave_sound_out_is_refused(classifier, recordings):
    with pytest.raises(ValueError, match="at most a clip, 1 s"):
        heard([classifier], recordings / "long.wav", hop_seconds=1.5)
