"""The page of a sound classifier's evaluation."""

import numpy as np

from app.reports.sound_report import write_sound_evaluation
from media import save_waveform
from soundscapes.evaluate import SoundEvaluation
from soundscapes.measures import measure_scores
from soundscapes.recordings import LabelledRecording, LabelledRecordings
from tests.soundscapes.conftest import CLASSES, RATE, tone
from triplets import Skipped


def test_it_shows_measures_confusions_and_recordings(tmp_path):
    files = []
    for number in range(6):
        path = tmp_path / f"{CLASSES[number % 3]}_{number}.wav"
        save_waveform(path, tone(1.0, 500 + 900 * (number % 3)), RATE)
        files.append(LabelledRecording(path, number % 3))
    files[5].path.unlink()  # gone since
    recordings = LabelledRecordings(CLASSES, tuple(files))
    scores = np.random.default_rng(0).uniform(0, 0.4, (6, 3)).astype(np.float32)
    scores[range(5), recordings.primary[:5]] = 0.9
    scores[5] = [0.8, 0.1, 0.3]  # a high one, taken for a low one
    measures = measure_scores(scores, recordings.labels(), recordings.primary)
    evaluation = SoundEvaluation(
        recordings,
        (),
        scores,
        scores,
        measures,
        measures,
        0.0,
        (float("nan"), float("nan")),
        (Skipped(tmp_path / "bad.wav", "no sound"),),
    )
    history = {"loss": [1.0, 0.5], "val_average_precision": [0.2, 0.6]}
    page = write_sound_evaluation(tmp_path / "report" / "report.html", evaluation, history)
    text = page.read_text("utf-8")
    assert "no interval: all recordings are of one source" in text
    assert '<th scope="row">high</th><td class="words">low</td><td>1</td>' in text
    assert "bad.wav" in text
    pictures = {file.stem for file in (page.parent / "pictures").iterdir()}
    assert pictures == {
        *("precision_and_recall", "confusion", "learning_curves"),
        *("best_recordings", "worst_recordings", "most_confused_recordings"),
    }
