"""Thresholds that were certified on recordings hold for the events of a prediction."""

import numpy as np

from archives.embed.embed_sources import Decoding
from archives.embed.sources import Source
from media import save_waveform
from soundscapes.certify import certify_classifier
from soundscapes.listening import listen
from soundscapes.predict import predict_recordings
from soundscapes.recordings import LabelledRecording, LabelledRecordings
from tests.soundscapes.conftest import CLASSES, RATE, tone

HERE = Decoding(num_workers=0)


def test_a_recording_counts_with_its_highest_moment(classifier, tmp_path):
    rng = np.random.default_rng(0)
    files = []
    for number in range(32):
        path = tmp_path / f"{number:02}.wav"
        blip = tone(2.0, 600, level=0.001)
        blip[4000:5000] += tone(0.125, 2500, level=rng.uniform(0.001, 0.3))
        save_waveform(path, blip, RATE)
        files.append(LabelledRecording(path, number % 2, source=f"tape {number // 2}"))
    (tmp_path / "00.wav").write_bytes(b"RIFF damaged")
    recordings = LabelledRecordings(CLASSES, tuple(files))
    found = certify_classifier(classifier, recordings, false_positive_rate=0.25, decoding=HERE)
    high = found.species[2]
    moments: dict[str, list] = {}
    for _ in listen(
        [classifier],
        [Source("recording", one.path) for one in files],
        decoding=HERE,
        take_moments=lambda file, scores: moments.setdefault(file, []).append(scores[:, 2]),
    ):
        pass
    highest = {file: np.concatenate(parts).max() for file, parts in moments.items()}
    tapes: dict[str, float] = {}
    for one in files[1:]:
        tapes[one.source] = max(tapes.get(one.source, 0), highest[str(one.path)])
    assert high.num_sources == len(tapes) == 16
    assert high.threshold in np.float32(list(tapes.values()))
    summary = predict_recordings(
        classifier, [tmp_path], tmp_path / "out", thresholds=found, decoding=HERE
    )
    claimed = {name for name, score in tapes.items() if score > high.threshold}
    assert len(claimed) == high.num_false
    assert summary.counts["high"].num_events >= len(claimed)
    assert found.species[0].reason == "cannot certify: needs 11, have 1"
